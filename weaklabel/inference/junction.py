"""Junction trees of dependency graphs among labeling functions.

Given the class, dependent LFs form a graph. Its chordal completion has maximal cliques C and
separators S (intersections of neighbours in the junction tree), and the votes v factor as

    P(v | y) = prod_C P(v_C | y) / prod_S P(v_S | y).

Joint tables grow exponentially with the largest clique, so its size is limited.

References
----------
Lauritzen and Spiegelhalter, "Local Computations with Probabilities on Graphical Structures and
their Application to Expert Systems", 1988.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from weaklabel.inference.rows import IntArray

Pair = tuple[int, int]


@dataclass(frozen=True, eq=False)
class JunctionTree:
    """Cliques and separators of the LFs that depend on others.

    Attributes
    ----------
    n_lfs : int
    cliques : tuple of tuple of int
        Maximal cliques of two or more LFs; members ascend.
    separators : tuple of tuple of int
        One per edge of the tree, so one may occur twice; never empty.
    component : array of int64, shape (n_lfs,)
        LFs with the same number are connected; an LF without dependencies is on its own.
    """

    n_lfs: int
    cliques: tuple[tuple[int, ...], ...]
    separators: tuple[tuple[int, ...], ...]
    component: IntArray

    @property
    def width(self) -> int:
        """Size of the largest clique, less 1."""
        return max((len(c) for c in self.cliques), default=1) - 1

    @property
    def widest(self) -> tuple[int, ...]:
        """The largest clique; the first of equals."""
        return max(self.cliques, key=len, default=())

    @staticmethod
    def of(n_lfs: int, pairs: Sequence[Pair]) -> JunctionTree:
        """The junction tree of a graph given by its edges.

        Notes
        -----
        O(n_lfs * edges) for the completion, by maximum cardinality search.
        """
        import networkx as nx

        graph = nx.Graph()
        graph.add_nodes_from(sorted({lf for pair in pairs for lf in pair}))
        graph.add_edges_from(sorted((min(p), max(p)) for p in pairs))
        component = np.arange(n_lfs)
        for members in nx.connected_components(graph):
            component[list(members)] = min(members)
        if graph.number_of_nodes() == 0:
            return JunctionTree(n_lfs, (), (), component)
        chordal, _ = nx.complete_to_chordal_graph(graph)
        cliques = sorted(tuple(sorted(c)) for c in nx.find_cliques(chordal))
        return JunctionTree(n_lfs, tuple(cliques), _separators(cliques), component)


def _separators(cliques: list[tuple[int, ...]]) -> tuple[tuple[int, ...], ...]:
    """Intersections along a maximum spanning tree of the clique graph."""
    import networkx as nx

    graph = nx.Graph()
    graph.add_nodes_from(range(len(cliques)))
    for i, one in enumerate(cliques):
        for j in range(i):
            shared = set(one) & set(cliques[j])
            if shared:
                graph.add_edge(j, i, weight=len(shared))
    tree = nx.maximum_spanning_tree(graph, algorithm="kruskal")
    found = [tuple(sorted(set(cliques[i]) & set(cliques[j]))) for i, j in tree.edges]
    return tuple(sorted(found))


def edges_to_drop(n_lfs: int, pairs: Sequence[Pair], max_width: int) -> list[Pair]:
    """Edges without which the junction tree is no wider than ``max_width``.

    Greedy: of the edges inside the widest clique, the one whose removal leaves the smallest width
    and, among those, the fewest cliques of that width.
    """
    left = sorted({(min(p), max(p)) for p in pairs})
    dropped: list[Pair] = []
    tree = JunctionTree.of(n_lfs, left)
    while tree.width > max_width:
        widest = set(tree.widest)
        inside = [p for p in left if p[0] in widest and p[1] in widest] or left
        trees = {p: JunctionTree.of(n_lfs, [q for q in left if q != p]) for p in inside}
        edge = min(inside, key=lambda p: (_crowding(trees[p]), p))
        tree = trees[edge]
        left.remove(edge)
        dropped.append(edge)
    return dropped


def _crowding(tree: JunctionTree) -> tuple[int, int]:
    return tree.width, sum(len(c) - 1 == tree.width for c in tree.cliques)
