"""Making posteriors mean what they say, from a few rows whose class is known.

The log posterior is stretched and tilted,

    log Q_y = temperature * log P_y + tilt_y + constant,

with priors that hold both back: temperature near 1 and tilt near a given one (0, or half of the way
to a class balance that is known). Without gold nothing of this can be learned: a temperature chosen
without gold was measured always to choose the sharpest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from weaklabel.inference.rows import FloatArray, IntArray

TEMPERATURE_STRENGTH = 10.0
TILT_STRENGTH = 10.0
LEAST_TEMPERATURE = 0.05
EMPTY_STRENGTH = 5.0
MAX_STEPS = 100


@dataclass(frozen=True, eq=False)
class Calibration:
    """A stretch and a tilt of log posteriors.

    Attributes
    ----------
    temperature : float
    tilt : array, shape (n_classes,)
    """

    temperature: float
    tilt: FloatArray


def fit_calibration(
    posterior: FloatArray, gold: IntArray, weight: FloatArray, temperature: float, tilt: FloatArray
) -> Calibration:
    """The most probable stretch and tilt given gold.

    Maximises sum_i w_i log Q_i(gold_i) - 5 (temperature - its prior)^2 - 5 |tilt - its prior|^2,
    which is concave, by Newton's method with step halving.

    Parameters
    ----------
    posterior : array, shape (n_gold, n_classes)
    gold : array of int, shape (n_gold,)
    weight : array, shape (n_gold,)
    temperature : float
    tilt : array, shape (n_classes,)
        What they are drawn to.

    Notes
    -----
    O(n_gold * n_classes^2 + n_classes^3) per step, a handful of steps.
    """
    x = np.log(np.maximum(posterior, 1e-300))
    prior = np.concatenate([[temperature], tilt])
    at = prior
    value = _objective(at, x, gold, weight, prior)
    for _ in range(MAX_STEPS):
        gradient, curvature = _derivatives(at, x, gold, weight, prior)
        step = np.linalg.solve(curvature, gradient)
        size, risen = 1.0, -np.inf
        while size > 1e-6:
            proposal = at + size * step
            proposal[0] = max(proposal[0], LEAST_TEMPERATURE)
            risen = _objective(proposal, x, gold, weight, prior)
            if risen >= value:
                break
            size /= 2.0
        if risen < value:
            break
        rise, at, value = risen - value, proposal, risen
        if rise < 1e-12 * max(abs(value), 1.0):
            break
    return Calibration(float(at[0]), at[1:])


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


def _softmax(score: FloatArray) -> FloatArray:
    out = np.exp(score - score.max(axis=1, keepdims=True))
    return np.asarray(out / out.sum(axis=1, keepdims=True))


def _objective(
    at: FloatArray, x: FloatArray, gold: IntArray, weight: FloatArray, prior: FloatArray
) -> float:
    score = at[0] * x + at[1:]
    top = score.max(axis=1)
    log_q = score[np.arange(len(gold)), gold] - top
    log_q -= np.log(np.exp(score - top[:, None]).sum(axis=1))
    held = float(_strength(len(at)) @ (at - prior) ** 2)
    return float(weight @ log_q) - 0.5 * held


def _strength(size: int) -> FloatArray:
    return np.concatenate([[TEMPERATURE_STRENGTH], np.full(size - 1, TILT_STRENGTH)])


def _derivatives(
    at: FloatArray, x: FloatArray, gold: IntArray, weight: FloatArray, prior: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Gradient of the objective and minus its Hessian."""
    n_classes = x.shape[1]
    q = _softmax(at[0] * x + at[1:])
    rest = -q
    rest[np.arange(len(gold)), gold] += 1.0
    rest *= weight[:, None]
    gradient = np.empty(n_classes + 1)
    gradient[0] = float((rest * x).sum())
    gradient[1:] = rest.sum(axis=0)
    gradient -= _strength(n_classes + 1) * (at - prior)
    mean = (q * x).sum(axis=1)
    spread = q * (x - mean[:, None])  # (n_gold, n_classes)
    curvature = np.empty((n_classes + 1, n_classes + 1))
    curvature[0, 0] = float(weight @ (spread * x).sum(axis=1))
    curvature[0, 1:] = curvature[1:, 0] = weight @ spread
    curvature[1:, 1:] = -(q * weight[:, None]).T @ q
    curvature[1:, 1:] += np.diag(weight @ q)
    curvature += np.diag(_strength(n_classes + 1))
    return gradient, curvature
