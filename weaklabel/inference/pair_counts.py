"""Counting pairs of votes in compiled code.

The rows are read once; each adds its weight to one cell per pair of its votes. Blocks of rows are
counted into a table per thread and added in the order of the blocks, so the number of threads
changes no bit.
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
