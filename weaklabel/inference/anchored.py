"""An aggregation that stays close to the votes: the average of four cautious members.

Maximum likelihood on real labeling functions finds the strongest block of correlated LFs and calls
it truth. What was measured to be safe is to take *one* step of evidence from a vote share, and to
average the result with the shares it came from:

======  ======================================================================  ================
member  what it is                                                              weight
======  ======================================================================  ================
m       vote share, with one pseudo-vote                                        1
a       vote share in which votes for a class that many vote for count less     2
b       naive Bayes with the tables that one step from ``a`` gives; the         2
        silence of one-sided LFs counts, with a cap
c       confusion-matrix EM over LFs that vote for two or more classes, a few   up to 6 for fixed
        steps from the tables believed beforehand                               panels, 18 for
                                                                                crowds; ten times
                                                                                that if independent
======  ======================================================================  ================

Before all that, votes of copies, of LFs that say the same of every row, and of LFs of several
classes that agree with nobody are discounted (:mod:`~weaklabel.inference.preweights`). How much
``c`` weighs is read off the votes (:mod:`~weaklabel.inference.regime`). After it, the log of the
average is tilted towards a class balance that is known, and with gold calibrated vote by vote
(:mod:`~weaklabel.inference.calibration`).

Each member is tables on the core: a number per table row, or a row of log probabilities. LFs that
vote for one class only (rules) and LFs that vote for several (crowds, judges) are treated apart,
since silence is evidence of the first kind only and a confusion matrix of the second kind only.

Rows without any vote get the class balance, unless the silence of all rules together, beside a
quarter of what the other rows say of the class balance, speaks clearly for one class; then they
lean towards it. The more rows hang on it, the clearer it must be.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from weaklabel.inference.backends import make_backend
from weaklabel.inference.calibration import balancing_tilt
from weaklabel.inference.independence import independence, rows_to_look_at
from weaklabel.inference.isotonic import IsotonicMap
from weaklabel.inference.layout import REASON, TableLayout
from weaklabel.inference.preweights import PreWeights, pre_weights, take_rows
from weaklabel.inference.regime import Regime, regime_of
from weaklabel.inference.rows import Backend, Expected, FloatArray, IntArray, VoteRows
from weaklabel.inference.shares import normalised, share_counts, vote_mass
from weaklabel.inference.tables import Confusion

SHARE_WEIGHT, NORMALISED_WEIGHT, EVIDENCE_WEIGHT = 1.0, 2.0, 2.0
SHARE_EXPONENT_ONE = 0.5
SHARE_EXPONENT_MANY = 0.25
EVIDENCE_STRENGTH = 10.0
PRIOR_ACCURACY = 0.75
CLASS_EXPONENT = 0.25
EVIDENCE_LIMIT = 9.0
SILENCE_STRENGTH = 30.0
SILENCE_FLOOR = 0.02
SILENCE_CAP = 1.0
SILENCE_LEAD = 0.2  # log-odds below which, plus their share, rows without votes stay even
CONFUSION_STRENGTH = 1.0
CONFUSION_STEPS = 10
FREE_STEPS = 100  # of the fit that independence is judged by
START_POWER = 4
BALANCE_STRENGTH = 0.4  # where a class is rare: 1 gives the worst F1 of it, and no more accuracy
EVEN = 0.85  # entropy of a class balance, of the most there can be, from which none is rare


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
    silence_alone : array, shape (n_classes,)
        What silence says of rows without any vote: 0 unless it speaks clearly.
    confusion : array, shape (n_rows, n_classes), or None
        What it adds to the log joint of ``c``; rows of one-sided LFs are 0. None: no ``c``.
    confusion_prior : array, shape (n_classes,)
    many : array of bool, shape (n_rows,)
        Whether the LF of the row votes for several classes.
    confusion_weight : float
        Of ``c`` in the average, on rows with a vote of such an LF.
    class_balance : array, shape (n_classes,)
        Of rows without votes, before silence.
    temperature : float
        Factor of the log of the average posterior: below 1 for fixed panels, or learned from gold.
    tilt : array, shape (n_classes,)
        Added to it: 0 unless a class balance or gold was given.
    correction : array, shape (n_rows, n_classes)
        What a vote adds to it beside: 0 unless gold was given.
    empty_tilt : array, shape (n_classes,)
        Added to the log posterior of rows without votes: 0 unless gold was given.
    isotonic : IsotonicMap, optional
        Applied last, to rows with votes: only if asked for.
    """

    vote_weight: FloatArray
    share_weight: FloatArray
    evidence: FloatArray
    silence: FloatArray
    silence_alone: FloatArray
    confusion: FloatArray | None
    confusion_prior: FloatArray
    many: IntArray
    confusion_weight: float
    class_balance: FloatArray
    temperature: float
    tilt: FloatArray
    correction: FloatArray
    empty_tilt: FloatArray
    isotonic: IsotonicMap | None = None

    @property
    def empty(self) -> FloatArray:
        """Posterior of a row without votes, shape (n_classes,)."""
        shares = SHARE_WEIGHT + NORMALISED_WEIGHT
        balance = np.maximum(self.class_balance, 1e-300)
        leaning = _softmax((np.log(balance) + self.silence_alone)[None])[0]
        mixed = shares * balance + EVIDENCE_WEIGHT * leaning
        return np.asarray(_softmax((np.log(mixed) + self.empty_tilt)[None])[0])

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
            np.ones(layout.n_classes),
            none,
            np.ones(layout.n_rows, dtype=bool),
            1.0,
        )
        return replace(
            self,
            vote_weight=grown(self.vote_weight, np.ones(layout.n_rows)),
            share_weight=grown(self.share_weight, np.ones(layout.n_rows)),
            evidence=grown(self.evidence, literal),
            confusion=None if self.confusion is None else grown(self.confusion, nothing.copy()),
            many=grown(self.many, np.zeros(layout.n_rows, dtype=bool)),
            correction=grown(self.correction, nothing.copy()),
        )


@dataclass(frozen=True, eq=False)
class Anchored:
    """A fit: the parameters, and what was found on the way to them.

    Attributes
    ----------
    parameters : AnchoredParameters
    weights : PreWeights
        Discounts of copies, constants and noise.
    regime : Regime
    """

    parameters: AnchoredParameters
    weights: PreWeights
    regime: Regime


def fit_anchored(
    backend: Backend,
    layout: TableLayout,
    class_balance: FloatArray | None = None,
    gold: Expected | None = None,
) -> Anchored:
    """Learn the four members from votes over patterns.

    Parameters
    ----------
    backend : Backend
        Over the patterns.
    layout : TableLayout
    class_balance : array, shape (n_classes,), optional
        Where it is known, the average posterior is tilted towards it.
    gold : Expected, optional
        Counts of items whose class is known, added to the evidence.

    Notes
    -----
    Two passes over the votes, up to ``CONFUSION_STEPS`` E-steps, ``FREE_STEPS`` on a part, and what
    :func:`~weaklabel.inference.preweights.pre_weights` takes.
    """
    rows = backend.rows
    n_items = rows.total_weight
    many = votes_for_many(layout)
    raw = _row_weight(backend)  # (n_rows,)
    weights = pre_weights(
        rows, layout, raw, many, lambda each: class_normalised(layout, each, many)
    )
    trust, worth = weights.trust, weights.product
    votes = raw * worth
    regime = regime_of(rows, layout, votes, weights.duplicate, many, weights.agreement)
    share_weight = class_normalised(layout, votes, many) * worth
    anchor = share_counts(rows, layout, share_weight, pseudo=1.0)
    counts, classes, voted = anchor.counts, anchor.class_counts, raw
    if gold is not None:
        counts, classes = counts + gold.counts, classes + gold.class_counts
        voted = raw + gold.counts.sum(axis=1)
        n_items += float(gold.class_counts.sum())
    counts, voted = counts * trust[:, None], voted * trust
    blank = _weight_of_empty(rows) / layout.n_classes  # a row without votes is uniform in ``a``
    table, silence = _evidence(layout, counts, classes, classes - blank, voted, many, n_items)
    table *= worth[:, None]
    silence *= layout.per_lf(worth[:, None]) / layout.per_lf(np.ones((layout.n_rows, 1)))
    # what rows with votes say of the class balance
    leaning = CLASS_EXPONENT * np.log(np.maximum(classes - blank, 1e-12) / classes.sum())
    if class_balance is not None:
        leaning = np.zeros(layout.n_classes)
    total_silence = silence.sum(axis=0) if len(silence) else np.zeros(layout.n_classes)
    spread = float(np.ptp(total_silence))
    if spread > SILENCE_CAP:
        silence *= SILENCE_CAP / spread
    table -= silence[layout.segment]  # a vote takes the silence counted beforehand back
    confusion, confusion_prior = None, np.full(layout.n_classes, -np.log(layout.n_classes))
    if regime.can_learn_confusion:
        # first, on a part of the rows, as if voters were independent; then as far as they are
        few = make_backend(take_rows(rows, rows_to_look_at(rows, regime.n_several)))
        free = _Confusion(few, layout, gold, weights, many, 1.0, class_balance)
        free.run(FREE_STEPS)
        posterior = few.posterior(free.log_table, free.log_prior)
        believed = independence(few.rows, posterior, layout, weights, many)
        regime = replace(regime, independence=believed)
        final = _Confusion(
            backend, layout, gold, weights, many, regime.class_exponent, class_balance
        )
        final.start_near(free, believed**START_POWER)
        final.run(CONFUSION_STEPS)
        confusion, confusion_prior = final.log_table, final.log_prior
    uniform = np.full(layout.n_classes, 1.0 / layout.n_classes)
    nothing = np.zeros(layout.n_classes)
    found = AnchoredParameters(
        vote_weight=worth,
        share_weight=share_weight,
        evidence=table,
        silence=silence.sum(axis=0) if len(silence) else nothing,
        silence_alone=clear_silence(total_silence + leaning, SILENCE_LEAD + 1.0 - regime.coverage),
        confusion=confusion,
        confusion_prior=confusion_prior,
        many=many,
        confusion_weight=regime.confusion_weight,
        class_balance=uniform if class_balance is None else class_balance,
        temperature=regime.temperature,
        tilt=nothing,
        correction=np.zeros((layout.n_rows, layout.n_classes)),
        empty_tilt=nothing,
    )
    if class_balance is not None:
        found = _tilted(found, backend, layout, class_balance)
    return Anchored(found, weights, regime)


def clear_silence(silence: FloatArray, least: float) -> FloatArray:
    """What silence says, less a lead of ``least``, and capped; 0 if there is no more.

    The lead is that of the most probable class over the next.

    Parameters
    ----------
    silence : array, shape (n_classes,)
        Log-odds.
    least : float
        Log-odds.
    """
    if len(silence) < 2:
        return np.zeros_like(silence)
    second, first = np.sort(silence)[-2:]
    lead = first - second
    if lead <= least:
        return np.zeros_like(silence)
    kept = (silence - silence.mean()) * (1.0 - least / lead)
    return np.asarray(kept * min(1.0, SILENCE_CAP / float(np.ptp(kept))))


def _weight_of_empty(rows: VoteRows) -> float:
    empty = np.diff(rows.indptr) == 0
    return float(empty.sum() if rows.weight is None else rows.weight @ empty)


def _tilted(
    parameters: AnchoredParameters, backend: Backend, layout: TableLayout, balance: FloatArray
) -> AnchoredParameters:
    """The parameters with a tilt towards where the mean posterior is the balance.

    All of the way if the balance is even, and ``BALANCE_STRENGTH`` of it where a class is rare.
    """
    entropy = -float(balance @ np.log(balance)) / np.log(max(len(balance), 2))
    even = max(0.0, (entropy - EVEN) / (1.0 - EVEN))
    strength = BALANCE_STRENGTH + (1.0 - BALANCE_STRENGTH) * even
    average = anchored_posterior(parameters, backend, layout).average
    voted = np.diff(backend.rows.indptr) > 0
    weight = voted.astype(np.float64)
    if backend.rows.weight is not None:
        weight *= backend.rows.weight
    return replace(parameters, tilt=strength * balancing_tilt(average, balance, weight))


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
    covered_classes: FloatArray,
    votes: FloatArray,
    many: IntArray,
    n_items: float,
) -> tuple[FloatArray, FloatArray]:
    """Log-odds per vote, on the classes it speaks for, and log-odds per silent one-sided LF."""
    n_classes = layout.n_classes
    tilt = (covered_classes / covered_classes.sum()) ** CLASS_EXPONENT
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


class _Confusion:
    """EM over the LFs of several classes.

    The start is the posterior under the tables believed beforehand: sharper than a vote share where
    an LF votes for sets.
    """

    def __init__(
        self,
        backend: Backend,
        layout: TableLayout,
        gold: Expected | None,
        weights: PreWeights,
        many: IntArray,
        class_exponent: float,
        class_balance: FloatArray | None,
    ) -> None:
        self.backend, self.gold, self.class_exponent = backend, gold, class_exponent
        self.class_balance = class_balance
        self.tables = Confusion(
            layout,
            np.full(layout.n_lfs, PRIOR_ACCURACY),
            np.full(layout.n_lfs, CONFUSION_STRENGTH),
        )
        self.trust, self.scale = weights.trust[:, None], (weights.product * many)[:, None]
        self.empty = _weight_of_empty(backend.rows)
        self.counts = np.zeros((layout.n_rows, layout.n_classes))
        self.log_prior = np.zeros(layout.n_classes)

    @property
    def log_table(self) -> FloatArray:
        """What a vote adds to the log joint; 0 for one-sided LFs."""
        return np.asarray(self.tables.tables(self.counts * self.trust).log_table * self.scale)

    def start_near(self, other: _Confusion, share: float) -> None:
        """Start from a share of what another fit found."""
        self.counts = share * other.counts
        self.log_prior = share * other.log_prior

    def run(self, n_steps: int) -> None:
        for _ in range(n_steps):
            found = self.backend.e_step(self.log_table, self.log_prior)
            counts = found.counts
            classes = found.class_counts - self.empty * _softmax(self.log_prior[None])[0]
            if self.gold is not None:
                counts, classes = counts + self.gold.counts, classes + self.gold.class_counts
            self.counts = counts
            if self.class_balance is None:
                if (total := classes.sum()) > 0.0:  # else no vote is believed: nothing is learned
                    share = np.maximum(classes / total, 1e-300)
                    self.log_prior = self.class_exponent * np.log(share)
            else:
                least = 1.0 / self.backend.rows.total_weight
                self.log_prior = np.log(np.maximum(self.class_balance, least))


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

    Rows without votes get the class balance, or what silence says beside it.

    Notes
    -----
    O(n_votes * n_classes); four arrays of n_rows * n_classes.
    """
    rows = backend.rows
    uniform = np.full(layout.n_classes, 1.0 / layout.n_classes)
    symbol = layout.row_symbol[rows.table_row]
    symbols = layout.symbols

    def share(weight: FloatArray) -> FloatArray:
        mass = vote_mass(rows.indptr, symbol, symbols, weight[rows.table_row])
        return normalised(mass, uniform, pseudo=1.0)

    vote_share = share(parameters.vote_weight)
    class_share = share(parameters.share_weight)
    evidence = backend.posterior(parameters.evidence, parameters.silence)
    average = SHARE_WEIGHT * vote_share + NORMALISED_WEIGHT * class_share
    average += EVIDENCE_WEIGHT * evidence
    total = np.full(rows.n_patterns, SHARE_WEIGHT + NORMALISED_WEIGHT + EVIDENCE_WEIGHT)
    confusion = None
    if parameters.confusion is not None:
        confusion = backend.posterior(parameters.confusion, parameters.confusion_prior)
        is_many = np.concatenate([[0], np.cumsum(parameters.many[rows.table_row])])
        has_many = is_many[rows.indptr[1:]] > is_many[rows.indptr[:-1]]
        weight = parameters.confusion_weight * has_many
        average += weight[:, None] * confusion
        total += weight
    average /= total[:, None]
    if parameters.temperature != 1.0 or parameters.tilt.any() or parameters.correction.any():
        average = parameters.temperature * np.log(average) + parameters.tilt
        if parameters.correction.any():
            average += backend.scores(parameters.correction, np.zeros(layout.n_classes))
        average = _softmax(average)
    if parameters.isotonic is not None:
        average = parameters.isotonic(average)
    empty = np.diff(rows.indptr) == 0
    for member in (vote_share, class_share, evidence):
        member[empty] = parameters.class_balance
    average[empty] = parameters.empty
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
        plain = _softmax(score)
        change = np.log(np.maximum(parameters.isotonic(plain), 1e-300)) - np.log(plain)
        contributions += (change / np.maximum(lengths, 1)[:, None])[item]
    prior[lengths == 0] = np.log(parameters.empty)
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
            out += weights * _softmax(base + t * score)
        return np.asarray(out / self.total)

    def slope(self, t: float) -> FloatArray:
        """d log P / d weight of each vote, shape (n_votes, n_classes)."""
        item = self.item
        out = np.zeros_like(self.affinity)
        for member, each, mass, total in self.shares:
            share = self._share(t, mass, total)[item]
            out += member * each * (self.affinity - share) / (t * total + 1.0)[item]
        for weight, base, row, score in self.tables:
            p = _softmax(base + t * score)[item]
            out += weight[item] * p * (row - (p * row).sum(axis=1, keepdims=True))
        return np.asarray(out / (self.total * self.posterior(t))[item])


def _softmax(score: FloatArray) -> FloatArray:
    out = np.exp(score - score.max(axis=1, keepdims=True))
    return np.asarray(out / out.sum(axis=1, keepdims=True))
