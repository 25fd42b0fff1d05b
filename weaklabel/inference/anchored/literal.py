"""What votes say if they are read literally: for which classes, and how much that counts."""

from __future__ import annotations

import numpy as np

from weaklabel.inference.layout import REASON, TableLayout
from weaklabel.inference.rows import FloatArray, IntArray, VoteRows

SHARE_EXPONENT_ONE = 0.5
SHARE_EXPONENT_MANY = 0.25


def votes_for_many(layout: TableLayout) -> IntArray:
    """Whether the LF of each table row votes for more than one class, shape (n_rows,)."""
    kind = layout.symbols.kind[layout.row_symbol]
    if layout.symbols.is_plain:
        several = layout.per_lf(np.ones(layout.n_rows)) >= 2
    else:
        speaks = layout.symbols.membership[layout.row_symbol] >= 1.0
        speaks[kind == REASON] = False
        # an LF is one-sided if all its symbols speak for the same classes
        sums = layout.per_lf(speaks.astype(np.float64))
        voting = layout.per_lf((kind != REASON).astype(np.float64))
        several = np.asarray(((sums > 0) & (sums < voting[:, None])).any(axis=1))
    return np.asarray(several[layout.segment])


def literal_odds(layout: TableLayout) -> FloatArray:
    """1 on the classes each table row speaks for, centred over the classes; 0 for reasons.

    Returns
    -------
    array, shape (n_rows, n_classes)
    """
    member = (layout.symbols.membership[layout.row_symbol] >= 1.0).astype(np.float64)
    member[layout.symbols.kind[layout.row_symbol] == REASON] = 0.0
    return np.asarray(member - member.mean(axis=1, keepdims=True))


def class_normalised(layout: TableLayout, votes: FloatArray, many: IntArray) -> FloatArray:
    """Weight of a vote that makes classes which many vote for count less, shape (n_rows,).

    share[v]^-0.5 for one-sided LFs and share[v]^-0.25 for the others, where share is the share of
    the votes class v gets; scaled so that the mean weight per vote is 1 in each of the two groups.
    """
    affinity = layout.symbols.affinity[layout.row_symbol]
    mass = votes @ affinity + 1.0
    share = affinity @ (mass / mass.sum())
    exponent = np.where(many, SHARE_EXPONENT_MANY, SHARE_EXPONENT_ONE)
    weight: FloatArray = np.power(share, -exponent)
    for group in (many, ~many):
        total = float(votes[group].sum())
        if total > 0:
            weight[group] = weight[group] * (total / float(votes[group] @ weight[group]))
    return weight


def vote_counts(rows: VoteRows) -> FloatArray:
    """Weight of the rows with each vote, shape (n_table_rows,)."""
    per_vote = None
    if rows.weight is not None:
        per_vote = np.repeat(rows.weight, np.diff(rows.indptr))
    return np.bincount(rows.table_row, weights=per_vote, minlength=rows.n_table_rows).astype(
        np.float64
    )


def weight_of_empty(rows: VoteRows) -> float:
    """Weight of the rows without votes."""
    empty = np.diff(rows.indptr) == 0
    return float(empty.sum() if rows.weight is None else rows.weight @ empty)
