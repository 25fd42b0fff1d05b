"""What a file is: vote matrix, soft labels, label model or end model, and how it came about."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from weaklabel.errors import ArtifactError
from weaklabel.soft_labels import MANIFEST_KEY
from weaklabel.storage import read_header
from weaklabel.votes.io import METADATA_KEY

if TYPE_CHECKING:
    from weaklabel.models.base import LabelModelBase

SOFT_LABELS: Final = "soft_labels"
VOTES: Final = "votes"
LABEL_MODEL: Final = "label_model"
READERS: Final[Mapping[str, str]] = {
    VOTES: "VoteMatrix.load",
    SOFT_LABELS: "SoftLabels.read",
    LABEL_MODEL: "load_model",
    "end_model": "EndModel.load",
}


@dataclass(frozen=True)
class Artifact:
    """A file written by weaklabel, as its header describes it.

    Attributes
    ----------
    path : Path
    kind : str
        ``"votes"``, ``"soft_labels"``, ``"label_model"`` or ``"end_model"``.
    header : mapping
        The JSON header or manifest.
    """

    path: Path
    kind: str
    header: Mapping[str, Any]

    @property
    def reader(self) -> str:
        """The function that reads it."""
        return READERS.get(self.kind, "a newer version of weaklabel")


def describe_artifact(path: str | os.PathLike[str]) -> Artifact:
    """Kind and header of a file, without reading its data.

    Parameters
    ----------
    path : path
        An ``.npz`` or ``.parquet`` file.

    Raises
    ------
    ArtifactError
        If the file is missing, damaged, or was not written by weaklabel.
    """
    source = Path(path)
    if source.suffix.lower() in (".parquet", ".pq"):
        return _describe_parquet(source)
    header = read_header(source)
    return Artifact(source, str(header["kind"]), header)


def load_model(path: str | os.PathLike[str]) -> LabelModelBase:
    """The label model in a file, of whatever class it is.

    Raises
    ------
    ArtifactError
        If the file is missing or damaged, or holds something else; the message names what it
        holds and what reads it.
    """
    import weaklabel.models as models

    found = describe_artifact(path)
    if found.kind != LABEL_MODEL:
        raise ArtifactError(
            f"{found.path} holds {found.kind.replace('_', ' ')}, expected a label model; "
            f"{found.reader} reads it"
        )
    return models.load_model(path)


def _describe_parquet(source: Path) -> Artifact:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not source.is_file():
        raise ArtifactError(f"there is no file {source}")
    try:
        metadata = pq.read_schema(source).metadata or {}
    except (pa.ArrowInvalid, OSError) as error:
        raise ArtifactError(f"{source} is damaged or not a parquet file ({error})") from error
    for key, kind in ((METADATA_KEY, VOTES), (MANIFEST_KEY, SOFT_LABELS)):
        if key in metadata:
            return Artifact(source, kind, json.loads(metadata[key]))
    raise ArtifactError(f"{source} was not written by weaklabel: it carries no manifest")
