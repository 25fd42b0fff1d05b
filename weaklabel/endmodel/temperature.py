"""Temperature scaling: one number that makes all answers surer or less sure.

The scores are divided by a temperature ``T`` before they become probabilities,

    q_T[i, k] = p[i, k]^(1 / T) / sum_j p[i, j]^(1 / T),

so no decision changes. ``T`` minimises the cross-entropy against targets of rows that the model
was not trained on. The logarithm of a probability and its score differ by a constant of the row,
so probabilities are enough. In ``1 / T`` the cross-entropy is convex, so it has one minimum.

References
----------
Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", 2017, equation 9.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from weaklabel.errors import ConfigError

FloatArray = npt.NDArray[np.float64]

COLDEST: Final = 0.05
HOTTEST: Final = 20.0
"""Limits: answers that are right wherever they are sure would ask for a temperature of 0."""
TINY: Final = float(np.finfo(np.float64).tiny)


def check_temperature(temperature: float) -> float:
    """The temperature; ConfigError unless it is a number in [0.05, 20]."""
    if not COLDEST <= temperature <= HOTTEST:
        raise ConfigError(
            f"a temperature must be in [{COLDEST:g}, {HOTTEST:g}], found {temperature!r}"
        )
    return float(temperature)


def at_temperature(probabilities: FloatArray, temperature: float) -> FloatArray:
    """The probabilities at a temperature, shape (n, n_classes); rows sum to 1."""
    from scipy.special import softmax

    logs = np.log(np.maximum(probabilities, TINY))
    return np.asarray(softmax(logs / temperature, axis=1))


def fit_temperature(
    probabilities: FloatArray, targets: FloatArray, weights: FloatArray | None = None
) -> float:
    """The temperature at which the probabilities tell the targets best.

    Parameters
    ----------
    probabilities : array, shape (n, n_classes)
        Of rows that the model was not trained on.
    targets : array, shape (n, n_classes)
        Soft labels, or gold as one-hot rows.
    weights : array, shape (n,), optional

    Returns
    -------
    float
        In [0.05, 20]; 1 where there are no rows, or no temperature makes a difference.

    Notes
    -----
    O(n * n_classes) per step, a few dozen steps at most.

    Examples
    --------
    >>> import numpy as np
    >>> sure = np.array([[0.99, 0.01]] * 10)
    >>> seven_in_ten = np.array([[1.0, 0.0]] * 7 + [[0.0, 1.0]] * 3)
    >>> temperature = fit_temperature(sure, seven_in_ten)
    >>> at_temperature(sure, temperature)[0].round(2).tolist()
    [0.7, 0.3]
    """
    from scipy.optimize import minimize_scalar

    share = np.ones(len(targets)) if weights is None else np.asarray(weights, dtype=np.float64)
    if not share.sum() > 0:
        return 1.0
    share = share / share.sum()
    logs = np.log(np.maximum(probabilities, TINY))
    logs = logs - logs.max(axis=1, keepdims=True)
    if np.ptp(logs) < 1e-12:
        return 1.0
    wanted = float(share @ (targets * logs).sum(axis=1))

    def loss(log_temperature: float) -> float:
        inverse = float(np.exp(-log_temperature))
        total = np.log(np.exp(logs * inverse).sum(axis=1))
        return float(share @ total) - inverse * wanted

    bounds = (float(np.log(COLDEST)), float(np.log(HOTTEST)))
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-8})
    return float(np.clip(np.exp(found.x), COLDEST, HOTTEST))
