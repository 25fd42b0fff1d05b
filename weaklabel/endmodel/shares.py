"""Class offsets: answer each class as often as the labels do.

A net trained on soft labels repeats their mean on average, but not how often each class is the
*likeliest*: what it cannot tell from the features it answers with the frequent class, so rare
classes are answered less and less often. The offsets ``b`` are added to the scores so that, over
the training rows, the shares of the answers are those of the labels' likeliest classes. They
minimise the convex function::

    F(b) = mean_i tau log sum_k exp((scores[i, k] + b[k]) / tau)  -  sum_k share[k] b[k]  +  ridge

whose gradient is, as ``tau`` goes to 0, the share of the answers less the wanted share. No gold is
involved: the wanted shares are those of the labels. The idea of correcting the frequencies of the
answers is that of Saerens, Latinne and Decaestecker 2002 and of logit adjustment (Menon et al.
2021); here it acts on decisions.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import logsumexp

TEMPERATURES: Final = (1.0, 0.3, 0.1, 0.03)
"""From smooth to nearly hard; each minimum is the start of the next one."""
PRECISE: Final = {"ftol": 1e-14, "gtol": 1e-9, "maxiter": 1000}
RIDGE: Final = 1e-4
TIED: Final = 1e-9


def answer_shares(
    probabilities: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Weighted share of rows in which each class is the likeliest; ties count in parts.

    Returns
    -------
    array, shape (n_classes,)
        Sums to 1.
    """
    is_top = probabilities >= probabilities.max(axis=1, keepdims=True) - TIED
    top = is_top / is_top.sum(axis=1, keepdims=True)
    return np.asarray(weights @ top / weights.sum())


def class_offsets(
    answers: npt.NDArray[np.float64],
    labels: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Offsets of the scores that give the answers the shares of the labels.

    Parameters
    ----------
    answers, labels : array, shape (n, n_classes)
        Probabilities of the net and of the labels on the same rows.
    weights : array, shape (n,)

    Returns
    -------
    array, shape (n_classes,)
        With mean 0 over the classes the labels answer with; the others keep their scores.

    Notes
    -----
    O(n * n_classes) per step of the minimiser, some dozens of steps.
    """
    logs = np.log(np.maximum(answers, np.finfo(np.float64).tiny))
    share = weights / weights.sum()
    wanted = answer_shares(labels, weights)
    is_answered = wanted > 0
    offsets = np.zeros(answers.shape[1])
    for tau in TEMPERATURES:

        def objective(
            b: npt.NDArray[np.float64], tau: float = tau
        ) -> tuple[float, npt.NDArray[np.float64]]:
            scaled = (logs + b) / tau
            total = logsumexp(scaled, axis=1)
            soft = share @ np.exp(scaled - total[:, None])
            value = tau * float(share @ total) - float(wanted @ b) + 0.5 * RIDGE * float(b @ b)
            return value, (soft - wanted + RIDGE * b) * is_answered

        offsets = minimize(objective, offsets, jac=True, method="L-BFGS-B", options=PRECISE).x
    return np.asarray((offsets - offsets[is_answered].mean()) * is_answered)
