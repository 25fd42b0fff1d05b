"""The votes as inference sees them, and what an E-step gives back.

A label model is one table of log probabilities per labeling function. Stack the tables of all LFs:
one row of the stack per observed pair (LF, symbol), one column per class. A vote is then the index
of a row of the stack, an item is a list of such indices, and the whole of inference is

    score[i, y]     = log_prior[y] + sum over votes r of item i: log_table[r, y]
    posterior[i, y] = exp(score[i, y] - logsumexp(score[i, :]))
    counts[r, y]    = sum over items i with vote r: weight[i] * posterior[i, y]

Every backend computes exactly this; they differ in speed only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class VoteRows:
    """The votes of unique patterns (or of plain rows) as indices into a stack of tables.

    Attributes
    ----------
    indptr : array of int32 or int64, shape (n_patterns + 1,)
        The votes of pattern ``i`` are ``table_row[indptr[i]:indptr[i + 1]]``.
    table_row : array of uint8, uint16 or uint32, shape (n_votes,)
        In ``0 .. n_table_rows - 1``.
    weight : array of float64, shape (n_patterns,), or None
        How often each pattern counts (its multiplicity); at least 0. None means once each.
    n_table_rows : int
        Rows of the stack: one per observed pair (LF, symbol).
    n_classes : int
    row_lf : array of integer, shape (n_table_rows,)
        The LF of each table row. Rows of one LF are contiguous. It guides which votes are looked up
        together and enters no number.
    """

    indptr: IntArray
    table_row: IntArray
    weight: FloatArray | None
    n_table_rows: int
    n_classes: int
    row_lf: IntArray

    @property
    def n_patterns(self) -> int:
        """Number of patterns (rows)."""
        return len(self.indptr) - 1

    @property
    def n_votes(self) -> int:
        """Number of votes, each pattern's votes counted once."""
        return len(self.table_row)

    @property
    def total_weight(self) -> float:
        """Number of items: the sum of the weights."""
        return float(self.n_patterns if self.weight is None else self.weight.sum())


@dataclass(frozen=True, eq=False)
class Expected:
    """What the M-step needs: weighted sums over all patterns.

    Attributes
    ----------
    counts : array of float64, shape (n_table_rows, n_classes)
        Expected number of items of class y on which table row r was voted; at least 0.
    class_counts : array of float64, shape (n_classes,)
        Expected number of items of each class, items without votes included.
    log_likelihood : float
        ``sum_i weight[i] * logsumexp(score[i, :])``; NaN where it is not defined (``counts_of``).
    """

    counts: FloatArray
    class_counts: FloatArray
    log_likelihood: float


class Backend(Protocol):
    """A way to compute the E-step for one set of votes. All backends give the same numbers.

    ``log_table`` has shape (n_table_rows, n_classes), ``log_prior`` (n_classes,); both are finite.
    Masks are large negative numbers (-1e6), never ``-inf``. ``log_prior`` need not sum to 1 on the
    exponential scale: constants per class (such as the log probability that LFs abstain) belong in
    it.
    """

    rows: VoteRows
    plan: str
    """One sentence: which path was chosen and why."""

    def e_step(self, log_table: FloatArray, log_prior: FloatArray) -> Expected:
        """Expected counts and log-likelihood in one pass; no posterior is kept."""
        ...

    def posterior(
        self,
        log_table: FloatArray,
        log_prior: FloatArray,
        out: FloatArray | None = None,
        *,
        start: int = 0,
        stop: int | None = None,
    ) -> FloatArray:
        """Posterior of patterns ``start .. stop - 1``, shape (stop - start, n_classes).

        Rows sum to 1; a pattern without votes has the softmax of ``log_prior``. ``out``, C-ordered
        float64 of that shape, is filled and returned if given.
        """
        ...

    def scores(
        self,
        log_table: FloatArray,
        log_prior: FloatArray,
        out: FloatArray | None = None,
        *,
        start: int = 0,
        stop: int | None = None,
    ) -> FloatArray:
        """The log joint of patterns ``start .. stop - 1``, shape (stop - start, n_classes)."""
        ...

    def counts_of(self, posterior: FloatArray) -> Expected:
        """M-step statistics of a given posterior, shape (n_patterns, n_classes).

        For a start from majority vote, from gold, or from any other model. ``log_likelihood`` of
        the result is NaN.
        """
        ...
