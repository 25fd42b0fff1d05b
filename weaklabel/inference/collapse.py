"""Equal rows of votes, grouped, where that saves work.

Items with equal votes have equal posteriors, so an E-step over distinct rows with multiplicities
gives the same sums. Grouping a million rows takes about as long as ten E-steps over them, so it
pays where rows repeat often: a sample tells beforehand.

Rows are told apart by a 64-bit hash, the wrapping sum over the row's votes of a pseudo-random
number per table row (Zobrist hashing); every row is then compared with the first row of its group,
so the result is exact. Groups come in the order of their hashes: it depends on content only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from weaklabel.inference.kernels import jit
from weaklabel.inference.parallel import available_threads, run_blocks
from weaklabel.inference.rows import FloatArray, IntArray, VoteRows

USEFUL_SHARE = 0.5
"""Rows are grouped if there are at most this many distinct ones per row."""
N_SAMPLE = 1 << 15
CHUNK = 1 << 16


@dataclass(frozen=True, eq=False)
class Groups:
    """The groups of equal rows.

    Attributes
    ----------
    representative : array of int64, shape (n_groups,)
        The first row of each group.
    inverse : array of int32 or int64, shape (n_rows,)
        The group of each row.
    size : array of float64, shape (n_groups,)
        Rows (or summed weights) of each group.
    """

    representative: IntArray
    inverse: IntArray
    size: FloatArray


def collapse(rows: VoteRows, *, n_threads: int | None = None) -> tuple[VoteRows, IntArray]:
    """Distinct rows with their summed weights, and the position of each row among them.

    Raises
    ------
    RuntimeError
        If four 64-bit hashes in a row collide, which does not happen.
    """
    groups = group_rows(rows, n_threads=n_threads)
    first = rows.indptr[groups.representative].astype(np.int64)
    lengths = rows.indptr[groups.representative + 1] - first
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    take = np.repeat(first - indptr[:-1], lengths) + np.arange(indptr[-1])
    distinct = VoteRows(
        indptr.astype(rows.indptr.dtype),
        rows.table_row[take],
        groups.size,
        rows.n_table_rows,
        rows.n_classes,
        rows.row_lf,
    )
    return distinct, groups.inverse


def worth_collapsing(sample: VoteRows, n_rows: int | None = None) -> bool:
    """Whether rows repeat often enough for grouping to pay.

    Parameters
    ----------
    sample : VoteRows
        All rows, or some of them, evenly spaced; more than N_SAMPLE are thinned out.
    n_rows : int, optional
        How many rows there are in all; default those of the sample.

    Notes
    -----
    The number of distinct rows d(n) is extrapolated as a power of n from the sample and its half; a
    plain share of the sample would miss patterns that are rare in it and many times in the whole.
    """
    n_rows = sample.n_patterns if n_rows is None else n_rows
    if sample.n_patterns < 2:
        return False
    step = max(sample.n_patterns // N_SAMPLE, 1)
    hashes = _hashes(sample, np.arange(0, sample.n_patterns, step), seed=0, n_threads=1)
    whole, half = _n_distinct(hashes), _n_distinct(hashes[::2])
    growth = min(float(np.log2(whole / half)), 1.0)
    predicted = whole * (n_rows / len(hashes)) ** growth
    return bool(predicted <= USEFUL_SHARE * n_rows)


def _n_distinct(values: IntArray) -> int:
    values = np.sort(values)
    return 1 + int(np.count_nonzero(values[1:] != values[:-1]))


def group_rows(rows: VoteRows, *, n_threads: int | None = None) -> Groups:
    """Group equal rows; see the module for how.

    Notes
    -----
    O(n_votes + n log n); 28 bytes per row at the peak.
    """
    n_threads = available_threads() if n_threads is None else n_threads
    n = rows.n_patterns
    for seed in range(4):
        hashes = _hashes(rows, np.arange(n), seed, n_threads)
        order = np.argsort(hashes)
        hashes = hashes[order]
        starts = np.flatnonzero(np.concatenate([[True][:n], hashes[1:] != hashes[:-1]]))
        representative = np.minimum.reduceat(order, starts) if n else order
        sizes = np.diff(starts, append=n)
        inverse = np.empty(n, dtype=np.int32 if n < 2**31 else np.int64)
        inverse[order] = np.repeat(np.arange(len(starts), dtype=inverse.dtype), sizes)
        if _all_equal(rows, representative, inverse, n_threads):
            break
    else:  # pragma: no cover
        raise RuntimeError("rows could not be told apart by four 64-bit hashes")
    if rows.weight is None:
        return Groups(representative, inverse, np.asarray(sizes, dtype=np.float64))
    summed = np.asarray(
        np.bincount(inverse, weights=rows.weight, minlength=len(starts)), dtype=np.float64
    )
    return Groups(representative, inverse, summed)


def _hashes(rows: VoteRows, which: IntArray, seed: int, n_threads: int) -> IntArray:
    draws = np.random.default_rng(seed).integers(2**64, size=rows.n_table_rows, dtype=np.uint64)
    out = np.empty(len(which), dtype=np.uint64)

    def compute(chunk: int, _slot: int) -> None:
        part = slice(chunk * CHUNK, (chunk + 1) * CHUNK)
        _hash_rows(rows.indptr, rows.table_row, draws, which[part], out[part])

    run_blocks(-(-len(which) // CHUNK), n_threads, compute)
    return out


def _all_equal(rows: VoteRows, representative: IntArray, inverse: IntArray, n_threads: int) -> bool:
    equal = np.zeros(-(-len(inverse) // CHUNK), dtype=bool)

    def compute(chunk: int, _slot: int) -> None:
        start, stop = chunk * CHUNK, min((chunk + 1) * CHUNK, len(inverse))
        equal[chunk] = _rows_equal(
            rows.indptr, rows.table_row, representative, inverse, start, stop
        )

    run_blocks(len(equal), n_threads, compute)
    return bool(equal.all())


@jit()
def _hash_rows(indptr: Any, table_row: Any, draws: Any, which: Any, out: Any) -> None:
    for k in range(len(which)):
        total = np.uint64(0)
        for v in range(indptr[which[k]], indptr[which[k] + 1]):
            total += draws[table_row[v]]
        out[k] = total


@jit()
def _rows_equal(
    indptr: Any, table_row: Any, representative: Any, inverse: Any, start: int, stop: int
) -> bool:
    for i in range(start, stop):
        first, other = indptr[i], indptr[representative[inverse[i]]]
        n = indptr[i + 1] - first
        if indptr[representative[inverse[i]] + 1] - other != n:
            return False
        for v in range(n):
            if table_row[first + v] != table_row[other + v]:
                return False
    return True
