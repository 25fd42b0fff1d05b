"""What the members know, and how much each counts in the average."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from weaklabel.inference.anchored.evidence import evidence_of_votes
from weaklabel.inference.isotonic import IsotonicMap
from weaklabel.inference.layout import TableLayout
from weaklabel.inference.rows import FloatArray, IntArray
from weaklabel.inference.softmax import softmax

SHARE_WEIGHT, NORMALISED_WEIGHT, EVIDENCE_WEIGHT = 1.0, 2.0, 2.0


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
        leaning = softmax((np.log(balance) + self.silence_alone)[None])[0]
        mixed = shares * balance + EVIDENCE_WEIGHT * leaning
        return np.asarray(softmax((np.log(mixed) + self.empty_tilt)[None])[0])

    def extended(self, layout: TableLayout, known: IntArray) -> AnchoredParameters:
        """The parameters on a layout with more rows, where ``known`` are the rows fitted.

        A new row counts as one vote for the classes it speaks for, in the shares and, with
        ``PRIOR_ACCURACY``, in the evidence; it says nothing in ``c``.
        """

        def grown(old: FloatArray, new: FloatArray) -> FloatArray:
            new[known] = old
            return new

        nothing = np.zeros((layout.n_rows, layout.n_classes))
        ones = np.ones(layout.n_classes)
        literal = evidence_of_votes(layout, nothing, ones, np.zeros(layout.n_rows))
        return replace(
            self,
            vote_weight=grown(self.vote_weight, np.ones(layout.n_rows)),
            share_weight=grown(self.share_weight, np.ones(layout.n_rows)),
            evidence=grown(self.evidence, literal),
            confusion=None if self.confusion is None else grown(self.confusion, nothing.copy()),
            many=grown(self.many, np.zeros(layout.n_rows, dtype=bool)),
            correction=grown(self.correction, nothing.copy()),
        )
