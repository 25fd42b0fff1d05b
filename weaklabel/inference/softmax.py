"""Log joints to probabilities."""

from __future__ import annotations

import numpy as np

from weaklabel.inference.rows import FloatArray


def softmax(score: FloatArray) -> FloatArray:
    """exp(score) with rows that sum to 1, shape (n_rows, n_classes)."""
    out = np.exp(score - score.max(axis=1, keepdims=True))
    return np.asarray(out / out.sum(axis=1, keepdims=True))
