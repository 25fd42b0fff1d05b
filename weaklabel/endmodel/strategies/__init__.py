"""Strategies: what a run does beyond lowering the loss on the given targets, by name.

A strategy is hooked into the one training loop (:mod:`weaklabel.endmodel.training`); see
:class:`weaklabel.endmodel.strategies.base.Strategy` for the contract. It joins by an entry in
:data:`STRATEGIES`.
"""

from __future__ import annotations

from typing import Final

from weaklabel.endmodel.strategies.base import Plain, Strategy
from weaklabel.errors import ConfigError

STRATEGIES: Final[dict[str, type[Strategy]]] = {"plain": Plain}


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
            f"strategy must be one of {', '.join(STRATEGIES)}, or a strategy object; "
            f"found {strategy!r}"
        )
    return STRATEGIES[strategy]()


__all__ = ["STRATEGIES", "Plain", "Strategy", "find_strategy"]
