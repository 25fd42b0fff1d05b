"""Label propagation before training: rows without votes come in with their neighbours' labels.

Iscen et al. 2019, "Label propagation for deep semi-supervised learning": labels spread over the
graph of nearest neighbours (:mod:`weaklabel.endmodel.propagation`), and a row counts by how sure
its label then is (eq. 11). The graph is that of the features; it is not built anew as the net
learns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np

from weaklabel.endmodel.losses.base import check_range
from weaklabel.endmodel.neighbours import neighbour_graph
from weaklabel.endmodel.propagation import spread_labels
from weaklabel.endmodel.strategies.base import Strategy
from weaklabel.endmodel.strategies.pseudo_labels import certainty

if TYPE_CHECKING:
    from weaklabel.endmodel.state import Training


@final
@dataclass
class Propagated(Strategy):
    """Train on propagated labels as well.

    Parameters
    ----------
    n_neighbours : int, default 10
    alpha : float, default 0.9
        How far labels travel, in (0, 1).
    weight : float, default 0.5
        Of a row with a sure propagated label, against 1 for a labelled one.
    """

    name: ClassVar[str] = "propagation"
    uses_unlabelled: ClassVar[bool] = True

    n_neighbours: int = 10
    alpha: float = 0.9
    weight: float = 0.5

    def __post_init__(self) -> None:
        check_range("n_neighbours", self.n_neighbours, 1, 10_000)
        check_range("alpha", self.alpha, 0.0, 1.0, low_open=True, high_open=True)
        check_range("weight", self.weight, 0.0, 1.0)

    def start(self, training: Training) -> None:
        """Spread the labels once."""
        given = training.given
        is_labelled = given.weights > 0
        if is_labelled.all():
            return
        graph = neighbour_graph(given.inputs, self.n_neighbours)
        spread, is_reached = spread_labels(graph, given.targets, given.weights, self.alpha)
        weights = np.where(is_reached, self.weight * certainty(spread), 0.0)
        training.retarget(
            np.where(is_labelled[:, None], given.targets, spread),
            np.where(is_labelled, given.weights, weights),
        )
