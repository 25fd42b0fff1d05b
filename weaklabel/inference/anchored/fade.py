"""What each vote adds to the log of the average: votes are faded in and credited on the way."""

from __future__ import annotations

import numpy as np

from weaklabel.inference.anchored.parameters import (
    EVIDENCE_WEIGHT,
    NORMALISED_WEIGHT,
    SHARE_WEIGHT,
    AnchoredParameters,
)
from weaklabel.inference.layout import REASON, TableLayout
from weaklabel.inference.rows import FloatArray, IntArray
from weaklabel.inference.softmax import softmax

FADE_NODES = 48


def anchored_contributions(
    parameters: AnchoredParameters, indptr: IntArray, table_row: IntArray, layout: TableLayout
) -> tuple[FloatArray, FloatArray]:
    """What each vote adds to the log of the average posterior (Aumann-Shapley values).

    All votes of a row are faded in from weight 0 to weight 1, and a vote is credited with

        integral over t in [0, 1] of  d log P_y / d (weight of the vote)  at weights t.

    Parameters
    ----------
    parameters : AnchoredParameters
    indptr : array of int, shape (n_rows + 1,)
    table_row : array of int, shape (n_votes,)
    layout : TableLayout

    Returns
    -------
    prior : array, shape (n_rows, n_classes)
        log P without votes (of rows with votes: with all of them faded out).
    contributions : array, shape (n_votes, n_classes)
        ``prior`` plus the sum over a row's votes is its log P.

    Notes
    -----
    Gauss-Legendre quadrature in sqrt(t) with ``FADE_NODES`` nodes. What it misses (below 1e-6 on
    real votes) is spread evenly over the votes of the row, so that the sum is exact.

    References
    ----------
    Aumann and Shapley, "Values of Non-Atomic Games", 1974.
    """
    n_rows, n_classes = len(indptr) - 1, layout.n_classes
    lengths = np.diff(indptr).astype(np.int64)
    item = np.repeat(np.arange(n_rows), lengths)
    fade = _Fade(parameters, layout, item, table_row, n_rows)
    nodes, weights = np.polynomial.legendre.leggauss(FADE_NODES)
    contributions = np.zeros((len(table_row), n_classes))
    for node, weight in zip(0.5 * (nodes + 1.0), 0.5 * weights, strict=True):
        # t = node^2 puts more nodes near 0, where the shares change fastest
        contributions += (2.0 * node * weight) * fade.slope(node * node)
    prior = np.log(fade.posterior(0.0))
    missing = np.log(fade.posterior(1.0)) - prior
    np.subtract.at(missing, item, contributions)
    contributions += (missing / np.maximum(lengths, 1)[:, None])[item]
    prior = parameters.temperature * prior + parameters.tilt
    contributions *= parameters.temperature
    contributions += parameters.correction[table_row]
    score = parameters.temperature * np.log(fade.posterior(1.0)) + parameters.tilt
    np.add.at(score, item, parameters.correction[table_row])
    top = score.max(axis=1, keepdims=True)
    prior -= top + np.log(np.exp(score - top).sum(axis=1, keepdims=True))
    if parameters.isotonic is not None:  # what it changes is no vote's alone: all share in it
        plain = softmax(score)
        change = np.log(np.maximum(parameters.isotonic(plain), 1e-300)) - np.log(plain)
        contributions += (change / np.maximum(lengths, 1)[:, None])[item]
    prior[lengths == 0] = np.log(parameters.empty)
    return prior, contributions


class _Fade:
    """The average posterior with every vote at weight t, and its slope in each vote's weight."""

    def __init__(
        self,
        parameters: AnchoredParameters,
        layout: TableLayout,
        item: IntArray,
        table_row: IntArray,
        n_rows: int,
    ) -> None:
        self.parameters, self.item, self.n_rows = parameters, item, n_rows
        self.affinity = layout.symbols.affinity[layout.row_symbol[table_row]]
        is_vote = layout.symbols.kind[layout.row_symbol[table_row]] != REASON
        self.affinity = self.affinity * is_vote[:, None]
        # (member weight, weight of each vote, weighted votes per class, and in all)
        self.shares: list[tuple[float, FloatArray, FloatArray, FloatArray]] = []
        for member, weight in (
            (SHARE_WEIGHT, parameters.vote_weight),
            (NORMALISED_WEIGHT, parameters.share_weight),
        ):
            each = (weight[table_row] * is_vote)[:, None]
            self.shares.append((member, each, self._add(each * self.affinity), self._add(each)))
        # (member weight per row, log joint without votes, table row of each vote, its row sums)
        always = np.full((n_rows, 1), EVIDENCE_WEIGHT)
        pairs = [(always, parameters.silence, parameters.evidence)]
        if parameters.confusion is not None:
            has_many = self._add(parameters.many[table_row, None].astype(np.float64)) > 0
            weight_of_rows = np.where(has_many, parameters.confusion_weight, 0.0)
            pairs.append((weight_of_rows, parameters.confusion_prior, parameters.confusion))
        self.tables = [
            (weight, base, table[table_row], self._add(table[table_row]))
            for weight, base, table in pairs
        ]
        self.total = sum(weight for weight, *_ in self.shares) + sum(w for w, *_ in self.tables)

    def _add(self, values: FloatArray) -> FloatArray:
        out = np.zeros((self.n_rows, values.shape[1]))
        np.add.at(out, self.item, values)
        return out

    def _share(self, t: float, mass: FloatArray, total: FloatArray) -> FloatArray:
        return np.asarray((t * mass + 1.0 / mass.shape[1]) / (t * total + 1.0))

    def posterior(self, t: float) -> FloatArray:
        out = np.zeros((self.n_rows, len(self.parameters.class_balance)))
        for weight, _, mass, total in self.shares:
            out += weight * self._share(t, mass, total)
        for weights, base, _, score in self.tables:
            out += weights * softmax(base + t * score)
        return np.asarray(out / self.total)

    def slope(self, t: float) -> FloatArray:
        """d log P / d weight of each vote, shape (n_votes, n_classes)."""
        item = self.item
        out = np.zeros_like(self.affinity)
        for member, each, mass, total in self.shares:
            share = self._share(t, mass, total)[item]
            out += member * each * (self.affinity - share) / (t * total + 1.0)[item]
        for weight, base, row, score in self.tables:
            p = softmax(base + t * score)[item]
            out += weight[item] * p * (row - (p * row).sum(axis=1, keepdims=True))
        return np.asarray(out / (self.total * self.posterior(t))[item])
