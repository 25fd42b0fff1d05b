"""What a vote is worth before any model: copies, constants and noise are discounted.

Three factors per table row, each 1 for an LF with nothing wrong:

``dup``    1 / (1 + sum over other LFs of J^10), J the Jaccard overlap of the rows on which both
           cast the vote. An exact copy halves the weight; LFs that merely agree keep theirs, since
           good LFs agree because they are right.
``const``  for one-sided LFs: falls to 0 as coverage goes from 0.9 to 1. An LF that says the same of
           every row says nothing.
``gate``   for LFs of several classes: chance-corrected agreement (kappa) with the other LFs on the
           same rows; an LF that agrees with nobody is noise. Done twice: noise found in the first
           round does not count among the others in the second, or many noisy LFs would drown the
           agreement of the good ones. One-sided rules are not gated: where they vote there is often
           nobody to agree with.

Copies cancel exactly: k copies of an LF are worth 1/k each, and an LF is not compared with its own
copies, so that all that follows is as if there were one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from weaklabel.inference.layout import REASON, SET, TableLayout
from weaklabel.inference.rows import FloatArray, IntArray, VoteRows

LEAST_VOTES = 10.0
OVERLAP_POWER = 10
NEAR = 0.8  # Jaccard overlap from which two LFs are named as near-copies
CONSTANT_FROM = 0.9
GATE_COUNT = 10.0
GATE_ROUNDS = 2
KAPPA_LOW, KAPPA_HIGH = 0.05, 0.2
KAPPA_ERRORS = 1.0  # standard errors by chance that agreement must exceed
PAIRS = 10_000_000  # pairs of votes on one row that are counted; beyond, every s-th row
PRODUCTS = 4e9  # multiplications of the same by dense products
MAX_DENSE = 4096  # table rows up to which dense products are considered
BLOCK_CELLS = 1 << 22
CELLS = 8_000_000  # votes x classes that are looked at for the gate


@dataclass(frozen=True, eq=False)
class PreWeights:
    """Factors per table row, shape (n_rows,) each, and their product.

    Attributes
    ----------
    duplicate, constant, gate : array, shape (n_rows,)
    agreement : array, shape (n_active,)
        Kappa of each LF with the others; NaN for one-sided LFs.
    near : array of int, shape (n_pairs, 2)
        Pairs of table rows of different LFs that are nearly the same votes.
    """

    duplicate: FloatArray
    constant: FloatArray
    gate: FloatArray
    agreement: FloatArray
    near: IntArray

    @property
    def product(self) -> FloatArray:
        """The weight of a vote with each table row."""
        return np.asarray(self.duplicate * self.constant * self.gate)

    @property
    def trust(self) -> FloatArray:
        """The product without ``duplicate``: what an LF's votes are worth if it is one of a kind.

        Tables are learned with it (a copy knows as much as its original) and applied with
        ``product`` (together they know no more).
        """
        return np.asarray(self.constant * self.gate)


def pre_weights(
    rows: VoteRows,
    layout: TableLayout,
    votes: FloatArray,
    many: IntArray,
    share_weight: Callable[[FloatArray], FloatArray],
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
    share_weight : callable
        Weighted votes with each table row to what one of them counts in the class-normalised share,
        for the gate.

    Notes
    -----
    O(sum of squared votes per row) up to ``PAIRS`` or dense products up to ``PRODUCTS``, and
    O(n_votes * n_classes) up to ``CELLS``; on more votes the overlaps and agreements are those of
    an evenly spaced part of the rows.
    """
    coverage = (layout.per_lf(votes) / max(rows.total_weight, 1e-300))[layout.segment]
    constant = np.clip((1.0 - coverage) / (1.0 - CONSTANT_FROM), 0.0, 1.0)
    duplicate, near = _duplicate(rows, layout, votes)
    constant = np.where(many, 1.0, constant)
    gate, kappa = _gate(rows, layout, votes, many, share_weight(votes * duplicate), duplicate)
    return PreWeights(duplicate, constant, gate, kappa, near)


def _duplicate(
    rows: VoteRows, layout: TableLayout, votes: FloatArray
) -> tuple[FloatArray, IntArray]:
    """1 / (1 + sum of J^10 over the rows of other LFs with the same symbol); near pairs."""
    first, second, together, alone = _overlaps(rows, layout.n_rows)
    symbol = layout.row_symbol
    enough = np.minimum(votes, alone) >= LEAST_VOTES
    is_reason = layout.symbols.kind[symbol] == REASON
    usable = (first != second) & (symbol[first] == symbol[second])
    usable &= enough[first] & enough[second] & ~is_reason[first]
    first, second, together = first[usable], second[usable], together[usable]
    jaccard = together / (alone[first] + alone[second] - together)
    copies = np.bincount(first, weights=jaccard**OVERLAP_POWER, minlength=layout.n_rows)
    near = (jaccard >= NEAR) & (first < second)
    duplicate: FloatArray = 1.0 / (1.0 + copies.astype(np.float64))
    return duplicate, np.column_stack([first[near], second[near]])


def _overlaps(
    rows: VoteRows, n_table_rows: int
) -> tuple[IntArray, IntArray, FloatArray, FloatArray]:
    """Pairs of table rows that meet, weight of the items on which they do, and of each alone.

    Dense products where they are cheaper than pairs of votes, and never more work than ``PAIRS``
    pairs or ``PRODUCTS`` multiplications: beyond, an evenly spaced part of the rows is looked at.
    """
    from scipy.sparse import csr_array

    lengths = np.diff(rows.indptr).astype(np.float64)
    pairs, products = float(lengths @ lengths), float(rows.n_patterns) * n_table_rows**2
    is_dense = products / PRODUCTS < pairs / PAIRS and n_table_rows <= MAX_DENSE
    excess = products / PRODUCTS if is_dense else pairs / PAIRS
    part = _every(rows, stride=int(excess) + 1)
    both = np.zeros((n_table_rows, n_table_rows)) if is_dense else None
    hits = csr_array(
        (np.ones(part.n_votes), part.table_row.astype(np.int32), part.indptr),
        shape=(part.n_patterns, n_table_rows),
    )
    weight = np.ones(part.n_patterns) if part.weight is None else part.weight
    if both is not None:
        step = max(BLOCK_CELLS // n_table_rows, 1)
        for start in range(0, part.n_patterns, step):
            block = hits[start : start + step].toarray()
            both += block.T @ (block * weight[start : start + step, None])
        first, second = np.nonzero(both)
        return first, second, both[first, second], both.diagonal().copy()
    weighted = csr_array(
        (np.repeat(weight, np.diff(part.indptr)), hits.indices, hits.indptr), shape=hits.shape
    )
    met = (hits.T @ weighted).tocoo()
    first, second = met.coords
    alone = np.zeros(n_table_rows)
    alone[first[first == second]] = met.data[first == second]
    return first, second, met.data, alone


def _gate(
    rows: VoteRows,
    layout: TableLayout,
    votes: FloatArray,
    many: IntArray,
    share_weight: FloatArray,
    duplicate: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    gate, kappa = np.ones(layout.n_rows), np.full(len(layout.lfs), np.nan)
    if not many.any():
        return gate, kappa
    cells = float(rows.n_votes) * layout.n_classes
    part = _every(rows, stride=int(cells // CELLS) + 1)
    # voters for sets answer different questions, and need not agree to be right
    has_sets = layout.per_lf(layout.symbols.kind[layout.row_symbol] == SET) > 0
    judged = many[layout.starts] & ~has_sets
    if not judged.any():
        return gate, kappa
    worth = layout.per_lf(duplicate * votes) / np.maximum(layout.per_lf(votes), 1e-300)
    for _ in range(GATE_ROUNDS):
        raw, error, looked_at, seen = _kappa(part, layout, share_weight * gate, duplicate)
        kappa[judged] = raw[judged]
        found = np.maximum(raw - KAPPA_ERRORS * error, 0.0)
        scale = float(np.clip(_third_best(found, worth * judged), KAPPA_LOW, KAPPA_HIGH))
        evidence = looked_at * (layout.per_lf(votes) / seen)
        open_ = (evidence * np.minimum(1.0, found / scale) + GATE_COUNT) / (evidence + GATE_COUNT)
        gate = np.where(judged[layout.segment], open_[layout.segment], 1.0)
    return gate, kappa


def _third_best(values: FloatArray, worth: FloatArray) -> float:
    """The third largest value, copies counted once; two LFs may agree for reasons of their own."""
    order = np.argsort(-values, kind="stable")
    order = order[worth[order] > 0]
    place = int(np.searchsorted(np.cumsum(worth[order]), 2.5))
    return float(values[order[min(place, len(order) - 1)]])


def _kappa(
    part: VoteRows, layout: TableLayout, share_weight: FloatArray, duplicate: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Per LF: kappa, its standard error by chance, how much was looked at, and items.

    Rows count by how much the others say on them: agreement is the share of what the others say,
    on the rows the LF votes on, that is what it votes.
    """
    mass, total, seen = _agreement(part, layout, share_weight, duplicate)
    spoken = layout.symbols.membership[layout.row_symbol]
    looked_at, of_lf = layout.per_lf(total), np.maximum(layout.per_lf(seen), 1e-300)
    scale = np.maximum(looked_at, 1e-12)
    agreed = layout.per_lf((mass * spoken).sum(axis=1)) / scale
    said = layout.per_lf(mass) / scale[:, None]  # (n_active, n_classes)
    share = seen / of_lf[layout.segment]
    chance = layout.per_lf(share * (spoken * said[layout.segment]).sum(axis=1))
    room = np.maximum(1.0 - chance, 1e-12)
    error = np.sqrt(np.maximum(chance, 0.0) / room / np.maximum(looked_at, 1.0))
    return (agreed - chance) / room, error, looked_at, of_lf


def _agreement(
    rows: VoteRows, layout: TableLayout, share_weight: FloatArray, duplicate: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Per table row: summed shares of the *other* LFs' votes, their total, and the weight of items.

    The share of the others on a row is their class-normalised votes over (their sum + 1), so that
    rows where few others vote count little.
    """
    from scipy.sparse import csr_array

    n_classes = layout.n_classes
    mass, seen = np.zeros((layout.n_rows, n_classes)), np.zeros(layout.n_rows)
    is_vote = layout.symbols.kind[layout.row_symbol] != REASON
    weight_of = share_weight * is_vote  # of an LF and its copies together
    speaks = layout.symbols.affinity[layout.row_symbol] * weight_of[:, None]
    discounted, worth = speaks * duplicate[:, None], weight_of * duplicate
    step = max((1 << 20) // n_classes, 1)
    for first in range(0, rows.n_patterns, step):
        last = min(first + step, rows.n_patterns)
        a, b = int(rows.indptr[first]), int(rows.indptr[last])
        indptr = rows.indptr[first : last + 1].astype(np.int64) - a
        table_row = rows.table_row[a:b].astype(np.int32)
        shape = (last - first, layout.n_rows)
        hits = csr_array((np.ones(b - a), table_row, indptr), shape=shape)
        of_item, sum_of_item = hits @ discounted, hits @ worth
        item = np.repeat(np.arange(last - first), np.diff(indptr))
        weight = np.ones(b - a) if rows.weight is None else rows.weight[first:last][item]
        # a vote is left out of what it is compared with, and its copies with it
        rest = np.maximum(sum_of_item[item] - weight_of[table_row], 0.0)
        scaled = weight / (rest + 1.0)
        each = csr_array((scaled, table_row, indptr), shape=shape)
        mass += each.T @ of_item
        scale = np.bincount(table_row, weights=scaled, minlength=layout.n_rows)
        mass -= scale[:, None] * speaks
        seen += np.bincount(table_row, weights=weight, minlength=layout.n_rows)
    np.maximum(mass, 0.0, out=mass)
    return mass, mass.sum(axis=1), seen


def _every(rows: VoteRows, stride: int) -> VoteRows:
    """Every ``stride``-th row."""
    return rows if stride <= 1 else take_rows(rows, np.arange(0, rows.n_patterns, stride))


def take_rows(rows: VoteRows, chosen: IntArray) -> VoteRows:
    """The rows at these positions, in this order."""
    lengths = np.diff(rows.indptr).astype(np.int64)[chosen]
    ends = np.cumsum(lengths)
    n_votes = int(ends[-1]) if len(ends) else 0
    take = np.arange(n_votes) + np.repeat(
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
