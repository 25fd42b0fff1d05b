"""The tilt of the average towards a class balance that is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from weaklabel.inference.anchored.average import anchored_posterior
from weaklabel.inference.anchored.parameters import AnchoredParameters
from weaklabel.inference.calibration import balancing_tilt
from weaklabel.inference.layout import TableLayout
from weaklabel.inference.rows import Backend, FloatArray

BALANCE_STRENGTH = 0.4  # where a class is rare: 1 gives the worst F1 of it, and no more accuracy
EVEN = 0.85  # entropy of a class balance, of the most there can be, from which none is rare


def tilted(
    parameters: AnchoredParameters, backend: Backend, layout: TableLayout, balance: FloatArray
) -> AnchoredParameters:
    """The parameters with a tilt towards where the mean posterior is the balance.

    All of the way if the balance is even, and ``BALANCE_STRENGTH`` of it where a class is rare.
    """
    entropy = -float(balance @ np.log(balance)) / np.log(max(len(balance), 2))
    even = max(0.0, (entropy - EVEN) / (1.0 - EVEN))
    strength = BALANCE_STRENGTH + (1.0 - BALANCE_STRENGTH) * even
    average = anchored_posterior(parameters, backend, layout).average
    voted = np.diff(backend.rows.indptr) > 0
    weight = voted.astype(np.float64)
    if backend.rows.weight is not None:
        weight *= backend.rows.weight
    return replace(parameters, tilt=strength * balancing_tilt(average, balance, weight))
