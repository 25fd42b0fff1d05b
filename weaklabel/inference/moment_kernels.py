"""Second and third moments in compiled code.

The rows are read once. For pairs, each row adds its weight to one cell per pair of its votes; for
triples, power sums of the row's values are formed in registers and added where its votes point.
Blocks of rows are summed into a slot per thread and added in the order of the blocks, so the number
of threads changes no bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from weaklabel.inference.kernels import jit
from weaklabel.inference.parallel import available_threads, run_blocks
from weaklabel.inference.rows import FloatArray, VoteRows

BLOCK_ROWS = 1 << 17


def count_pairs(rows: VoteRows, n_threads: int | None = None) -> FloatArray:
    """Weight of the rows that have both votes, shape (n_table_rows, n_table_rows).

    Notes
    -----
    O(sum of squared votes per row); one table per thread.
    """
    n_threads = available_threads() if n_threads is None else n_threads
    n_blocks = -(-rows.n_patterns // BLOCK_ROWS)
    n_slots = max(min(n_threads, n_blocks), 1)
    size = rows.n_table_rows
    tables = np.zeros((n_slots, size, size))
    total = np.zeros((size, size))
    weight = np.ones(0) if rows.weight is None else rows.weight

    def compute(block: int, slot: int) -> None:
        tables[slot] = 0.0
        stop = min((block + 1) * BLOCK_ROWS, rows.n_patterns)
        _count(rows.indptr, rows.table_row, weight, block * BLOCK_ROWS, stop, tables[slot])

    def add(_block: int, slot: int) -> None:
        np.add(total, tables[slot], out=total)

    run_blocks(n_blocks, n_slots, compute, add)
    both = total + total.T
    both[np.diag_indices(size)] = total.diagonal()
    return both


@jit()
def _count(indptr: Any, table_row: Any, weight: Any, start: int, stop: int, out: Any) -> None:
    weighted = len(weight) > 0
    for i in range(start, stop):
        w = weight[i] if weighted else 1.0
        for a in range(indptr[i], indptr[i + 1]):
            row = out[table_row[a]]
            for b in range(a, indptr[i + 1]):
                row[table_row[b]] += w


def sum_triples(
    rows: VoteRows, powers: FloatArray, base: FloatArray, n_threads: int | None = None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """What :func:`~weaklabel.inference.moments.triple_sums` adds up over items.

    Parameters
    ----------
    rows : VoteRows
    powers : array, shape (n_table_rows, 3, n_columns)
        What a vote adds to the power sums p1, p2, p3.
    base : array, shape (3, n_columns)
        Power sums of an item without votes.
    n_threads : int, optional

    Returns
    -------
    products : array, shape (2, n_columns)
        Sums of e and of e^2.
    means : array, shape (3, n_columns)
        Sums of (p1^2 - p2) / 2, of p1, and of 1.
    seen : array, shape (n_table_rows, 3, n_columns)
        The same over the items with each vote.
    """
    n_threads = available_threads() if n_threads is None else n_threads
    n_blocks = -(-rows.n_patterns // BLOCK_ROWS)
    n_slots = max(min(n_threads, n_blocks), 1)
    shape = (rows.n_table_rows + 2, 3, powers.shape[2])  # seen, then means, then products
    tables, total = np.zeros((n_slots, *shape)), np.zeros(shape)
    weight = np.ones(0) if rows.weight is None else rows.weight

    def compute(block: int, slot: int) -> None:
        tables[slot] = 0.0
        stop = min((block + 1) * BLOCK_ROWS, rows.n_patterns)
        start = block * BLOCK_ROWS
        _triples(rows.indptr, rows.table_row, weight, powers, base, start, stop, tables[slot])

    def add(_block: int, slot: int) -> None:
        np.add(total, tables[slot], out=total)

    run_blocks(n_blocks, n_slots, compute, add)
    return total[-1, :2], total[-2], total[:-2]


@jit()
def _triples(
    indptr: Any,
    table_row: Any,
    weight: Any,
    powers: Any,
    base: Any,
    start: int,
    stop: int,
    out: Any,
) -> None:
    weighted = len(weight) > 0
    means, products = out[len(out) - 2], out[len(out) - 1]
    for i in range(start, stop):
        w = weight[i] if weighted else 1.0
        for c in range(base.shape[1]):
            p1, p2, p3 = base[0, c], base[1, c], base[2, c]
            for v in range(indptr[i], indptr[i + 1]):
                row = powers[table_row[v]]
                p1 += row[0, c]
                p2 += row[1, c]
                p3 += row[2, c]
            e = (p1 * p1 * p1 - 3.0 * p1 * p2 + 2.0 * p3) / 6.0
            products[0, c] += w * e
            products[1, c] += w * e * e
            pairs = 0.5 * w * (p1 * p1 - p2)
            first = w * p1
            means[0, c] += pairs
            means[1, c] += first
            means[2, c] += w
            for v in range(indptr[i], indptr[i + 1]):
                seen = out[table_row[v]]
                seen[0, c] += pairs
                seen[1, c] += first
                seen[2, c] += w
