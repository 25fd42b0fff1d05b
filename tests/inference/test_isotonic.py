"""Isotonic calibration against a slow reference, and its limits."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from weaklabel.inference.isotonic import SHARE, fit_isotonic


def reference(values, weights):
    """The best fit that never falls, as max over starts of min over ends of block means."""
    n = len(values)
    mean = {
        (a, b): np.average(values[a : b + 1], weights=weights[a : b + 1])
        for a, b in itertools.combinations_with_replacement(range(n), 2)
    }
    return [max(min(mean[a, b] for b in range(i, n)) for a in range(i + 1)) for i in range(n)]


@pytest.mark.parametrize("k", [2, 3])
def test_each_class_against_the_formula(k):
    rng = np.random.default_rng(k)
    p = rng.dirichlet(np.ones(k), 12)
    gold, weight = rng.integers(0, k, 12), rng.uniform(0.5, 2, 12)
    found = fit_isotonic(p, gold, weight)
    for y in range(k):
        order = np.argsort(p[:, y])
        part = slice(found.start[y], found.start[y + 1])
        np.testing.assert_allclose(found.probability[part], p[order, y], atol=1e-11)
        want = reference((gold[order] == y) * 1.0, weight[order])
        np.testing.assert_allclose(found.share[part], want, atol=1e-12)


def test_half_of_the_way_and_normalised():
    p = np.array([[0.9, 0.1]] * 10 + [[0.4, 0.6]] * 10)
    gold = np.array([0] * 7 + [1] * 3 + [0] * 2 + [1] * 8)
    q = fit_isotonic(p, gold, np.ones(20))(p)
    np.testing.assert_allclose(q[0], (1 - SHARE) * p[0] + SHARE * np.array([0.7, 0.3]))
    np.testing.assert_allclose(q[-1], (1 - SHARE) * p[-1] + SHARE * np.array([0.2, 0.8]))


def test_a_row_all_of_whose_shares_are_zero_keeps_its_probabilities():
    p = np.array([[0.5, 0.3, 0.2], [0.2, 0.5, 0.3]])
    found = fit_isotonic(p, np.array([0, 1]), np.ones(2))
    row = np.array([[0.2, 0.3, 0.5]])
    np.testing.assert_allclose(found(row), row)
