"""Intervals on shares that were counted."""

from __future__ import annotations

import numpy as np

from weaklabel.inference.wilson import wilson_interval

__all__ = ["in_words", "wilson_interval"]


def in_words(low: float, high: float) -> str:
    """An interval as ``"89-98%"``; a dash where it is not known."""
    return "-" if np.isnan(low) else f"{100 * low:.0f}-{100 * high:.0f}%"
