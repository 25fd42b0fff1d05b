"""Scores of class probabilities against gold, where ties count as what a random break expects."""

from __future__ import annotations

import numpy as np

TIED = 1e-9  # probabilities this close to a row's largest are tied with it


def shares(probabilities: np.ndarray) -> np.ndarray:
    """How probable each class is as the answer: 1 over the number tied for the first place.

    Parameters
    ----------
    probabilities : array, shape (n_rows, n_classes)

    Returns
    -------
    array, shape (n_rows, n_classes)
        Rows sum to 1.
    """
    top = probabilities >= probabilities.max(axis=1, keepdims=True) - TIED
    return top / top.sum(axis=1, keepdims=True)


def expected_accuracy(probabilities: np.ndarray, gold: np.ndarray) -> float:
    """Accuracy in percent, in the mean over random breaks of ties."""
    return 100.0 * float(shares(probabilities)[np.arange(len(gold)), gold].mean())


def expected_f1(probabilities: np.ndarray, gold: np.ndarray, positive: int = 1) -> float:
    """F1 of one class in percent, in the mean over independent random breaks of ties.

    F1 = 2 T / (P + A) with T the hits, P the rows of the class and A the rows answered so. T and
    A - T are sums of independent coins, one per tied row; the mean runs over both exactly.
    """
    answer = shares(probabilities)[:, positive]
    is_class = gold == positive
    hits, false_alarms = coins(answer[is_class]), coins(answer[~is_class])
    n_class = int(is_class.sum())
    if n_class == 0:
        return 0.0
    t = np.flatnonzero(hits > 1e-15)
    a = np.flatnonzero(false_alarms > 1e-15)
    f1 = 2.0 * t[:, None] / (n_class + t[:, None] + a[None, :])
    return 100.0 * float(hits[t] @ f1 @ false_alarms[a])


def coins(probability: np.ndarray) -> np.ndarray:
    """Distribution of the number of heads of independent coins, shape (n_coins + 1,)."""
    from scipy.stats import binom

    out = np.ones(1)
    for p, n in zip(*np.unique(probability, return_counts=True), strict=True):
        out = np.convolve(out, binom.pmf(np.arange(n + 1), n, p))
    return out


def log_loss(probabilities: np.ndarray, gold: np.ndarray) -> float:
    """Mean of minus the log probability of the gold class, in nats."""
    return float(-np.log(np.maximum(probabilities[np.arange(len(gold)), gold], 1e-12)).mean())


def calibration_error(probabilities: np.ndarray, gold: np.ndarray, n_bins: int = 15) -> float:
    """Expected calibration error of the largest probability, in percent."""
    confidence = probabilities.max(axis=1)
    right = shares(probabilities)[np.arange(len(gold)), gold]
    bin_of = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    gap = np.bincount(bin_of, confidence - right, n_bins)
    return 100.0 * float(np.abs(gap).sum() / len(gold))
