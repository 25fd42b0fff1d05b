"""The E-step without a compiler: for small work, and as a second opinion.

The votes are a sparse matrix of ones (patterns x table rows). Scores are its product with the log
table, counts are its transpose's product with the posterior; the rest is NumPy. Patterns are taken
in blocks whose size depends on the problem only, so memory is bounded and the result does not
depend on the machine.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from weaklabel.inference.rows import Expected, FloatArray, VoteRows

BLOCK_CELLS = 1 << 18
"""Cells (patterns x classes) held at a time: 2 MB."""


class NumpyBackend:
    """E-step in NumPy and SciPy; see :class:`~weaklabel.inference.rows.Backend` for the methods.

    Parameters
    ----------
    rows : VoteRows
    why : str
        The reason this path was chosen, for ``plan``.

    Notes
    -----
    O((n_votes + n_patterns) * n_classes) time an E-step; 12 bytes per vote and O(BLOCK_CELLS)
    memory.
    """

    def __init__(self, rows: VoteRows, why: str = "asked for") -> None:
        self.rows = rows
        self.plan = f"sparse products over {rows.n_votes} votes, not compiled ({why})"
        step = max(BLOCK_CELLS // rows.n_classes, 1)
        edges = [*range(0, rows.n_patterns, step), rows.n_patterns]
        self._blocks = [(a, b, _ones(rows, a, b)) for a, b in pairwise(edges)]

    def e_step(self, log_table: FloatArray, log_prior: FloatArray) -> Expected:
        """Expected counts and log-likelihood in one pass over the patterns."""
        sums = _Sums(self.rows)
        for start, stop, ones in self._blocks:
            score = ones @ log_table + log_prior
            log_z = _softmax_in_place(score)
            sums.add(start, stop, ones, score)
            if self.rows.weight is not None:
                log_z *= self.rows.weight[start:stop]
            sums.log_likelihood += float(log_z.sum())
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
        for a, b, ones in self._blocks:
            low, high = max(a, start), min(b, stop)
            if low < high:
                out[low - start : high - start] = ones[low - a : high - a] @ log_table + log_prior
        return out

    def counts_of(self, posterior: FloatArray) -> Expected:
        """M-step statistics of a given posterior, shape (n_patterns, n_classes)."""
        sums = _Sums(self.rows)
        for start, stop, ones in self._blocks:
            sums.add(start, stop, ones, posterior[start:stop])
        sums.log_likelihood = float("nan")
        return sums.result()


class _Sums:
    """The running sums of an E-step."""

    def __init__(self, rows: VoteRows) -> None:
        self.weight = rows.weight
        self.counts = np.zeros((rows.n_table_rows, rows.n_classes))
        self.class_counts = np.zeros(rows.n_classes)
        self.log_likelihood = 0.0

    def add(self, start: int, stop: int, ones: Any, posterior: FloatArray) -> None:
        if self.weight is not None:
            posterior = posterior * self.weight[start:stop, None]
        self.counts += ones.T @ posterior
        self.class_counts += posterior.sum(axis=0)

    def result(self) -> Expected:
        return Expected(self.counts, self.class_counts, self.log_likelihood)


def _ones(rows: VoteRows, start: int, stop: int) -> Any:
    """The votes of patterns ``start .. stop - 1`` as a sparse matrix of ones."""
    indptr = rows.indptr[start : stop + 1].astype(np.int64)
    index = rows.table_row[indptr[0] : indptr[-1]].astype(np.int32)
    shape = (stop - start, rows.n_table_rows)
    return csr_array((np.ones(len(index)), index, indptr - indptr[0]), shape=shape)


def _softmax_in_place(score: FloatArray) -> FloatArray:
    """Turns log joints into posteriors; returns log normalisers, shape (n_rows,)."""
    top = score.max(axis=1, keepdims=True)
    score -= top
    np.exp(score, out=score)
    total = score.sum(axis=1, keepdims=True)
    score /= total
    return (top + np.log(total))[:, 0]  # type: ignore[no-any-return]
