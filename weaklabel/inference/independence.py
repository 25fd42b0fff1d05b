"""Do voters err independently of each other? Measured on what a posterior leaves unexplained.

If voters are independent given the class, then within a class the residuals of any two of them,

    e_ij = 1[v_ij = y] - P(v_j = y | y),

are uncorrelated. Averaged over pairs, the squared correlation beyond what chance gives (one over
the number of items on which both vote) is near 0 for planted independent voters (below 0.001) and
0.005 or more for every real panel and crowd measured. Where it is near 0, maximum likelihood can be
believed; elsewhere it takes shared errors for truth.
"""

from __future__ import annotations

import numpy as np

from weaklabel.inference.layout import CLASS, TableLayout
from weaklabel.inference.preweights import PreWeights
from weaklabel.inference.rows import FloatArray, IntArray, VoteRows

LEAST_SHARED = 20.0  # items on which both of a pair vote
TOLERANCE = 0.003  # excess squared correlation at which voters are half believed independent
SHARPNESS = 4
PRODUCTS = 1e8


def rows_to_look_at(rows: VoteRows, n_voters: int) -> IntArray:
    """Evenly spaced rows with votes, as many as the pairwise products allow, at least one."""
    voted = np.flatnonzero(np.diff(rows.indptr))
    work = float(len(voted)) * rows.n_classes * n_voters**2
    return voted[:: int(work // PRODUCTS) + 1]


def independence(
    rows: VoteRows, posterior: FloatArray, layout: TableLayout, weights: PreWeights, many: IntArray
) -> float:
    """How far the voters of several classes may be believed independent, in [0, 1].

    Parameters
    ----------
    rows : VoteRows
    posterior : array, shape (n_patterns, n_classes)
        Of these rows, under confusion matrices.
    layout : TableLayout
    weights : PreWeights
        Near-copies are not held against independence: they are discounted already.
    many : array of bool, shape (n_rows,)

    Notes
    -----
    O(n_patterns * n_classes * n_voters^2).
    """
    voter = _voters(layout, many)
    n_voters = int(voter.max(initial=-1)) + 1
    if n_voters < 3:
        return 0.0
    code = np.full((rows.n_patterns, n_voters), -1)
    item = np.repeat(np.arange(rows.n_patterns), np.diff(rows.indptr))
    column = voter[layout.row_lf[rows.table_row]]
    kept = column >= 0
    code[item[kept], column[kept]] = layout.row_symbol[rows.table_row[kept]]
    voted = (code >= 0).astype(np.float64)
    weight = np.ones(rows.n_patterns) if rows.weight is None else rows.weight
    shared = voted.T @ (voted * weight[:, None])
    together, spread = np.zeros_like(shared), np.zeros_like(shared)
    for y in range(rows.n_classes):
        mass = (posterior[:, y] * weight)[:, None]
        says = (code == y).astype(np.float64)
        rate = (mass * says).sum(axis=0) / np.maximum((mass * voted).sum(axis=0), 1e-300)
        residual = (says - rate) * voted
        together += residual.T @ (mass * residual)
        spread += (residual**2).T @ (mass * voted)
    squared = together**2 / np.maximum(spread * spread.T, 1e-300)
    worth, alone = _worths(layout, weights, voter, n_voters)
    every = _pair_weights(layout, weights, voter, worth)
    checked = every * (shared >= LEAST_SHARED)
    pair = checked * shared
    total = float(pair.sum())
    if total <= 0:
        return 0.0
    by_chance = 1.0 / np.maximum(shared, 1.0)
    excess = float((pair * (squared - by_chance)).sum()) / total
    effective = float(worth.sum())
    share = float(checked.sum() / every.sum())
    n_pairs = max(effective * (effective - 1.0) / 2.0 * share, 1.0)
    error = (2.0 / n_pairs) ** 0.5 * float((pair * by_chance).sum()) / total
    # pairs that hardly meet cannot be checked, and coins err independently without being voters
    believed = share * min(1.0, 2.0 * effective / float(alone.sum()))
    return float(believed / (1.0 + ((max(excess, 0.0) + error) / TOLERANCE) ** SHARPNESS))


def _voters(layout: TableLayout, many: IntArray) -> IntArray:
    """Column of each LF among the voters of several classes for single classes; -1 for others."""
    plain = layout.per_lf((layout.symbols.kind[layout.row_symbol] != CLASS).astype(float)) == 0
    judged = layout.lfs[many[layout.starts] & plain]
    out = np.full(layout.n_lfs, -1)
    out[judged] = np.arange(len(judged))
    return out


def _worths(
    layout: TableLayout, weights: PreWeights, voter: IntArray, n_voters: int
) -> tuple[FloatArray, FloatArray]:
    """What each voter counts, with squared trust, and what it would count if trusted."""
    n_symbols = np.maximum(layout.per_lf(np.ones(layout.n_rows)), 1.0)
    column = voter[layout.lfs]
    kept = column >= 0
    worth, alone = np.zeros(n_voters), np.zeros(n_voters)
    worth[column[kept]] = (layout.per_lf(weights.duplicate * weights.trust**2) / n_symbols)[kept]
    alone[column[kept]] = (layout.per_lf(weights.duplicate) / n_symbols)[kept]
    return worth, alone


def _pair_weights(
    layout: TableLayout, weights: PreWeights, voter: IntArray, worth: FloatArray
) -> FloatArray:
    """What a pair counts; 0 for an LF with itself and for near-copies."""
    pair = np.outer(worth, worth)
    np.fill_diagonal(pair, 0.0)
    first, second = voter[layout.row_lf[weights.near]].T if len(weights.near) else ([], [])
    met = np.logical_and(np.asarray(first) >= 0, np.asarray(second) >= 0)
    first, second = np.asarray(first, int)[met], np.asarray(second, int)[met]
    pair[first, second] = pair[second, first] = 0.0
    return np.asarray(pair)
