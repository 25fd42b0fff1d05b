"""Majority vote: the share of the votes."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from weaklabel.inference.em import Progress
from weaklabel.inference.layout import REASON
from weaklabel.inference.rows import FloatArray
from weaklabel.inference.shares import normalised, vote_mass
from weaklabel.models.base import LabelModelBase
from weaklabel.models.explain import Scale
from weaklabel.models.statistics import PatternTable, symbols_of
from weaklabel.votes import VoteMatrix


class MajorityVote(LabelModelBase):
    """Each class has the share of the votes it got.

    P(y | row) = votes for y / votes. A vote for a set of classes is spread evenly over it, a
    confident vote counts for its class as much as its confidence says. Rows without votes get the
    class balance given to ``fit``, or 1/K. Gold is not used.

    Examples
    --------
    >>> from weaklabel import MajorityVote
    >>> votes = [[0, 0, 1], [1, -1, -1], [-1, -1, -1]]
    >>> MajorityVote().fit(votes).predict(votes).tolist()
    [0, 1, -1]
    """

    _explanation_scale: ClassVar[Scale] = "share"

    def __init__(self) -> None:
        pass

    def _fit(
        self, table: PatternTable, balance: FloatArray | None, progress: Progress | None
    ) -> None:
        uniform = np.full(table.n_classes, 1.0 / table.n_classes)
        self.class_balance_ = uniform if balance is None else balance
        self.n_iter_ = 0
        self.objective_trace_ = np.zeros(0)
        self.status_ = "votes are counted; nothing is fitted"

    def _contributions(self, votes: VoteMatrix) -> tuple[FloatArray, FloatArray]:
        symbols = symbols_of(votes.alphabet)
        speaks = symbols.kind[votes.symbol] != REASON
        contributions = symbols.affinity[votes.symbol] * speaks[:, None]
        total = np.bincount(votes.item_index(), weights=speaks, minlength=votes.n_items)
        contributions /= np.maximum(total, 1.0)[votes.item_index(), None]
        return np.where(total[:, None] > 0, 0.0, self.class_balance_), contributions

    def _predict_proba(self, votes: VoteMatrix) -> FloatArray:
        mass = vote_mass(votes.indptr, votes.symbol, symbols_of(votes.alphabet))
        return normalised(mass, self.class_balance_)
