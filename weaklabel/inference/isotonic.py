"""Isotonic calibration: how often a class is right as a step function of its probability.

For each class, the shares of gold rows of that class are fitted by a function that never falls as
the probability rises (pool adjacent violators), joined by straight lines between the probabilities
seen. Half of it and half of the probability it started from, normalised over the classes, is the
answer: the fit alone says 0 and 1 wherever the first and last rows happen to agree, and was
measured to make log loss worse by a third even at 1,000 gold rows; the half improves it by 1 %.

References
----------
Zadrozny and Elkan, "Transforming classifier scores into accurate multiclass probability estimates",
2002.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from weaklabel.inference.rows import FloatArray, IntArray

SHARE = 0.5  # of the fit, beside the probability it started from
DIGITS = 12  # probabilities that differ by rounding alone are one


@dataclass(frozen=True, eq=False)
class IsotonicMap:
    """A function of the probability for each class.

    Attributes
    ----------
    probability : array, shape (n_knots,)
        Ascending within each class.
    share : array, shape (n_knots,)
        Not falling within each class.
    start : array of int, shape (n_classes + 1,)
        The knots of class y are ``start[y] .. start[y + 1] - 1``.
    """

    probability: FloatArray
    share: FloatArray
    start: IntArray

    def __call__(self, posterior: FloatArray) -> FloatArray:
        """The calibrated posterior, shape (n_rows, n_classes); rows sum to 1."""
        fitted = np.empty_like(posterior)
        for y in range(posterior.shape[1]):
            part = slice(int(self.start[y]), int(self.start[y + 1]))
            fitted[:, y] = np.interp(posterior[:, y], self.probability[part], self.share[part])
        total = fitted.sum(axis=1, keepdims=True)
        np.divide(fitted, total, out=fitted, where=total > 0)
        kept = np.where(total > 0, 1.0 - SHARE, 1.0)
        return np.asarray(kept * posterior + (1.0 - kept) * fitted)


def fit_isotonic(posterior: FloatArray, gold: IntArray, weight: FloatArray) -> IsotonicMap:
    """The isotonic fit of each class against the rest.

    Parameters
    ----------
    posterior : array, shape (n_gold, n_classes)
        At least one row.
    gold : array of int, shape (n_gold,)
    weight : array, shape (n_gold,)
        Positive.

    Notes
    -----
    O(n_gold log(n_gold) n_classes).
    """
    from scipy.optimize import isotonic_regression

    knots, shares = [], []
    for y in range(posterior.shape[1]):
        at, which = np.unique(posterior[:, y].round(DIGITS), return_inverse=True)
        of = np.bincount(which, weight, len(at))
        hits = np.bincount(which, weight * (gold == y), len(at))
        knots.append(at)
        shares.append(isotonic_regression(hits / of, weights=of).x)
    start = np.concatenate([[0], np.cumsum([len(at) for at in knots])])
    return IsotonicMap(np.concatenate(knots), np.concatenate(shares), start)
