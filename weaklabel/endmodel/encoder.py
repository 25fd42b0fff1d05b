"""What every feature encoder does: rows in, numbers out, and a state of plain values.

An encoder is learned once by its ``fit`` class method and is then a fixed function of a row. Its
state is a JSON-able header and named arrays, so a model is stored without pickling anything.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from weaklabel.endmodel.rows import KIND_IN_WORDS, Rows, RowsKind
from weaklabel.errors import DataError

if TYPE_CHECKING:
    from weaklabel.endmodel.embeddings import Embeddings
    from weaklabel.endmodel.finetune import FineTune
    from weaklabel.endmodel.problem import Source

Matrix: TypeAlias = "npt.NDArray[Any] | sp.csr_matrix[Any]"


@dataclass(frozen=True)
class FeatureSettings:
    """What the user may set about features.

    Attributes
    ----------
    columns : mapping of column name to role
        Roles the user gave to columns of a table.
    ngrams : tuple of int
        Shortest and longest word n-gram of text.
    n_hashed : int
        Number of hashed text features.
    embeddings : Embeddings, optional
        Which encoder embeds texts.
    finetune : FineTune, optional
        Which encoder is fine-tuned.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    ngrams: tuple[int, int] = (1, 2)
    n_hashed: int = 2**18
    embeddings: Embeddings | None = None
    finetune: FineTune | None = None


@dataclass(frozen=True)
class State:
    """What an encoder needs to be rebuilt: a JSON-able header and arrays without objects."""

    header: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, npt.NDArray[Any]] = field(default_factory=dict)

    def nested(self, prefix: str) -> dict[str, npt.NDArray[Any]]:
        """The arrays under ``prefix/``, to be stored beside those of others."""
        return {f"{prefix}/{name}": array for name, array in self.arrays.items()}


def arrays_under(
    arrays: Mapping[str, npt.NDArray[Any]], prefix: str
) -> dict[str, npt.NDArray[Any]]:
    """The arrays that :meth:`State.nested` put under ``prefix/``."""
    start = f"{prefix}/"
    return {name[len(start) :]: a for name, a in arrays.items() if name.startswith(start)}


class Encoder(ABC):
    """A fitted function from rows to numbers."""

    name: ClassVar[str]
    """The word for ``EndModel(features=...)``."""
    accepts: ClassVar[RowsKind]
    """The kind of rows it reads."""

    @classmethod
    @abstractmethod
    def fit(
        cls,
        rows: Rows,
        settings: FeatureSettings,
        weights: npt.NDArray[np.float64] | None = None,
    ) -> Encoder:
        """Learn the encoder from the training rows.

        Where the encoder takes means, a row of weight 2 counts as two rows.
        """

    @property
    @abstractmethod
    def n_features(self) -> int:
        """Number of columns of :meth:`transform`."""

    @abstractmethod
    def transform(self, rows: Rows) -> Source:
        """Features of rows of the accepted kind, shape (n, n_features)."""

    @abstractmethod
    def describe(self) -> str:
        """What was picked, in a phrase, such as ``"5,231 TF-IDF features of text"``."""

    @abstractmethod
    def state(self) -> State:
        """Everything :meth:`from_state` needs."""

    @classmethod
    @abstractmethod
    def from_state(cls, state: State) -> Encoder:
        """The encoder that wrote the state."""

    def read(self, rows: Rows) -> Rows:
        """The rows as the kind the encoder was fitted on; dense and sparse stand for each other.

        Raises
        ------
        DataError
            If they are of another kind.
        """
        if (rows.kind, self.accepts) == ("dense", "sparse"):
            return Rows("sparse", sp.csr_matrix(rows.data))
        if (rows.kind, self.accepts) == ("sparse", "dense"):
            return Rows("dense", rows.data.toarray())
        if rows.kind != self.accepts:
            raise DataError(
                f"the model was fitted on {KIND_IN_WORDS[self.accepts]}, "
                f"found {KIND_IN_WORDS[rows.kind]}; pass X as it was passed to fit"
            )
        return rows


def pack_strings(strings: Iterable[str]) -> npt.NDArray[np.uint8]:
    """Strings as an array of bytes; any string survives, lone surrogates and NULs included."""
    return np.frombuffer(json.dumps(list(strings)).encode("ascii"), dtype=np.uint8)


def unpack_strings(packed: npt.NDArray[np.uint8]) -> list[str]:
    """The strings of :func:`pack_strings`."""
    strings = json.loads(packed.tobytes().decode("ascii"))
    if not isinstance(strings, list) or not all(isinstance(s, str) for s in strings):
        raise ValueError("the packed strings are not a list of strings")
    return strings
