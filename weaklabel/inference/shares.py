"""Vote shares: counting votes, without a model."""

from __future__ import annotations

import numpy as np

from weaklabel.inference.layout import REASON, Symbols, TableLayout
from weaklabel.inference.rows import Expected, FloatArray, IntArray, VoteRows

BLOCK_CELLS = 1 << 21


def vote_mass(
    indptr: IntArray,
    symbol: IntArray,
    symbols: Symbols,
    vote_weight: FloatArray | None = None,
) -> FloatArray:
    """Votes for each class on each row; a vote for a set is spread evenly over it.

    Reasons to abstain do not count.

    Parameters
    ----------
    indptr : array of int, shape (n_rows + 1,)
    symbol : array of int, shape (n_votes,)
    symbols : Symbols
    vote_weight : array, shape (n_votes,), optional
        What each vote counts; 1 if None.

    Returns
    -------
    array, shape (n_rows, n_classes)

    Notes
    -----
    O(n_votes + n_rows * n_classes); richer symbols cost n_classes each.
    """
    n_rows, n_classes = len(indptr) - 1, symbols.n_classes
    item = np.repeat(np.arange(n_rows), np.diff(indptr))
    plain = slice(None) if symbols.is_plain else np.flatnonzero(symbol < n_classes)
    cell = item[plain] * n_classes + symbol[plain]
    weight = None if vote_weight is None else vote_weight[plain]
    flat = np.bincount(cell, weights=weight, minlength=n_rows * n_classes)
    mass: FloatArray = flat.astype(np.float64, copy=False).reshape(n_rows, n_classes)
    if not symbols.is_plain:
        rich = np.flatnonzero(symbol >= n_classes)
        rich = rich[symbols.kind[symbol[rich]] != REASON]
        step = max(BLOCK_CELLS // n_classes, 1)
        for first in range(0, len(rich), step):
            part = rich[first : first + step]
            share = symbols.affinity[symbol[part]]
            if vote_weight is not None:
                share = share * vote_weight[part, None]
            np.add.at(mass, item[part], share)
    return mass


def normalised(mass: FloatArray, otherwise: FloatArray, pseudo: float = 0.0) -> FloatArray:
    """Rows of ``mass + pseudo * otherwise`` divided by their sums; empty rows get ``otherwise``.

    Parameters
    ----------
    mass : array, shape (n_rows, n_classes)
    otherwise : array, shape (n_classes,)
        A distribution.
    pseudo : float
        Votes that ``otherwise`` weighs.
    """
    out = mass + pseudo * otherwise
    total = out.sum(axis=1, keepdims=True)
    np.divide(out, total, out=out, where=total > 0)
    out[total[:, 0] == 0] = otherwise
    return out


def share_counts(
    rows: VoteRows,
    layout: TableLayout,
    row_weight: FloatArray | None = None,
    pseudo: float = 0.0,
) -> Expected:
    """Expected counts under the vote shares, in bounded memory: a start for EM.

    Parameters
    ----------
    rows : VoteRows
    layout : TableLayout
    row_weight : array, shape (n_table_rows,), optional
        What a vote with each table row counts in the share.
    pseudo : float
        Votes of the uniform distribution added to each row.

    Returns
    -------
    Expected
        Each vote counts once, whatever its weight in the share. ``log_likelihood`` is NaN.
    """
    from scipy.sparse import csr_array

    uniform = np.full(rows.n_classes, 1.0 / rows.n_classes)
    counts = np.zeros((rows.n_table_rows, rows.n_classes))
    classes = np.zeros(rows.n_classes)
    step = max(BLOCK_CELLS // rows.n_classes, 1)
    for first in range(0, rows.n_patterns, step):
        last = min(first + step, rows.n_patterns)
        a, b = int(rows.indptr[first]), int(rows.indptr[last])
        indptr = rows.indptr[first : last + 1].astype(np.int64) - a
        table_row = rows.table_row[a:b].astype(np.int64)
        weight = None if row_weight is None else row_weight[table_row]
        mass = vote_mass(indptr, layout.row_symbol[table_row], layout.symbols, weight)
        share = normalised(mass, uniform, pseudo)
        if rows.weight is not None:
            share *= rows.weight[first:last, None]
        classes += share.sum(axis=0)
        votes = csr_array(
            (np.ones(b - a), table_row, indptr), shape=(last - first, rows.n_table_rows)
        )
        counts += votes.T @ share
    return Expected(counts, classes, float("nan"))
