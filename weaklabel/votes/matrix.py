"""The vote matrix: who voted what, sparse and frozen.

Rows are items, columns are labeling functions (or crowd workers, or judges), and an entry is the
symbol that was voted. Only votes are stored, in the compressed-row layout::

    indptr     (n_items + 1,)   votes of item i are at indptr[i] : indptr[i + 1]
    lf_index   (n_votes,)       which labeling function, ascending within a row
    symbol     (n_votes,)       what it voted: a code of the vote alphabet (class codes come first)

in the smallest unsigned integers that fit, about 3 bytes a vote. An abstention is the absence of an
entry.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from weaklabel.errors import VotesError
from weaklabel.labels import ABSTAIN, LabelSpace, VoteAlphabet

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import scipy.sparse as sp

    from weaklabel.labels import LabelSpaceLike
    from weaklabel.votes.patterns import VotePatterns

IntArray: TypeAlias = npt.NDArray[np.integer[Any]]
OnDuplicate: TypeAlias = Literal["error", "first", "last"]
RowSelector: TypeAlias = "slice | Sequence[int] | npt.NDArray[Any]"

MAX_LISTED = 5  # names or ids quoted in an error message


@dataclass(frozen=True, slots=True)
class FaultRecord:
    """How often a labeling function failed, and how the first time.

    Attributes
    ----------
    count : int
        Rows on which it raised and was counted as abstaining.
    first_row : str
        Identifier of the first such row.
    error : str
        The first exception, ``Type: message``.
    traceback : str
        Its traceback.
    """

    count: int
    first_row: str
    error: str
    traceback: str


class VoteMatrix:
    """Votes of labeling functions on items: sparse, typed, read-only.

    Use one of the constructors ``from_dense``, ``from_scipy``, ``from_long``, ``from_wide`` or
    ``from_arrow``; the plain constructor takes the compressed-row arrays.

    Parameters
    ----------
    indptr : array of int, shape (n_items + 1,)
    lf_index : array of int, shape (n_votes,)
        In ``0 .. n_lfs-1``, ascending and without repeats within a row.
    symbol : array of int, shape (n_votes,)
        Codes of the alphabet.
    alphabet : VoteAlphabet, or anything LabelSpace takes
    lf_names : sequence of str
        Unique.
    row_ids : array, shape (n_items,), optional
        Unique integers or strings; positions if None.
    lf_fingerprints : sequence of str, shape (n_lfs,), optional
        What computed each column; kept as provenance.
    faults : mapping of LF name to FaultRecord, optional

    Raises
    ------
    VotesError
        If the arrays do not describe a vote matrix; the message names the first entry at fault.

    Examples
    --------
    >>> votes = VoteMatrix.from_dense([[0, -1], [1, 1]], labels=["ham", "spam"])
    >>> votes
    VoteMatrix(2 items x 2 LFs, 3 votes, classes ham, spam)
    """

    __slots__ = (
        "__dict__",
        "alphabet",
        "faults",
        "indptr",
        "lf_fingerprints",
        "lf_index",
        "lf_names",
        "row_ids",
        "symbol",
    )

    indptr: IntArray
    lf_index: IntArray
    symbol: IntArray
    alphabet: VoteAlphabet
    lf_names: tuple[str, ...]
    row_ids: npt.NDArray[Any] | None
    lf_fingerprints: tuple[str, ...] | None
    faults: Mapping[str, FaultRecord]

    def __init__(
        self,
        indptr: npt.ArrayLike,
        lf_index: npt.ArrayLike,
        symbol: npt.ArrayLike,
        alphabet: VoteAlphabet | LabelSpaceLike,
        lf_names: Sequence[str],
        row_ids: npt.ArrayLike | None = None,
        lf_fingerprints: Sequence[str] | None = None,
        faults: Mapping[str, FaultRecord] | None = None,
    ) -> None:
        if not isinstance(alphabet, VoteAlphabet):
            alphabet = VoteAlphabet(LabelSpace(alphabet))
        names = check_lf_names(lf_names)
        pointers, lfs, symbols = (np.asarray(a) for a in (indptr, lf_index, symbol))
        _check_layout(pointers, lfs, symbols, len(names), alphabet)
        if lf_fingerprints is not None and len(lf_fingerprints) != len(names):
            raise VotesError(
                f"there must be one fingerprint per LF, found {len(lf_fingerprints)} "
                f"for {len(names)} LFs"
            )
        ids = None if row_ids is None else check_row_ids(row_ids, len(pointers) - 1)
        self._set(
            indptr=_frozen(pointers, np.dtype(np.int32 if len(lfs) < 2**31 else np.int64)),
            lf_index=_frozen(lfs, smallest_unsigned(len(names))),
            symbol=_frozen(symbols, smallest_unsigned(len(alphabet))),
            alphabet=alphabet,
            lf_names=names,
            row_ids=ids,
            lf_fingerprints=None if lf_fingerprints is None else tuple(lf_fingerprints),
            faults=dict(faults or {}),
        )

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a VoteMatrix is frozen; make a new one")

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__ if name != "__dict__"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name in ("indptr", "lf_index", "symbol", "row_ids"):
            if state[name] is not None:
                state[name].flags.writeable = False
        self._set(**state)

    # -- sizes -----------------------------------------------------------------------------------

    @property
    def labels(self) -> LabelSpace:
        """The classes."""
        return self.alphabet.labels

    @property
    def n_items(self) -> int:
        """Number of rows."""
        return len(self.indptr) - 1

    @property
    def n_lfs(self) -> int:
        """Number of labeling functions (columns)."""
        return len(self.lf_names)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.labels)

    @property
    def n_votes(self) -> int:
        """Number of votes stored."""
        return len(self.lf_index)

    @property
    def shape(self) -> tuple[int, int]:
        """``(n_items, n_lfs)``."""
        return self.n_items, self.n_lfs

    @property
    def nbytes(self) -> int:
        """Bytes of the three arrays."""
        return int(self.indptr.nbytes + self.lf_index.nbytes + self.symbol.nbytes)

    @property
    def ids(self) -> npt.NDArray[Any]:
        """The row ids, or the positions ``0 .. n_items-1`` where there are none."""
        return np.arange(self.n_items) if self.row_ids is None else self.row_ids

    @cached_property
    def n_votes_per_item(self) -> npt.NDArray[np.int32]:
        """Votes on each item, shape (n_items,)."""
        return np.diff(self.indptr).astype(np.int32)

    def __len__(self) -> int:
        return self.n_items

    def __repr__(self) -> str:
        names = list(self.labels.names[:4]) + (["..."] if self.n_classes > 4 else [])
        return (
            f"VoteMatrix({self.n_items:,} items x {self.n_lfs:,} LFs, {self.n_votes:,} votes, "
            f"classes {', '.join(names)})"
        )

    def __eq__(self, other: object) -> bool:
        """Same votes, alphabet, LF names and ids (provenance does not count)."""
        return (
            isinstance(other, VoteMatrix)
            and self.lf_names == other.lf_names
            and self.alphabet == other.alphabet
            and np.array_equal(self.indptr, other.indptr)
            and np.array_equal(self.lf_index, other.lf_index)
            and np.array_equal(self.symbol, other.symbol)
            and np.array_equal(self.ids, other.ids)
        )

    __hash__ = None  # type: ignore[assignment]

    # -- building and converting -----------------------------------------------------------------

    @classmethod
    def from_dense(
        cls,
        array: npt.ArrayLike,
        labels: LabelSpaceLike | VoteAlphabet | None = None,
        lf_names: Sequence[str] | None = None,
        row_ids: npt.ArrayLike | None = None,
    ) -> VoteMatrix:
        """From a dense integer array with -1 for abstain; see :func:`votes.build.from_dense`."""
        from weaklabel.votes.build import from_dense

        return from_dense(array, labels, lf_names, row_ids)

    @classmethod
    def from_scipy(
        cls,
        matrix: sp.sparray | sp.spmatrix,
        labels: LabelSpaceLike | VoteAlphabet | None = None,
        lf_names: Sequence[str] | None = None,
        row_ids: npt.ArrayLike | None = None,
        *,
        one_based: bool = True,
    ) -> VoteMatrix:
        """From a SciPy sparse matrix; see :func:`votes.build.from_scipy`."""
        from weaklabel.votes.build import from_scipy

        return from_scipy(matrix, labels, lf_names, row_ids, one_based=one_based)

    @classmethod
    def from_long(
        cls,
        table: Any,
        item: str = "item",
        source: str = "source",
        label: str = "label",
        labels: LabelSpaceLike | VoteAlphabet | None = None,
        *,
        on_duplicate: OnDuplicate = "error",
    ) -> VoteMatrix:
        """From a table with one row per vote; see :func:`votes.tables.from_long`."""
        from weaklabel.votes.tables import from_long

        return from_long(table, item, source, label, labels, on_duplicate=on_duplicate)

    @classmethod
    def from_wide(
        cls,
        table: Any,
        id_column: str | None = None,
        lf_columns: Sequence[str] | None = None,
        labels: LabelSpaceLike | VoteAlphabet | None = None,
    ) -> VoteMatrix:
        """From a table with one column per LF; see :func:`votes.tables.from_wide`."""
        from weaklabel.votes.tables import from_wide

        return from_wide(table, id_column, lf_columns, labels)

    @classmethod
    def from_arrow(cls, table: pa.Table) -> VoteMatrix:
        """From the Arrow table that :meth:`to_arrow` makes."""
        from weaklabel.votes.io import from_arrow

        return from_arrow(table)

    def to_dense(self) -> npt.NDArray[np.int16] | npt.NDArray[np.int32]:
        """Dense array of symbol codes with -1 for abstain.

        Returns
        -------
        array of int16 (int32 beyond 32,767 symbols), shape (n_items, n_lfs)
        """
        dense = np.full(
            self.shape, ABSTAIN, dtype=np.int16 if len(self.alphabet) < 2**15 else np.int32
        )
        dense[self.item_index(), self.lf_index] = self.symbol
        return dense

    def to_scipy(self) -> sp.csr_array:
        """SciPy compressed-row array whose entries are symbol code + 1 (so 0 is abstain)."""
        from weaklabel.votes.build import to_scipy

        return to_scipy(self)

    def to_long(self) -> pd.DataFrame:
        """Data frame of one row per vote: item, source, label (in words)."""
        from weaklabel.votes.tables import to_long

        return to_long(self)

    def to_wide(self) -> pd.DataFrame:
        """Data frame of one column per LF holding labels in words, indexed by row id."""
        from weaklabel.votes.tables import to_wide

        return to_wide(self)

    def to_arrow(self) -> pa.Table:
        """Arrow table with all there is in the matrix; :meth:`from_arrow` reads it back."""
        from weaklabel.votes.io import to_arrow

        return to_arrow(self)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write to ``.npz`` or ``.parquet``; see :func:`votes.io.save`."""
        from weaklabel.votes.io import save

        return save(self, path, overwrite=overwrite)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> VoteMatrix:
        """Read what :meth:`save` wrote."""
        from weaklabel.votes.io import load

        return load(path)

    # -- slicing and joining ---------------------------------------------------------------------

    def item_index(self) -> npt.NDArray[np.int64]:
        """The item of every vote, shape (n_votes,), ascending."""
        return np.repeat(np.arange(self.n_items), np.diff(self.indptr))

    def __getitem__(self, rows: RowSelector) -> VoteMatrix:
        """The given rows, in the given order: a slice, positions, or a boolean mask.

        Positions may repeat only where there are no row ids.
        """
        positions = self._row_positions(rows)
        lengths = np.diff(self.indptr)[positions]
        indptr = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        take = np.repeat(self.indptr[positions].astype(np.int64) - indptr[:-1], lengths)
        take += np.arange(indptr[-1])
        return VoteMatrix(
            indptr,
            self.lf_index[take],
            self.symbol[take],
            self.alphabet,
            self.lf_names,
            None if self.row_ids is None else self.row_ids[positions],
            self.lf_fingerprints,
            self.faults,
        )

    def _row_positions(self, rows: RowSelector) -> npt.NDArray[np.int64]:
        if isinstance(rows, slice):
            return np.arange(self.n_items)[rows]
        if isinstance(rows, int | np.integer):
            raise VotesError(f"select rows by a slice or an array; for one row write [{rows}:+1]")
        selector = np.asarray(rows)
        if selector.dtype == bool:
            if selector.shape != (self.n_items,):
                raise VotesError(
                    f"a row mask must have shape ({self.n_items},), found {selector.shape}"
                )
            return np.flatnonzero(selector)
        if selector.ndim != 1 or (len(selector) and selector.dtype.kind not in "iu"):
            raise VotesError(
                "rows are selected by a slice, a boolean mask or a one-dimensional array of "
                f"positions, found {selector.dtype} of shape {selector.shape}"
            )
        positions = selector.astype(np.int64)
        bad = (positions < -self.n_items) | (positions >= self.n_items)
        if bad.any():
            raise VotesError(
                f"row positions must lie in -{self.n_items} .. {self.n_items - 1}, "
                f"found {positions[bad][0]}"
            )
        return positions % max(self.n_items, 1)

    def lf_positions(self, lfs: Iterable[str | int]) -> list[int]:
        """Columns of the given LF names or positions.

        Raises
        ------
        VotesError
            If one is unknown or named twice.
        """
        where = {name: j for j, name in enumerate(self.lf_names)}
        positions: list[int] = []
        for lf in lfs:
            position = where.get(lf) if isinstance(lf, str) else int(lf)
            if position is None or not 0 <= position < self.n_lfs:
                raise VotesError(f"there is no LF {lf!r}; the LFs are {quoted(self.lf_names)}")
            if position in positions:
                raise VotesError(f"the LF {self.lf_names[position]!r} is selected twice")
            positions.append(position)
        return positions

    def select_lfs(self, lfs: Iterable[str | int]) -> VoteMatrix:
        """The given LFs (names or positions), in the given order; all rows stay."""
        from weaklabel.votes.build import assemble

        positions = self.lf_positions(lfs)
        new_position = np.full(self.n_lfs, -1, dtype=np.int64)
        new_position[positions] = np.arange(len(positions))
        column = new_position[self.lf_index]
        keep = column >= 0
        names = [self.lf_names[j] for j in positions]
        prints = self.lf_fingerprints
        return assemble(
            self.item_index()[keep],
            column[keep],
            self.symbol[keep],
            self.n_items,
            self.alphabet,
            names,
            self.row_ids,
            None if prints is None else [prints[j] for j in positions],
            {name: self.faults[name] for name in names if name in self.faults},
        )

    @classmethod
    def join_lfs(cls, parts: Sequence[VoteMatrix]) -> VoteMatrix:
        """Columns side by side; see :func:`votes.build.join_lfs`."""
        from weaklabel.votes.build import join_lfs

        return join_lfs(parts)

    @classmethod
    def join_rows(cls, parts: Sequence[VoteMatrix]) -> VoteMatrix:
        """Rows one below the other; see :func:`votes.build.join_rows`."""
        from weaklabel.votes.build import join_rows

        return join_rows(parts)

    def patterns(self) -> VotePatterns:
        """Unique vote rows with their counts; see :func:`votes.patterns.find_patterns`."""
        from weaklabel.votes.patterns import find_patterns

        return find_patterns(self.indptr, self.lf_index, self.symbol)


def quoted(names: Sequence[object]) -> str:
    """The first few names of a list for an error message."""
    listed = ", ".join(repr(n) for n in names[:MAX_LISTED])
    more = len(names) - MAX_LISTED
    return f"{listed} and {more} more" if more > 0 else listed


def smallest_unsigned(n_values: int) -> np.dtype[np.unsignedinteger[Any]]:
    """The smallest unsigned type that holds ``0 .. n_values-1``."""
    return np.min_scalar_type(max(n_values - 1, 0))


def _frozen(array: npt.NDArray[Any], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """A read-only array of the type: a view of what was given where the type allows."""
    out = np.ascontiguousarray(array, dtype=dtype).view()
    out.flags.writeable = False
    return out


def check_lf_names(lf_names: Sequence[str]) -> tuple[str, ...]:
    """LF names as a tuple.

    Raises
    ------
    VotesError
        If there is none, one is not a string, or one is used twice.
    """
    names = tuple(lf_names)
    if not names:
        raise VotesError("a vote matrix needs at least one labeling function, found none")
    seen: set[str] = set()
    for name in names:
        if not isinstance(name, str):
            raise VotesError(f"LF names must be strings, found {name!r}")
        if name in seen:
            raise VotesError(f"LF names must be unique, found {name!r} twice; rename one")
        seen.add(name)
    return names


def check_row_ids(row_ids: npt.ArrayLike, n_items: int) -> npt.NDArray[Any]:
    """Row ids as a read-only array of int64, or of objects that are all strings.

    Raises
    ------
    VotesError
        If there are not ``n_items`` of them, one is missing, or one is used twice.
    """
    values = np.asarray(row_ids)
    if values.shape != (n_items,):
        raise VotesError(
            f"there must be one row id per item, found shape {values.shape} for {n_items} items"
        )
    if values.dtype.kind in "iu":
        ids: npt.NDArray[Any] = values.astype(np.int64)
        ordered = np.sort(ids)
        repeated = ordered[1:][ordered[1:] == ordered[:-1]]
        duplicate: str | int | None = int(repeated[0]) if len(repeated) else None
    else:
        listed = values.tolist()
        for position, value in enumerate(listed):
            if value is None or value != value:
                raise VotesError(f"row ids must not be missing, found {value!r} at row {position}")
        ids = np.empty(n_items, dtype=object)
        ids[:] = [v if isinstance(v, str) else str(v) for v in listed]
        duplicate = _first_repeat(ids.tolist())
    if duplicate is not None:
        where = np.flatnonzero(ids == duplicate)[:2]
        raise VotesError(
            f"row ids must be unique, found {duplicate!r} at rows {where[0]} and {where[1]}; "
            "drop the repeats or use another id column"
        )
    ids.flags.writeable = False
    return ids


def _first_repeat(values: list[str]) -> str | None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None


def _check_layout(
    indptr: npt.NDArray[Any],
    lf_index: npt.NDArray[Any],
    symbol: npt.NDArray[Any],
    n_lfs: int,
    alphabet: VoteAlphabet,
) -> None:
    if indptr.ndim != 1 or len(indptr) == 0 or indptr.dtype.kind not in "iu":
        raise VotesError("indptr must be a one-dimensional integer array of n_items + 1 entries")
    if lf_index.ndim != 1 or lf_index.shape != symbol.shape:
        raise VotesError(
            f"lf_index and symbol must be of one length, found {lf_index.shape} and {symbol.shape}"
        )
    if len(lf_index) and (lf_index.dtype.kind not in "iu" or symbol.dtype.kind not in "iu"):
        raise VotesError(
            f"lf_index and symbol must be integers, found {lf_index.dtype} and {symbol.dtype}"
        )
    if indptr[0] != 0 or indptr[-1] != len(lf_index) or (indptr[1:] < indptr[:-1]).any():
        raise VotesError(
            f"indptr must rise from 0 to the number of votes {len(lf_index)}, "
            f"found {indptr[0]} to {indptr[-1]}"
        )
    if not len(lf_index):
        return
    if lf_index.min() < 0 or lf_index.max() >= n_lfs:
        raise VotesError(
            f"lf_index must lie in 0 .. {n_lfs - 1}, found {lf_index.min()} .. {lf_index.max()}"
        )
    if symbol.min() < 0 or symbol.max() >= len(alphabet):
        bad = symbol[(symbol < 0) | (symbol >= len(alphabet))][0]
        raise VotesError(
            f"votes must be codes 0 .. {len(alphabet) - 1} of the classes "
            f"{alphabet.labels.allowed()}, found {bad}"
        )
    same_row = np.ones(len(lf_index) - 1, dtype=bool)
    starts = indptr[1:-1]
    same_row[starts[(starts > 0) & (starts < len(lf_index))] - 1] = False
    bad_order = same_row & (lf_index[1:] <= lf_index[:-1])
    if bad_order.any():
        at = int(np.flatnonzero(bad_order)[0])
        row = int(np.searchsorted(indptr, at, side="right") - 1)
        raise VotesError(
            "within a row lf_index must ascend without repeats (one vote per LF and item), "
            f"found {lf_index[at]} then {lf_index[at + 1]} in row {row}"
        )
