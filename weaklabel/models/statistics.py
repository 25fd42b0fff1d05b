"""What a fit needs to know of the votes: distinct vote rows and how often each occurs.

A :class:`PatternTable` is exact (a model fitted on it is the model fitted on the votes) and
mergeable: the table of two shards together is the sum of their tables. It is what ``partial_fit``
adds to, and what a distributed engine can produce by grouping.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from weaklabel.errors import FitError
from weaklabel.inference.layout import BIN, CLASS, REASON, SET, Symbols, TableLayout
from weaklabel.inference.rows import Expected, FloatArray, IntArray, VoteRows
from weaklabel.labels import ABSTAIN, VoteAlphabet
from weaklabel.models.distinct import distinct_rows
from weaklabel.votes import VoteMatrix

CHUNK = 1 << 16

_KINDS = {"class": CLASS, "set": SET, "bin": BIN, "reason": REASON, "joint": SET}


def symbols_of(alphabet: VoteAlphabet) -> Symbols:
    """The vote alphabet as arrays."""
    if alphabet.is_plain:
        return Symbols.plain(len(alphabet.labels))
    kind = np.full(len(alphabet), CLASS)
    kind[len(alphabet.labels) :] = [_KINDS[s.kind] for s in alphabet.extra]
    return Symbols(alphabet.affinity(), kind)


@dataclass(frozen=True, eq=False)
class PatternTable:
    """Distinct vote rows with the weight of the items that have them.

    Attributes
    ----------
    indptr, lf_index, symbol : array of int
        The distinct rows, in the compressed-row layout of a vote matrix.
    weight : array of float64, shape (n_patterns,)
        Total weight of the items without gold that have each pattern.
    gold_pattern, gold_class : array of int64, shape (n_gold,)
        Distinct (pattern, gold class) pairs.
    gold_weight : array of float64, shape (n_gold,)
    alphabet : VoteAlphabet
    lf_names : tuple of str
    lf_fingerprints : tuple of str or None
    n_items : int
        Items counted, whatever their weight.
    """

    indptr: IntArray
    lf_index: IntArray
    symbol: IntArray
    weight: FloatArray
    gold_pattern: IntArray
    gold_class: IntArray
    gold_weight: FloatArray
    alphabet: VoteAlphabet
    lf_names: tuple[str, ...]
    lf_fingerprints: tuple[str, ...] | None
    n_items: int

    @classmethod
    def of(
        cls,
        votes: VoteMatrix,
        gold: IntArray | None = None,
        sample_weight: FloatArray | None = None,
    ) -> PatternTable:
        """Group equal rows.

        Parameters
        ----------
        votes : VoteMatrix
        gold : array of int, shape (n_items,), optional
            Class codes, -1 where unknown.
        sample_weight : array, shape (n_items,), optional
            Finite and at least 0.
        """
        found = distinct_rows(votes)
        known = np.zeros(0, np.int64) if gold is None else np.flatnonzero(gold != ABSTAIN)
        weight = found.counts
        if sample_weight is not None or len(known):
            each = np.ones(votes.n_items) if sample_weight is None else sample_weight.copy()
            each[known] = 0.0
            weight = summed(found.inverse, weights=each, minlength=found.n_patterns)
        pattern, code, gold_weight = _gold_pairs(found.inverse, known, gold, sample_weight)
        return cls(
            found.indptr,
            found.lf_index,
            found.symbol,
            weight,
            pattern,
            code,
            gold_weight,
            votes.alphabet,
            votes.lf_names,
            votes.lf_fingerprints,
            votes.n_items,
        )

    @property
    def n_patterns(self) -> int:
        """Number of distinct rows."""
        return len(self.weight)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.alphabet.labels)

    @property
    def n_lfs(self) -> int:
        """Number of labeling functions."""
        return len(self.lf_names)

    @cached_property
    def symbols(self) -> Symbols:
        """The alphabet as arrays."""
        return symbols_of(self.alphabet)

    @property
    def n_votes_per_pattern(self) -> IntArray:
        """Votes in each pattern."""
        return np.diff(self.indptr)

    @cached_property
    def total_weight(self) -> float:
        """Weight of all items, gold included."""
        return float(self.weight.sum() + self.gold_weight.sum())

    @cached_property
    def pattern_weight(self) -> FloatArray:
        """Weight of all items with each pattern, gold included."""
        if len(self.gold_weight) == 0:
            return self.weight
        extra = summed(self.gold_pattern, self.gold_weight, minlength=self.n_patterns)
        return np.asarray(self.weight + extra)

    @cached_property
    def lf_weight(self) -> FloatArray:
        """Weight of the items each LF votes on, shape (n_lfs,)."""
        weight, lengths = self.pattern_weight, self.n_votes_per_pattern
        out = np.zeros(self.n_lfs)
        for start in range(0, self.n_patterns, CHUNK):  # 8 bytes per vote would be too many at once
            part = slice(start, start + CHUNK)
            first, last = self.indptr[start], self.indptr[min(start + CHUNK, self.n_patterns)]
            per_vote = np.repeat(weight[part], lengths[part])
            out += summed(self.lf_index[first:last], weights=per_vote, minlength=self.n_lfs)
        return out

    def layout(self) -> tuple[TableLayout, IntArray]:
        """The table layout of these votes, and the table row of each vote."""
        return self._layout

    @cached_property
    def _layout(self) -> tuple[TableLayout, IntArray]:
        return TableLayout.of_votes(self.lf_index, self.symbol, self.n_lfs, self.symbols)

    def rows(self, layout: TableLayout, table_row: IntArray) -> VoteRows:
        """What the E-step runs over: the patterns with the weight of items without gold."""
        weight = None if (self.weight == 1.0).all() else self.weight
        return layout.rows(self.indptr, table_row, weight)

    def gold_counts(self, layout: TableLayout, table_row: IntArray) -> Expected | None:
        """Counts of the items with gold, as an E-step that knows their classes gives them."""
        if len(self.gold_weight) == 0:
            return None
        counts = np.zeros((layout.n_rows, self.n_classes))
        lengths = self.n_votes_per_pattern[self.gold_pattern]
        first = self.indptr[self.gold_pattern].astype(np.int64)
        ends = np.cumsum(lengths, dtype=np.int64)
        take = np.arange(int(ends[-1])) + np.repeat(first - (ends - lengths), lengths)
        np.add.at(
            counts,
            (table_row[take], np.repeat(self.gold_class, lengths)),
            np.repeat(self.gold_weight, lengths),
        )
        classes = summed(self.gold_class, self.gold_weight, minlength=self.n_classes)
        return Expected(counts, classes, float("nan"))

    def merge(self, other: PatternTable) -> PatternTable:
        """The table of both sets of items together.

        Raises
        ------
        VotesError
            If LFs or classes differ.
        """
        joined = VoteMatrix.join_rows([self._matrix(), other._matrix()])
        found = joined.patterns()
        weight = np.concatenate([self.weight, other.weight])
        gold_row = np.concatenate([self.gold_pattern, other.gold_pattern + self.n_patterns])
        each = np.concatenate([self.gold_weight, other.gold_weight])
        gold = np.concatenate([self.gold_class, other.gold_class])
        pattern, code, gold_weight = _sum_pairs(
            found.inverse[gold_row].astype(np.int64), gold, each
        )
        return PatternTable(
            found.indptr,
            found.lf_index,
            found.symbol,
            summed(found.inverse, weights=weight, minlength=found.n_patterns),
            pattern,
            code,
            gold_weight,
            joined.alphabet,
            joined.lf_names,
            joined.lf_fingerprints,
            self.n_items + other.n_items,
        )

    def _matrix(self) -> VoteMatrix:
        return VoteMatrix(
            self.indptr,
            self.lf_index,
            self.symbol,
            self.alphabet,
            self.lf_names,
            None,
            self.lf_fingerprints,
        )

    def to_arrays(self) -> dict[str, IntArray]:
        """The arrays under names that :meth:`from_arrays` reads."""
        names = ("indptr", "lf_index", "symbol", "weight")
        gold = ("gold_pattern", "gold_class", "gold_weight")
        return {f"pattern_{name}": getattr(self, name) for name in (*names, *gold)}

    @classmethod
    def from_arrays(
        cls,
        arrays: dict[str, IntArray],
        alphabet: VoteAlphabet,
        lf_names: tuple[str, ...],
        lf_fingerprints: tuple[str, ...] | None,
        n_items: int,
    ) -> PatternTable:
        """The table written by :meth:`to_arrays`."""
        names = ("indptr", "lf_index", "symbol", "weight")
        gold = ("gold_pattern", "gold_class", "gold_weight")
        stored = [arrays[f"pattern_{name}"] for name in (*names, *gold)]
        return cls(*stored, alphabet, lf_names, lf_fingerprints, n_items)  # type: ignore[call-arg, arg-type]


def summed(index: IntArray, weights: FloatArray | None = None, minlength: int = 0) -> FloatArray:
    """Sums of weights by index, as float64."""
    return np.bincount(index, weights, minlength).astype(np.float64, copy=False)


def _gold_pairs(
    inverse: IntArray, known: IntArray, gold: IntArray | None, sample_weight: FloatArray | None
) -> tuple[IntArray, IntArray, FloatArray]:
    if gold is None:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    each = np.ones(len(known)) if sample_weight is None else sample_weight[known]
    return _sum_pairs(inverse[known].astype(np.int64), gold[known], each)


def _sum_pairs(
    pattern: IntArray, code: IntArray, each: FloatArray
) -> tuple[IntArray, IntArray, FloatArray]:
    """Distinct (pattern, class) pairs, in order, with summed weights."""
    base = int(code.max()) + 1 if len(code) else 1
    key, where = np.unique(pattern * base + code, return_inverse=True)
    return key // base, key % base, summed(where, weights=each, minlength=len(key))


def check_weights(sample_weight: object, n_items: int) -> FloatArray | None:
    """Weights as float64.

    Raises
    ------
    FitError
        If there is not one finite, nonnegative weight per item, or all are zero.
    """
    if sample_weight is None:
        return None
    try:
        weight = np.asarray(sample_weight, dtype=np.float64)
    except (TypeError, ValueError):
        raise FitError(f"sample_weight must be numbers, found {sample_weight!r}") from None
    if weight.shape != (n_items,):
        raise FitError(
            f"sample_weight must have one weight per row, shape ({n_items},), found {weight.shape}"
        )
    bad = np.flatnonzero(~(np.isfinite(weight) & (weight >= 0)))
    if len(bad):
        raise FitError(
            f"weights must be finite and at least 0, found {weight[bad[0]]} at row {bad[0]} "
            f"({len(bad)} such rows); drop those rows or set their weight to 0"
        )
    if n_items and not weight.any():
        raise FitError("at least one weight must be above 0, found all zero")
    return weight
