"""What each labeling function does: polarity, coverage, overlap, conflict, faults, accuracy.

The words are the field's own. With ``n_items`` rows:

- *polarity*: the classes a labeling function votes for;
- *coverage*: the share of rows it votes on;
- *overlap*: the share of rows it votes on together with at least one other;
- *conflict*: the share of rows on which at least one other votes for something else. Votes for sets
  of classes conflict when the sets have no class in common.

An abstention with a reason is an abstention: it counts nowhere here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from weaklabel.analysis.gold import gold_codes
from weaklabel.analysis.text import Cells, percent
from weaklabel.labels import VoteAlphabet
from weaklabel.votes import VoteMatrix

if TYPE_CHECKING:
    import pandas as pd

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LFSummary:
    """One line per labeling function, and the same for all of them together.

    Attributes
    ----------
    class_names, lf_names : tuple of str
    polarity : tuple of tuple of str
        What each votes for, in the order of the classes.
    coverage, overlap, conflict : array, shape (n_lfs,)
        Shares of the rows, in [0, 1]; ``conflict <= overlap <= coverage``.
    n_votes, n_faults : array of int, shape (n_lfs,)
        Votes given, and rows on which it failed.
    accuracy : array, shape (n_lfs,), optional
        Share of its votes on rows with gold that agree with the gold; NaN without such a vote.
    n_gold : array of int, shape (n_lfs,), optional
        Its votes on rows with gold.
    n_items : int
    any_coverage, any_overlap, any_conflict : float
        Shares of rows with a vote, with two or more votes, with votes against each other.
    first_faults : mapping of str to str
        For each labeling function that failed: the first row and the error, in one line.
    """

    class_names: tuple[str, ...]
    lf_names: tuple[str, ...]
    polarity: tuple[tuple[str, ...], ...]
    coverage: FloatArray
    overlap: FloatArray
    conflict: FloatArray
    n_votes: IntArray
    n_faults: IntArray
    accuracy: FloatArray | None
    n_gold: IntArray | None
    n_items: int
    any_coverage: float
    any_overlap: float
    any_conflict: float
    first_faults: Mapping[str, str]

    @property
    def frame(self) -> pd.DataFrame:
        """The table as a DataFrame, one row per labeling function."""
        import pandas as pd

        return pd.DataFrame(self._columns())

    def to_pandas(self) -> pd.DataFrame:
        """The same as :attr:`frame`."""
        return self.frame

    def _columns(self) -> dict[str, Any]:
        columns: dict[str, Any] = {
            "name": list(self.lf_names),
            "polarity": [list(p) for p in self.polarity],
            "coverage": self.coverage,
            "overlap": self.overlap,
            "conflict": self.conflict,
            "n_votes": self.n_votes,
            "faults": self.n_faults,
        }
        if self.accuracy is not None and self.n_gold is not None:
            columns |= {"accuracy": self.accuracy, "n_gold": self.n_gold}
        return columns

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and numbers, ready for JSON; an unknown accuracy is None."""
        columns = {
            key: values if isinstance(values, list) else values.tolist()
            for key, values in self._columns().items()
        }
        if "accuracy" in columns:
            columns["accuracy"] = [None if math.isnan(a) else a for a in columns["accuracy"]]
        return {
            "n_items": self.n_items,
            "coverage": self.any_coverage,
            "overlap": self.any_overlap,
            "conflict": self.any_conflict,
            "lfs": [
                dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
            ],
            "first_faults": dict(self.first_faults),
        }

    def cells(self) -> Cells:
        """The table as text cells; columns only where they have something to show.

        ``of`` is the number of votes an accuracy is measured on, where not all of them are.
        """
        columns: list[tuple[str, list[str], bool]] = [
            ("labeling function", list(self.lf_names), False),
            ("votes for", [self._polarity_in_words(p) for p in self.polarity], False),
            ("votes", [str(v) for v in self.n_votes], True),
            ("coverage", [percent(v) for v in self.coverage], True),
            ("overlap", [percent(v) for v in self.overlap], True),
            ("conflict", [percent(v) for v in self.conflict], True),
        ]
        if self.n_faults.any():
            columns.append(("faults", [str(v) for v in self.n_faults], True))
        if self.accuracy is not None and self.n_gold is not None:
            columns.append(("accuracy", [percent(v) for v in self.accuracy], True))
            if (self.n_gold != self.n_votes).any():
                columns.append(("of", [str(v) for v in self.n_gold], True))
        header, bodies, numeric = zip(*columns, strict=True)
        return Cells(header, tuple(zip(*bodies, strict=True)), numeric)

    def _polarity_in_words(self, polarity: tuple[str, ...]) -> str:
        if polarity == self.class_names and len(polarity) > 1:
            return "both" if len(polarity) == 2 else "all"
        return ", ".join(polarity) or "(nothing)"

    def notes(self) -> list[str]:
        """Sentences that go below the table: the rows as a whole, and the first fault of each."""
        lines = [
            f"{self.n_items:,} rows: {percent(self.any_coverage)} with a vote, "
            f"{percent(self.any_overlap)} with two or more, "
            f"{percent(self.any_conflict)} with a conflict"
        ]
        faults = dict(zip(self.lf_names, self.n_faults, strict=True))
        lines += [
            f"{name} failed on {faults[name]} rows and abstained there; first on {first}"
            for name, first in self.first_faults.items()
        ]
        return lines

    def to_text(self, width: int = 80) -> str:
        """The table and its notes as text.

        Parameters
        ----------
        width : int, default 80
            Characters a line; long names are folded.
        """
        return "\n".join([self.cells().to_text(width), *self.notes()])


def lf_summary(votes: VoteMatrix | npt.ArrayLike, gold: Any = None) -> LFSummary:
    """Describe the labeling functions of a vote matrix.

    Parameters
    ----------
    votes : VoteMatrix or array of int, shape (n_items, n_lfs)
        In an array, -1 is an abstention.
    gold : sequence, shape (n_items,), optional
        Class names or codes; None, NaN or -1 where unknown.

    Returns
    -------
    LFSummary

    Raises
    ------
    DataError
        If gold has another length than the votes have rows.
    LabelError
        If a gold value is not a label.

    Notes
    -----
    Cost O(n_votes + n_items); the matrix is never made dense. Votes for sets of classes cost
    O(n_votes) for each distinct symbol.

    Examples
    --------
    >>> summary = lf_summary([[0, 0], [1, 0], [-1, 1]])
    >>> summary.coverage.round(2).tolist(), summary.conflict.round(2).tolist()
    ([0.67, 1.0], [0.33, 0.33])
    """
    matrix = votes if isinstance(votes, VoteMatrix) else VoteMatrix.from_dense(votes)
    allowed = _classes_allowed(matrix.alphabet)
    rows, lfs, symbols = _spoken(matrix, allowed)
    votes_per_row = np.bincount(rows, minlength=matrix.n_items)
    in_conflict = _in_conflict(rows, symbols, allowed, matrix.n_items)

    def per_lf(selected: npt.NDArray[np.bool_]) -> IntArray:
        return np.bincount(lfs[selected], minlength=matrix.n_lfs)

    n_items = max(matrix.n_items, 1)
    n_votes = np.bincount(lfs, minlength=matrix.n_lfs)
    accuracy = n_gold = None
    if gold is not None:
        codes = gold_codes(matrix.labels, gold, matrix.n_items)[rows]
        has_gold = codes >= 0
        n_gold = per_lf(has_gold)
        right = per_lf(has_gold & allowed[symbols, codes])
        accuracy = np.where(n_gold > 0, right / np.maximum(n_gold, 1), np.nan)
    faults = {name: matrix.faults[name] for name in matrix.lf_names if name in matrix.faults}
    return LFSummary(
        class_names=matrix.labels.names,
        lf_names=matrix.lf_names,
        polarity=_polarity(lfs, symbols, matrix),
        coverage=n_votes / n_items,
        overlap=per_lf(votes_per_row[rows] > 1) / n_items,
        conflict=per_lf(in_conflict) / n_items,
        n_votes=n_votes,
        n_faults=np.array(
            [faults[n].count if n in faults else 0 for n in matrix.lf_names], dtype=np.int64
        ),
        accuracy=accuracy,
        n_gold=n_gold,
        n_items=matrix.n_items,
        any_coverage=float(np.count_nonzero(votes_per_row) / n_items),
        any_overlap=float(np.count_nonzero(votes_per_row > 1) / n_items),
        any_conflict=float(len(np.unique(rows[in_conflict])) / n_items),
        first_faults={n: f"row {f.first_row}: {f.error}" for n, f in faults.items()},
    )


def _spoken(
    votes: VoteMatrix, allowed: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    """Row, labeling function and symbol of every vote that is not an abstention with a reason."""
    rows, speaks = votes.item_index(), np.asarray(allowed.any(axis=1))
    if speaks.all():
        return rows, votes.lf_index, votes.symbol
    spoken = speaks[votes.symbol]
    return rows[spoken], votes.lf_index[spoken], votes.symbol[spoken]


def _classes_allowed(alphabet: VoteAlphabet) -> npt.NDArray[np.bool_]:
    """Which classes each symbol speaks for: shape (n_symbols, n_classes); none for a reason."""
    allowed = np.zeros((len(alphabet), len(alphabet.labels)), dtype=bool)
    for code in range(len(alphabet)):
        symbol = alphabet.symbol(code)
        allowed[code, list(symbol.classes)] = symbol.kind != "reason"
    return allowed


def _in_conflict(
    rows: npt.NDArray[Any],
    symbols: npt.NDArray[Any],
    allowed: npt.NDArray[np.bool_],
    n_items: int,
) -> npt.NDArray[np.bool_]:
    """For each vote, whether another vote of its row has no class in common with it."""
    if not len(rows):
        return np.zeros(0, dtype=bool)
    present = np.unique(symbols)
    if (allowed[present].sum(axis=1) == 1).all():
        # Single classes: a row has a conflict, for all its votes, if its classes are not all equal.
        classes = allowed.argmax(axis=1)[symbols]
        starts = np.flatnonzero(np.r_[True, rows[1:] != rows[:-1]])
        differs = np.minimum.reduceat(classes, starts) != np.maximum.reduceat(classes, starts)
        return np.repeat(differs, np.diff(np.r_[starts, len(rows)]))
    in_conflict = np.zeros(len(rows), dtype=bool)
    for symbol in present:
        disjoint = ~(allowed & allowed[symbol]).any(axis=1)
        has_opponent = np.zeros(n_items, dtype=bool)
        has_opponent[rows[disjoint[symbols]]] = True
        own = symbols == symbol
        in_conflict[own] = has_opponent[rows[own]]
    return in_conflict


def _polarity(
    lfs: npt.NDArray[Any], symbols: npt.NDArray[Any], votes: VoteMatrix
) -> tuple[tuple[str, ...], ...]:
    n_symbols = len(votes.alphabet)
    found = np.unique(lfs.astype(np.int64) * n_symbols + symbols)
    words: list[dict[str, None]] = [{} for _ in votes.lf_names]  # a dict keeps the order
    for lf, code in zip((found // n_symbols).tolist(), (found % n_symbols).tolist(), strict=True):
        symbol = votes.alphabet.symbol(code)
        is_single = len(symbol.classes) == 1
        word = votes.labels.names[symbol.classes[0]] if is_single else votes.alphabet.describe(code)
        words[lf][word] = None
    return tuple(tuple(w) for w in words)
