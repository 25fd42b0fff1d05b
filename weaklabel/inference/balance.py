"""The class balance from third moments.

Second moments do not tell the class balance: pi (1 - pi) d_j d_l leaves the scale of d open. Third
moments do. For class k against the rest, let s_j = 1 where LF j votes for k, -1 where it votes for
something else, 0 where it is silent, something between where it votes for a set or with a
confidence (any value per vote will do), and D_j as in :mod:`~weaklabel.inference.triplets`. Then
for three independent LFs

    E[(s_j - E s_j)(s_l - E s_l)(s_h - E s_h)] = kappa D_j D_l D_h,
    kappa = (1 - 2 pi) / sqrt(pi (1 - pi)),      pi = (1 - kappa / sqrt(4 + kappa^2)) / 2,

and kappa is estimated by least squares over all triples in one pass over the votes.

Third moments are noisy, and dependent LFs falsify them. The error of kappa is that of sampling
items, plus that of leaving out each LF in turn (the jackknife), which is large where triples of LFs
contradict each other. The estimate is pulled towards equal shares by what it says (the positive
part of 1 - 2.5^2 / z^2, z the distance in standard errors). One that no class share between 2 % and
98 % explains is not used at all, nor are shares of several classes that do not add up to about 1.

References
----------
Jaffe, Nadler and Kluger, "Estimating the accuracies of multiple classifiers without labeled data",
2015, section 4.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from weaklabel.inference.moments import Moments, TripleSums, triple_sums
from weaklabel.inference.rows import FloatArray, IntArray, VoteRows
from weaklabel.inference.triplets import correlations, loadings, signs

LEAST_SHARE = 0.02
PULL = 2.5**2
SUM_TOLERANCE = 0.25
"""How far from 1 the shares of several classes may add up; each is found on its own."""


def estimate_balance(
    rows: VoteRows,
    moments: Moments,
    independent: IntArray,
    speaks: FloatArray,
    *,
    n_threads: int | None = None,
) -> tuple[FloatArray, FloatArray]:
    """The class balance, and how much of it comes from the votes.

    Parameters
    ----------
    rows : VoteRows
    moments : Moments
        Of the same rows.
    independent : array of bool, shape (n_rows, n_rows)
        Whether two votes are those of different LFs that are independent given the class.
    speaks : array, shape (n_rows, n_classes)
        Literal reading of each vote.
    n_threads : int, optional
        Threads of the compiled kernel; default all cores.

    Returns
    -------
    balance : array, shape (n_classes,)
        Adds up to 1.
    trust : array, shape (n_classes,)
        In [0, 1]: 0 where a class was given an equal share for want of evidence.

    Notes
    -----
    O(n_votes * n_classes). With dependent LFs, one of each group takes part.
    """
    n_classes = speaks.shape[1]
    equal = np.full(n_classes, 1.0 / n_classes)
    lfs, first_row, column = np.unique(rows.row_lf, return_index=True, return_inverse=True)
    leaders = _one_of_each_group(independent[np.ix_(first_row, first_row)])
    if n_classes < 2 or leaders.sum() < 3:
        return equal, np.zeros(n_classes)
    classes = [1] if n_classes == 2 else list(range(n_classes))
    sign = 2.0 * speaks[:, classes] - 1.0  # (n_rows, n_columns), between for unsure votes
    member = (column == np.arange(len(lfs))[:, None]).astype(np.float64)
    mean = member @ (sign * moments.mean[:, None])  # (n_lfs, n_columns)
    size = np.stack(
        [_signed_loadings(moments, member * sign[:, c], mean[:, c]) for c in range(len(classes))],
        axis=1,
    )
    size *= leaders[:, None]
    silent = np.zeros((int(rows.row_lf.max(initial=-1)) + 1, len(classes)))
    silent[lfs] = -size * mean
    value = size[column] * (sign - mean[column])
    sums = triple_sums(rows, value, silent, n_threads=n_threads)
    skews = [_skew(size[:, c], lfs, sums, c) for c in range(len(classes))]
    raw = np.array([_share_of(s.kappa) for s in skews])
    if n_classes > 2 and not abs(raw.sum() - 1.0) <= SUM_TOLERANCE:
        return equal, np.zeros(n_classes)
    pulled = [_pulled(s, 1.0 / n_classes) for s in skews]
    share, trust = np.array([p[0] for p in pulled]), np.array([p[1] for p in pulled])
    if n_classes == 2:
        return np.array([1.0 - share[0], share[0]]), np.repeat(trust, 2)
    return share / share.sum(), trust


def _one_of_each_group(independent: IntArray) -> IntArray:
    """The first LF of each group of dependent LFs, bool of shape (n_lfs,)."""
    dependent = ~independent
    first = dependent.argmax(axis=1)
    return np.asarray(first == np.arange(len(first)))


def _signed_loadings(moments: Moments, signed: FloatArray, mean: FloatArray) -> FloatArray:
    """D of each LF, shape (n_lfs,)."""
    covariance = signed @ moments.joint @ signed.T - np.outer(mean, mean)
    correlation, spread = correlations(covariance, covariance.diagonal())
    apart = ~np.eye(len(mean), dtype=bool)
    size = loadings(correlation, apart, "pooled", 1.0 / max(moments.weight, 1.0))
    return np.asarray(size * spread * signs(correlation, apart, spread, "average"))


@dataclass(frozen=True)
class _Skew:
    """kappa and its standard error; NaN where there are no triples."""

    kappa: float
    error: float


def _skew(size: FloatArray, lfs: IntArray, sums: TripleSums, column: int) -> _Skew:
    """Least squares over all triples: sum of products with D D D, over sum of (D D D)^2."""
    q = size**2
    q1, q2, q3 = (float((q**p).sum()) for p in (1, 2, 3))
    norm = (q1**3 - 3.0 * q1 * q2 + 2.0 * q3) / 6.0
    if norm <= 1e-12 * max(q1**3, 1e-300):
        return _Skew(np.nan, np.nan)
    mean = sums.total[column] / sums.weight
    variance = max(sums.squares[column] / sums.weight - mean**2, 0.0)
    error = np.sqrt(variance / sums.weight) / norm
    used = q > 0
    norm_without = norm - q * ((q1 - q) ** 2 - (q2 - q * q)) / 2.0
    mean_without = mean - sums.by_lf[lfs, column] / sums.weight
    kept = used & (norm_without > 1e-6 * norm)
    if kept.sum() < used.sum() or kept.sum() < 4:
        return _Skew(mean / norm, np.inf)  # one LF is in every triple: nothing to compare with
    without = mean_without[kept] / norm_without[kept]
    n = len(without)
    spread = (n - 1.0) / n * float(((without - without.mean()) ** 2).sum())
    return _Skew(mean / norm, float(np.sqrt(error**2 + spread)))


def _share_of(kappa: float) -> float:
    return float(0.5 * (1.0 - kappa / np.sqrt(4.0 + kappa**2)))


def _pulled(skew: _Skew, equal: float) -> tuple[float, float]:
    """pi and its trust."""
    at_equal = (1.0 - 2.0 * equal) / np.sqrt(equal * (1.0 - equal))
    limit = (1.0 - 2.0 * LEAST_SHARE) / np.sqrt(LEAST_SHARE * (1.0 - LEAST_SHARE))
    if not abs(skew.kappa) <= limit:
        return equal, 0.0
    distance = (skew.kappa - at_equal) ** 2
    trust = max(1.0 - PULL * skew.error**2 / max(distance, 1e-300), 0.0)
    return _share_of(at_equal + trust * (skew.kappa - at_equal)), float(trust)
