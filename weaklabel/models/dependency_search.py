"""The search for dependent labeling functions.

It alternates. A model in which the clusters found so far have joint tables gives the posterior;
under it every pair is tested (:mod:`weaklabel.inference.dependency`); the pairs that are each
other's strongest partner join, and so clusters grow from the inside. What counts in the end are the
pairs significant under the last posterior, in which the true dependencies no longer distort the
tables of the others.

A block of near-copies may be what EM takes for the class. The search therefore starts several
times, from no clusters and from those of LFs that look alike, and keeps the end whose model has the
most evidence.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from weaklabel.errors import WeakLabelWarning
from weaklabel.inference.dependency import (
    Cast,
    PairScores,
    benjamini_hochberg,
    likeness,
    residual_agreement,
    residual_firing,
)
from weaklabel.inference.rows import FloatArray
from weaklabel.models import checks
from weaklabel.models.cliques import MAX_OUTCOMES, Cliques, groups_within
from weaklabel.models.statistics import PatternTable

MAX_ROUNDS = 12
LEAST_ROWS = 10_000
MAX_PAIRS_OF_VOTES = 5e6
ALIKE = (0.5, 0.25)
"""Likeness at which LFs are joined to start with; independent LFs of 80 % rarely pass the last."""
OUTSTANDING = 2.0
"""Two LFs are joined to start with if each is this many times as like the other as any third."""
ROWS_PER_OUTCOME = 4.0

Groups: TypeAlias = tuple[tuple[int, ...], ...]


def most_outcomes(table: PatternTable) -> int:
    """Most joint outcomes of a learned clique: few enough that each is seen a few times."""
    return int(np.clip(table.total_weight / ROWS_PER_OUTCOME, 4, MAX_OUTCOMES))


@dataclass(frozen=True, eq=False)
class Round:
    """All tests under the model with some cliques.

    ``evidence`` is the Bayesian information criterion of that model (higher is better): where two
    clusterings explain the same agreement, the one with fewer joint outcomes is preferred.
    """

    scores: PairScores
    hits: list[tuple[int, int]]
    evidence: float


class PairTester:
    """Tests all pairs under a model with given cliques."""

    def __init__(
        self,
        table: PatternTable,
        fdr: float,
        min_strength: float,
        min_rows: float,
        alone: set[int],
    ) -> None:
        self.table, self.fdr, self.alone = table, fdr, alone
        self.min_strength, self.min_rows = min_strength, min_rows
        n_voting = float((table.lf_weight > 0).sum())
        checks.check_memory(
            8.0 * 6 * 0.5 * n_voting**2 * table.n_classes,
            f"testing the pairs of {n_voting:,.0f} LFs over {table.n_classes:,} classes",
            "learn dependencies of some LFs at a time (votes.select_lfs), or declare them",
        )
        self.max_outcomes = most_outcomes(table)
        layout, _ = table.layout()
        n_symbols = np.bincount(layout.row_lf, minlength=table.n_lfs)
        self.one_sided = n_symbols == 1
        one_sided_votes = table.lf_weight[self.one_sided].sum()
        self.by_firing = bool(one_sided_votes > 0.5 * table.lf_weight.sum())

    def look_alikes(self) -> set[Groups]:
        """LFs so alike that EM may take what they share for the class: other places to start."""
        first, second, alike = likeness(self._cast(np.ones((self.table.n_patterns, 1))))
        pairs = list(zip(first.tolist(), second.tolist(), alike.tolist(), strict=True))
        pairs = [(a, b, x) for a, b, x in pairs if not self.alone & {a, b}]
        ranked: dict[int, list[float]] = {}
        for a, b, x in pairs:
            ranked.setdefault(a, []).append(x)
            ranked.setdefault(b, []).append(x)
        third = {j: [*xs, 0.0][1] for j, xs in ranked.items()}
        starts = [[(a, b) for a, b, x in pairs if x >= least] for least in ALIKE]
        starts.append(
            [(a, b) for a, b, x in pairs if x > OUTSTANDING * max(third[a], third[b], 0.0)]
        )
        return {groups_within(s, self.table, self.max_outcomes)[0] for s in starts}

    def round(self, groups: Groups) -> Round:
        """The tests under the model in which these groups are cliques."""
        posterior, evidence = self._fitted(groups)
        scores = self._scores(self._cast(posterior))
        return Round(scores, self._significant(scores), evidence)

    def _scores(self, cast: Cast) -> PairScores:
        found = residual_agreement(cast, self.min_rows)
        found = found.of(~(self.one_sided[found.first] | self.one_sided[found.second]))
        if not self.by_firing:
            return found
        firing = residual_firing(cast, self.min_rows)
        either = self.one_sided[firing.first] | self.one_sided[firing.second]
        return found.joined(firing.of(either))

    def _fitted(self, groups: Groups) -> tuple[FloatArray, float]:
        """Posterior of each pattern, and the evidence for the model with these cliques."""
        from weaklabel.models.dawid_skene import DawidSkene

        joined = Cliques(groups, self.table.lf_names).join(self.table)
        model = DawidSkene(abstain="informative" if self.by_firing else "ignore")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", WeakLabelWarning)
            model._fit_statistics(joined, None, None)
        n, n_voters = joined.total_weight, joined.n_lfs
        evidence = float(model.objective_trace_[-1]) * n
        if not self.by_firing:  # whether a voter speaks is not part of that model; here it counts
            share = np.clip(joined.lf_weight / n, 1e-12, 1.0 - 1e-12)
            evidence += n * float((share * np.log(share) + (1 - share) * np.log1p(-share)).sum())
        evidence -= 0.5 * np.log(n) * model.layout_.n_rows * joined.n_classes
        evidence += 0.5 * np.log(n) * n_voters * (joined.n_classes - 1)
        return model._predict_proba(joined._matrix()), evidence

    def _cast(self, posterior: FloatArray) -> Cast:
        table = self.table
        return Cast(
            table.indptr,
            table.lf_index.astype(np.int64),
            table.symbol.astype(np.int64),
            table.pattern_weight,
            posterior,
            table.n_lfs,
            table.symbols.n_symbols,
        )

    def _significant(self, scores: PairScores) -> list[tuple[int, int]]:
        """Pairs that pass, by falling statistic."""
        keep = benjamini_hochberg(scores.p_value, self.fdr)
        keep &= scores.strength >= self.min_strength
        order = np.argsort(-scores.statistic, kind="stable")
        hits = order[keep[order]]
        pairs = zip(scores.first[hits].tolist(), scores.second[hits].tolist(), strict=True)
        return [pair for pair in pairs if not self.alone & set(pair)]


def best_round(tester: PairTester) -> Round:
    """The end with the most evidence over all starts."""
    starts: set[Groups] = {(), *tester.look_alikes()}
    ends = [_search_from(tester, start) for start in sorted(starts)]
    return max(ends, key=lambda end: end.evidence)


def _search_from(tester: PairTester, groups: Groups) -> Round:
    """Alternate between testing and joining until nothing changes."""
    seen: set[Groups] = set()
    while True:
        found = tester.round(groups)
        seen.add(groups)
        joined = _joined_next(found.hits, groups)
        groups, _ = groups_within(joined, tester.table, tester.max_outcomes)
        if groups in seen or len(seen) == MAX_ROUNDS:
            return found


def _joined_next(hits: list[tuple[int, int]], groups: Groups) -> list[tuple[int, int]]:
    """Pairs to join: those within a group already, and those that are each other's strongest."""
    group_of = {member: group for group in groups for member in group}
    inside = [(a, b) for a, b in hits if b in group_of.get(a, ())]
    across = [(a, b) for a, b in hits if b not in group_of.get(a, ())]
    best: dict[tuple[int, ...], tuple[int, int]] = {}
    for pair in reversed(across):  # the strongest is written last
        for member in pair:
            best[group_of.get(member, (member,))] = pair
    mutual = [
        pair
        for pair in across
        if all(best[group_of.get(member, (member,))] == pair for member in pair)
    ]
    return inside + mutual


def sampled(table: PatternTable, max_rows: int) -> PatternTable:
    """The table of a sample of the rows, if there are more than ``max_rows`` or too many pairs."""
    weight = np.floor(table.pattern_weight + 0.5).astype(np.int64)
    lengths = table.n_votes_per_pattern.astype(np.float64)
    pairs_per_row = (weight @ (lengths * (lengths - 1.0) / 2.0)) / max(weight.sum(), 1)
    max_rows = min(max_rows, max(LEAST_ROWS, int(MAX_PAIRS_OF_VOTES / max(pairs_per_row, 1e-9))))
    if weight.sum() <= max_rows:
        return table
    kept = np.random.default_rng(0).binomial(weight, max_rows / weight.sum()).astype(np.float64)
    none = np.zeros(0, np.int64)
    thinned = replace(
        table, weight=kept, gold_pattern=none, gold_class=none, gold_weight=np.zeros(0)
    )
    return PatternTable.of(thinned._matrix()[kept > 0], None, kept[kept > 0])
