"""Tables in closed form from triplets of labeling functions.

For one class k against the rest, let x_f be the indicator of vote f, and d_f = P(f | k) -
P(f | not k) how much it tells. Votes of different LFs that are independent given whether the class
is k have covariances of rank one,

    C[f, g] = pi_k (1 - pi_k) d_f d_g = D_f D_g,      D_f = sqrt(pi_k (1 - pi_k)) d_f,

so three votes of different LFs give D_f^2 = C[f, g] C[f, h] / C[g, h]. With the share m_f of items
that f is cast on, P(f | k) = m_f + (1 - pi_k) d_f and P(f | not k) = m_f - pi_k d_f: no symmetry of
errors is assumed, and abstaining may depend on the class. For two classes that is every table; for
more it is exact where P(f | y) is the same for all y but the class f names.

The estimator of Fu et al. uses values s_j in {-1, 0, 1} of whole LFs and uncentred moments
E[s_j s_l] = a_j a_l instead, which asks that an LF be as often right, and as often silent, on
either class (:func:`symmetric_tables`).

References
----------
Fu, Chen, Sala, Hooper, Fatahalian and Re, "Fast and Three-rious: Speeding Up Weak Supervision with
Triplet Methods", 2020, Algorithm 1. Parisi, Strino, Nadler and Kluger, "Ranking and combining
multiple predictors without labeled data", 2014 (covariances). Joglekar, Garcia-Molina and
Parameswaran, "Evaluating the Crowd with Confidence", 2013 (triplets).
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from weaklabel.inference.moments import Moments
from weaklabel.inference.rows import FloatArray, IntArray

Aggregate = Literal["pooled", "median", "mean"]
Signs = Literal["each", "average"]

LEAST_VARIANCE = 1e-12
NOISE_SHARE = 0.5
"""Largest share of the pooled denominator that is taken away as noise."""


def loadings(
    products: FloatArray, independent: IntArray, aggregate: Aggregate, noise: float = 0.0
) -> FloatArray:
    """|D| such that products[f, g] is about D_f D_g for independent pairs.

    Parameters
    ----------
    products : array, shape (n, n)
        Symmetric.
    independent : array of bool, shape (n, n)
        Pairs that count; symmetric, False on the diagonal.
    aggregate : {"pooled", "median", "mean"}
        How the triplets (f, g, h) of one f are combined. ``"median"`` and ``"mean"`` are those of
        sqrt|C_fg C_fh / C_gh|. ``"pooled"`` is the least-squares solution of
        C_fg C_fh = D_f^2 C_gh over all of them: the ratio of sums instead of the mean of ratios,
        in which triplets with a denominator near 0 do no harm.
    noise : float, default 0
        Variance of an entry, for ``"pooled"``: what it adds to squares is taken away again.

    Returns
    -------
    array, shape (n,)
        At least 0; 0 where there is no triplet.

    Notes
    -----
    O(n^3); ``"median"`` sorts n^2 / 2 numbers for each f.
    """
    if aggregate == "pooled":
        return _pooled(products, independent, noise)
    out = np.zeros(len(products))
    combine = np.median if aggregate == "median" else np.mean
    for f in range(len(products)):
        others = np.flatnonzero(independent[f])
        g, h = np.nonzero(np.triu(independent[np.ix_(others, others)], 1))
        if len(g) == 0:
            continue
        g, h = others[g], others[h]
        below = products[g, h]
        ratio = np.zeros(len(g))
        np.divide(products[f, g] * products[f, h], below, out=ratio, where=below != 0)
        out[f] = combine(np.sqrt(np.abs(ratio)))
    return out


def _pooled(products: FloatArray, independent: IntArray, noise: float) -> FloatArray:
    counted = independent.astype(np.float64)
    kept = products * counted
    above = np.einsum("fg,gf->f", kept @ kept, kept)
    raw = np.einsum("fg,gf->f", counted @ (kept * kept), counted)
    expected_noise = noise * np.einsum("fg,gf->f", counted @ counted, counted)
    below = np.maximum(raw - expected_noise, (1.0 - NOISE_SHARE) * raw)
    squared = np.zeros(len(products))
    np.divide(above, below, out=squared, where=below > 0)
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)))


def correlations(covariance: FloatArray, variance: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Correlations and standard deviations; both 0 where a variance is that of a constant.

    The covariances of a constant are rounding errors, and dividing them by one more would make them
    anything.

    Parameters
    ----------
    covariance : array, shape (n, n)
        Of values in [-1, 1].
    variance : array, shape (n,)

    Returns
    -------
    correlation : array, shape (n, n)
    spread : array, shape (n,)
    """
    varies = variance > LEAST_VARIANCE
    spread = np.sqrt(np.where(varies, variance, 0.0))
    correlation = np.zeros_like(covariance)
    both = np.outer(varies, varies)
    np.divide(covariance, np.outer(spread, spread), out=correlation, where=both)
    return correlation, spread


def signs(
    products: FloatArray, independent: IntArray, belief: FloatArray, how: Signs
) -> FloatArray:
    """The signs of D: squares do not tell them.

    Parameters
    ----------
    products, independent : arrays, shape (n, n)
    belief : array, shape (n,)
        Sign and weight of what each is believed to be.
    how : {"each", "average"}
        ``"each"``: as believed, so no vote is worse than chance. ``"average"``: those of the
        leading eigenvector of the products, whichever of its two orientations agrees better with
        the belief.

    Returns
    -------
    array, shape (n,)
        In {-1, 1}.
    """
    believed = np.where(belief < 0, -1.0, 1.0)
    if how == "each" or len(products) == 0:
        return believed
    _, vectors = np.linalg.eigh(products * independent)
    leading = vectors[:, -1]
    leading = leading * (1.0 if leading @ belief >= 0 else -1.0)
    return np.where(np.abs(leading) > 1e-12, np.sign(leading), believed)


def has_triplet(independent: IntArray) -> IntArray:
    """Whether an LF (or vote) is independent of two that are independent of each other."""
    counted = independent.astype(np.float64)
    return np.asarray(np.einsum("fg,gf->f", counted @ counted, counted) > 0)


def class_conditional_tables(
    moments: Moments,
    independent: IntArray,
    speaks: FloatArray,
    balance: FloatArray,
    aggregate: Aggregate,
    how: Signs,
) -> tuple[FloatArray, IntArray]:
    """P(vote | class) from the covariances of votes, one class against the rest.

    Parameters
    ----------
    moments : Moments
    independent : array of bool, shape (n_rows, n_rows)
        Whether two votes are those of different, independent LFs.
    speaks : array, shape (n_rows, n_classes)
        Literal reading of each vote, rows sum to 1.
    balance : array, shape (n_classes,)
    aggregate : {"pooled", "median", "mean"}
    how : {"each", "average"}

    Returns
    -------
    tables : array, shape (n_rows, n_classes)
        Not yet held to [0, 1].
    found : array of bool, shape (n_rows,)
        False for votes without a triplet, and, for more than two classes, for votes that name no
        single class.
    """
    n_classes = len(balance)
    tables = np.repeat(moments.mean[:, None], n_classes, axis=1)
    found = np.zeros(len(tables), dtype=bool)
    correlation, spread = correlations(moments.covariance, moments.mean * (1.0 - moments.mean))
    noise = 1.0 / max(moments.weight, 1.0)
    for k in [1] if n_classes == 2 else range(n_classes):
        chosen = np.arange(len(tables))
        if n_classes > 2:
            chosen = np.flatnonzero(speaks[:, k] == 1.0)
        pairs = np.ix_(chosen, chosen)
        r, apart = correlation[pairs], independent[pairs]
        share = balance[k]
        belief = (speaks[chosen, k] - 1.0 / n_classes) * spread[chosen]
        size = loadings(r, apart, aggregate, noise)
        told = size * signs(r, apart, belief, how) * spread[chosen]
        told = np.where(belief == 0, 0.0, told) if how == "each" else told
        told /= np.sqrt(share * (1.0 - share))
        tables[chosen] -= share * told[:, None]
        tables[chosen, k] += told
        found[chosen] = has_triplet(apart & (r != 0))
    return tables, found


def symmetric_tables(
    moments: Moments,
    row_lf: IntArray,
    independent: IntArray,
    speaks: FloatArray,
    balance: FloatArray,
    aggregate: Aggregate,
    how: Signs,
) -> FloatArray:
    """P(vote | class) as Fu et al. find it: LFs as often right and as often silent on either class.

    With s_j = 1 for a vote for class k, -1 for another vote and 0 for silence, E[s_j s_l] = a_j a_l
    and P(s_j Y = 1) = (1 + a_j - P(s_j = 0)) / 2. The joint distribution of s_j and Y with these
    margins is solved for; negative entries change sign and all are divided by their sum.

    Parameters
    ----------
    moments : Moments
    row_lf : array of int, shape (n_rows,)
    independent : array of bool, shape (n_rows, n_rows)
    speaks : array, shape (n_rows, n_classes)
        One-hot.
    balance : array, shape (n_classes,)
    aggregate, how
        As :func:`class_conditional_tables`.

    Returns
    -------
    array, shape (n_rows, n_classes)
        In [0, 1].
    """
    n_classes = len(balance)
    lfs, column = np.unique(row_lf, return_inverse=True)
    first_row = np.searchsorted(row_lf, lfs)
    apart = independent[np.ix_(first_row, first_row)]
    tables = np.zeros((len(row_lf), n_classes))
    member = (column == np.arange(len(lfs))[:, None]).astype(np.float64)  # (n_lfs, n_rows)
    silent = 1.0 - member @ moments.mean
    for k in [1] if n_classes == 2 else range(n_classes):
        names = speaks[:, k] == 1.0
        signed = member * np.where(names, 1.0, -1.0)
        products = signed @ moments.joint @ signed.T
        size = loadings(products, apart, aggregate)
        value = size * signs(products, apart, 1.0 - silent, how)
        for_k = member @ (moments.mean * names)
        joint = _joint_with_class(value, for_k, silent, float(balance[k]))
        given = joint / joint.sum(axis=2, keepdims=True)  # (n_lfs, 2, 3): given the class
        tables[names] = given[column[names], 0, 0][:, None]
        tables[names, k] = given[column[names], 1, 0]
        if n_classes == 2:
            tables[~names] = given[column[~names], :, 1]
    return np.minimum(tables, 1.0)


def _joint_with_class(
    value: FloatArray, for_k: FloatArray, silent: FloatArray, share: float
) -> FloatArray:
    """P(class, s) of each LF: axis 1 is not k and k; axis 2 is s = 1, -1, 0."""
    agree = 0.5 * (1.0 + value - silent)  # P(s Y = 1)
    right = 0.5 * (share + for_k + agree + silent * (1.0 - share) - 1.0)
    joint = np.empty((len(value), 2, 3))
    joint[:, 1, 0] = right
    joint[:, 0, 0] = for_k - right
    joint[:, 1, 1] = share * (1.0 - silent) - right
    joint[:, 0, 1] = agree - right
    joint[:, 1, 2], joint[:, 0, 2] = silent * share, silent * (1.0 - share)
    joint = np.abs(joint)
    return np.asarray(joint / joint.sum(axis=(1, 2), keepdims=True))
