"""Completion: its gradient, its optimum, the order of the classes, and regression on votes."""

from __future__ import annotations

import numpy as np
import pytest

from tests.inference.moment_oracle import exact_moments, plain_layout, random_tables
from weaklabel.inference.completion import (
    CompletionProblem,
    aligned,
    complete,
    tables_from_cross,
)


def problem(n_classes=3, n_lfs=6, strength=0.0, seed=0, balance=None):
    rng = np.random.default_rng(seed)
    layout = plain_layout(n_lfs, n_classes)
    tables = random_tables(rng, n_lfs, n_classes)
    balance = rng.dirichlet(np.full(n_classes, 5.0)) if balance is None else np.asarray(balance)
    moments = exact_moments(tables, balance, layout.row_lf)
    independent = layout.row_lf[:, None] != layout.row_lf
    right = np.where(layout.row_symbol[:, None] == np.arange(n_classes), 0.7, 0.3 / (n_classes - 1))
    prior = right * (moments.mean / (right @ balance))[:, None]
    return CompletionProblem.of(moments, independent, balance, prior, strength), tables, layout


@pytest.mark.parametrize("strength", [0.0, 1e5])
def test_the_gradient_is_the_slope_of_the_loss(strength):
    found, _, _ = problem(strength=strength)
    rng = np.random.default_rng(1)
    z = found.prior * rng.uniform(0.7, 1.3, found.prior.shape)
    _, gradient = found.loss(z)
    for _ in range(20):
        direction = rng.normal(size=z.shape)
        step = 1e-6 * direction
        slope = (found.loss(z + step)[0] - found.loss(z - step)[0]) / 2e-6
        assert slope == pytest.approx(np.vdot(gradient, direction), rel=1e-6, abs=1e-9)


def test_the_loss_is_the_sum_over_pairs_as_the_formula_reads():
    found, _, layout = problem(strength=3e5)
    z = found.prior * 1.1
    pi, total = found.balance, 0.0
    for f in range(len(z)):
        total += (sum(pi * z[f]) - found.scale[f]) ** 2
        total += found.strength * sum(pi * (z[f] - found.prior[f]) ** 2)
        for g in range(len(z)):
            if layout.row_lf[f] != layout.row_lf[g]:
                total += 0.5 * (found.target[f, g] - sum(pi * z[f] * z[g])) ** 2
    assert found.loss(z)[0] == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_exact_moments_give_the_tables_back(n_classes):
    found, tables, _ = problem(n_classes, n_lfs=8, seed=n_classes)
    done = complete(found, max_iter=20_000, tol=1e-12, min_lift=1e-3)
    assert done.converged, done.status
    assert -done.trace[-1] < 1e-12
    if n_classes == 2:  # for more, second moments determine tables only up to a rotation
        np.testing.assert_allclose(done.tables, tables, atol=1e-4)
    assert (np.diff(done.trace) >= 0).all()


def test_bounds_hold():
    found, _, layout = problem(seed=4)
    one_class = layout.row_symbol[:, None] == np.arange(3)
    done = complete(found, max_iter=500, tol=1e-9, min_lift=0.6, at_least_even=one_class)
    mean = found.scale**2
    assert (done.tables >= 0.6 * mean[:, None] - 1e-12).all()
    assert (done.tables <= 1.0 + 1e-12).all()
    assert (done.tables[one_class] >= mean - 1e-12).all()


def test_too_few_steps_are_told():
    found, _, _ = problem()
    done = complete(found, max_iter=2, tol=1e-9, min_lift=0.01)
    assert not done.converged
    assert "stopped after 2 steps (max_iter=2)" in done.status


def test_progress_is_reported():
    found, _, _ = problem()
    seen = []
    done = complete(
        found, max_iter=5, tol=1e-9, min_lift=0.01, progress=lambda i, x: seen.append((i, x))
    )
    assert [i for i, _ in seen] == [1, 2, 3, 4, 5]
    assert [x for _, x in seen] == done.trace[1:].tolist()


def test_classes_of_equal_share_are_matched_and_others_stay():
    rng = np.random.default_rng(5)
    layout = plain_layout(5, 4)
    tables = random_tables(rng, 5, 4)
    affinity = np.eye(4)[layout.row_symbol]
    even = np.full(4, 0.25)
    np.testing.assert_array_equal(aligned(tables[:, [2, 0, 3, 1]], even, affinity), tables)
    np.testing.assert_array_equal(aligned(tables, even, affinity), tables)
    balance = np.array([0.3, 0.2, 0.2, 0.3])
    turned = aligned(tables[:, [3, 2, 1, 0]], balance, affinity)
    np.testing.assert_array_equal(turned, tables)
    apart = np.array([0.1, 0.2, 0.3, 0.4])  # no order but this leaves the moments as they are
    wrong = tables[:, [1, 0, 2, 3]]
    np.testing.assert_array_equal(aligned(wrong, apart, affinity), wrong)


def test_regression_on_votes_finds_what_was_planted():
    rng = np.random.default_rng(6)
    known, balance = random_tables(rng, 5, 3), np.array([0.5, 0.3, 0.2])
    theta = rng.uniform(0.05, 0.6, (7, 3))
    cross, mean = (theta * balance) @ known.T, theta @ balance
    prior = np.repeat(mean[:, None], 3, axis=1)
    arguments = (cross, mean, known, known @ balance, balance, prior)
    found = tables_from_cross(*arguments, np.full(7, 1e-12))
    np.testing.assert_allclose(found, theta, atol=1e-8)
    believed = tables_from_cross(*arguments, np.full(7, 1e12))
    np.testing.assert_allclose(believed, prior, atol=1e-8)
    np.testing.assert_allclose(found @ balance, mean, atol=1e-12)
