"""What must hold before routing spends anything."""

from __future__ import annotations

import math
import numbers
from typing import Literal, Protocol, TypeAlias, get_args

from weaklabel.errors import ConfigError
from weaklabel.llm.paid_votes import PaidVotes
from weaklabel.votes import VoteMatrix

Strategy: TypeAlias = Literal["drop", "margin", "random", "all"]


class HasBegun(Protocol):
    """A run that may be gone on with."""

    @property
    def strategy(self) -> Strategy: ...  # noqa: D102
    @property
    def seed(self) -> int: ...  # noqa: D102
    @property
    def votes(self) -> VoteMatrix: ...  # noqa: D102


def checked_budget(budget: float | None, strategy: Strategy) -> float:
    """What may be spent."""
    if budget is None:
        if strategy != "all":
            raise ConfigError(
                "budget must be given, in the unit of paid.cost; only strategy='all' goes without"
            )
        return math.inf
    return checked_amount("budget", budget)


def checked_amount(name: str, value: float) -> float:
    """A number more than 0."""
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not number or not 0 < value < math.inf:
        raise ConfigError(f"{name} must be a number more than 0, found {value!r}")
    return float(value)


def check_routing(
    free: VoteMatrix,
    paid: PaidVotes,
    budget: float,
    strategy: Strategy,
    rounds: int,
    diversity: float,
) -> None:
    """Refuse settings out of range, and votes that do not fit together."""
    if strategy not in get_args(Strategy):
        raise ConfigError(f"strategy must be one of {get_args(Strategy)}, found {strategy!r}")
    if len(paid.cost) != free.n_items:
        raise ConfigError(
            f"free and paid votes must be on the same rows, found {free.n_items} and "
            f"{len(paid.cost)}"
        )
    if paid.labels != free.labels:
        raise ConfigError(
            f"free and paid votes must have the same classes in the same order, found "
            f"{', '.join(free.labels)} and {', '.join(paid.labels)}; pass labels=free.labels to "
            "PromptVotes"
        )
    for name in paid.lf_names:
        if name in free.lf_names:
            raise ConfigError(f"free and paid votes both have a column {name!r}; rename one")
    if budget < float(paid.cost.min()):
        raise ConfigError(
            f"the budget must pay for one row, found {budget:g}; the cheapest row costs "
            f"{paid.cost.min():g}"
        )
    if free.n_votes == 0:
        raise ConfigError("routing starts from free votes, and there is none; use ask()")
    if not isinstance(rounds, numbers.Integral) or rounds < 1:
        raise ConfigError(f"rounds must be a whole number >= 1, found {rounds!r}")
    if not 0.0 < diversity <= 1.0:
        raise ConfigError(f"diversity must lie in (0, 1], found {diversity!r}")


def check_resumed(before: HasBegun, strategy: Strategy, seed: int, free: VoteMatrix) -> None:
    """Refuse to go on with a run that was made otherwise."""
    for name, now in (("strategy", strategy), ("seed", seed)):
        then = getattr(before, name)
        if then != now:
            raise ConfigError(f"the run to resume has {name}={then!r}, found {name}={now!r}")
    if before.votes.n_items != free.n_items:
        raise ConfigError(
            f"the run to resume has {before.votes.n_items} rows, found {free.n_items}"
        )
