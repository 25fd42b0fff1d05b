"""Sentence embeddings, computed once per text and shared by all rules that use them.

An encoder is the folder of a sentence-transformers model on this machine (nothing is ever
downloaded), ``package:NAME/FOLDER`` for one that an installed package carries, or a loaded object
with ``encode(texts)``. :func:`embedding` makes it a batched preprocessor; rules that name the same
encoder, column and memo share one, so a text is embedded once whatever their number.

A text is cut after ``CHARACTERS`` characters: encoders read a few hundred words and no more. A
missing text has an embedding of NaN. The embedding of a text may differ in its last digits (about
1e-7) with the texts that are encoded beside it, so a similarity within that distance of a limit can
fall on either side.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias
from weakref import WeakValueDictionary

import numpy as np
import numpy.typing as npt

from labeling_functions.building import SettingError, need_column
from labeling_functions.resources import (
    Resource,
    find_resource,
    need_package,
    quiet_transformers,
)
from labeling_functions.text import as_texts
from weaklabel import Preprocessor
from weaklabel.errors import DataError

CHARACTERS: Final = 20_000
BATCH: Final = 64
MARKS: Final = ("modules.json", "config_sentence_transformers.json", "config.json")

Vectors: TypeAlias = npt.NDArray[np.float32]


class Encoder(Protocol):
    """What is needed of a loaded encoder: that of sentence-transformers, or anything alike."""

    def encode(self, texts: list[str], /) -> Any:
        """Embeddings, shape (n_texts, n_dimensions)."""
        ...


EncoderLike: TypeAlias = "str | Path | Encoder"


def embedding(
    encoder: EncoderLike,
    column: str = "text",
    *,
    memo: str | Path | None = None,
    device: str = "cpu",
    name: str = "embedding",
) -> Preprocessor:
    """The preprocessor that embeds a column of texts.

    Parameters
    ----------
    encoder : path, ``package:NAME/FOLDER``, or object with ``encode``
    column : str, default "text"
    memo : path, optional
        A file in which embeddings are kept for later runs.
    device : str, default "cpu"
        Of an encoder that is loaded here, such as ``"cuda"``.
    name : str
        For messages.

    Returns
    -------
    Preprocessor
        It makes one column, ``made_by(preprocessor)``, of unit vectors (NaN where there is no
        text), shape (n_rows, n_dimensions). Asked for again, it is the same object.

    Raises
    ------
    ConfigError
        If the encoder is none.
    MissingDependencyError
        If sentence-transformers is needed and not installed.
    """
    need_column(name, column)
    step = EmbeddingStep(find_encoder(name, encoder, device))
    kept = None if memo is None else Path(memo)
    return shared_step(step, column, kept)


_SHARED: Final[WeakValueDictionary[tuple[str, str, str], Preprocessor]] = WeakValueDictionary()


def shared_step(step: Any, column: str, memo: Path | None) -> Preprocessor:
    """The one preprocessor of a step, a column and a memo: rules share the work by identity."""
    key = step.fingerprint, column, str(memo)
    found = _SHARED.get(key)
    if found is None:
        found = Preprocessor(f"{step.makes} of {column}", step, columns=(column,), memo=memo)
        _SHARED[key] = found
    return found


def made_by(step: Preprocessor) -> str:
    """The column that a shared preprocessor makes."""
    return str(step.function.makes)  # type: ignore[attr-defined]  # all shared steps have it


@dataclass(frozen=True)
class LocalEncoder:
    """The encoder in a folder."""

    folder: Resource
    device: str = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """Digest of the files."""
        return self.folder.digest

    def encode(self, texts: list[str]) -> Any:
        """Embeddings of some texts."""
        model = _loaded(self.folder, self.device)
        return model.encode(texts, batch_size=BATCH, show_progress_bar=False)


@dataclass(frozen=True)
class LoadedEncoder:
    """An encoder that the caller loaded."""

    fingerprint: str
    encoder: Encoder = field(repr=False, compare=False)

    def encode(self, texts: list[str]) -> Any:
        """Embeddings of some texts."""
        return self.encoder.encode(texts)


@lru_cache(maxsize=4)
def _loaded(folder: Resource, device: str) -> Any:
    from sentence_transformers import SentenceTransformer

    with quiet_transformers():
        return SentenceTransformer(
            str(folder.check()),
            device=device,
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},  # the other format is a pickle
        )


def find_encoder(name: str, encoder: Any, device: Any) -> LocalEncoder | LoadedEncoder:
    """The encoder that a setting names.

    Raises
    ------
    SettingError
        If it is none.
    MissingDependencyError
        If sentence-transformers is needed and not installed.
    """
    if isinstance(encoder, str | Path):
        if not isinstance(device, str) or not device:
            raise SettingError(name, "device", f"must be the name of a device, found {device!r}")
        folder = find_resource(name, "encoder", encoder, MARKS)
        need_package("sentence_transformers", "sentence-transformers", "text")
        return LocalEncoder(folder, device)
    if not callable(getattr(encoder, "encode", None)):
        raise SettingError(
            name, "encoder", f"must be the folder of a model, or have encode(), found {encoder!r}"
        )
    return LoadedEncoder(_content_of_loaded(encoder), encoder)


def _content_of_loaded(encoder: Any) -> str:
    """Digest of a loaded encoder: of its weights if it has some, else as far as can be seen."""
    weights = getattr(encoder, "state_dict", None)
    if weights is None:
        return Preprocessor("encoder", encoder.encode, {"encoder": encoder}).fingerprint
    running = hashlib.sha256(
        repr((type(encoder), getattr(encoder, "max_seq_length", None))).encode()
    )
    for key, tensor in weights().items():
        plain = tensor.detach().cpu().contiguous()
        running.update(f"{key} {plain.dtype} {tuple(plain.shape)}".encode())
        running.update(plain.flatten().numpy().tobytes())
    return running.hexdigest()


@dataclass(frozen=True)
class EmbeddingStep:
    """Embeds a column."""

    encoder: LocalEncoder | LoadedEncoder

    @property
    def fingerprint(self) -> str:
        """Digest of the encoder."""
        return f"embedding 1 {self.encoder.fingerprint}"

    @property
    def makes(self) -> str:
        """The new column."""
        return f"embedding {self.encoder.fingerprint[:12]}"

    def __call__(self, column: Any) -> Mapping[str, Vectors]:
        """The embeddings of a column."""
        return {self.makes: embedded(self.encoder, as_texts(column).to_pylist())}


def embedded(encoder: LocalEncoder | LoadedEncoder, texts: Sequence[str | None]) -> Vectors:
    """Unit vectors of some texts, NaN where there is none, shape (n_texts, n_dimensions).

    Raises
    ------
    DataError
        If the encoder does not return one vector for each text.
    """
    present = [i for i, text in enumerate(texts) if text is not None]
    distinct = list(dict.fromkeys(str(texts[i])[:CHARACTERS] for i in present))
    if not distinct:
        return np.full((len(texts), 1), np.nan, dtype=np.float32)
    found = np.asarray(encoder.encode(distinct), dtype=np.float32)
    if found.ndim != 2 or len(found) != len(distinct):
        raise DataError(
            f"an encoder must return one vector for each text, found shape {found.shape} for "
            f"{len(distinct)} texts"
        )
    found = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
    number = {text: i for i, text in enumerate(distinct)}
    made = np.full((len(texts), found.shape[1]), np.nan, dtype=np.float32)
    made[present] = found[[number[str(texts[i])[:CHARACTERS]] for i in present]]
    return made
