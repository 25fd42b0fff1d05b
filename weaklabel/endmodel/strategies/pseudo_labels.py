"""What strategies make of a net's own answers: how sure they are, and how far from the targets."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def entropy(probabilities: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Entropy of each row in nats, shape (n,)."""
    p = np.asarray(probabilities, dtype=np.float64)
    return np.asarray(-np.sum(p * np.log(np.clip(p, 1e-300, None)), axis=1))


def certainty(probabilities: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """``1 - entropy / log K``: 0 where all classes are as likely, 1 where one is sure."""
    n_classes = probabilities.shape[1]
    return np.asarray(np.clip(1.0 - entropy(probabilities) / np.log(n_classes), 0.0, 1.0))


def divergence(
    targets: npt.NDArray[Any], probabilities: npt.NDArray[Any]
) -> npt.NDArray[np.float64]:
    """``KL(target || probabilities)`` of each row in nats, shape (n,).

    Unlike the cross-entropy it is 0 for a net that agrees with an unsure target, so that rows are
    called noisy for being contradicted and not for being unsure.
    """
    cross = -np.sum(targets * np.log(np.clip(probabilities, 1e-12, None)), axis=1)
    return np.asarray(np.maximum(cross - entropy(targets), 0.0))


def sharpened(probabilities: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Squared, divided by the frequency of the class, and normalised (Xie et al. 2016, eq. 3).

    Pulls every row towards its likeliest class, less so for classes that are given out often.
    """
    raised = probabilities**2 / np.clip(probabilities.sum(axis=0), 1e-12, None)
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def expected_noise(targets: npt.NDArray[Any], weights: npt.NDArray[Any]) -> float:
    """Share of wrong labels that the targets expect: the mean of 1 - their largest probability."""
    return float(np.average(1.0 - targets.max(axis=1), weights=weights))
