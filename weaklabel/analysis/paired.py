"""Which of several models may be the best, from rows whose class is known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from weaklabel.inference.wilson import LEVEL

FloatArray = npt.NDArray[np.float64]


def paired_difference(
    one: FloatArray, other: FloatArray, level: float = LEVEL
) -> tuple[float, float]:
    """Interval of the difference of two accuracies measured on the same rows.

    With b the rows that only the first has right and c those that only the second has, one row is
    added to each and p = (b + 1) / (n + 2), q = (c + 1) / (n + 2):
    ``p - q -+ z sqrt((p + q - (p - q)^2) / (n + 2))``.

    Parameters
    ----------
    one, other : array, shape (n_rows,)
        Whether each row is decided right, in [0, 1]; ties count in part.
    level : float, default 0.95

    Returns
    -------
    low, high : float
        Of the accuracy of ``one`` less that of ``other``.

    References
    ----------
    Bonett and Price, "Adjusted Wald Confidence Interval for a Difference of Binomial Proportions
    Based on Paired Data", 2012.

    Examples
    --------
    >>> import numpy as np
    >>> low, high = paired_difference(np.ones(50), np.repeat([1.0, 0.0], 25))
    >>> round(low, 2), round(high, 2)
    (0.33, 0.63)
    """
    from scipy.special import ndtri

    difference, n = one - other, len(one) + 2.0
    p = (float(np.maximum(difference, 0.0).sum()) + 1.0) / n
    q = (float(np.maximum(-difference, 0.0).sum()) + 1.0) / n
    half = float(ndtri(0.5 + 0.5 * level)) * float(np.sqrt((p + q - (p - q) ** 2) / n))
    return p - q - half, p - q + half


def may_be_best(right: FloatArray, level: float = LEVEL) -> npt.NDArray[np.bool_]:
    """Which models are not surely worse than the one that scored best.

    Parameters
    ----------
    right : array, shape (n_models, n_rows)
        Whether each row is decided right, in [0, 1]; the same rows for all models.
    level : float, default 0.95
        Of each pair on its own.

    Returns
    -------
    array of bool, shape (n_models,)
        True for the best and for those whose interval of the difference to it reaches 0. All True
        where there are no rows.
    """
    if right.shape[1] == 0:
        return np.ones(len(right), dtype=bool)
    best = right[int(right.mean(axis=1).argmax())]
    return np.array([paired_difference(best, each, level)[0] <= 0.0 for each in right])
