"""Which rows a report shows: those that teach most, and some drawn at random.

Rows with the same votes teach the same, so at most three of them are taken for one reason as long
as there are others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from weaklabel.analysis.certificate import majority_shares
from weaklabel.analysis.report.inputs import Inputs

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

ALIKE: Final = 3
SEED: Final = 0
REASONS: Final = ("conflict", "unsure", "wrong", "random", "other")


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows to show.

    Attributes
    ----------
    positions : array of int, shape (n_rows,)
        Ascending.
    reasons : list of tuple of str
        Why each is shown: ``"conflict"`` (most votes against the leading class), ``"unsure"``
        (highest entropy of the label), ``"wrong"`` (against gold, the surest first), ``"random"``,
        or ``"other"`` where all rows are shown.
    against : array, shape (n_items,)
        For every row, not only those shown: the share of its votes not for its leading class.
    decided : array of int, shape (n_items,)
        The class of the label of every row, -1 without one.
    """

    positions: IntArray
    reasons: list[tuple[str, ...]]
    against: FloatArray
    decided: IntArray


def choose_rows(inputs: Inputs, max_rows: int) -> Sample:
    """Rows to show, the same for the same inputs.

    Notes
    -----
    Each reason gets an equal share of ``max_rows``; what one reason leaves over goes to the random
    rows. O(n_items log n_items).
    """
    votes, labels = inputs.votes, inputs.labels
    n_items = votes.n_items
    against = np.where(
        votes.n_votes_per_item > 0, 1.0 - majority_shares(votes).max(axis=1), 0.0
    ).round(12)
    decided = np.full(n_items, -1, dtype=np.int64) if labels is None else labels.harden()
    scores = {"conflict": against * votes.n_votes_per_item}
    if labels is not None:
        scores["unsure"] = np.where(labels.covered, labels.entropy, 0.0).round(12)
        if inputs.gold is not None:
            wrong = (inputs.gold >= 0) & (decided >= 0) & (decided != inputs.gold)
            scores["wrong"] = np.where(wrong, labels.confidence, 0.0)
    alike = votes.patterns().inverse
    quotas = dict.fromkeys(scores, max(max_rows // (len(scores) + 1), 1))
    if n_items <= max_rows:  # all are shown; "most" and "least" are a tenth of them then
        quotas = dict.fromkeys(scores, -(-n_items // 10)) | {"wrong": n_items}
    chosen = {reason: _top(score, alike, quotas[reason]) for reason, score in scores.items()}
    taken = np.unique(np.concatenate(list(chosen.values())))[:max_rows]
    rest = np.setdiff1d(np.arange(n_items), taken)
    if n_items <= max_rows:
        chosen["other"] = rest
    else:
        drawn = np.random.default_rng(SEED).permutation(rest)[: max_rows - len(taken)]
        chosen["random"] = np.sort(drawn)
    reasons: dict[int, list[str]] = {}
    for reason in REASONS:
        for position in chosen.get(reason, np.zeros(0, dtype=np.int64)).tolist():
            reasons.setdefault(position, []).append(reason)
    positions = np.array(sorted(reasons)[:max_rows], dtype=np.int64)
    return Sample(positions, [tuple(reasons[p]) for p in positions.tolist()], against, decided)


def _top(score: npt.NDArray[Any], alike: npt.NDArray[np.integer], count: int) -> IntArray:
    """Positions with the highest scores above 0, few of them alike."""
    order = np.argsort(-score, kind="stable")
    order = order[: int((score > 0).sum())]
    group = alike[order]
    by_group = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.r_[True, group[by_group][1:] != group[by_group][:-1]])
    number = np.empty(len(order), dtype=np.int64)  # how many alike come before it in the order
    lengths = np.diff(np.r_[starts, len(order)])
    number[by_group] = np.arange(len(order)) - np.repeat(starts, lengths) if len(order) else 0
    later = number >= ALIKE
    return np.asarray(order[np.argsort(later, kind="stable")][:count], dtype=np.int64)
