"""Tilts towards a class balance, thresholds for a metric, and how well probabilities are meant.

What gold changes in the posteriors is in :mod:`~weaklabel.inference.gold_calibration`.
"""

from __future__ import annotations

import numpy as np

from weaklabel.inference.rows import FloatArray, IntArray

EMPTY_STRENGTH = 5.0


def empty_tilt(
    empty: FloatArray, gold: IntArray, weight: FloatArray, balance: FloatArray
) -> FloatArray:
    """Tilt of the posterior of rows without votes, from gold rows that have none.

    Their class shares are counted onto ``EMPTY_STRENGTH`` pseudo-rows with the class balance.

    Parameters
    ----------
    empty : array, shape (n_classes,)
        Posterior of a row without votes.
    gold : array of int, shape (n_gold,)
        Classes of rows without votes.
    weight : array, shape (n_gold,)
    balance : array, shape (n_classes,)
    """
    counts = np.bincount(gold, weight, len(empty)) + EMPTY_STRENGTH * balance
    return np.asarray(np.log(counts / counts.sum()) - np.log(empty))


def balancing_tilt(
    posterior: FloatArray, balance: FloatArray, weight: FloatArray, max_steps: int = 50
) -> FloatArray:
    """The tilt under which the weighted mean of the posteriors is the class balance.

    Parameters
    ----------
    posterior : array, shape (n_rows, n_classes)
    balance : array, shape (n_classes,)
    weight : array, shape (n_rows,)

    Returns
    -------
    array, shape (n_classes,)
        Sums to 0.

    Notes
    -----
    Iterative proportional fitting; O(n_rows * n_classes) per step. Classes of share 0 are treated
    as of a share too small to be seen.
    """
    n_rows = float(weight.sum())
    tilt = np.zeros(len(balance))
    if n_rows <= 0:
        return tilt
    target = np.maximum(balance, 1e-3 / n_rows)
    factor = np.ones(len(balance))
    for _ in range(max_steps):
        scale = weight / (posterior @ factor)
        mean = factor * (scale @ posterior) / n_rows
        change = target / np.maximum(mean, 1e-300)
        factor *= change
        factor /= np.exp(np.log(factor).mean())
        if np.abs(np.log(change)).max() < 1e-6:
            break
    return np.asarray(np.log(factor))


def best_f1_threshold(positive: FloatArray, weight: FloatArray) -> float:
    """The probability above which to answer the positive class for the highest expected F1.

    With calibrated probabilities p, answering the k most probable rows has
    F1 = 2 sum of their p / (their number + sum of all p).

    Parameters
    ----------
    positive : array, shape (n_rows,)
        Probability of the positive class.
    weight : array, shape (n_rows,)

    References
    ----------
    Lipton, Elkan and Naryanaswamy, "Optimal Thresholding of Classifiers to Maximize F1 Measure",
    2014: the threshold is half of the best F1.
    """
    order = np.argsort(-positive, kind="stable")
    p, w = positive[order], weight[order]
    hits, answered = np.cumsum(w * p), np.cumsum(w)
    total = float(hits[-1]) if len(hits) else 0.0
    if total <= 0:
        return 0.5
    return float((hits / (answered + total)).max())


def expected_calibration_error(
    posterior: FloatArray, gold: IntArray, weight: FloatArray, n_bins: int = 15
) -> float:
    """Mean gap between confidence and accuracy over bins of equal width, in [0, 1]."""
    if not weight.sum() > 0:
        return float("nan")
    confidence = posterior.max(axis=1)
    top = posterior >= confidence[:, None] - 1e-9
    right = top[np.arange(len(gold)), gold] / top.sum(axis=1)
    bin_of = np.minimum((confidence * n_bins).astype(np.int64), n_bins - 1)
    gap = np.bincount(bin_of, weight * (confidence - right), n_bins)
    return float(np.abs(gap).sum() / weight.sum())


def log_loss(posterior: FloatArray, gold: IntArray, weight: FloatArray) -> float:
    """Weighted mean of minus the log probability of the known class, in nats."""
    if not weight.sum() > 0:
        return float("nan")
    p = np.maximum(posterior[np.arange(len(gold)), gold], 1e-300)
    return float(-(weight @ np.log(p)) / weight.sum())
