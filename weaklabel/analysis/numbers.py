"""Shares, decisions and missing numbers, as all tables of this package take them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from weaklabel.soft_labels import TIE_TOLERANCE

FloatArray = npt.NDArray[np.float64]


def ratio(part: npt.NDArray[Any], whole: npt.NDArray[Any]) -> FloatArray:
    """``part / whole``, NaN where the whole is 0."""
    share = np.full(np.shape(whole), np.nan)
    np.divide(part, whole, out=share, where=np.asarray(whole) > 0)
    return share


def decisions(probabilities: FloatArray) -> FloatArray:
    """The most probable class as one-hot rows; ties share the one equally."""
    best = probabilities >= probabilities.max(axis=1, keepdims=True, initial=0.0) - TIE_TOLERANCE
    return np.asarray(best / best.sum(axis=1, keepdims=True))


def plain(value: Any) -> Any:
    """A number or nested lists of numbers for JSON: NumPy's as Python's, NaN as None."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list):
        return [plain(v) for v in value]
    return None if isinstance(value, float) and math.isnan(value) else value
