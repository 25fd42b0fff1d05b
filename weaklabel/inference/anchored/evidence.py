"""The evidence step: one M-step from the class-normalised share, as log-odds of naive Bayes.

A vote adds log-odds to the classes it speaks for, by how often it is cast where the share says so
and where it does not. The counts rest on ``EVIDENCE_STRENGTH`` votes of a believed accuracy.
"""

from __future__ import annotations

import numpy as np

from weaklabel.inference.layout import TableLayout
from weaklabel.inference.rows import FloatArray

EVIDENCE_STRENGTH = 10.0
PRIOR_ACCURACY = 0.75
CLASS_EXPONENT = 0.25
EVIDENCE_LIMIT = 9.0


def evidence_of_votes(
    layout: TableLayout, counts: FloatArray, covered_classes: FloatArray, votes: FloatArray
) -> FloatArray:
    """Log-odds per vote, on the classes it speaks for.

    Parameters
    ----------
    layout : TableLayout
    counts : array, shape (n_rows, n_classes)
        Expected number of items of class y with each vote.
    covered_classes : array, shape (n_classes,)
        Expected number of items of each class among those with votes.
    votes : array, shape (n_rows,)
        Weight of the items with each vote.

    Returns
    -------
    array, shape (n_rows, n_classes)
        Within ``EVIDENCE_LIMIT``.
    """
    n_classes = layout.n_classes
    tilt = (covered_classes / covered_classes.sum()) ** CLASS_EXPONENT
    tilt /= tilt.sum()
    affinity = layout.symbols.affinity[layout.row_symbol]
    member = layout.symbols.membership[layout.row_symbol] >= 1.0
    size = np.maximum(member.sum(axis=1, keepdims=True), 1)
    right = PRIOR_ACCURACY * n_classes / size
    wrong = (1.0 - PRIOR_ACCURACY) * n_classes / np.maximum(n_classes - size, 1)
    base = np.where(member, right, wrong)
    ratio = (counts / tilt + EVIDENCE_STRENGTH * base) / (votes[:, None] + EVIDENCE_STRENGTH)
    log_ratio = np.log(ratio)
    inside = (log_ratio * affinity).sum(axis=1)
    n_outside = np.maximum((~member).sum(axis=1), 1)
    outside = (log_ratio * ~member).sum(axis=1) / n_outside
    gain = np.clip(inside - outside, -EVIDENCE_LIMIT, EVIDENCE_LIMIT)
    gain[member.all(axis=1)] = 0.0  # a reason to abstain, or a set of everything
    return np.asarray(gain[:, None] * member)
