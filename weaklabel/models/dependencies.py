"""Labeling functions that depend on each other: declared by the user, or learned from the votes.

Two LFs that repeat each other are worth less than two votes. :func:`learn_dependencies` finds pairs
that agree beyond what the class explains, and :class:`Dependencies` says how many independent votes
a cluster of them is worth. The models on tables take either through their setting
``dependencies``.

The search alternates. A model in which the clusters found so far have joint tables gives the
posterior; under it every pair is tested (:mod:`weaklabel.inference.dependency`); the pairs that are
each other's strongest partner join, and so clusters grow from the inside. What is reported are the
pairs significant under the last posterior, in which the true dependencies no longer distort the
tables of the others.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from weaklabel.errors import ConfigError, FitError, WeakLabelWarning
from weaklabel.inference.dependency import (
    Cast,
    PairScores,
    benjamini_hochberg,
    effective_votes,
    likeness,
    residual_agreement,
    residual_firing,
)
from weaklabel.inference.rows import FloatArray
from weaklabel.models import checks
from weaklabel.models.checks import Votes
from weaklabel.models.cliques import MAX_OUTCOMES, Cliques, groups_within
from weaklabel.models.statistics import PatternTable

if TYPE_CHECKING:
    import networkx as nx
    import pandas as pd

MAX_ROUNDS = 12
LEAST_ROWS = 10_000
MAX_PAIRS_OF_VOTES = 5e6
ALIKE = (0.5, 0.25)
"""Likeness at which LFs are joined to start with; independent LFs of 80 % rarely pass the last."""
OUTSTANDING = 2.0
"""Two LFs are joined to start with if each is this many times as like the other as any third."""
ROWS_PER_OUTCOME = 4.0

Groups: TypeAlias = tuple[tuple[int, ...], ...]
DependenciesLike: TypeAlias = (
    "Literal['learn'] | Dependencies | nx.Graph | Sequence[Sequence[str]] | None"
)


@dataclass(frozen=True)
class DependentPair:
    """Two LFs that agree beyond what the class explains.

    Attributes
    ----------
    first, second : str
    strength : float
        Residual correlation given the class: 0 for independent LFs, 1 for copies.
    statistic : float
        Standard normal for independent LFs.
    p_value : float
    n_rows : float
        Rows the test is made on.
    """

    first: str
    second: str
    strength: float
    statistic: float
    p_value: float
    n_rows: float


@dataclass(frozen=True, eq=False)
class Dependencies:
    """Which LFs depend on each other, and how much.

    Attributes
    ----------
    lf_names : tuple of str
    pairs : tuple of DependentPair
        Strongest first.
    clusters : tuple of tuple of str
        LFs connected by pairs, two or more each, in the order of the LFs.
    effective_votes : tuple of float
        How many independent votes each cluster is worth: m^2 / (sum of the residual correlations of
        its m members with each other), in [1, m].
    n_tested : int
        Pairs tested.
    fdr : float
        Expected share of false pairs among those reported, at most.
    """

    lf_names: tuple[str, ...]
    pairs: tuple[DependentPair, ...]
    clusters: tuple[tuple[str, ...], ...]
    effective_votes: tuple[float, ...]
    n_tested: int
    fdr: float

    def __len__(self) -> int:
        return len(self.pairs)

    @cached_property
    def names(self) -> tuple[tuple[str, str], ...]:
        """The pairs by name, strongest first."""
        return tuple((p.first, p.second) for p in self.pairs)

    def cluster_of(self, lf_name: str) -> int | None:
        """The cluster of an LF, None if it is independent of all others."""
        for number, members in enumerate(self.clusters):
            if lf_name in members:
                return number
        return None

    def to_pandas(self) -> pd.DataFrame:
        """One line per pair: first, second, strength, statistic, p_value, n_rows, cluster."""
        import pandas as pd

        names = ("first", "second", "strength", "statistic", "p_value", "n_rows")
        columns: dict[str, Any] = {n: [getattr(p, n) for p in self.pairs] for n in names}
        columns["cluster"] = [self.cluster_of(p.first) for p in self.pairs]
        return pd.DataFrame(columns)

    def to_networkx(self) -> nx.Graph:
        """All LFs as nodes, the pairs as edges with their statistics."""
        import networkx as nx

        graph = nx.Graph()
        graph.add_nodes_from(self.lf_names)
        for p in self.pairs:
            graph.add_edge(
                p.first, p.second, strength=p.strength, statistic=p.statistic, p_value=p.p_value
            )
        return graph

    def __str__(self) -> str:
        if not self.pairs:
            return (
                f"no dependent pair among {self.n_tested:,} pairs of LFs tested "
                f"(false discovery rate {self.fdr:g})"
            )
        lines = [f"{len(self.pairs)} dependent pairs among {self.n_tested:,} tested"]
        for members, worth in zip(self.clusters, self.effective_votes, strict=True):
            lines.append(f"  {', '.join(members)}: {len(members)} LFs worth {worth:.1f} votes")
        return "\n".join(lines)


def learn_dependencies(
    votes: Votes,
    *,
    fdr: float = 0.01,
    min_strength: float = 0.1,
    min_rows: float = 20.0,
    max_rows: int = 100_000,
) -> Dependencies:
    """Find labeling functions that agree beyond what the class explains; no gold needed.

    Parameters
    ----------
    votes : VoteMatrix, or array of int, shape (n_items, n_lfs)
    fdr : float, default 0.01
        In (0, 1): expected share of false pairs among those reported, at most
        (Benjamini-Hochberg over all pairs tested).
    min_strength : float, default 0.1
        In [0, 1): pairs whose residual correlation is smaller are left out. With enough rows any
        two LFs differ from independence by something that does not matter.
    min_rows : float, default 20
        Least number of rows on which two LFs must both vote to be tested.
    max_rows : int, default 100,000
        Rows looked at; more are sampled. Fewer (at least 10,000) where rows hold so many votes that
        there would be more than five million pairs of them.

    Returns
    -------
    Dependencies

    Raises
    ------
    ConfigError
        If a setting is out of range.
    FitError
        If there are fewer than three LFs with votes, or no votes.

    Notes
    -----
    A pair is tested by its agreement where both vote if both vote for two or more symbols. Rules
    that only ever say one thing agree wherever both speak; they are tested by how often they speak
    together, and only if most votes are cast by such rules: then silence is taken as evidence.

    What is found is dependence *given a class that the votes themselves reveal*. If one block of
    LFs that repeat each other outvotes all others, the block looks like the class and the others
    like the block; no test on votes alone can tell these apart.

    Each round costs one EM fit and O(sum over distinct rows of squared votes * n_classes).

    Examples
    --------
    >>> from weaklabel.votes.synthetic import planted_votes
    >>> planted = planted_votes(2000, accuracy=[0.8, 0.7, 0.75, 0.8, 0.7], copies=[(1, 0.9)])
    >>> found = learn_dependencies(planted.votes)
    >>> found.names
    (('lf_1', 'lf_5'),)
    """
    _check_range("fdr", fdr, 0.0, 1.0)
    _check_range("min_strength", min_strength, -1e-12, 1.0)
    _check_range("min_rows", min_rows, 0.0, np.inf)
    _check_range("max_rows", max_rows, 0.0, np.inf)
    matrix = checks.votes_to_fit(votes, None, None)
    table = sampled(PatternTable.of(matrix), max_rows)
    return search(table, fdr=fdr, min_strength=min_strength, min_rows=min_rows)


def search(
    table: PatternTable,
    *,
    fdr: float = 0.01,
    min_strength: float = 0.1,
    min_rows: float = 20.0,
    apart: Iterable[str] = (),
) -> Dependencies:
    """:func:`learn_dependencies` on distinct rows.

    Parameters
    ----------
    table : PatternTable
    fdr, min_strength, min_rows
        As there.
    apart : iterable of str
        LFs that join no cluster.
    """
    n_voting = int((table.lf_weight > 0).sum())
    if n_voting < 3:
        raise FitError(
            f"dependencies are what the class does not explain, and it takes three LFs with votes "
            f"to see a class; found {n_voting}: add LFs, or declare what you know to depend"
        )
    alone = {table.lf_names.index(name) for name in apart}
    tester = _Tester(table, fdr, min_strength, min_rows, alone)
    starts = {(), *tester.look_alikes()}
    ends = [_search_from(tester, start) for start in sorted(starts)]
    best = max(ends, key=lambda end: end.evidence)
    return _result(table, best.scores, best.hits, fdr)


def _search_from(tester: _Tester, groups: Groups) -> _Round:
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


@dataclass(frozen=True, eq=False)
class _Round:
    """All tests under the model with some cliques.

    ``evidence`` is the Bayesian information criterion of that model (higher is better): where two
    clusterings explain the same agreement, the one with fewer joint outcomes is preferred.
    """

    scores: PairScores
    hits: list[tuple[int, int]]
    evidence: float


class _Tester:
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
        self.max_outcomes = int(np.clip(table.total_weight / ROWS_PER_OUTCOME, 4, MAX_OUTCOMES))
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

    def round(self, groups: Groups) -> _Round:
        posterior, evidence = self._fitted(groups)
        scores = self._scores(self._cast(posterior))
        return _Round(scores, self._significant(scores), evidence)

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


def _result(
    table: PatternTable, scores: PairScores, hits: list[tuple[int, int]], fdr: float
) -> Dependencies:
    names = table.lf_names
    at = {
        pair: i
        for i, pair in enumerate(zip(scores.first.tolist(), scores.second.tolist(), strict=True))
    }
    pairs = [
        DependentPair(
            names[a],
            names[b],
            float(np.clip(scores.strength[at[a, b]], 0.0, 1.0)),
            float(scores.statistic[at[a, b]]),
            float(scores.p_value[at[a, b]]),
            float(scores.n_rows[at[a, b]]),
        )
        for a, b in hits
    ]
    groups = components(hits)
    worth = [effective_votes(_correlations(group, at, scores.strength)) for group in groups]
    return Dependencies(
        names,
        tuple(sorted(pairs, key=lambda p: -p.strength)),
        tuple(tuple(names[j] for j in group) for group in groups),
        tuple(worth),
        len(scores.first),
        fdr,
    )


def _correlations(
    group: tuple[int, ...], at: Mapping[tuple[int, int], int], strength: FloatArray
) -> FloatArray:
    out = np.eye(len(group))
    for (i, a), (j, b) in combinations(enumerate(group), 2):
        if (a, b) in at:
            out[i, j] = out[j, i] = np.clip(strength[at[a, b]], 0.0, 1.0)
    return out


def components(pairs: Iterable[tuple[int, int]]) -> tuple[tuple[int, ...], ...]:
    """Connected LFs, each component ascending, in the order of their first members."""
    group_of: dict[int, tuple[int, ...]] = {}
    for a, b in pairs:
        both = tuple(sorted({*group_of.get(a, (a,)), *group_of.get(b, (b,))}))
        group_of.update(dict.fromkeys(both, both))
    return tuple(sorted(set(group_of.values())))


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


def cliques_of(
    dependencies: DependenciesLike, table: PatternTable, apart: Mapping[str, str]
) -> tuple[Cliques, Dependencies | None]:
    """What the setting ``dependencies`` means for some votes.

    Parameters
    ----------
    dependencies : None, "learn", Dependencies, graph or sequence of groups of LF names
    table : PatternTable
    apart : mapping of LF name to setting
        LFs whose tables are given by another setting; they cannot be in a clique.

    Returns
    -------
    cliques : Cliques
    learned : Dependencies or None

    Raises
    ------
    ConfigError
        If an LF is unknown or set apart, or a clique has too many joint outcomes.
    """
    names = table.lf_names
    if dependencies is None:
        return Cliques((), names), None
    if isinstance(dependencies, str) and dependencies == "learn":
        learned = search(sampled(table, 100_000), apart=apart)
        pairs = [(names.index(a), names.index(b)) for a, b in learned.names]
        most = int(np.clip(table.total_weight / ROWS_PER_OUTCOME, 4, MAX_OUTCOMES))
        return Cliques(groups_within(pairs, table, most)[0], names), learned
    pairs = declared_pairs(dependencies, names)
    for name in (names[j] for pair in pairs for j in pair):
        if name in apart:
            raise ConfigError(
                f"the LF {name!r} is in dependencies and in {apart[name]}: a clique has one joint "
                "table for all its members, which is learned; name it in one of the two"
            )
    groups, left_out = groups_within(pairs, table)
    if left_out:
        raise ConfigError(_too_wide(pairs, left_out, names))
    return Cliques(groups, names), None


def _too_wide(
    pairs: list[tuple[int, int]], left_out: list[tuple[int, int]], names: tuple[str, ...]
) -> str:
    widest = max(components(pairs), key=len)
    drop = ", ".join(repr((names[a], names[b])) for a, b in left_out[:8])
    more = f" and {len(left_out) - 8} more" if len(left_out) > 8 else ""
    return (
        f"a clique of dependent LFs may have at most {MAX_OUTCOMES:,} joint outcomes in the votes, "
        f"and the {len(widest)} LFs connected with {names[widest[0]]!r} have more; drop the "
        f"dependencies {drop}{more}, the last ones given that go beyond"
    )


def declared_pairs(dependencies: Any, lf_names: tuple[str, ...]) -> list[tuple[int, int]]:
    """Positions of dependent LFs from a graph, a result of learning, or groups of names.

    Raises
    ------
    ConfigError
        If it is none of these, or names an unknown LF or one LF twice.
    """
    if isinstance(dependencies, Dependencies):
        groups: list[Any] = list(dependencies.names)
    elif hasattr(dependencies, "edges"):
        groups = [tuple(edge)[:2] for edge in dependencies.edges]
    elif isinstance(dependencies, str) or not isinstance(dependencies, Iterable):
        raise ConfigError(
            "dependencies must be None, 'learn', pairs of LF names, a networkx graph or what "
            f"learn_dependencies returns, found {dependencies!r}"
        )
    else:
        groups = list(dependencies)
    where = {name: j for j, name in enumerate(lf_names)}
    pairs = []
    for group in groups:
        if isinstance(group, str) or not isinstance(group, Sequence) or len(set(group)) < 2:
            raise ConfigError(
                f"each dependency must name two or more different LFs, found {group!r}"
            )
        for name in group:
            if name not in where:
                raise ConfigError(
                    f"dependencies names the LF {name!r}, which casts no column here; the LFs are "
                    f"{', '.join(map(repr, lf_names[:8]))}"
                )
        positions: list[int] = sorted({where[name] for name in group})
        pairs += list(combinations(positions, 2))
    return pairs


def storable(dependencies: Any) -> Any:
    """The setting as JSON: None, ``"learn"``, or lists of names."""
    if dependencies is None or isinstance(dependencies, str):
        return dependencies
    if isinstance(dependencies, Dependencies):
        return [list(pair) for pair in dependencies.names]
    groups = dependencies.edges if hasattr(dependencies, "edges") else dependencies
    return [list(group) for group in groups]


def _check_range(name: str, value: object, low: float, high: float) -> None:
    if not isinstance(value, int | float | np.number) or not low < value < high:
        shown = "above 0" if high == np.inf else f"in ({max(low, 0.0):g}, {high:g})"
        raise ConfigError(f"{name} must be a number {shown}, found {value!r}")
