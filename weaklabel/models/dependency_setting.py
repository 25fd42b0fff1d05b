"""The setting ``dependencies``: what users may write, and the cliques it means for some votes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from weaklabel.errors import ConfigError
from weaklabel.models.cliques import MAX_OUTCOMES, Cliques, groups_within
from weaklabel.models.dependencies import MAX_ROWS, Dependencies, components, search
from weaklabel.models.dependency_search import most_outcomes, sampled
from weaklabel.models.statistics import PatternTable

if TYPE_CHECKING:
    import networkx as nx

DependenciesLike: TypeAlias = (
    "Literal['learn'] | Dependencies | nx.Graph | Sequence[Sequence[str]] | None"
)


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
        learned = search(sampled(table, MAX_ROWS), apart=apart)
        pairs = [(names.index(a), names.index(b)) for a, b in learned.names]
        groups, _ = groups_within(pairs, table, most_outcomes(table))
        return Cliques(groups, names), learned
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
