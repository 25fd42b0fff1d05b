"""What can be said of an end model without gold: agreement, confidence, calibration, coverage."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from weaklabel.analysis.numbers import decisions, plain
from weaklabel.analysis.text import number, percent
from weaklabel.soft_labels import SoftLabels

FloatArray = npt.NDArray[np.float64]
N_BINS = 10


@dataclass(frozen=True)
class HeldOutFacts:
    """Held-out answers beside the labels they were learned from.

    Attributes
    ----------
    n_items, n_covered : int
    agreement : float
        Share of covered rows on which end model and labels decide the same (ties in part).
    end_model_with_majority, labels_with_majority : float or None
        The same with the majority vote, if votes were given.
    confidence_covered, confidence_uncovered : float
        Mean probability of the likeliest class; NaN where there are no such rows.
    label_confidence : float
        That of the labels, on covered rows.
    cross_entropy : float
        Mean ``-sum_k label[k] log answer[k]`` in nats, on covered rows.
    label_entropy : float
        What the best answer would reach: the labels themselves.
    balance_cross_entropy : float
        What answering every row with the mean of the labels would reach.
    calibration_gap : float
        Mean gap between the confidence of the answers and what the labels give to the class
        answered, over ten bins of confidence, weighted by rows.
    n_sure_uncovered : int
        Rows without a vote that the end model answers surely.
    sure : float
    """

    n_items: int
    n_covered: int
    agreement: float
    end_model_with_majority: float | None
    labels_with_majority: float | None
    confidence_covered: float
    confidence_uncovered: float
    label_confidence: float
    cross_entropy: float
    label_entropy: float
    balance_cross_entropy: float
    calibration_gap: float
    n_sure_uncovered: int
    sure: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {name: plain(value) for name, value in asdict(self).items()}

    def lines(self) -> list[tuple[str, str]]:
        """What is known, by name."""
        n_uncovered = self.n_items - self.n_covered
        found = [
            ("rows with a vote", f"{self.n_covered:,} of {self.n_items:,}"),
            ("end model agrees with the labels", percent(self.agreement)),
        ]
        if self.end_model_with_majority is not None and self.labels_with_majority is not None:
            found += [
                ("end model agrees with the majority", percent(self.end_model_with_majority)),
                ("labels agree with the majority", percent(self.labels_with_majority)),
            ]
        found += [
            ("confidence of the labels", percent(self.label_confidence)),
            ("confidence of the end model", percent(self.confidence_covered)),
            ("  on rows without a vote", percent(self.confidence_uncovered)),
            (
                "rows without a vote it answers surely",
                f"{self.n_sure_uncovered:,} of {n_uncovered:,} (at least {self.sure:g})",
            ),
            ("gap of its confidence to the labels", percent(self.calibration_gap)),
            (
                "cross-entropy to the labels, nats",
                f"{number(self.cross_entropy)} (labels {number(self.label_entropy)}, "
                f"their mean {number(self.balance_cross_entropy)})",
            ),
        ]
        return found


def held_out_facts(
    labels: SoftLabels, answers: FloatArray, majority: SoftLabels | None, sure: float
) -> HeldOutFacts:
    """Compare held-out answers with the labels; O(n_items * n_classes)."""
    covered = labels.covered
    p, q = labels.probabilities[covered], answers[covered]
    end, given = decisions(q), decisions(p)
    votes = None if majority is None else decisions(majority.probabilities[covered])
    confidence = answers.max(axis=1, initial=0.0)
    balance = p.mean(axis=0, keepdims=True) if len(p) else p
    return HeldOutFacts(
        n_items=labels.n_items,
        n_covered=int(covered.sum()),
        agreement=_same(end, given),
        end_model_with_majority=None if votes is None else _same(end, votes),
        labels_with_majority=None if votes is None else _same(given, votes),
        confidence_covered=_mean(confidence[covered]),
        confidence_uncovered=_mean(confidence[~covered]),
        label_confidence=_mean(labels.confidence[covered]),
        cross_entropy=_cross_entropy(p, q),
        label_entropy=_mean(labels.entropy[covered]),
        balance_cross_entropy=_cross_entropy(p, np.broadcast_to(balance, p.shape)),
        calibration_gap=_gap(confidence[covered], (end * p).sum(axis=1)),
        n_sure_uncovered=int((confidence[~covered] >= sure).sum()),
        sure=sure,
    )


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if len(values) else math.nan


def _same(one: FloatArray, other: FloatArray) -> float:
    return _mean((one * other).sum(axis=1))


def _cross_entropy(p: FloatArray, q: FloatArray) -> float:
    logs = np.log(np.maximum(q, np.finfo(np.float64).eps))
    return _mean(-(p * logs).sum(axis=1))


def _gap(claim: FloatArray, granted: FloatArray) -> float:
    """Expected calibration error with the probability the labels grant in place of right/wrong."""
    if not len(claim):
        return math.nan
    bin_of = np.minimum((claim * N_BINS).astype(np.int64), N_BINS - 1)
    return float(np.abs(np.bincount(bin_of, claim - granted, N_BINS)).sum() / len(claim))
