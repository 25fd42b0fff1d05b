"""What silence says: one-sided LFs that are silent, each alone and all together."""

from __future__ import annotations

import numpy as np

from weaklabel.inference.layout import TableLayout
from weaklabel.inference.rows import FloatArray, IntArray

SILENCE_STRENGTH = 30.0
SILENCE_FLOOR = 0.02
SILENCE_CAP = 1.0


def silence_of_rules(
    layout: TableLayout,
    counts: FloatArray,
    classes: FloatArray,
    votes: FloatArray,
    many: IntArray,
    n_items: float,
) -> FloatArray:
    """Log-odds per silent LF; 0 for LFs of several classes.

    Parameters
    ----------
    layout : TableLayout
    counts : array, shape (n_rows, n_classes)
        Expected number of items of class y with each vote.
    classes : array, shape (n_classes,)
        Expected number of items of each class.
    votes : array, shape (n_rows,)
        Weight of the items with each vote.
    many : array of bool, shape (n_rows,)
    n_items : float

    Returns
    -------
    array, shape (n_active, n_classes)
        Centred over the classes.
    """
    fired = layout.per_lf(counts)
    coverage = layout.per_lf(votes)[:, None] / max(n_items, 1e-300)
    rate = (fired + SILENCE_STRENGTH * coverage) / (classes + SILENCE_STRENGTH)
    silence = np.log(np.maximum(SILENCE_FLOOR, 1.0 - rate))
    silence -= silence.mean(axis=1, keepdims=True)
    silence[many[layout.starts]] = 0.0
    return np.asarray(silence)


def capped_silence(silence: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The silence of each LF scaled so that all together say no more than the cap, and their sum.

    Parameters
    ----------
    silence : array, shape (n_active, n_classes)

    Returns
    -------
    silence : array, shape (n_active, n_classes)
    total : array, shape (n_classes,)
        Before it was capped.
    """
    total = silence.sum(axis=0)
    spread = float(np.ptp(total))
    return (silence * (SILENCE_CAP / spread) if spread > SILENCE_CAP else silence), total


def clear_silence(silence: FloatArray, least: float) -> FloatArray:
    """What silence says, less a lead of ``least``, and capped; 0 if there is no more.

    The lead is that of the most probable class over the next.

    Parameters
    ----------
    silence : array, shape (n_classes,)
        Log-odds.
    least : float
        Log-odds.
    """
    if len(silence) < 2:
        return np.zeros_like(silence)
    second, first = np.sort(silence)[-2:]
    lead = first - second
    if lead <= least:
        return np.zeros_like(silence)
    kept = (silence - silence.mean()) * (1.0 - least / lead)
    return np.asarray(kept * min(1.0, SILENCE_CAP / float(np.ptp(kept))))
