"""Budgeted routing: asking a language model only about the rows where it is worth it.

:func:`route` starts from votes that cost nothing (rules) and buys votes of prompts in rounds. A
first round goes to random rows, to learn what answers are worth; each later one to the rows whose
class the answers are expected to settle most per unit of cost (:mod:`.routing_value`). Between
rounds the label model is fitted again. All prompts are put to a chosen row: label models read no
vote as no information, so a row that was asked only what can be answered with "spam" could only
become spam.
"""

from __future__ import annotations

import copy
import math
import warnings
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from weaklabel.errors import ConfigError, WeakLabelWarning
from weaklabel.labels import ABSTAIN
from weaklabel.llm.paid_votes import FloatArray, PaidVotes, RowPositions, without_ids
from weaklabel.llm.routing_checks import Strategy as Strategy
from weaklabel.llm.routing_checks import (
    check_resumed,
    check_routing,
    checked_amount,
    checked_budget,
)
from weaklabel.llm.routing_value import (
    answer_bins,
    answer_table,
    chosen,
    entropy,
    expected_drop,
    standing_for,
)
from weaklabel.llm.tables import text_table
from weaklabel.votes import VoteMatrix
from weaklabel.votes.build import assemble

TIED = 1e-9  # probabilities this close to a row's largest are tied with it


class FittableModel(Protocol):
    """A label model, as far as routing needs it."""

    def fit(self, votes: VoteMatrix, *, sample_weight: npt.ArrayLike | None = None) -> Any:
        """Learn from votes; rows count as often as their weight says."""
        ...

    def predict_proba(self, votes: VoteMatrix) -> FloatArray:
        """Class probabilities, shape (n_items, n_classes)."""
        ...


@dataclass(frozen=True)
class RoutingPoint:
    """Where a run stood after a round.

    Attributes
    ----------
    cost : float
        Spent so far.
    n_rows : int
        Rows asked about so far.
    entropy : float
        Mean entropy of the class probabilities in nats: what the model thinks is left to know.
    accuracy : float, optional
        On the rows with gold, in the mean over random breaks of ties.
    """

    cost: float
    n_rows: int
    entropy: float
    accuracy: float | None


@dataclass(frozen=True, eq=False)
class Routing:
    """What came of routing.

    Attributes
    ----------
    votes : VoteMatrix
        Free and paid ones, side by side.
    model : label model
        Fitted on them, with ``weights``.
    probabilities : array, shape (n_rows, n_classes)
        By that model.
    weights : array, shape (n_rows,)
        How many rows each row stood for in the fit.
    asked : array of int
        Positions of the rows asked about, in the order of asking.
    curve : tuple of RoutingPoint
        Cost against quality: without paid votes, then after each round.
    strategy, seed
        As :func:`route`.
    """

    votes: VoteMatrix
    model: Any
    probabilities: FloatArray
    weights: FloatArray
    asked: RowPositions
    curve: tuple[RoutingPoint, ...]
    strategy: Strategy
    seed: int
    _bought: tuple[VoteMatrix, ...] = ()

    @property
    def cost(self) -> float:
        """What was spent."""
        return self.curve[-1].cost

    def __str__(self) -> str:
        head = ["rows asked", "cost", "mean entropy", "accuracy %"]
        lines = [
            [p.n_rows, p.cost, p.entropy, None if p.accuracy is None else 100.0 * p.accuracy]
            for p in self.curve
        ]
        return f"strategy {self.strategy!r}\n{text_table(head, lines)}"


def route(
    free: VoteMatrix,
    paid: PaidVotes,
    model: FittableModel,
    *,
    budget: float | None = None,
    strategy: Strategy = "drop",
    rounds: int = 10,
    first: float | None = None,
    step: float | None = None,
    diversity: float = 0.2,
    gold: Any = None,
    seed: int = 0,
    resume: Routing | None = None,
) -> Routing:
    """Buy votes about the rows where they are worth most, until the budget ends.

    Parameters
    ----------
    free : VoteMatrix
        Votes that are there already, on all rows.
    paid : PaidVotes
        :class:`PromptVotes` or :class:`RecordedVotes`, on the same rows.
    model : label model
        A copy of it is fitted in each round.
    budget : float, optional
        In the unit of ``paid.cost`` (calls, unless costs are given); what a resumed run spent
        before counts. None only with ``strategy="all"``.
    strategy : {"drop", "margin", "random", "all"}
        Largest expected drop of entropy per cost; smallest margin between the two most probable
        classes, per cost; random rows; rows in their order, all if the budget allows.
    rounds : int, default 10
        After the first one. Ignored where ``step`` is given.
    first : float, optional
        Spent on random rows; 15 % of the budget if None.
    step : float, optional
        Spent in a round.
    diversity : float, default 0.2
        At most this share of a round goes to rows with the same free votes, or their share of
        what there is to gain where that is larger, unless no others are left: what is thought of
        one pattern may be wrong. 1 for no limit.
    gold : array, shape (n_rows,), optional
        Only for the accuracies of the curve; it decides nothing.
    seed : int, default 0
    resume : Routing, optional
        A run to go on with. With the same ``first`` and ``step`` the result is that of one run.

    Raises
    ------
    ConfigError
        If a setting is out of range, the budget does not pay for one row, rows, classes or names
        do not fit together, or a run with other settings is resumed; before anything is asked.

    Notes
    -----
    The same votes and settings give the same rows, so a run that was killed is repeated at no cost
    when the answers are cached. A round costs one fit and one prediction of all rows. Rows asked
    about are the doubtful ones; the fit weighs them so that they stand for the rows they were
    chosen from (:func:`weaklabel.llm.routing_value.standing_for`).
    """
    limit = checked_budget(budget, strategy)
    check_routing(free, paid, limit, strategy, rounds, diversity)
    state = _State(free, paid, model, gold)
    if resume is not None:
        check_resumed(resume, strategy, seed, free)
        state.restore(resume)
    tie = np.random.default_rng(seed).random(free.n_items)
    total = float(paid.cost.sum()) if math.isinf(limit) else limit
    pilot = 0.15 * total if first is None else checked_amount("first", first)
    each = (total - pilot) / rounds if step is None else checked_amount("step", step)
    if strategy == "all":
        tie = np.arange(free.n_items, dtype=np.float64)
    if resume is None:
        state.fit()
    while not state.asked.all():
        left = limit - state.cost
        is_first = not state.order
        money = min(left, max(pilot, float(paid.cost.min())) if is_first else each)
        value = np.zeros(free.n_items) if is_first else state.value(strategy)
        value[state.asked] = -np.inf
        share = diversity if strategy in ("drop", "margin") and not is_first else 1.0
        rows = chosen(value, paid.cost, state.pattern, tie, money, share)
        if not len(rows) and money < left:  # a row may cost more than a round
            rows = chosen(value, paid.cost, state.pattern, tie, left, share)[:1]
        if not len(rows):
            break
        state.buy(rows)
        state.fit()
    return state.result(strategy, seed)


class _State:
    """Votes so far, and what the label model makes of them."""

    def __init__(self, free: VoteMatrix, paid: PaidVotes, model: FittableModel, gold: Any) -> None:
        self.free, self.paid, self.model = free, paid, model
        self.gold = None if gold is None else free.labels.encode(gold, what="gold label")
        if self.gold is not None and len(self.gold) != free.n_items:
            raise ConfigError(
                f"gold must have one label per row, found {len(self.gold)} for {free.n_items} rows"
            )
        self.pattern = np.asarray(free.patterns().inverse)
        self.asked = np.zeros(free.n_items, dtype=bool)
        self.order: list[RowPositions] = []
        self.bought: list[VoteMatrix] = []
        self.curve: list[RoutingPoint] = []
        self.cost = 0.0
        self.votes = free
        self.fitted: Any = model
        self.weights: FloatArray = np.ones(free.n_items)
        self.q: FloatArray = np.zeros((free.n_items, free.n_classes))

    def restore(self, before: Routing) -> None:
        self.curve, self.fitted = list(before.curve), before.model
        self.votes, self.q, self.weights = before.votes, before.probabilities, before.weights
        self.bought = list(before._bought)
        ends = np.cumsum([part.n_items for part in self.bought])
        self.order = np.split(before.asked, ends[:-1]) if self.bought else []
        self.asked[before.asked] = True
        self.cost = before.cost

    def buy(self, rows: RowPositions) -> None:
        """Ask about rows, and put their votes beside the free ones."""
        part = without_ids(self.paid.ask(rows))
        if part.n_items != len(rows):
            raise ConfigError(
                f"paid votes on {len(rows)} rows were asked for, found {part.n_items} rows"
            )
        self.order.append(rows)
        self.bought.append(part)
        self.asked[rows] = True
        self.cost += float(self.paid.cost[rows].sum())
        joined = VoteMatrix.join_rows(self.bought)
        at = np.concatenate(self.order)
        spread = assemble(
            at[joined.item_index()], joined.lf_index, joined.symbol, self.free.n_items,
            joined.alphabet, joined.lf_names, self.free.row_ids, joined.lf_fingerprints,
            joined.faults,
        )  # fmt: skip
        self.votes = VoteMatrix.join_lfs([self.free, spread])

    def fit(self) -> None:
        self.fitted = copy.deepcopy(self.model)
        self.weights = standing_for(self.pattern, self.asked)
        with warnings.catch_warnings():  # of columns with few votes, in every round anew
            warnings.simplefilter("ignore", WeakLabelWarning)
            self.fitted.fit(self.votes, sample_weight=self.weights)
        self.q = np.asarray(self.fitted.predict_proba(self.votes))
        left = float(entropy(self.q).mean())
        point = RoutingPoint(self.cost, int(self.asked.sum()), left, self._accuracy())
        self.curve.append(point)

    def _accuracy(self) -> float | None:
        if self.gold is None or not (self.gold != ABSTAIN).any():
            return None
        known = np.flatnonzero(self.gold != ABSTAIN)
        top = self.q >= self.q.max(axis=1, keepdims=True) - TIED
        share = top / top.sum(axis=1, keepdims=True)
        return float(share[known, self.gold[known]].mean())

    def value(self, strategy: Strategy) -> FloatArray:
        """What asking about each row is worth, per unit of cost."""
        if strategy == "drop":
            return expected_drop(self.q, self._answers()) / self.paid.cost
        if strategy == "margin":
            two = np.sort(self.q, axis=1)[:, -2:]
            return np.asarray((1.0 - (two[:, -1] - two[:, 0])) / self.paid.cost)
        return np.zeros(len(self.q))

    def _answers(self) -> FloatArray:
        """P(answer | class) of the prompts together, from the rows asked so far."""
        rows = np.flatnonzero(self.asked)
        votes = without_ids(self.votes)[rows]
        bought = votes.lf_index >= self.free.n_lfs
        alone = assemble(
            votes.item_index()[bought], votes.lf_index[bought], votes.symbol[bought], len(rows),
            votes.alphabet, votes.lf_names,
        )  # fmt: skip
        said = np.asarray(self.fitted.predict_proba(alone))
        return answer_table(answer_bins(said, alone.n_votes_per_item == 0), self.q[rows])

    def result(self, strategy: Strategy, seed: int) -> Routing:
        asked = np.concatenate(self.order) if self.order else np.zeros(0, dtype=np.int64)
        return Routing(
            self.votes, self.fitted, self.q, self.weights, asked, tuple(self.curve), strategy,
            seed, tuple(self.bought),
        )  # fmt: skip
