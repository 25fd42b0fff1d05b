"""The triplet method of Fu et al. as their formulas read, loop by loop; and their own code.

flyingsquid does not import with pgmpy from 1.0 on, which renamed a class. :func:`flyingsquid_model`
gives the class its old name, in this process only; where that is not enough (or flyingsquid is not
installed) the reference stands in for it.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np


def reference_tables(dense: np.ndarray, aggregate: str = "mean") -> np.ndarray:
    """P(vote | class) of two equally frequent classes, shape (n_lfs, n_classes, n_votes).

    Votes are 0, 1 or -1 for abstain. The six joint probabilities of a vote and the class solve a
    linear system; negative ones change sign.
    """
    signed = np.where(dense < 0, 0, 2 * dense - 1).astype(float)
    n, m = signed.shape
    moments = np.array([[signed[:, i] @ signed[:, j] / n for j in range(m)] for i in range(m)])
    out = np.zeros((m, 2, 2))
    for i in range(m):
        others = [j for j in range(m) if j != i]
        each = [
            np.sqrt(abs(moments[i, j] * moments[i, k] / moments[j, k])) if moments[j, k] else 0.0
            for j, k in itertools.combinations(others, 2)
        ]
        value = np.mean(each) if aggregate == "mean" else np.median(each)
        silent = (signed[:, i] == 0).mean()
        # unknowns: P(s, Y) for (s, Y) = (1, 1), (-1, 1), (0, 1), (1, -1), (-1, -1), (0, -1)
        system = np.array(
            [
                [1, 1, 1, 1, 1, 1],  # all
                [1, 0, 0, 1, 0, 0],  # s = 1
                [1, 1, 1, 0, 0, 0],  # Y = 1
                [1, 0, 0, 0, 1, 0],  # s Y = 1
                [0, 0, 1, 0, 0, 1],  # s = 0
                [0, 0, 1, 0, 0, 0],  # s = 0 and Y = 1
            ],
            dtype=float,
        )
        known = np.array(
            [
                1.0,
                (signed[:, i] == 1).mean(),
                0.5,
                0.5 * (1.0 + value - silent),
                silent,
                0.5 * silent,
            ]
        )
        joint = np.abs(np.linalg.solve(system, known))
        joint /= joint.sum()
        for y, first in ((1, 0), (0, 3)):
            of_class = joint[first : first + 3]
            out[i, y] = of_class[[1, 0]] / of_class.sum()
    return out


def flyingsquid_model(n_lfs: int) -> Any | None:
    """A flyingsquid LabelModel, or None where it cannot be imported."""
    import logging

    logging.getLogger("pgmpy").setLevel(logging.ERROR)  # it warns of the old name on every use
    try:
        import pgmpy.models

        if not hasattr(pgmpy.models, "MarkovModel"):
            names = ("DiscreteMarkovNetwork", "MarkovNetwork")
            found = [getattr(pgmpy.models, name, None) for name in names]
            pgmpy.models.MarkovModel = next(c for c in found if c is not None)
        from flyingsquid.label_model import LabelModel

        return LabelModel(n_lfs)
    except (ImportError, AttributeError, StopIteration, TypeError):
        return None
