"""Intervals on shares that were counted."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

LEVEL = 0.95


def wilson_interval(
    right: npt.ArrayLike, of: npt.ArrayLike, level: float = LEVEL
) -> tuple[FloatArray, FloatArray]:
    """Wilson's score interval of a share.

    With p = right / of and z the normal quantile of the level,
    ``(p + z^2 / 2n -+ z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)``. It keeps inside
    [0, 1] and is not empty where all or none are right.

    Parameters
    ----------
    right, of : array, of one shape
        ``0 <= right <= of``; ties may count in parts.
    level : float, default 0.95

    Returns
    -------
    low, high : array
        NaN where ``of`` is 0.

    References
    ----------
    Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927.

    Examples
    --------
    >>> low, high = wilson_interval([9, 0], [10, 0])
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.596, nan], [0.982, nan])
    """
    from scipy.special import ndtri

    n = np.asarray(of, dtype=np.float64)
    share = np.full(n.shape, np.nan)
    np.divide(np.asarray(right, dtype=np.float64), n, out=share, where=n > 0)
    z = ndtri(0.5 + 0.5 * level)
    n = np.where(n > 0, n, 1.0)  # the share is NaN there, and so are the ends
    scale = 1.0 + z * z / n
    middle = share + z * z / (2.0 * n)
    half = z * np.sqrt(np.maximum(share * (1.0 - share), 0.0) / n + z * z / (4.0 * n * n))
    low, high = (middle - half) / scale, (middle + half) / scale
    # rounding must not push an end past the share itself, nor past 0 and 1
    return np.clip(np.minimum(low, share), 0.0, 1.0), np.clip(np.maximum(high, share), 0.0, 1.0)
