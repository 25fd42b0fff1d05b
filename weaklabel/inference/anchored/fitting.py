"""From votes to the parameters of the members: no more than one step from what was voted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from weaklabel.inference.anchored.confusion import fit_confusion
from weaklabel.inference.anchored.evidence import CLASS_EXPONENT, evidence_of_votes
from weaklabel.inference.anchored.literal import (
    class_normalised,
    vote_counts,
    votes_for_many,
    weight_of_empty,
)
from weaklabel.inference.anchored.parameters import AnchoredParameters
from weaklabel.inference.anchored.silence import capped_silence, clear_silence, silence_of_rules
from weaklabel.inference.anchored.tilting import tilted
from weaklabel.inference.layout import TableLayout
from weaklabel.inference.preweights import PreWeights, pre_weights
from weaklabel.inference.regime import Regime, regime_of
from weaklabel.inference.rows import Backend, Expected, FloatArray, IntArray, VoteRows
from weaklabel.inference.shares import share_counts

SILENCE_LEAD = 0.2  # log-odds below which, plus their share, rows without votes stay even


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
    rows, n_classes = backend.rows, layout.n_classes
    many = votes_for_many(layout)
    raw = vote_counts(rows)
    weights = pre_weights(
        rows, layout, raw, many, lambda each: class_normalised(layout, each, many)
    )
    worth = weights.product
    votes = raw * worth
    regime = regime_of(rows, layout, votes, weights.duplicate, many, weights.agreement)
    share_weight = class_normalised(layout, votes, many) * worth
    step = _evidence_step(rows, layout, share_weight, weights, raw, many, gold)
    leaning = step.leaning if class_balance is None else np.zeros(n_classes)
    confusion, confusion_prior = None, np.full(n_classes, -np.log(n_classes))
    if regime.can_learn_confusion:
        member, regime = fit_confusion(backend, layout, gold, weights, many, regime, class_balance)
        confusion, confusion_prior = member.log_table, member.log_prior
    uniform, nothing = np.full(n_classes, 1.0 / n_classes), np.zeros(n_classes)
    found = AnchoredParameters(
        vote_weight=worth,
        share_weight=share_weight,
        evidence=step.table,
        silence=step.silence,
        silence_alone=clear_silence(
            step.total_silence + leaning, SILENCE_LEAD + 1.0 - regime.coverage
        ),
        confusion=confusion,
        confusion_prior=confusion_prior,
        many=many,
        confusion_weight=regime.confusion_weight,
        class_balance=uniform if class_balance is None else class_balance,
        temperature=regime.temperature,
        tilt=nothing,
        correction=np.zeros((layout.n_rows, n_classes)),
        empty_tilt=nothing,
    )
    if class_balance is not None:
        found = tilted(found, backend, layout, class_balance)
    return Anchored(found, weights, regime)


@dataclass(frozen=True, eq=False)
class _EvidenceStep:
    """What votes and silence say after one step, and what rows with votes say of the balance."""

    table: FloatArray  # (n_rows, n_classes)
    silence: FloatArray  # (n_classes,), of all LFs together, capped
    total_silence: FloatArray  # (n_classes,), before it was capped
    leaning: FloatArray  # (n_classes,), log-odds of the class balance


def _evidence_step(
    rows: VoteRows,
    layout: TableLayout,
    share_weight: FloatArray,
    weights: PreWeights,
    raw: FloatArray,
    many: IntArray,
    gold: Expected | None,
) -> _EvidenceStep:
    trust, worth, n_items = weights.trust, weights.product, rows.total_weight
    anchor = share_counts(rows, layout, share_weight, pseudo=1.0)
    counts, classes, voted = anchor.counts, anchor.class_counts, raw
    if gold is not None:
        counts, classes = counts + gold.counts, classes + gold.class_counts
        voted = raw + gold.counts.sum(axis=1)
        n_items += float(gold.class_counts.sum())
    counts, voted = counts * trust[:, None], voted * trust
    blank = weight_of_empty(rows) / layout.n_classes  # a row without votes is uniform in ``a``
    table = evidence_of_votes(layout, counts, classes - blank, voted) * worth[:, None]
    silence = silence_of_rules(layout, counts, classes, voted, many, n_items)
    silence *= layout.per_lf(worth[:, None]) / layout.per_lf(np.ones((layout.n_rows, 1)))
    silence, total = capped_silence(silence)
    table -= silence[layout.segment]  # a vote takes the silence counted beforehand back
    leaning = CLASS_EXPONENT * np.log(np.maximum(classes - blank, 1e-12) / classes.sum())
    return _EvidenceStep(table, silence.sum(axis=0), total, leaning)
