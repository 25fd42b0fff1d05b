"""What a run would ask and cost, without asking."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from weaklabel.labels import LabelSpaceLike
from weaklabel.llm.cache import AnswerCache
from weaklabel.llm.job import Job, make_job
from weaklabel.llm.prices import PricesLike, read_prices
from weaklabel.llm.protocol import Answer, LanguageModel
from weaklabel.llm.rows import table_of
from weaklabel.llm.tables import text_table


@dataclass(frozen=True)
class PlanLine:
    """What one prompt would ask.

    Attributes
    ----------
    name, model : str
    rows : int
        That have all the values the template reads.
    distinct : int
        Questions that differ from each other and from those of the prompts before.
    cached : int
        Of these, answered in the cache.
    calls : int
        Of these, to be asked. Requests that fail and are sent again come on top.
    prompt_tokens, completion_tokens : int
        Of the calls, estimated: four bytes a token.
    cost : float, optional
        Estimated; None without a price table.
    most : float, optional
        Upper bound: a token a byte, and answers of the greatest length, each sent once.
    """

    name: str
    model: str
    rows: int
    distinct: int
    cached: int
    calls: int
    prompt_tokens: int
    completion_tokens: int
    cost: float | None
    most: float | None


@dataclass(frozen=True)
class Plan:
    """What a run would ask and cost.

    Attributes
    ----------
    lines : tuple of PlanLine
    currency : str
    priced : str
        The date of the price table.
    """

    lines: tuple[PlanLine, ...]
    currency: str = ""
    priced: str = ""

    @property
    def calls(self) -> int:
        """Questions to be asked."""
        return sum(line.calls for line in self.lines)

    @property
    def cost(self) -> float | None:
        """Estimated; None without a price table."""
        return _total([line.cost for line in self.lines])

    @property
    def most(self) -> float | None:
        """Upper bound on the cost; None without a price table."""
        return _total([line.most for line in self.lines])

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        totals = {"calls": self.calls, "cost": self.cost, "most": self.most}
        return {
            "prompts": [vars(line) for line in self.lines],
            **totals,
            "currency": self.currency,
            "priced": self.priced,
        }

    def __str__(self) -> str:
        head = ["prompt", "model", "rows", "distinct", "cached", "calls", "tokens in", "out"]
        money = [] if self.cost is None else ["cost", "at most"]
        body = [
            [x.name, x.model, x.rows, x.distinct, x.cached, x.calls, x.prompt_tokens,
             x.completion_tokens, *([x.cost, x.most] if money else [])]
            for x in self.lines
        ]  # fmt: skip
        table = text_table([*head, *money], body)
        if self.cost is None:
            return f"{table}\n{self.calls:,} calls; no price table, so no cost"
        when = f", prices of {self.priced}" if self.priced else ""
        return (
            f"{table}\n{self.calls:,} calls, about {self.cost:.4g} {self.currency}, "
            f"at most {self.most:.4g} {self.currency}{when}"
        )


def _total(values: list[float | None]) -> float | None:
    return None if any(v is None for v in values) else float(sum(v or 0.0 for v in values))


def plan(
    prompts: Any,
    rows: Any,
    *,
    model: LanguageModel | None = None,
    labels: LabelSpaceLike | None = None,
    id_column: str | None = None,
    cache: AnswerCache | str | os.PathLike[str] | None = None,
    prices: PricesLike | None = None,
) -> Plan:
    """What :func:`weaklabel.llm.ask` would ask with the same arguments, and cost; asks nothing.

    Raises
    ------
    ConfigError, DataError
        As :func:`weaklabel.llm.ask`.
    """
    table = None if prices is None else read_prices(prices)
    job = make_job(prompts, table_of(rows, id_column), model, labels, table)
    opened = AnswerCache(cache) if isinstance(cache, str | os.PathLike) else cache
    try:
        known = known_answers(job, opened)
    finally:
        if opened is not cache and opened is not None:
            opened.close()
    return plan_of(job, known)


def known_answers(job: Job, cache: AnswerCache | None) -> dict[int, Answer]:
    """The answers that the cache holds, by the number of the question."""
    if cache is None:
        return {}
    numbers = {asked.key: q for q, asked in enumerate(job.questions)}
    return {numbers[key]: answer for key, answer in cache.get_many(list(numbers))}


def plan_of(job: Job, known: Mapping[int, Answer]) -> Plan:
    """The plan of a job whose answers are known in part."""
    prompt_of = np.array([asked.prompt for asked in job.questions], dtype=np.int64)
    is_known = np.zeros(len(job.questions), dtype=bool)
    is_known[list(known)] = True
    lines = tuple(_line(job, j, prompt_of, is_known) for j in range(len(job.prompts)))
    if job.prices is None:
        return Plan(lines)
    return Plan(lines, job.prices.currency, job.prices.date)


def _line(
    job: Job, j: int, prompt_of: npt.NDArray[np.int64], is_known: npt.NDArray[np.bool_]
) -> PlanLine:
    own = prompt_of == j
    to_ask = [job.questions[q] for q in np.flatnonzero(own & ~is_known)]
    price = job.price(j)
    cost = most = None
    if price is not None:
        cost = sum(price.cost(a.likely.prompt, a.likely.completion) for a in to_ask)
        most = sum(price.cost(a.most.prompt, a.most.completion) for a in to_ask)
    return PlanLine(
        name=job.prompts[j].name,
        model=job.models[j].name,
        rows=int((job.cells[:, j] >= 0).sum()),
        distinct=int(own.sum()),
        cached=int((own & is_known).sum()),
        calls=len(to_ask),
        prompt_tokens=sum(a.likely.prompt for a in to_ask),
        completion_tokens=sum(a.likely.completion for a in to_ask),
        cost=cost,
        most=most,
    )
