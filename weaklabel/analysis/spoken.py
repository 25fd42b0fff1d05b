"""The votes that speak for a class, and what each speaks for.

An abstention with a reason is an abstention here. Two votes *conflict* if they have no class in
common; votes for single classes conflict when they differ, votes for sets when the sets do not
meet.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from weaklabel.labels import VoteAlphabet
from weaklabel.votes import VoteMatrix

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Spoken:
    """One entry per vote that names a class.

    Attributes
    ----------
    rows : array of int64, shape (n_votes,)
        Ascending.
    lfs, symbols : array of int, shape (n_votes,)
    allowed : array of bool, shape (n_symbols, n_classes)
        Which classes each symbol speaks for.
    n_items, n_lfs : int
    """

    rows: IntArray
    lfs: npt.NDArray[Any]
    symbols: npt.NDArray[Any]
    allowed: BoolArray
    n_items: int
    n_lfs: int

    @classmethod
    def of(cls, votes: VoteMatrix) -> Spoken:
        """Of a vote matrix.

        Notes
        -----
        O(n_votes); 8 bytes a vote, and copies of the votes only where some give a reason.
        """
        allowed = classes_allowed(votes.alphabet)
        rows, speaks = votes.item_index(), np.asarray(allowed.any(axis=1))
        if speaks.all():
            return cls(rows, votes.lf_index, votes.symbol, allowed, *votes.shape)
        kept = speaks[votes.symbol]
        return cls(
            rows[kept], votes.lf_index[kept], votes.symbol[kept], allowed, votes.n_items,
            votes.n_lfs,
        )  # fmt: skip

    @cached_property
    def per_row(self) -> IntArray:
        """Votes on each row, shape (n_items,)."""
        return np.bincount(self.rows, minlength=self.n_items)

    @cached_property
    def in_conflict(self) -> BoolArray:
        """For each vote, whether another vote of its row has no class in common with it.

        Notes
        -----
        O(n_votes); votes for sets cost that for each distinct symbol.
        """
        rows, symbols, allowed = self.rows, self.symbols, self.allowed
        if not len(rows):
            return np.zeros(0, dtype=bool)
        present = np.unique(symbols)
        if (allowed[present].sum(axis=1) == 1).all():
            # Single classes: a row has a conflict, for all its votes, if its classes differ.
            classes = allowed.argmax(axis=1)[symbols]
            starts = np.flatnonzero(np.r_[True, rows[1:] != rows[:-1]])
            differs = np.minimum.reduceat(classes, starts) != np.maximum.reduceat(classes, starts)
            return np.repeat(differs, np.diff(np.r_[starts, len(rows)]))
        in_conflict = np.zeros(len(rows), dtype=bool)
        for symbol in present:
            disjoint = ~(allowed & allowed[symbol]).any(axis=1)
            has_opponent = np.zeros(self.n_items, dtype=bool)
            has_opponent[rows[disjoint[symbols]]] = True
            own = symbols == symbol
            in_conflict[own] = has_opponent[rows[own]]
        return in_conflict

    @cached_property
    def rows_in_conflict(self) -> BoolArray:
        """Whether two votes of a row conflict, shape (n_items,)."""
        found = np.zeros(self.n_items, dtype=bool)
        found[self.rows[self.in_conflict]] = True
        return found

    def per_lf(self, chosen: BoolArray | None = None) -> IntArray:
        """Votes of each labeling function, all or those chosen, shape (n_lfs,)."""
        lfs = self.lfs if chosen is None else self.lfs[chosen]
        return np.bincount(lfs, minlength=self.n_lfs)

    def names(self, codes: IntArray) -> BoolArray:
        """For each vote, whether it allows the class that its row has in ``codes`` (-1: no)."""
        of_row = codes[self.rows]
        return np.asarray(self.allowed[self.symbols, of_row] & (of_row >= 0))


def classes_allowed(alphabet: VoteAlphabet) -> BoolArray:
    """Which classes each symbol speaks for: shape (n_symbols, n_classes); none for a reason."""
    allowed = np.zeros((len(alphabet), len(alphabet.labels)), dtype=bool)
    for code in range(len(alphabet)):
        symbol = alphabet.symbol(code)
        allowed[code, list(symbol.classes)] = symbol.kind != "reason"
    return allowed
