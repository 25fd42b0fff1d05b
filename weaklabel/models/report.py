"""What the default found in the votes and did with them: as data, and in words.

Nothing here was checked against a truth unless there was gold. Accuracies are those the model
believes in, the mean posterior of what an LF votes. They shrink towards the votes on purpose, and
an interval around them would promise what votes alone do not give. Where there is gold, intervals
are counted on it, and know of no model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from weaklabel.inference.anchored import (
    EVIDENCE_WEIGHT,
    NORMALISED_WEIGHT,
    SHARE_WEIGHT,
    Anchored,
    AnchoredParameters,
    anchored_posterior,
    literal_odds,
)
from weaklabel.inference.backends import make_backend
from weaklabel.inference.calibration import expected_calibration_error, log_loss
from weaklabel.inference.layout import REASON, TableLayout
from weaklabel.inference.preweights import take_rows
from weaklabel.inference.rows import FloatArray, IntArray, VoteRows
from weaklabel.inference.shares import vote_mass
from weaklabel.inference.wilson import wilson_interval
from weaklabel.models.dependencies import search
from weaklabel.models.dependency_search import sampled
from weaklabel.models.statistics import PatternTable

BLOCK_ROWS = 1 << 18
SHOWN = 8
DEPENDENCE_ROWS = 5000
DEPENDENCE_LFS = 40
GOLD_LEVEL = 0.9
SHOWN_CHANGE = 0.2  # of log-odds
WOULD_DO = 0.99
_KINDS = {
    "rules": "rules: LFs vote for one class and are silent otherwise, or too few of them vote on "
    "the same rows to learn how they err",
    "panel": "a fixed panel: the same voters of several classes vote on most rows",
    "crowd": "a crowd: rows are voted on by changing groups of voters of several classes",
    "mixture": "a mixture of rules and voters of several classes",
}


@dataclass(frozen=True)
class LFReport:
    """What the model made of one labeling function.

    Attributes
    ----------
    name : str
    n_votes : float
        Weight of the rows it votes on.
    is_rule : bool
        It votes for one class only.
    accuracy : float
        Mean posterior of what it votes; NaN without votes.
    worth : float
        What one of its votes weighs: 1 for an LF with nothing wrong; the product of the next three.
    as_copy, as_constant, as_noise : float
        Discounts for copies, for saying the same of every row, and for agreeing with nobody.
    agreement : float
        Chance-corrected agreement with the others; NaN for rules.
    n_gold : float
        Weight of the gold rows it votes on.
    accuracy_on_gold : float
        NaN without such rows.
    accuracy_low, accuracy_high : float
        90 % interval (Wilson) of the accuracy, from random gold rows; NaN without such rows.
    from_gold : float
        Log-odds that gold added to one of its votes, in the mean; 0 without gold.
    """

    name: str
    n_votes: float
    is_rule: bool
    accuracy: float
    worth: float
    as_copy: float
    as_constant: float
    as_noise: float
    agreement: float
    n_gold: float
    accuracy_on_gold: float
    accuracy_low: float
    accuracy_high: float
    from_gold: float


@dataclass(frozen=True)
class Cluster:
    """LFs that cast nearly the same votes, or depend on each other in other ways.

    Attributes
    ----------
    lf_names : tuple of str
    effective_votes : float
        How many independent LFs they count as, or are worth.
    """

    lf_names: tuple[str, ...]
    effective_votes: float


@dataclass(frozen=True)
class GoldReport:
    """What gold was used for. Losses are on the gold rows themselves, so the second flatters.

    Attributes
    ----------
    n_rows : float
    calibrated : bool
        False if gold names one class only; then it is used in the evidence alone.
    temperature : float
    tilt : dict of class name to float
    log_loss_before, log_loss_after, ece_before, ece_after : float
        On gold rows with votes, before and after gold changed temperature, tilt and the weights of
        votes.
    """

    n_rows: float
    calibrated: bool
    temperature: float
    tilt: dict[str, float]
    log_loss_before: float
    log_loss_after: float
    ece_before: float
    ece_after: float


@dataclass(frozen=True)
class ModelReport:
    """What the default found and did.

    Attributes
    ----------
    kind : {"rules", "panel", "crowd", "mixture"}
    regime : dict of str to float
        The numbers behind it; see :class:`~weaklabel.inference.regime.Regime`.
    member_weights : dict of str to float
        Shares of the members in the average, on rows where all take part; sums to 1.
    class_balance : dict of class name to float
        Used for rows without votes; ``balance_source`` says where from.
    balance_source : {"given", "gold", "unknown"}
    found_balance : dict of class name to float
        Mean posterior of the rows that have votes.
    n_rows, n_rows_without_votes : float
    without_votes : dict of class name to float
        Posterior of rows without votes.
    same_as_majority : float
        Share of the rows with votes on which a majority vote has the same single winner.
    majority_ties : float
        Share of them on which it ties.
    majority_would_do : bool
        Whether the two labels are the same on all but one row in a hundred.
    lfs : tuple of LFReport
    clusters : tuple of Cluster
        Near-copies, which are discounted.
    dependent : tuple of Cluster, or None
        LFs that agree beyond what the class explains, as
        :func:`~weaklabel.models.learn_dependencies` finds on ``DEPENDENCE_ROWS`` rows. They are
        *not* discounted: good LFs agree too, and discounts by correlation do more harm than good
        on real votes. None where it was not looked for: fewer than three LFs, or more than
        ``DEPENDENCE_LFS``.
    gold : GoldReport or None
    """

    kind: str
    regime: dict[str, float]
    member_weights: dict[str, float]
    class_balance: dict[str, float]
    balance_source: str
    found_balance: dict[str, float]
    n_rows: float
    n_rows_without_votes: float
    without_votes: dict[str, float]
    same_as_majority: float
    majority_ties: float
    majority_would_do: bool
    lfs: tuple[LFReport, ...]
    clusters: tuple[Cluster, ...]
    dependent: tuple[Cluster, ...] | None
    gold: GoldReport | None

    def to_dict(self) -> dict[str, Any]:
        """The report as plain dicts, lists and numbers; NaN as None."""
        return {key: _plain(value) for key, value in asdict(self).items()}

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"The votes look like {_KINDS[self.kind]}."
        shown = ", ".join(f"{name} {w:.0%}" for name, w in self.member_weights.items())
        yield f"Averaged: {shown}."
        if self.kind != "rules":
            checked = self.regime["independence"]
            yield f"Believed independent, from what errors they share: {checked:.0%}."
        source = {
            "given": "as given",
            "gold": "from gold",
            "unknown": "unknown, so even",
        }[self.balance_source]
        yield f"Class balance ({source}): {_shares(self.class_balance)}."
        yield f"Rows with votes came out as: {_shares(self.found_balance)}."
        if self.n_rows_without_votes > 0:
            share = self.n_rows_without_votes / self.n_rows
            yield (
                f"{self.n_rows_without_votes:,.0f} of {self.n_rows:,.0f} rows ({share:.0%}) have "
                f"no votes; they get {_shares(self.without_votes)}."
            )
        yield self._majority_line()
        for cluster in self.clusters:
            yield (
                f"Nearly the same votes, counted as {cluster.effective_votes:.1f} LFs: "
                f"{_names(cluster.lf_names)}."
            )
        yield from self._dependence_lines()
        for words, factor in (("noise", "as_noise"), ("constant", "as_constant")):
            names = [lf.name for lf in self.lfs if getattr(lf, factor) < 0.5]
            if names:
                yield f"Discounted by half or more as {words}: {_names(names)}."
        yield self._accuracy_line()
        yield from self._gold_lines()

    def _dependence_lines(self) -> Iterator[str]:
        if self.dependent is None and len(self.lfs) > DEPENDENCE_LFS:
            yield (
                f"Dependence beyond copies was not looked for among {len(self.lfs):,} LFs: "
                "learn_dependencies(votes) does."
            )
        for cluster in self.dependent or ():
            yield (
                f"Agree beyond what the class explains, not discounted: {_names(cluster.lf_names)} "
                f"({len(cluster.lf_names)} LFs, as independent ones worth "
                f"{cluster.effective_votes:.1f})."
            )

    def _accuracy_line(self) -> str:
        checked = sorted((lf for lf in self.lfs if lf.n_gold > 0), key=lambda lf: -lf.n_gold)
        if checked:
            shown = [
                f"{lf.name} {lf.accuracy_on_gold:.0%} ({lf.accuracy_low:.0%} to "
                f"{lf.accuracy_high:.0%})"
                for lf in checked
            ]
            return f"Accuracies on gold rows, with 90% intervals: {_names(shown)}."
        voting = sorted((lf for lf in self.lfs if lf.n_votes > 0), key=lambda lf: -lf.n_votes)
        shown = [f"{lf.name} {lf.accuracy:.0%}" for lf in voting]
        return (
            f"Accuracies the model believes in: {_names(shown)}. Votes alone give no interval that "
            "holds; gold rows do."
        )

    def _majority_line(self) -> str:
        differ = abs(round(1.0 - self.same_as_majority - self.majority_ties, 9))
        verdict = (
            "a majority vote would have done"
            if self.majority_would_do
            else "more than a majority vote"
        )
        return (
            f"A majority vote gives the same label on {self.same_as_majority:.1%} of the rows with "
            f"votes, another on {differ:.1%}, and ties on {self.majority_ties:.1%}: {verdict}."
        )

    def _gold_lines(self) -> Iterator[str]:
        gold = self.gold
        if gold is None:
            return
        if not gold.calibrated:
            yield (
                f"{gold.n_rows:,.0f} gold rows, all of one class: used in the evidence, not for "
                "calibration; add gold of the other classes, drawn at random."
            )
            return
        yield (
            f"{gold.n_rows:,.0f} gold rows: temperature {gold.temperature:.2f}; log loss on them "
            f"{gold.log_loss_before:.3f} before and {gold.log_loss_after:.3f} after calibration, "
            f"calibration error {gold.ece_before:.1%} and {gold.ece_after:.1%}."
        )
        ranked = sorted(self.lfs, key=lambda lf: -abs(lf.from_gold))
        for words, sign in (("more", 1.0), ("less", -1.0)):
            names = [lf.name for lf in ranked if sign * lf.from_gold >= SHOWN_CHANGE]
            if names:
                yield f"Gold gave these LFs {words} weight: {_names(names)}."


def make_report(
    table: PatternTable, found: Anchored, parameters: AnchoredParameters, given: FloatArray | None
) -> ModelReport:
    """The report of a fit.

    Parameters
    ----------
    table : PatternTable
    found : Anchored
    parameters : AnchoredParameters
        Of the model as it is used, calibrated if there was gold.
    given : array, shape (n_classes,), or None
        Class balance given by the user.

    Notes
    -----
    One pass over the distinct vote rows.
    """
    layout, table_row = table.layout()
    rows = layout.rows(table.indptr, table_row, table.pattern_weight)
    posterior = anchored_posterior(parameters, make_backend(rows), layout).average
    names = table.alphabet.labels.names
    voted = table.pattern_weight * (table.n_votes_per_pattern > 0)
    total = max(float(voted.sum()), 1e-300)
    same, ties = _against_majority(rows, layout, posterior, voted)
    source = "given" if given is not None else "gold" if len(table.gold_weight) else "unknown"
    balance = parameters.class_balance
    if source == "gold":
        counts = np.bincount(table.gold_class, table.gold_weight, len(names)) + 1.0
        balance = np.asarray(counts / counts.sum())

    def by_name(values: FloatArray) -> dict[str, float]:
        return {name: float(v) for name, v in zip(names, values, strict=True)}

    return ModelReport(
        kind=found.regime.kind,
        regime={key: float(value) for key, value in asdict(found.regime).items()},
        member_weights=_member_weights(found.regime.confusion_weight),
        class_balance=by_name(balance),
        balance_source=source,
        found_balance=by_name(voted @ posterior / total),
        n_rows=table.total_weight,
        n_rows_without_votes=table.total_weight - float(voted.sum()),
        without_votes=by_name(parameters.empty),
        same_as_majority=same / total,
        majority_ties=ties / total,
        majority_would_do=same / total >= WOULD_DO,
        lfs=tuple(_lf_reports(table, found, parameters, layout, table_row, posterior)),
        clusters=tuple(_clusters(table, found, layout)),
        dependent=_dependent(table),
        gold=_gold_report(table, found, parameters, rows, layout),
    )


def _member_weights(confusion: float) -> dict[str, float]:
    weights = {
        "vote share": SHARE_WEIGHT,
        "class-normalised share": NORMALISED_WEIGHT,
        "evidence": EVIDENCE_WEIGHT,
        "confusion matrices": confusion,
    }
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items() if weight > 0}


def _against_majority(
    rows: VoteRows, layout: TableLayout, posterior: FloatArray, weight: FloatArray
) -> tuple[float, float]:
    """Weight of the rows on which majority vote agrees, and of those on which it ties."""
    symbol = layout.row_symbol[rows.table_row]
    mass = vote_mass(rows.indptr, symbol, layout.symbols)
    top = mass >= mass.max(axis=1, keepdims=True) - 1e-9
    tied = top.sum(axis=1) > 1
    same = ~tied & top[np.arange(len(top)), posterior.argmax(axis=1)]
    return float(weight @ same), float(weight @ tied)


def _lf_reports(
    table: PatternTable,
    found: Anchored,
    parameters: AnchoredParameters,
    layout: TableLayout,
    table_row: IntArray,
    posterior: FloatArray,
) -> Iterator[LFReport]:
    weights, n_rows = found.weights, layout.n_rows
    literal = literal_odds(layout)
    odds = (parameters.correction * literal).sum(axis=1)
    odds /= np.maximum((literal**2).sum(axis=1), 1e-300)
    speaks: IntArray = layout.symbols.membership[layout.row_symbol] >= 1.0
    speaks[layout.symbols.kind[layout.row_symbol] == REASON] = False
    votes, right = _vote_sums(table, table_row, speaks, posterior, table.pattern_weight)
    known = np.zeros_like(posterior)
    np.add.at(known, (table.gold_pattern, table.gold_class), table.gold_weight)
    on_gold, gold_right = _vote_sums(table, table_row, speaks, known, np.ones(len(known)))
    voted = votes if n_rows else np.zeros(0)
    for lf, name in enumerate(table.lf_names):
        mine = np.flatnonzero(layout.row_lf == lf)
        n_votes, n_gold = float(voted[mine].sum()), float(on_gold[mine].sum())

        def mean(values: FloatArray, mine: IntArray = mine, n_votes: float = n_votes) -> float:
            return float(voted[mine] @ values[mine]) / n_votes if n_votes > 0 else 1.0

        low, high = wilson_interval(gold_right[mine].sum(), n_gold, GOLD_LEVEL)
        active = np.flatnonzero(layout.lfs == lf)
        kappa = weights.agreement[active]
        yield LFReport(
            name=name,
            n_votes=n_votes,
            is_rule=bool(len(mine)) and not bool(found.parameters.many[mine].any()),
            accuracy=float(right[mine].sum()) / n_votes if n_votes > 0 else float("nan"),
            worth=mean(weights.product),
            as_copy=mean(weights.duplicate),
            as_constant=mean(weights.constant),
            as_noise=mean(weights.gate),
            agreement=float(kappa[0]) if len(kappa) else float("nan"),
            n_gold=n_gold,
            accuracy_on_gold=float(gold_right[mine].sum()) / n_gold if n_gold > 0 else float("nan"),
            accuracy_low=float(low),
            accuracy_high=float(high),
            from_gold=mean(odds) if n_votes > 0 else 0.0,
        )


def _vote_sums(
    table: PatternTable,
    table_row: IntArray,
    speaks: IntArray,
    mass: FloatArray,
    weight: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Per table row: sums of a mass per class over its items, in all and where it speaks."""
    lengths = np.diff(table.indptr)
    in_all, right = np.zeros(len(speaks)), np.zeros(len(speaks))
    for first in range(0, table.n_patterns, BLOCK_ROWS):
        part = slice(first, first + BLOCK_ROWS)
        a, b = int(table.indptr[first]), int(table.indptr[min(part.stop, table.n_patterns)])
        item = np.repeat(np.arange(len(lengths[part])), lengths[part])
        row = table_row[a:b]
        each = (mass[part] * weight[part, None])[item]  # (n_votes, n_classes)
        in_all += np.bincount(row, each.sum(axis=1), len(speaks))
        right += np.bincount(row, (each * speaks[row]).sum(axis=1), len(speaks))
    return in_all, right


def _clusters(table: PatternTable, found: Anchored, layout: TableLayout) -> Iterator[Cluster]:
    """Groups of LFs linked by near-copies, largest first."""
    leader = np.arange(table.n_lfs)
    for a, b in layout.row_lf[found.weights.near].tolist():
        low, high = sorted((int(leader[a]), int(leader[b])))
        leader[leader == high] = low
    groups = [np.flatnonzero(leader == one) for one in np.unique(leader)]
    votes = layout.per_lf(np.ones(layout.n_rows))
    worth = np.ones(table.n_lfs)
    worth[layout.lfs] = layout.per_lf(found.weights.duplicate) / np.maximum(votes, 1.0)
    for group in sorted((g for g in groups if len(g) > 1), key=len, reverse=True):
        names = tuple(table.lf_names[j] for j in group)
        yield Cluster(names, float(worth[group].sum()))


def _dependent(table: PatternTable) -> tuple[Cluster, ...] | None:
    """Clusters by dependence given the class, largest first; None where it is not looked for."""
    if (table.lf_weight > 0).sum() < 3 or table.n_lfs > DEPENDENCE_LFS:
        return None
    found = search(sampled(table, DEPENDENCE_ROWS))
    pairs = zip(found.clusters, found.effective_votes, strict=True)
    return tuple(Cluster(*pair) for pair in sorted(pairs, key=lambda pair: -len(pair[0])))


def _gold_report(
    table: PatternTable,
    found: Anchored,
    parameters: AnchoredParameters,
    rows: VoteRows,
    layout: TableLayout,
) -> GoldReport | None:
    if len(table.gold_weight) == 0:
        return None
    voted = table.n_votes_per_pattern[table.gold_pattern] > 0
    gold, weight = table.gold_class[voted], table.gold_weight[voted]
    few = make_backend(take_rows(rows, table.gold_pattern[voted]))
    before = anchored_posterior(found.parameters, few, layout).average
    after = anchored_posterior(parameters, few, layout).average
    names = table.alphabet.labels.names
    return GoldReport(
        n_rows=float(table.gold_weight.sum()),
        calibrated=len(np.unique(table.gold_class)) > 1,
        temperature=parameters.temperature,
        tilt={name: float(t) for name, t in zip(names, parameters.tilt, strict=True)},
        log_loss_before=log_loss(before, gold, weight),
        log_loss_after=log_loss(after, gold, weight),
        ece_before=expected_calibration_error(before, gold, weight),
        ece_after=expected_calibration_error(after, gold, weight),
    )


def _shares(values: dict[str, float]) -> str:
    ranked = sorted(values.items(), key=lambda pair: -pair[1])
    shown = ", ".join(f"{name} {p:.0%}" for name, p in ranked[:SHOWN])
    return shown + (f" and {len(ranked) - SHOWN} more" if len(ranked) > SHOWN else "")


def _names(names: tuple[str, ...] | list[str]) -> str:
    shown = ", ".join(names[:SHOWN])
    return shown + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and np.isnan(value) else value
