"""Labeling functions that depend on each other, learned from the votes.

Two LFs that repeat each other are worth less than two votes. :func:`learn_dependencies` finds pairs
that agree beyond what the class explains (:mod:`weaklabel.models.dependency_search` says how), and
:class:`Dependencies` says how many independent votes a cluster of them is worth. The models on
tables take either through their setting ``dependencies``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklabel.errors import ConfigError, FitError
from weaklabel.inference.dependency import PairScores, effective_votes
from weaklabel.inference.rows import FloatArray
from weaklabel.models import checks
from weaklabel.models.checks import Votes
from weaklabel.models.dependency_search import PairTester, best_round, sampled
from weaklabel.models.statistics import PatternTable

if TYPE_CHECKING:
    import networkx as nx
    import pandas as pd

MAX_ROWS = 100_000


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
    max_rows: int = MAX_ROWS,
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
    return search_with_scores(
        table, fdr=fdr, min_strength=min_strength, min_rows=min_rows, apart=apart
    )[0]


def search_with_scores(
    table: PatternTable,
    *,
    fdr: float = 0.01,
    min_strength: float = 0.1,
    min_rows: float = 20.0,
    apart: Iterable[str] = (),
) -> tuple[Dependencies, PairScores]:
    """:func:`search`, and the tests of all pairs under the model that the search ends with."""
    n_voting = int((table.lf_weight > 0).sum())
    if n_voting < 3:
        raise FitError(
            f"dependencies are what the class does not explain, and it takes three LFs with votes "
            f"to see a class; found {n_voting}: add LFs, or declare what you know to depend"
        )
    alone = {table.lf_names.index(name) for name in apart}
    found = best_round(PairTester(table, fdr, min_strength, min_rows, alone))
    return _result(table, found.scores, found.hits, fdr), found.scores


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


def _check_range(name: str, value: object, low: float, high: float) -> None:
    if not isinstance(value, int | float | np.number) or not low < value < high:
        shown = "above 0" if high == np.inf else f"in ({max(low, 0.0):g}, {high:g})"
        raise ConfigError(f"{name} must be a number {shown}, found {value!r}")
