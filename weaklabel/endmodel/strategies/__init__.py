"""Strategies: what a run does beyond lowering the loss on the given targets, by name.

=========================  =================================================  ====================
name                       what it does                                       needs
=========================  =================================================  ====================
``plain``                  lowers the loss on the labels as they are
``cosine``                 learns from its own sure answers, contrasted       AdamW
``curriculum``             lets unlabelled rows in by certainty, starts over  rows without votes
``propagation``            gives unlabelled rows their neighbours' labels     rows without votes
``neighbour_consistency``  mixes labels with the answers of neighbours
``loss_mixture``           splits clean from noisy rows by their loss
``co_teaching``            two nets choose rows for each other                AdamW
``imprecise``              EM over partial, noisy and missing labels
``meta_correction``        mends labels so that gold is met                   gold rows, AdamW
``weasel``                 weighs the labeling functions row by row           the votes, AdamW
=========================  =================================================  ====================

A strategy is hooked into the one training loop (:mod:`weaklabel.endmodel.training`); see
:class:`weaklabel.endmodel.strategies.base.Strategy` for the contract. It joins by an entry in
:data:`STRATEGIES`.
"""

from __future__ import annotations

from typing import Final

from weaklabel.endmodel.strategies.base import Plain, Strategy
from weaklabel.endmodel.strategies.co_teaching import CoTeaching
from weaklabel.endmodel.strategies.cosine import Cosine
from weaklabel.endmodel.strategies.curriculum import Curriculum
from weaklabel.endmodel.strategies.imprecise import ImpreciseEM
from weaklabel.endmodel.strategies.loss_mixture import LossMixture
from weaklabel.endmodel.strategies.meta_correction import MetaCorrection
from weaklabel.endmodel.strategies.neighbour_consistency import NeighbourConsistency
from weaklabel.endmodel.strategies.propagated import Propagated
from weaklabel.endmodel.strategies.weasel import WeaSEL
from weaklabel.errors import ConfigError

STRATEGIES: Final[dict[str, type[Strategy]]] = {
    strategy.name: strategy
    for strategy in (
        *(Plain, Cosine, Curriculum, Propagated, NeighbourConsistency),
        *(LossMixture, CoTeaching, ImpreciseEM, MetaCorrection, WeaSEL),
    )
}


def find_strategy(strategy: str | Strategy) -> Strategy:
    """The strategy of that name with its default settings; a strategy as it is.

    Raises
    ------
    ConfigError
        If there is none.
    """
    if isinstance(strategy, Strategy):
        return strategy
    if not isinstance(strategy, str) or strategy not in STRATEGIES:
        raise ConfigError(
            f"strategy must be one of auto, {', '.join(STRATEGIES)}, or a strategy object; "
            f"found {strategy!r}"
        )
    return STRATEGIES[strategy]()


__all__ = [
    "STRATEGIES",
    "CoTeaching",
    "Cosine",
    "Curriculum",
    "ImpreciseEM",
    "LossMixture",
    "MetaCorrection",
    "NeighbourConsistency",
    "Plain",
    "Propagated",
    "Strategy",
    "WeaSEL",
    "find_strategy",
]
