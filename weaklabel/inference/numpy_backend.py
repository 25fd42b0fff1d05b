"""The E-step in plain NumPy: no compiler, for small work and as a second opinion.

Votes are gathered as table rows and added per pattern with ``np.add.reduceat``; the counts are the
same sum over the votes sorted by table row. Patterns are taken in blocks whose size depends on the
problem only, so memory is bounded and the result does not depend on the machine.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from weaklabel.inference.rows import Expected, FloatArray, IntArray, VoteRows

BLOCK_CELLS = 1 << 20
"""Cells (votes or patterns x classes) gathered at a time: 8 MB."""


class NumpyBackend:
    """E-step in NumPy; see :class:`~weaklabel.inference.rows.Backend` for the methods.

    Parameters
    ----------
    rows : VoteRows
    why : str
        The reason this path was chosen, for ``plan``.

    Notes
    -----
    O(n_votes * n_classes) time an E-step, about 10 ns a vote and class; O(BLOCK_CELLS) memory
    beyond an index of the votes by table row.
    """

    def __init__(self, rows: VoteRows, why: str = "asked for") -> None:
        self.rows = rows
        self.plan = f"plain NumPy over {rows.n_votes} votes ({why})"
        self._blocks = [_Block(rows, a, b) for a, b in _bounds(rows)]

    def e_step(self, log_table: FloatArray, log_prior: FloatArray) -> Expected:
        """Expected counts and log-likelihood in one pass over the patterns."""
        sums = _Sums(self.rows)
        for block in self._blocks:
            score = block.scores(log_table, log_prior)
            log_z = _softmax_in_place(score)
            sums.add(block, score, log_z)
        return sums.result()

    def posterior(
        self,
        log_table: FloatArray,
        log_prior: FloatArray,
        out: FloatArray | None = None,
        *,
        start: int = 0,
        stop: int | None = None,
    ) -> FloatArray:
        """Posterior of patterns ``start .. stop - 1``; rows sum to 1."""
        out = self.scores(log_table, log_prior, out, start=start, stop=stop)
        _softmax_in_place(out)
        return out

    def scores(
        self,
        log_table: FloatArray,
        log_prior: FloatArray,
        out: FloatArray | None = None,
        *,
        start: int = 0,
        stop: int | None = None,
    ) -> FloatArray:
        """The log joint of patterns ``start .. stop - 1``."""
        stop = self.rows.n_patterns if stop is None else stop
        if out is None:
            out = np.empty((stop - start, self.rows.n_classes))
        for a, b in _bounds(self.rows, start, stop):
            out[a - start : b - start] = _Block(self.rows, a, b).scores(log_table, log_prior)
        return out

    def counts_of(self, posterior: FloatArray) -> Expected:
        """M-step statistics of a given posterior, shape (n_patterns, n_classes)."""
        sums = _Sums(self.rows)
        for block in self._blocks:
            sums.add(block, posterior[block.start : block.stop], None)
        return sums.result()


class _Block:
    """A run of patterns with what is needed to add per pattern and per table row."""

    def __init__(self, rows: VoteRows, start: int, stop: int) -> None:
        self.start, self.stop = start, stop
        indptr = rows.indptr[start : stop + 1].astype(np.int64)
        self.votes = rows.table_row[indptr[0] : indptr[-1]]
        self.n_classes = rows.n_classes
        self.weight = None if rows.weight is None else rows.weight[start:stop, None]
        lengths = np.diff(indptr)
        # reduceat wants non-empty runs, so patterns without votes are left out of it
        self.voted = np.flatnonzero(lengths)
        self.first_vote = (indptr[:-1] - indptr[0])[self.voted]
        self._lengths = lengths
        self._by_row: tuple[IntArray, IntArray, IntArray] | None = None

    def scores(self, log_table: FloatArray, log_prior: FloatArray) -> FloatArray:
        out = np.tile(log_prior, (self.stop - self.start, 1))
        if len(self.voted):
            out[self.voted] += np.add.reduceat(log_table[self.votes], self.first_vote, axis=0)
        return out

    def by_row(self) -> tuple[IntArray, IntArray, IntArray]:
        """Votes sorted by table row: their patterns, where each row's run starts, the rows."""
        if self._by_row is None:
            order = np.argsort(self.votes, kind="stable")
            pattern = np.repeat(np.arange(self.stop - self.start), self._lengths)[order]
            ordered = self.votes[order]
            first = np.flatnonzero(np.diff(ordered, prepend=ordered[:1]) != 0)
            first = np.concatenate([np.zeros(min(len(ordered), 1), dtype=np.intp), first])
            self._by_row = (pattern, first, ordered[first])
        return self._by_row


class _Sums:
    """The running sums of an E-step."""

    def __init__(self, rows: VoteRows) -> None:
        self.counts = np.zeros((rows.n_table_rows, rows.n_classes))
        self.class_counts = np.zeros(rows.n_classes)
        self.log_likelihood = 0.0

    def add(self, block: _Block, posterior: FloatArray, log_z: FloatArray | None) -> None:
        weighted = posterior if block.weight is None else posterior * block.weight
        self.class_counts += weighted.sum(axis=0)
        pattern, first, table_rows = block.by_row()
        if len(first):
            self.counts[table_rows] += np.add.reduceat(weighted[pattern], first, axis=0)
        if log_z is None:
            self.log_likelihood = float("nan")
        elif block.weight is None:
            self.log_likelihood += float(log_z.sum())
        else:
            self.log_likelihood += float(log_z @ block.weight[:, 0])

    def result(self) -> Expected:
        return Expected(self.counts, self.class_counts, self.log_likelihood)


def _softmax_in_place(score: FloatArray) -> FloatArray:
    """Turns log joints into posteriors; returns log normalisers, shape (n_rows,)."""
    top = score.max(axis=1, keepdims=True)
    score -= top
    np.exp(score, out=score)
    total = score.sum(axis=1, keepdims=True)
    score /= total
    return (top + np.log(total))[:, 0]  # type: ignore[no-any-return]


def _bounds(rows: VoteRows, start: int = 0, stop: int | None = None) -> list[tuple[int, int]]:
    """Blocks of patterns with about BLOCK_CELLS cells each; they depend on the problem only."""
    stop = rows.n_patterns if stop is None else stop
    if stop <= start:
        return []
    # a pattern costs its votes plus one row of scores
    cost = rows.indptr[start : stop + 1].astype(np.int64) + np.arange(stop - start + 1)
    cost -= cost[0]
    budget = max(BLOCK_CELLS // rows.n_classes, 1)
    n_blocks = max(-(-int(cost[-1]) // budget), 1)
    cuts = np.searchsorted(cost, np.linspace(0, cost[-1], n_blocks + 1)[1:-1])
    edges = np.unique(np.concatenate([[0], cuts, [stop - start]])) + start
    return [(int(a), int(b)) for a, b in pairwise(edges)]
