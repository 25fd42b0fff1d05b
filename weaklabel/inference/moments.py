"""First, second and third moments of the votes, straight from the sparse rows.

Every pair (LF, symbol) that occurs is an indicator: 1 on an item where the LF casts that vote, 0
elsewhere, abstentions included. With weights w_i and n = sum_i w_i,

    first[r]     = sum_i w_i [r voted on i]
    second[r, s] = sum_i w_i [r and s voted on i]

are all that moment estimators of a label model need: their cost afterwards does not depend on the
number of items. They are sums, so the moments of two shards are added: ``a + b``. No one-hot matrix
of items times indicators is ever formed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from weaklabel.inference.rows import FloatArray, IntArray, VoteRows

COMPILED_FROM = 1 << 22
"""Pairs of votes from which compiled code is used: below, a sparse product takes 50 ms."""
COMPILED_CELLS = 1 << 22
"""Largest table of pairs for compiled code: each thread has one (32 MB)."""
COMPILED_SUMS_FROM = 1 << 21
"""Votes x columns from which third moments are summed in compiled code."""
BLOCK_CELLS = 1 << 21


@dataclass(frozen=True, eq=False)
class Moments:
    """Weighted counts of indicators and of pairs of them.

    Attributes
    ----------
    weight : float
        Weight of all items, those without votes included.
    first : array, shape (n_rows,)
    second : array, shape (n_rows, n_rows)
        Symmetric; its diagonal is ``first``.
    """

    weight: float
    first: FloatArray
    second: FloatArray

    def __add__(self, other: Moments) -> Moments:
        return Moments(
            self.weight + other.weight, self.first + other.first, self.second + other.second
        )

    @cached_property
    def mean(self) -> FloatArray:
        """P(vote), shape (n_rows,)."""
        return self.first / max(self.weight, 1e-300)

    @cached_property
    def joint(self) -> FloatArray:
        """P(both votes), shape (n_rows, n_rows)."""
        return self.second / max(self.weight, 1e-300)

    @cached_property
    def covariance(self) -> FloatArray:
        """P(both votes) - P(one) P(other), shape (n_rows, n_rows)."""
        return np.asarray(self.joint - np.outer(self.mean, self.mean))


def vote_moments(rows: VoteRows, *, n_threads: int | None = None) -> Moments:
    """First and second moments of the votes.

    Parameters
    ----------
    rows : VoteRows
        Patterns or plain rows; weights are used where there are any.
    n_threads : int, optional
        Threads of the compiled kernel; default all cores.

    Returns
    -------
    Moments

    Notes
    -----
    O(sum of squared votes per row), plus one array of n_rows * n_rows. Weights that are whole
    numbers give sums without rounding, whatever the order of the rows.
    """
    lengths = np.diff(rows.indptr).astype(np.float64)
    if rows.n_table_rows**2 <= COMPILED_CELLS and lengths @ lengths >= COMPILED_FROM:
        from weaklabel.inference.moment_kernels import count_pairs

        second = count_pairs(rows, n_threads)
    else:
        second = _sparse_product(rows)
    return Moments(rows.total_weight, second.diagonal().copy(), second)


def lf_overlap(moments: Moments, row_lf: IntArray) -> tuple[FloatArray, FloatArray]:
    """Items on which two LFs both vote, and how many that would be if they voted independently.

    Returns
    -------
    both, expected : array, shape (n_lfs_with_rows, n_lfs_with_rows)
        LFs ascend.
    """
    member = _membership(row_lf)
    each = member @ moments.first
    both = member @ moments.second @ member.T
    return both, np.outer(each, each) / max(moments.weight, 1e-300)


def as_if_unassigned(
    moments: Moments, row_lf: IntArray, assigned: IntArray
) -> tuple[Moments, FloatArray]:
    """The moments if LFs voted independently of each other, as far as pairs overlap at all.

    Where items are assigned to LFs (tasks to the workers of a crowd), how often two of them vote on
    the same item says nothing of the class. With c_j the share of items LF j votes on and c_jl that
    on which both do, joint probabilities are multiplied by c_j c_l / c_jl.

    Parameters
    ----------
    moments : Moments
    row_lf : array of int, shape (n_rows,)
    assigned : array of bool, shape (n_lfs_with_rows,)
        Only pairs of such LFs are treated so.

    Returns
    -------
    moments : Moments
    information : array, shape (n_rows, n_rows)
        What a pair counts: min(c_jl / (c_j c_l), 1) for such pairs, 0 where LFs never meet; else 1.
    """
    both, expected = lf_overlap(moments, row_lf)
    overlap = both / np.maximum(expected, 1e-300)
    overlap[~(assigned[:, None] & assigned)] = 1.0
    overlap[np.diag_indices(len(overlap))] = 1.0
    column = np.unique(row_lf, return_inverse=True)[1]
    scale = np.zeros_like(overlap)
    np.divide(1.0, overlap, out=scale, where=overlap > 0)
    pairs = np.ix_(column, column)
    second = moments.second * scale[pairs]
    return Moments(moments.weight, moments.first, second), np.minimum(overlap, 1.0)[pairs]


def _membership(row_lf: IntArray) -> FloatArray:
    """Which rows are of which LF, shape (n_lfs_with_rows, n_rows)."""
    lfs, column = np.unique(row_lf, return_inverse=True)
    return np.asarray((column == np.arange(len(lfs))[:, None]).astype(np.float64))


def _sparse_product(rows: VoteRows) -> FloatArray:
    votes = indicator_matrix(rows)
    if rows.weight is None:
        return np.asarray((votes.T @ votes).toarray())
    weighted = votes.copy()
    weighted.data = weighted.data * np.repeat(rows.weight, np.diff(rows.indptr))
    second = np.asarray((votes.T @ weighted).toarray())
    return np.asarray(0.5 * (second + second.T))  # symmetric to the last bit


def indicator_matrix(rows: VoteRows) -> Any:
    """The sparse matrix of items (patterns) times indicators, n_votes entries of 1."""
    from scipy.sparse import csr_array

    shape = (rows.n_patterns, rows.n_table_rows)
    votes = (np.ones(rows.n_votes), rows.table_row.astype(np.int32), rows.indptr)
    return csr_array(votes, shape=shape)


@dataclass(frozen=True, eq=False)
class TripleSums:
    """Sums over items of the products of three different LFs' values.

    Attributes
    ----------
    total, squares : array, shape (n_columns,)
        sum_i w_i e_i and sum_i w_i e_i^2.
    by_lf : array, shape (n_lfs, n_columns)
        The part of ``total`` in triples that contain the LF; sums to three times the total.
    weight : float
    """

    total: FloatArray
    squares: FloatArray
    by_lf: FloatArray
    weight: float

    def __add__(self, other: TripleSums) -> TripleSums:
        return TripleSums(
            self.total + other.total,
            self.squares + other.squares,
            self.by_lf + other.by_lf,
            self.weight + other.weight,
        )


def triple_sums(
    rows: VoteRows, value: FloatArray, silent: FloatArray, *, n_threads: int | None = None
) -> TripleSums:
    """Third moments between different LFs, summed over all triples of LFs.

    With a_j the value of LF j on an item (``value[r]`` where it casts vote r, ``silent[j]`` where
    it abstains) and power sums p_q = sum_j a_j^q,

        e_i = sum_{j < k < l} a_j a_k a_l = (p1^3 - 3 p1 p2 + 2 p3) / 6,
        part of e_i with LF j = a_j ((p1 - a_j)^2 - (p2 - a_j^2)) / 2
                              = a_j (p1^2 - p2) / 2 - a_j^2 p1 + a_j^3,

    so a sum over all triples costs as much as a sum over votes.

    Parameters
    ----------
    rows : VoteRows
    value : array, shape (n_table_rows, n_columns)
        One column per set of values.
    silent : array, shape (n_lfs, n_columns)
        By LF, in the numbering of ``rows.row_lf``.
    n_threads : int, optional
        Threads of the compiled kernel; default all cores.

    Notes
    -----
    O(n_votes * n_columns), in blocks of bounded memory.
    """
    powers = np.stack([value**q - silent[rows.row_lf] ** q for q in (1, 2, 3)], axis=1)
    base = np.stack([(silent**q).sum(axis=0) for q in (1, 2, 3)])
    if rows.n_votes * value.shape[1] >= COMPILED_SUMS_FROM:
        from weaklabel.inference.moment_kernels import sum_triples

        products, means, seen = sum_triples(rows, powers, base, n_threads)
    else:
        products, means, seen = _sparse_triples(rows, powers, base)
    by_lf = _parts(rows, value, silent, means, seen)
    return TripleSums(products[0], products[1], by_lf, rows.total_weight)


def _sparse_triples(
    rows: VoteRows, powers: FloatArray, base: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """See :func:`~weaklabel.inference.moment_kernels.sum_triples`."""
    n_columns = base.shape[1]
    flat = powers.reshape(-1, 3 * n_columns)
    products, means, seen = np.zeros((2, n_columns)), np.zeros((3, n_columns)), np.zeros_like(flat)
    votes = indicator_matrix(rows)
    step = max(BLOCK_CELLS // max(3 * n_columns, 1), 1)
    for first in range(0, rows.n_patterns, step):
        part = slice(first, min(first + step, rows.n_patterns))
        block = votes[part]
        p1, p2, p3 = np.split(block @ flat + base.ravel(), 3, axis=1)
        triples = (p1**3 - 3.0 * p1 * p2 + 2.0 * p3) / 6.0
        weight = np.ones(len(triples)) if rows.weight is None else rows.weight[part]
        products += np.stack([weight @ triples, weight @ triples**2])
        about = np.hstack([0.5 * (p1**2 - p2), p1, np.ones_like(p1)]) * weight[:, None]
        means += about.sum(axis=0).reshape(3, n_columns)
        seen += block.T @ about
    return products, means, seen.reshape(powers.shape)


def _parts(
    rows: VoteRows, value: FloatArray, silent: FloatArray, means: FloatArray, seen: FloatArray
) -> FloatArray:
    """As if each LF were silent on all items, corrected where it votes."""

    def part(a: FloatArray, sums: FloatArray) -> FloatArray:
        return np.asarray(a * sums[..., 0, :] - a**2 * sums[..., 1, :] + a**3 * sums[..., 2, :])

    by_lf = part(silent, means)
    change = part(value, seen) - part(silent[rows.row_lf], seen)
    np.add.at(by_lf, rows.row_lf, change)
    return by_lf
