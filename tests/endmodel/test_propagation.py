"""The graph of neighbours and what spreads over it, against dense references."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import make_moons
from sklearn.metrics.pairwise import cosine_similarity

from weaklabel import propagate
from weaklabel.endmodel import neighbours
from weaklabel.endmodel.neighbours import neighbour_graph, row_normalised
from weaklabel.endmodel.propagation import spread_labels
from weaklabel.errors import ConfigError, DataError, FitError
from weaklabel.soft_labels import SoftLabels


def features(n: int = 60, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=(n, 5))


@pytest.mark.parametrize("form", [np.asarray, sp.csr_matrix])
def test_the_graph_holds_the_most_similar_rows(form: Any) -> None:
    X = features()
    similar = cosine_similarity(X)
    np.fill_diagonal(similar, -np.inf)
    graph = neighbour_graph(form(X), 4).toarray()
    for i, row in enumerate(similar):
        best = np.sort(np.argsort(-row)[:4])
        best = best[row[best] > 0]
        np.testing.assert_array_equal(np.flatnonzero(graph[i]), best)
        np.testing.assert_allclose(graph[i, best], row[best] ** 3)


def test_the_graph_does_not_depend_on_how_much_is_held_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    X = sp.random(80, 30, density=0.2, random_state=0, format="csr")
    whole = neighbour_graph(X, 5)
    monkeypatch.setattr(neighbours, "CELLS_AT_ONCE", 200)
    np.testing.assert_allclose(neighbour_graph(X, 5).toarray(), whole.toarray())


def test_rows_of_nothing_have_no_neighbours() -> None:
    X = np.vstack([features(5), np.zeros((1, 5))])
    graph = row_normalised(neighbour_graph(X, 3))
    sums = np.asarray(graph.sum(axis=1)).ravel()
    assert sums[5] == 0.0
    np.testing.assert_allclose(sums[sums > 0], 1.0)


def test_spreading_solves_the_equation_of_the_paper() -> None:
    X, rng = features(40), np.random.default_rng(1)
    graph = neighbour_graph(X, 5)
    targets = rng.dirichlet(np.ones(3), size=40)
    weights = (rng.random(40) < 0.4).astype(float)
    found, is_reached = spread_labels(graph, targets, weights, alpha=0.8)
    W = np.maximum(graph.toarray(), graph.toarray().T)
    root = 1 / np.sqrt(W.sum(axis=1))
    F = np.linalg.solve(
        np.eye(40) - 0.8 * root[:, None] * W * root, 0.2 * targets * weights[:, None]
    )
    np.testing.assert_allclose(
        found[is_reached], (F / F.sum(axis=1, keepdims=True))[is_reached], atol=1e-4
    )
    assert is_reached.all()


def test_two_labels_are_enough_for_two_moons() -> None:
    X, gold = make_moons(300, noise=0.05, random_state=0)
    near = np.exp(-((X[:, None] - X[None]) ** 2).sum(axis=2) / 0.02)  # similar where close by
    n_votes = np.zeros(300, dtype=int)
    n_votes[[np.flatnonzero(gold == 0)[0], np.flatnonzero(gold == 1)[0]]] = 1
    soft = np.where(n_votes[:, None] > 0, np.eye(2)[gold], 0.5)
    spread = propagate(SoftLabels(soft, ["a", "b"], n_votes), near, alpha=0.99)
    assert (spread.harden(uncovered="argmax") == gold).mean() > 0.95


def test_texts_take_over_the_label_of_similar_ones() -> None:
    texts = ["win cash now", "lunch at noon", "cash prize, win", "noon? lunch?", "something else"]
    soft = [[0.1, 0.9], [0.8, 0.2], [0.5, 0.5], [0.5, 0.5], [0.5, 0.5]]
    labels = SoftLabels(soft, ["ham", "spam"], [1, 1, 0, 0, 0], provenance={"model": "x"})
    spread = propagate(labels, texts)
    assert spread.probabilities[2, 1] > 0.8
    assert spread.probabilities[3, 0] > 0.7
    np.testing.assert_array_equal(spread.probabilities[:2], labels.probabilities[:2])
    np.testing.assert_array_equal(spread.probabilities[4], [0.5, 0.5])
    np.testing.assert_array_equal(spread.n_votes, labels.n_votes)
    assert spread.provenance["model"] == "x"
    assert spread.provenance["propagation"]["n_reached"] == 2
    assert spread.provenance["propagation"]["n_not_reached"] == 1
    smoothed = propagate(labels, [*texts[:4], "cash win lunch"], keep=False)
    assert not np.array_equal(smoothed.probabilities[:2], labels.probabilities[:2])


def test_what_cannot_be_spread_is_said() -> None:
    labels = SoftLabels([[0.9, 0.1], [0.5, 0.5]], ["a", "b"], [1, 0])
    X = features(2)
    with pytest.raises(ConfigError, match="alpha must be a number in"):
        propagate(labels, X, alpha=1.0)
    with pytest.raises(ConfigError, match="n_neighbours must be a whole number"):
        propagate(labels, X, n_neighbours=0)
    with pytest.raises(DataError, match="2 labels and 3 rows"):
        propagate(labels, features(3))
    with pytest.raises(FitError, match="no row has votes"):
        propagate(SoftLabels([[0.9, 0.1], [0.5, 0.5]], ["a", "b"], [0, 0]), X)
    with pytest.raises(ConfigError, match="features as numbers"):
        neighbour_graph(["a", "b"], 1)
