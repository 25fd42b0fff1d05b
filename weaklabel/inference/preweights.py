"""What a vote is worth before any model: copies, constants and noise are discounted.

Three factors per table row, each 1 for an LF with nothing wrong:

``dup``    1 / (1 + sum over other LFs of J^10), J the Jaccard overlap of the rows on which both
           cast the vote. An exact copy halves the weight; LFs that merely agree keep theirs, since
           good LFs agree because they are right.
``const``  for one-sided LFs: falls to 0 as coverage goes from 0.9 to 1. An LF that says the same of
           every row says nothing.
``gate``   for LFs of several classes: chance-corrected agreement (kappa) with the other LFs on the
           same rows; an LF that agrees with nobody is noise. One-sided rules are not gated: where
           they vote there is often nobody to agree with.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from weaklabel.inference.layout import REASON, TableLayout
from weaklabel.inference.rows import FloatArray, IntArray, VoteRows

LEAST_VOTES = 10.0
OVERLAP_POWER = 10
CONSTANT_FROM = 0.9
GATE_COUNT = 20.0
KAPPA_LOW, KAPPA_HIGH = 0.05, 0.1
PAIRS = 10_000_000  # pairs of votes on one row that are counted; beyond, every s-th row
CELLS = 8_000_000  # votes x classes that are looked at for the gate


@dataclass(frozen=True, eq=False)
class PreWeights:
    """Factors per table row, shape (n_rows,) each, and their product.

    Attributes
    ----------
    duplicate, constant, gate : array, shape (n_rows,)
    agreement : array, shape (n_active,)
        Kappa of each LF with the others; NaN for one-sided LFs.
    """

    duplicate: FloatArray
    constant: FloatArray
    gate: FloatArray
    agreement: FloatArray

    @property
    def product(self) -> FloatArray:
        """The weight of a vote with each table row."""
        return np.asarray(self.duplicate * self.constant * self.gate)


def pre_weights(
    rows: VoteRows, layout: TableLayout, votes: FloatArray, many: IntArray, share_weight: FloatArray
) -> PreWeights:
    """Discounts for votes.

    Parameters
    ----------
    rows : VoteRows
    layout : TableLayout
    votes : array, shape (n_rows,)
        Weight of the items with each table row.
    many : array of bool, shape (n_rows,)
        Whether the row's LF votes for several classes.
    share_weight : array, shape (n_rows,)
        What a vote counts in the class-normalised share, for the gate.

    Notes
    -----
    O(sum of squared votes per row) up to ``PAIRS``, and O(n_votes * n_classes) up to ``CELLS``; on
    more votes the overlaps and agreements are those of an evenly spaced part of the rows.
    """
    coverage = (layout.per_lf(votes) / max(rows.total_weight, 1e-300))[layout.segment]
    constant = np.clip((1.0 - coverage) / (1.0 - CONSTANT_FROM), 0.0, 1.0)
    gate, kappa = _gate(rows, layout, votes, many, share_weight)
    return PreWeights(_duplicate(rows, layout, votes), np.where(many, 1.0, constant), gate, kappa)


def _duplicate(rows: VoteRows, layout: TableLayout, votes: FloatArray) -> FloatArray:
    """1 / (1 + sum of J^10 over the rows of other LFs with the same symbol)."""
    from scipy.sparse import csr_array

    lengths = np.diff(rows.indptr).astype(np.float64)
    part = _every(rows, stride=int(lengths @ lengths // PAIRS) + 1)
    n_part = part.n_patterns
    hits = csr_array(
        (np.ones(part.n_votes), part.table_row.astype(np.int32), part.indptr),
        shape=(n_part, layout.n_rows),
    )
    weight = np.ones(n_part) if part.weight is None else part.weight
    weighted = csr_array(
        (np.repeat(weight, np.diff(part.indptr)), hits.indices, hits.indptr), shape=hits.shape
    )
    both = (hits.T @ weighted).tocoo()
    first, second = both.coords
    alone = np.zeros(layout.n_rows)
    own = first == second
    alone[first[own]] = both.data[own]
    symbol = layout.row_symbol
    enough = votes >= LEAST_VOTES
    is_reason = layout.symbols.kind[symbol] == REASON
    usable = ~own & (symbol[first] == symbol[second]) & enough[first] & enough[second]
    usable &= ~is_reason[first]
    first, second, together = first[usable], second[usable], both.data[usable]
    jaccard = together / (alone[first] + alone[second] - together)
    copies = np.bincount(first, weights=jaccard**OVERLAP_POWER, minlength=layout.n_rows)
    return np.asarray(1.0 / (1.0 + copies))


def _gate(
    rows: VoteRows, layout: TableLayout, votes: FloatArray, many: IntArray, share_weight: FloatArray
) -> tuple[FloatArray, FloatArray]:
    kappa = np.full(len(layout.lfs), np.nan)
    if not many.any():
        return np.ones(layout.n_rows), kappa
    cells = float(rows.n_votes) * layout.n_classes
    part = _every(rows, stride=int(cells // CELLS) + 1)
    mass, total, seen = _agreement(part, layout, share_weight)
    inside = (mass * layout.symbols.membership[layout.row_symbol]).sum(axis=1)
    of_lf = np.maximum(layout.per_lf(seen), 1e-300)
    agreed = layout.per_lf(inside) / of_lf
    mean = layout.per_lf(mass) / of_lf[:, None]  # (n_active, n_classes)
    share = seen / of_lf[layout.segment]
    spoken = layout.symbols.membership[layout.row_symbol]
    chance = layout.per_lf(share * (spoken * mean[layout.segment]).sum(axis=1))
    judged = many[layout.starts]
    found = np.maximum((agreed - chance) / np.maximum(1.0 - chance, 1e-12), 0.0)
    kappa[judged] = found[judged]
    scale = float(np.clip(found[judged].max(), KAPPA_LOW, KAPPA_HIGH))
    evidence = layout.per_lf(total) * (layout.per_lf(votes) / of_lf)
    gate = (evidence * np.minimum(1.0, found / scale) + GATE_COUNT) / (evidence + GATE_COUNT)
    return np.where(many, gate[layout.segment], 1.0), kappa


def _agreement(
    rows: VoteRows, layout: TableLayout, share_weight: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Per table row: summed shares of the *other* LFs' votes, their total, and the weight of items.

    The share of the others on a row is their class-normalised votes over (their sum + 1), so that
    rows where few others vote count little.
    """
    from scipy.sparse import csr_array

    n_classes = layout.n_classes
    mass, seen = np.zeros((layout.n_rows, n_classes)), np.zeros(layout.n_rows)
    is_vote = layout.symbols.kind[layout.row_symbol] != REASON
    speaks = layout.symbols.affinity[layout.row_symbol] * (share_weight * is_vote)[:, None]
    weight_of = share_weight * is_vote
    step = max((1 << 20) // n_classes, 1)
    for first in range(0, rows.n_patterns, step):
        last = min(first + step, rows.n_patterns)
        a, b = int(rows.indptr[first]), int(rows.indptr[last])
        indptr = rows.indptr[first : last + 1].astype(np.int64) - a
        table_row = rows.table_row[a:b].astype(np.int32)
        shape = (last - first, layout.n_rows)
        hits = csr_array((np.ones(b - a), table_row, indptr), shape=shape)
        of_item, sum_of_item = hits @ speaks, hits @ weight_of
        item = np.repeat(np.arange(last - first), np.diff(indptr))
        weight = np.ones(b - a) if rows.weight is None else rows.weight[first:last][item]
        # a vote is left out of what it is compared with
        scaled = weight / (sum_of_item[item] - weight_of[table_row] + 1.0)
        each = csr_array((scaled, table_row, indptr), shape=shape)
        mass += each.T @ of_item
        scale = np.bincount(table_row, weights=scaled, minlength=layout.n_rows)
        mass -= scale[:, None] * speaks
        seen += np.bincount(table_row, weights=weight, minlength=layout.n_rows)
    np.maximum(mass, 0.0, out=mass)
    return mass, mass.sum(axis=1), seen


def _every(rows: VoteRows, stride: int) -> VoteRows:
    """Every ``stride``-th row."""
    if stride <= 1:
        return rows
    chosen = np.arange(0, rows.n_patterns, stride)
    lengths = np.diff(rows.indptr).astype(np.int64)[chosen]
    ends = np.cumsum(lengths)
    take = np.arange(int(ends[-1])) + np.repeat(
        rows.indptr[chosen].astype(np.int64) - (ends - lengths), lengths
    )
    return VoteRows(
        np.concatenate([[0], ends]),
        rows.table_row[take],
        None if rows.weight is None else rows.weight[chosen],
        rows.n_table_rows,
        rows.n_classes,
        rows.row_lf,
    )
