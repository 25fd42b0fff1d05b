"""The steps of a run that stand on their own: choosing a model, checking votes and targets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklabel.config import ModelChoice
from weaklabel.errors import ArtifactError, ConfigError, VotesError
from weaklabel.labels import LabelSpace
from weaklabel.soft_labels import PROBABILITY_PREFIX, file_format
from weaklabel.storage import check_target
from weaklabel.votes import VoteMatrix

if TYPE_CHECKING:
    from weaklabel.models.base import LabelModelBase

LABEL_COLUMNS = ("id", "label", "confidence", "entropy", "n_votes", "covered")


def make_model(name: ModelChoice, seed: int = 0) -> LabelModelBase:
    """An unfitted label model by its name on the command line.

    Parameters
    ----------
    name : {"auto", "majority", "dawid-skene"}
    seed : int
        Passed on where the model has a ``random_state``.
    """
    import weaklabel.models as models

    classes: dict[str, type[LabelModelBase]] = {
        "auto": models.LabelModel,
        "majority": models.MajorityVote,
        "dawid-skene": models.DawidSkene,
    }
    if name not in classes:
        raise ConfigError(f"the model must be one of {', '.join(classes)}, found {name!r}")
    model = classes[name]()
    if "random_state" in model.get_params():
        model.set_params(random_state=seed)
    return model


def check_votes(votes: VoteMatrix, *, voter: str = "labeling function") -> VoteMatrix:
    """The votes, if a label model can learn anything from them.

    Parameters
    ----------
    votes : VoteMatrix
    voter : str
        What a column of the votes is, for the message.

    Raises
    ------
    VotesError
        If there are no rows, nobody voted, or all votes speak for one and the same class.
    """
    if votes.n_items == 0:
        raise VotesError("there are no rows to label; the votes are empty")
    symbols = [votes.alphabet.symbol(int(code)) for code in np.unique(votes.symbol)]
    spoken = {s.classes for s in symbols if s.kind != "reason"}
    if not spoken:
        raise VotesError(
            f"without a vote there is nothing to learn from: none of the {votes.n_lfs} {voter}s "
            f"votes on any of the {votes.n_items:,} rows{_first_fault(votes)}; "
            "check what they look for"
        )
    if len(spoken) == 1 and len(next(iter(spoken))) == 1:
        name = votes.labels.names[next(iter(spoken))[0]]
        raise VotesError(
            f"every vote is for the one class {name!r}, so nothing tells the classes apart; "
            f"votes for another class are needed, from any {voter}"
        )
    return votes


def _first_fault(votes: VoteMatrix) -> str:
    if not votes.faults:
        return ""
    name, fault = next(iter(votes.faults.items()))
    return f" ({name!r} failed on {fault.count:,} of them, first with {fault.error})"


def check_label_target(path: Path, *, overwrite: bool) -> Path:
    """The path, if soft labels may be written there: a folder that exists, a known suffix."""
    file_format(path)
    return check_target(path, overwrite=overwrite)


def check_votes_target(path: Path, *, overwrite: bool) -> Path:
    """The path, if votes may be written there."""
    if path.suffix.lower() not in (".npz", ".parquet"):
        raise ArtifactError(f"votes are stored as .npz or .parquet, found the name {path.name!r}")
    return check_target(path, overwrite=overwrite)


def check_kept_columns(keep: Iterable[str], labels: LabelSpace | None) -> None:
    """Refuse kept columns that the columns of the labels would hide.

    Raises
    ------
    ConfigError
        Naming the columns.
    """
    taken = {*LABEL_COLUMNS, *(PROBABILITY_PREFIX + name for name in labels or ())}
    clash = [name for name in keep if name in taken]
    if clash:
        raise ConfigError(
            f"kept columns must not be named like a column of the labels, found {clash}; "
            "rename them in the data or leave them out"
        )


def join_words(names: Sequence[Any], limit: int = 10) -> str:
    """The first few of many, for a message."""
    shown = ", ".join(str(n) for n in names[:limit])
    more = len(names) - limit
    return f"{shown} and {more} more" if more > 0 else shown
