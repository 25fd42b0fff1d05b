"""What a run took: calls, tokens, money, time, and what went wrong, by prompt."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from weaklabel.llm.state import Failure, State
from weaklabel.llm.tables import text_table


@dataclass(frozen=True)
class PromptReport:
    """What one column of votes took.

    Several columns of one prompt share its calls; they are told under its first column.

    Attributes
    ----------
    name, model : str
    rows : int
        Rows with a question.
    votes : int
    calls : int
        Requests sent, those sent again included.
    cached : int
        Distinct questions answered from the cache.
    prompt_tokens, completion_tokens : int
        As the endpoint counted them.
    cost : float
    seconds_median, seconds_95 : float
        Of answered requests; NaN if there were none.
    refused, filtered, malformed, failed : int
        Rows by what went wrong; ``failed`` are all other kinds.
    unasked : int
        Rows whose question was not sent because the run stopped.
    """

    name: str
    model: str
    rows: int
    votes: int
    calls: int
    cached: int
    prompt_tokens: int
    completion_tokens: int
    cost: float
    seconds_median: float
    seconds_95: float
    refused: int
    filtered: int
    malformed: int
    failed: int
    unasked: int


@dataclass(frozen=True)
class AskReport:
    """What a run took.

    Attributes
    ----------
    lines : tuple of PromptReport
        One for each column of votes.
    status : str
        ``"complete"``, or why it stopped.
    seconds : float
        Of the whole run.
    currency : str
    """

    lines: tuple[PromptReport, ...]
    status: str
    seconds: float
    currency: str

    @property
    def is_complete(self) -> bool:
        """Whether every question was sent."""
        return self.status == "complete"

    @property
    def calls(self) -> int:
        """Requests sent."""
        return sum(line.calls for line in self.lines)

    @property
    def cost(self) -> float:
        """In the currency of the price table; 0 without one."""
        return float(sum(line.cost for line in self.lines))

    @property
    def n_unasked(self) -> int:
        """Cells whose question was not sent."""
        return sum(line.unasked for line in self.lines)

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "prompts": [vars(line) for line in self.lines],
            "status": self.status,
            "calls": self.calls,
            "cost": self.cost,
            "currency": self.currency,
            "seconds": self.seconds,
        }

    def __str__(self) -> str:
        priced = bool(self.currency)  # without prices a cost of 0 would look like a fact
        head = ["prompt", "rows", "votes", "calls", "cached", "tokens in", "out",
                *(["cost"] if priced else []), "p50 s", "p95 s", "refused", "filtered",
                "malformed", "failed", "unasked"]  # fmt: skip
        body = [
            [x.name, x.rows, x.votes, x.calls, x.cached, x.prompt_tokens, x.completion_tokens,
             *([x.cost] if priced else []), x.seconds_median, x.seconds_95, x.refused, x.filtered,
             x.malformed, x.failed, x.unasked]
            for x in self.lines
        ]  # fmt: skip
        cost = f", {self.cost:.4g} {self.currency}" if self.currency else ""
        return (
            f"{text_table(head, body)}\n"
            f"{self.status}: {self.calls:,} calls in {self.seconds:.1f} s{cost}"
        )


def report_of(
    state: State, failures: list[Failure], votes_per_column: list[int], status: str, seconds: float
) -> AskReport:
    """The report on a run."""
    job = state.job
    kinds: dict[str, Counter[str]] = {name: Counter() for name in job.columns}
    for failure in failures:
        kinds[failure.lf][failure.kind] += 1
    lines = []
    for j, prompt in enumerate(job.prompts):
        counts = state.counts[j]
        for position, c in enumerate(range(*job.first_column[j : j + 2])):
            found, first = kinds[job.columns[c]], position == 0
            told = {"refused", "filtered", "malformed"}
            seconds_of = np.array(counts.seconds or [np.nan])
            lines.append(
                PromptReport(
                    name=prompt.columns[position],
                    model=job.models[j].name,
                    rows=int((job.cells[:, j] != -1).sum()),
                    votes=votes_per_column[c],
                    calls=counts.requests if first else 0,
                    cached=counts.cached if first else 0,
                    prompt_tokens=counts.prompt_tokens if first else 0,
                    completion_tokens=counts.completion_tokens if first else 0,
                    cost=counts.cost if first else 0.0,
                    seconds_median=float(np.median(seconds_of)),
                    seconds_95=float(np.quantile(seconds_of, 0.95)),
                    refused=found["refused"],
                    filtered=found["filtered"],
                    malformed=found["malformed"],
                    failed=sum(n for kind, n in found.items() if kind not in told),
                    unasked=state.n_unasked(j),
                )
            )
    currency = "" if job.prices is None else job.prices.currency
    return AskReport(tuple(lines), status, seconds, currency)
