"""An aggregation that stays close to the votes: the average of four cautious members.

Maximum likelihood on real labeling functions finds the strongest block of correlated LFs and calls
it truth. What was measured to be safe is to take *one* step of evidence from a vote share, and to
average the result with the shares it came from:

======  ======================================================================  =================
member  what it is                                                              weight
======  ======================================================================  =================
m       vote share, with one pseudo-vote                                        2
a       vote share in which votes for a class that many vote for count less     2
b       naive Bayes with the tables that one step from ``a`` gives; the         1
        silence of one-sided LFs counts, with a cap
c       confusion-matrix EM over LFs that vote for two or more classes, a few   share of the votes
        steps from ``a``                                                        such LFs cast
======  ======================================================================  =================

Before all that, votes of copies, of LFs that say the same of every row, and of LFs of several
classes that agree with nobody are discounted (:mod:`~weaklabel.inference.preweights`).

Each member is tables on the core: a number per table row, or a row of log probabilities. LFs that
vote for one class only (rules) and LFs that vote for several (crowds, judges) are treated apart,
since silence is evidence of the first kind only and a confusion matrix of the second kind only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from weaklabel.inference.layout import REASON, TableLayout
from weaklabel.inference.preweights import pre_weights
from weaklabel.inference.rows import Backend, Expected, FloatArray, IntArray
from weaklabel.inference.shares import normalised, share_counts, vote_mass
from weaklabel.inference.tables import Confusion

SHARE_EXPONENT_ONE = 0.5
SHARE_EXPONENT_MANY = 0.25
EVIDENCE_STRENGTH = 10.0
PRIOR_ACCURACY = 0.75
CLASS_EXPONENT = 0.25
EVIDENCE_LIMIT = 9.0
SILENCE_STRENGTH = 30.0
SILENCE_FLOOR = 0.02
SILENCE_CAP = 1.0
CONFUSION_STRENGTH = 3.0
CONFUSION_STEPS = 5
CONFUSION_CLASS_EXPONENT = 0.5
BALANCE_STRENGTH = 0.5  # 1 gives the best accuracy and the worst F1 of rare classes
LEAST_MANY = 3  # LFs of several classes from which a confusion matrix can be learned


@dataclass(frozen=True, eq=False)
class AnchoredParameters:
    """What the four members know.

    Attributes
    ----------
    vote_weight : array, shape (n_rows,)
        What a vote counts in ``m``.
    share_weight : array, shape (n_rows,)
        What it counts in ``a``.
    evidence : array, shape (n_rows, n_classes)
        What it adds to the log joint of ``b``.
    silence : array, shape (n_classes,)
        Log joint of ``b`` of a row on which all LFs are silent.
    confusion : array, shape (n_rows, n_classes), or None
        What it adds to the log joint of ``c``; rows of one-sided LFs are 0. None: no ``c``.
    confusion_prior : array, shape (n_classes,)
    many : array of bool, shape (n_rows,)
        Whether the LF of the row votes for several classes.
    many_share : float
        Share of the votes such LFs cast.
    class_balance : array, shape (n_classes,)
        Distribution of rows without votes, and of the pseudo-vote.
    tilt : array, shape (n_classes,)
        Added to the log of the average posterior: 0 where no class balance was given.
    """

    vote_weight: FloatArray
    share_weight: FloatArray
    evidence: FloatArray
    silence: FloatArray
    confusion: FloatArray | None
    confusion_prior: FloatArray
    many: IntArray
    many_share: float
    class_balance: FloatArray
    tilt: FloatArray

    def extended(self, layout: TableLayout, known: IntArray) -> AnchoredParameters:
        """The parameters on a layout with more rows, where ``known`` are the rows fitted.

        A new row counts as one vote for the classes it speaks for, in the shares and, with
        ``PRIOR_ACCURACY``, in the evidence; it says nothing in ``c``.
        """

        def grown(old: FloatArray, new: FloatArray) -> FloatArray:
            new[known] = old
            return new

        nothing = np.zeros((layout.n_rows, layout.n_classes))
        none = np.zeros(layout.n_rows)
        literal, _ = _evidence(
            layout,
            nothing,
            np.ones(layout.n_classes),
            none,
            np.ones(layout.n_rows, dtype=bool),
            1.0,
        )
        return AnchoredParameters(
            grown(self.vote_weight, np.ones(layout.n_rows)),
            grown(self.share_weight, np.ones(layout.n_rows)),
            grown(self.evidence, literal),
            self.silence,
            None if self.confusion is None else grown(self.confusion, nothing.copy()),
            self.confusion_prior,
            grown(self.many, np.zeros(layout.n_rows, dtype=bool)),
            self.many_share,
            self.class_balance,
            self.tilt,
        )


def fit_anchored(
    backend: Backend,
    layout: TableLayout,
    class_balance: FloatArray | None = None,
    gold: Expected | None = None,
) -> AnchoredParameters:
    """Learn the four members from votes over patterns.

    Parameters
    ----------
    backend : Backend
        Over the patterns.
    layout : TableLayout
    class_balance : array, shape (n_classes,), optional
        Where it is known, the average posterior is tilted half of the way to it.
    gold : Expected, optional
        Counts of items whose class is known, added to the evidence.

    Notes
    -----
    Two passes over the votes, ``CONFUSION_STEPS`` E-steps, and what
    :func:`~weaklabel.inference.preweights.pre_weights` takes.
    """
    rows = backend.rows
    n_items = rows.total_weight
    many = votes_for_many(layout)
    raw = _row_weight(backend)  # (n_rows,)
    pre_weight = pre_weights(rows, layout, raw, many, class_normalised(layout, raw, many)).product
    votes = raw * pre_weight
    share_weight = class_normalised(layout, votes, many) * pre_weight
    anchor = share_counts(rows, layout, share_weight, pseudo=1.0)
    counts, classes = anchor.counts, anchor.class_counts
    if gold is not None:
        counts, classes = counts + gold.counts, classes + gold.class_counts
    counts = counts * pre_weight[:, None]
    table, silence = _evidence(layout, counts, classes, votes, many, n_items)
    table *= pre_weight[:, None]
    silence_of_lf = (
        silence * layout.per_lf(pre_weight[:, None]) / layout.per_lf(np.ones((layout.n_rows, 1)))
    )
    spread = float(np.ptp(silence_of_lf.sum(axis=0))) if len(silence_of_lf) else 0.0
    if spread > SILENCE_CAP:
        silence_of_lf *= SILENCE_CAP / spread
    table -= silence_of_lf[layout.segment]  # a vote takes the silence counted beforehand back
    confusion, confusion_prior = _confusion(backend, layout, counts, classes, pre_weight, many)
    total = votes.sum()
    uniform = np.full(layout.n_classes, 1.0 / layout.n_classes)
    found = AnchoredParameters(
        vote_weight=pre_weight,
        share_weight=share_weight,
        evidence=table,
        silence=silence_of_lf.sum(axis=0) if len(silence_of_lf) else np.zeros(layout.n_classes),
        confusion=confusion,
        confusion_prior=confusion_prior,
        many=many,
        many_share=float(votes[many].sum() / total) if total > 0 else 0.0,
        class_balance=uniform if class_balance is None else class_balance,
        tilt=np.zeros(layout.n_classes),
    )
    return found if class_balance is None else _tilted(found, backend, layout, class_balance)


def _tilted(
    parameters: AnchoredParameters, backend: Backend, layout: TableLayout, balance: FloatArray
) -> AnchoredParameters:
    """The parameters with a tilt by (class balance / mean posterior)^BALANCE_STRENGTH."""
    average = anchored_posterior(parameters, backend, layout).average
    voted = np.diff(backend.rows.indptr) > 0
    weight = voted if backend.rows.weight is None else backend.rows.weight * voted
    mean = weight @ average / weight.sum()
    return replace(parameters, tilt=BALANCE_STRENGTH * np.log(balance / mean))


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


def _row_weight(backend: Backend) -> FloatArray:
    rows = backend.rows
    per_vote = None
    if rows.weight is not None:
        per_vote = np.repeat(rows.weight, np.diff(rows.indptr))
    return np.bincount(rows.table_row, weights=per_vote, minlength=rows.n_table_rows).astype(
        np.float64
    )


def _evidence(
    layout: TableLayout,
    counts: FloatArray,
    classes: FloatArray,
    votes: FloatArray,
    many: IntArray,
    n_items: float,
) -> tuple[FloatArray, FloatArray]:
    """Log-odds per vote, on the classes it speaks for, and log-odds per silent one-sided LF."""
    n_classes = layout.n_classes
    tilt = (classes / classes.sum()) ** CLASS_EXPONENT
    tilt /= tilt.sum()
    affinity = layout.symbols.affinity[layout.row_symbol]
    member = layout.symbols.membership[layout.row_symbol] >= 1.0
    size = np.maximum(member.sum(axis=1, keepdims=True), 1)
    right = PRIOR_ACCURACY * n_classes / size
    wrong = (1.0 - PRIOR_ACCURACY) * n_classes / np.maximum(n_classes - size, 1)
    base = np.where(member, right, wrong)
    ratio = (counts / tilt + EVIDENCE_STRENGTH * base) / (votes[:, None] + EVIDENCE_STRENGTH)
    log_ratio = np.log(ratio)
    inside = (log_ratio * affinity).sum(axis=1)
    n_outside = np.maximum((~member).sum(axis=1), 1)
    outside = (log_ratio * ~member).sum(axis=1) / n_outside
    gain = np.clip(inside - outside, -EVIDENCE_LIMIT, EVIDENCE_LIMIT)
    gain[member.all(axis=1)] = 0.0  # a reason to abstain, or a set of everything
    table = gain[:, None] * member
    fired = layout.per_lf(counts)
    coverage = layout.per_lf(votes)[:, None] / max(n_items, 1e-300)
    rate = (fired + SILENCE_STRENGTH * coverage) / (classes + SILENCE_STRENGTH)
    silence = np.log(np.maximum(SILENCE_FLOOR, 1.0 - rate))
    silence -= silence.mean(axis=1, keepdims=True)
    silence[many[layout.starts]] = 0.0
    return table, silence


def _confusion(
    backend: Backend,
    layout: TableLayout,
    counts: FloatArray,
    classes: FloatArray,
    pre_weight: FloatArray,
    many: IntArray,
) -> tuple[FloatArray | None, FloatArray]:
    uniform = np.full(layout.n_classes, -np.log(layout.n_classes))
    if int(many[layout.starts].sum()) < LEAST_MANY:
        return None, uniform
    tables = Confusion(
        layout,
        np.full(layout.n_lfs, PRIOR_ACCURACY),
        np.full(layout.n_lfs, CONFUSION_STRENGTH),
    )
    scale = pre_weight[:, None] * many[:, None]
    for step in range(CONFUSION_STEPS):
        log_table = tables.tables(counts).log_table * scale
        log_prior = CONFUSION_CLASS_EXPONENT * np.log(np.maximum(classes, 1e-300) / classes.sum())
        if step + 1 < CONFUSION_STEPS:
            found = backend.e_step(log_table, log_prior)
            counts, classes = found.counts * pre_weight[:, None], found.class_counts
    return log_table, log_prior


@dataclass(frozen=True, eq=False)
class Members:
    """Posteriors of the four members and their average, each of shape (n_rows, n_classes)."""

    share: FloatArray
    normalised_share: FloatArray
    evidence: FloatArray
    confusion: FloatArray | None
    average: FloatArray


def anchored_posterior(
    parameters: AnchoredParameters, backend: Backend, layout: TableLayout
) -> Members:
    """The members' posteriors of the rows of a backend, and their weighted average.

    Rows without votes get the class balance.

    Notes
    -----
    O(n_votes * n_classes); four arrays of n_rows * n_classes.
    """
    rows, balance = backend.rows, parameters.class_balance
    symbol = layout.row_symbol[rows.table_row]
    symbols = layout.symbols

    def share(weight: FloatArray) -> FloatArray:
        mass = vote_mass(rows.indptr, symbol, symbols, weight[rows.table_row])
        return normalised(mass, balance, pseudo=1.0)

    vote_share = share(parameters.vote_weight)
    class_share = share(parameters.share_weight)
    evidence = backend.posterior(parameters.evidence, parameters.silence)
    average = 2.0 * vote_share + 2.0 * class_share + evidence
    total = np.full(rows.n_patterns, 5.0)
    confusion = None
    if parameters.confusion is not None:
        confusion = backend.posterior(parameters.confusion, parameters.confusion_prior)
        is_many = np.concatenate([[0], np.cumsum(parameters.many[rows.table_row])])
        has_many = is_many[rows.indptr[1:]] > is_many[rows.indptr[:-1]]
        weight = parameters.many_share * has_many
        average += weight[:, None] * confusion
        total += weight
    average /= total[:, None]
    if parameters.tilt.any():
        average *= np.exp(parameters.tilt)
        average /= average.sum(axis=1, keepdims=True)
    empty = np.diff(rows.indptr) == 0
    for member in (evidence, average):
        member[empty] = balance
    return Members(vote_share, class_share, evidence, confusion, average)


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
        ``prior`` plus the sum over a row's votes is its log P, up to a constant per row where the
        class balance was given.

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
    prior += parameters.tilt
    prior[lengths == 0] = np.log(parameters.class_balance)
    return prior, contributions


FADE_NODES = 48


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
        self.shares: list[tuple[FloatArray, FloatArray, FloatArray]] = []
        for weight in (parameters.vote_weight, parameters.share_weight):
            each = (weight[table_row] * is_vote)[:, None]
            self.shares.append((each, self._add(each * self.affinity), self._add(each)))
        # (member weight per row, log joint without votes, table row of each vote, its row sums)
        five = np.ones((n_rows, 1))
        pairs = [(five, parameters.silence, parameters.evidence)]
        if parameters.confusion is not None:
            has_many = self._add(parameters.many[table_row, None].astype(np.float64)) > 0
            weight_of_rows = np.where(has_many, parameters.many_share, 0.0)
            pairs.append((weight_of_rows, parameters.confusion_prior, parameters.confusion))
        self.tables = [
            (weight, base, table[table_row], self._add(table[table_row]))
            for weight, base, table in pairs
        ]
        self.total = 4.0 + sum(weight for weight, *_ in self.tables)

    def _add(self, values: FloatArray) -> FloatArray:
        out = np.zeros((self.n_rows, values.shape[1]))
        np.add.at(out, self.item, values)
        return out

    def _share(self, t: float, mass: FloatArray, total: FloatArray) -> FloatArray:
        return np.asarray((t * mass + self.parameters.class_balance) / (t * total + 1.0))

    def posterior(self, t: float) -> FloatArray:
        out = np.zeros((self.n_rows, len(self.parameters.class_balance)))
        for _, mass, total in self.shares:
            out += 2.0 * self._share(t, mass, total)
        for weight, base, _, score in self.tables:
            out += weight * _softmax(base + t * score)
        return np.asarray(out / self.total)

    def slope(self, t: float) -> FloatArray:
        """d log P / d weight of each vote, shape (n_votes, n_classes)."""
        item = self.item
        out = np.zeros_like(self.affinity)
        for each, mass, total in self.shares:
            share = self._share(t, mass, total)[item]
            out += 2.0 * each * (self.affinity - share) / (t * total + 1.0)[item]
        for weight, base, row, score in self.tables:
            p = _softmax(base + t * score)[item]
            out += weight[item] * p * (row - (p * row).sum(axis=1, keepdims=True))
        return np.asarray(out / (self.total * self.posterior(t))[item])


def _softmax(score: FloatArray) -> FloatArray:
    out = np.exp(score - score.max(axis=1, keepdims=True))
    return np.asarray(out / out.sum(axis=1, keepdims=True))
