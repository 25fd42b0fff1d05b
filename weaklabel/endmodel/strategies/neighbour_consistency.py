"""Neighbour consistency: a row should be answered like the rows it resembles.

Iscen et al. 2022, "Learning with neighbor consistency for noisy labels" (eq. 4 and 5): the loss of
a row is a mean of the loss on its own label and the divergence from its neighbours' mean answer.
For the cross-entropy that is the loss on one mixed target, which is how it is done here, once an
epoch::

    target[i] = (1 - share) * given[i] + share * sum_j similarity[i, j] * answer[j]

The neighbours are the nearest rows of the whole problem, not of the batch as in the paper, so rows
without votes take part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np

from weaklabel.endmodel.losses.base import check_range
from weaklabel.endmodel.neighbours import neighbour_graph, row_normalised
from weaklabel.endmodel.strategies.base import Strategy
from weaklabel.endmodel.strategies.pseudo_labels import certainty

if TYPE_CHECKING:
    from weaklabel.endmodel.state import Training


@final
@dataclass
class NeighbourConsistency(Strategy):
    """Mix each target with the mean answer of the row's nearest neighbours.

    Parameters
    ----------
    share : float, default 0.5
        Of the neighbours in the target, in [0, 1].
    n_neighbours : int, default 10
    warm_up : int, default 2
        Epochs of plain training first.
    rounds : int, default 10
        Epochs that follow, each with new targets.
    unlabelled : float, default 0.5
        Weight of a row without votes whose neighbours are sure.

    Notes
    -----
    The graph costs O(n**2) similarities once; see :func:`weaklabel.endmodel.neighbour_graph`.
    """

    name: ClassVar[str] = "neighbour_consistency"
    uses_unlabelled: ClassVar[bool] = True

    share: float = 0.5
    n_neighbours: int = 10
    warm_up: int = 2
    rounds: int = 10
    unlabelled: float = 0.5

    def __post_init__(self) -> None:
        check_range("share", self.share, 0.0, 1.0)
        check_range("n_neighbours", self.n_neighbours, 1, 10_000)
        check_range("warm_up", self.warm_up, 1, 10_000)
        check_range("rounds", self.rounds, 1, 10_000)
        check_range("unlabelled", self.unlabelled, 0.0, 1.0)

    def start(self, training: Training) -> None:
        """Find the neighbours."""
        self.graph = row_normalised(neighbour_graph(training.given.inputs, self.n_neighbours))
        self.has_neighbours = np.asarray(self.graph.sum(axis=1)).ravel() > 0

    def start_epoch(self, training: Training) -> None:
        """Mix the targets anew."""
        if not self.warm_up < training.epoch <= self.warm_up + self.rounds:
            return
        given = training.given
        around = np.asarray(self.graph @ training.probabilities())
        is_labelled = given.weights > 0
        share = np.where(self.has_neighbours, np.where(is_labelled, self.share, 1.0), 0.0)
        targets = (1.0 - share)[:, None] * given.targets + share[:, None] * around
        sure = np.where(self.has_neighbours, self.unlabelled * certainty(around + 1e-12), 0.0)
        training.retarget(targets, np.where(is_labelled, given.weights, sure))

    def is_finished(self, training: Training) -> bool:
        """Whether the targets are final."""
        return training.epoch >= self.warm_up + self.rounds
