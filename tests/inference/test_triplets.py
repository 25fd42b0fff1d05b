"""Triplets: loadings by brute force, exact tables from exact moments, signs, class balance."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests.inference.moment_oracle import exact_moments, plain_layout, random_tables
from weaklabel.inference.balance import estimate_balance
from weaklabel.inference.moments import vote_moments
from weaklabel.inference.rows import VoteRows
from weaklabel.inference.triplets import (
    class_conditional_tables,
    correlations,
    has_triplet,
    loadings,
    signs,
    symmetric_tables,
)

AGGREGATES = ["pooled", "median", "mean"]


def brute_force(products, independent, aggregate):
    n = len(products)
    out = np.zeros(n)
    for f in range(n):
        above, below, each = 0.0, 0.0, []
        for g, h in itertools.combinations(range(n), 2):
            if not (independent[f, g] and independent[f, h] and independent[g, h]):
                continue
            above += products[f, g] * products[f, h] * products[g, h]
            below += products[g, h] ** 2
            ratio = products[f, g] * products[f, h] / products[g, h] if products[g, h] else 0.0
            each.append(abs(ratio) ** 0.5)
        if each:
            pooled = (max(above / below, 0.0)) ** 0.5 if below else 0.0
            out[f] = {
                "pooled": pooled,
                "median": np.median(each),
                "mean": np.mean(each),
            }[aggregate]
    return out


def test_a_constant_correlates_with_nothing():
    """Rounding errors were divided by rounding errors, and overflowed."""
    rng = np.random.default_rng(0)
    values = np.sign(rng.normal(size=(1000, 4)))
    values[:, 2] = -1.0
    covariance = values.T @ values / 1000 - np.outer(values.mean(axis=0), values.mean(axis=0))
    covariance[2, 2], covariance[2, 0] = 1e-16, 1e-17
    correlation, spread = correlations(covariance, covariance.diagonal())
    assert (correlation[2] == 0).all()
    assert (correlation[:, 2] == 0).all()
    assert spread[2] == 0
    others = [0, 1, 3]
    expected = np.corrcoef(values[:, others], rowvar=False)
    np.testing.assert_allclose(correlation[np.ix_(others, others)], expected, atol=1e-12)


@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_loadings_are_those_of_the_loop_over_triplets(aggregate):
    rng = np.random.default_rng(0)
    products = rng.normal(size=(9, 9))
    products = products + products.T
    group = np.array([0, 0, 1, 2, 3, 3, 3, 4, 5])
    independent = group[:, None] != group
    products[2, 3] = products[3, 2] = 0.0
    np.testing.assert_allclose(
        loadings(products, independent, aggregate),
        brute_force(products, independent, aggregate),
        rtol=1e-12,
    )


@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_a_rank_one_matrix_gives_its_factor(aggregate):
    d = np.array([0.5, -0.2, 0.9, 0.1, -0.4])
    apart = ~np.eye(5, dtype=bool)
    np.testing.assert_allclose(loadings(np.outer(d, d), apart, aggregate), np.abs(d), rtol=1e-12)


def test_two_are_no_triplet():
    products = np.full((2, 2), 0.3)
    apart = ~np.eye(2, dtype=bool)
    assert (loadings(products, apart, "pooled") == 0).all()
    assert (loadings(products, apart, "median") == 0).all()
    assert not has_triplet(apart).any()
    assert has_triplet(~np.eye(3, dtype=bool)).all()


def test_noise_is_taken_out_of_squares_by_half_at_most():
    rng = np.random.default_rng(1)
    d, n, size = np.full(30, 0.3), 400, 30
    noise = rng.normal(scale=n**-0.5, size=(size, size))
    products = np.outer(d, d) + (noise + noise.T) / 2**0.5
    apart = ~np.eye(size, dtype=bool)
    biased = loadings(products, apart, "pooled").mean()
    corrected = loadings(products, apart, "pooled", 1.0 / n).mean()
    assert abs(corrected - 0.3) < abs(biased - 0.3)
    raw = loadings(noise + noise.T, apart, "pooled")
    np.testing.assert_allclose(
        loadings(noise + noise.T, apart, "pooled", 10.0), raw * 2**0.5, rtol=1e-12
    )


def test_signs():
    d = np.array([0.5, -0.2, 0.9, 0.1, -0.4])
    apart = ~np.eye(5, dtype=bool)
    products = np.outer(d, d)
    believed = np.ones(5)
    np.testing.assert_array_equal(signs(products, apart, believed, "each"), np.ones(5))
    np.testing.assert_array_equal(signs(products, apart, believed, "average"), np.sign(d))
    np.testing.assert_array_equal(signs(products, apart, -believed, "average"), -np.sign(d))


@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_exact_moments_of_two_classes_give_the_tables_back(aggregate):
    layout = plain_layout(6, 2)
    tables = random_tables(np.random.default_rng(2), 6, 2, low=0.2)
    balance = np.array([0.7, 0.3])
    moments = exact_moments(tables, balance, layout.row_lf, weight=1e12)
    independent = layout.row_lf[:, None] != layout.row_lf
    found, has = class_conditional_tables(
        moments, independent, np.eye(2)[layout.row_symbol], balance, aggregate, "average"
    )
    assert has.all()
    np.testing.assert_allclose(found, tables, atol=1e-6)


@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_exact_moments_of_even_errors_give_tables_of_many_classes_back(aggregate):
    layout = plain_layout(6, 4)
    right = np.linspace(0.4, 0.9, 6)[layout.row_lf]
    is_right = layout.row_symbol[:, None] == np.arange(4)
    tables = 0.8 * np.where(is_right, right[:, None], (1.0 - right[:, None]) / 3)
    balance = np.array([0.4, 0.3, 0.2, 0.1])
    moments = exact_moments(tables, balance, layout.row_lf, weight=1e12)
    independent = layout.row_lf[:, None] != layout.row_lf
    found, _ = class_conditional_tables(
        moments, independent, is_right.astype(float), balance, aggregate, "each"
    )
    np.testing.assert_allclose(found, tables, atol=1e-6)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_symmetric_tables_from_exact_moments(n_classes):
    layout = plain_layout(6, n_classes)
    right = np.linspace(0.55, 0.9, 6)[layout.row_lf]
    voting = np.linspace(0.3, 1.0, 6)[layout.row_lf]
    is_right = layout.row_symbol[:, None] == np.arange(n_classes)
    tables = voting[:, None] * np.where(
        is_right, right[:, None], (1.0 - right[:, None]) / (n_classes - 1)
    )
    balance = np.full(n_classes, 1.0 / n_classes)
    moments = exact_moments(tables, balance, layout.row_lf)
    independent = layout.row_lf[:, None] != layout.row_lf
    found = symmetric_tables(
        moments, layout.row_lf, independent, is_right.astype(float), balance, "mean", "each"
    )
    if n_classes == 2:
        np.testing.assert_allclose(found, tables, atol=1e-9)
    else:  # one against the rest is not symmetric; the order of the LFs is right all the same
        own = found[is_right]
        assert (np.diff(own.reshape(6, n_classes), axis=0) > 0).all()


def drawn(n_items, balance, accuracy, seed):
    rng = np.random.default_rng(seed)
    n_classes, n_lfs = len(balance), len(accuracy)
    y = rng.choice(n_classes, size=n_items, p=balance)
    wrong = (y[:, None] + rng.integers(1, n_classes, (n_items, n_lfs))) % n_classes
    vote = np.where(rng.random((n_items, n_lfs)) < accuracy, y[:, None], wrong)
    voted = rng.random((n_items, n_lfs)) < 0.6
    layout = plain_layout(n_lfs, n_classes)
    table_row = (np.arange(n_lfs) * n_classes + vote)[voted]
    indptr = np.concatenate([[0], np.cumsum(voted.sum(axis=1))])
    rows = VoteRows(
        indptr, table_row.astype(np.uint8), None, layout.n_rows, n_classes, layout.row_lf
    )
    return rows, layout


@pytest.mark.parametrize("balance", [(0.8, 0.2), (0.5, 0.5), (0.6, 0.3, 0.1)])
def test_the_class_balance_is_found(balance):
    rows, layout = drawn(40_000, balance, np.linspace(0.6, 0.85, 9), seed=3)
    independent = layout.row_lf[:, None] != layout.row_lf
    speaks = np.eye(len(balance))[layout.row_symbol]
    found, trust = estimate_balance(rows, vote_moments(rows), independent, speaks)
    np.testing.assert_allclose(found, balance, atol=0.02)
    assert found.sum() == pytest.approx(1.0)
    assert ((trust >= 0) & (trust <= 1)).all()


def test_the_class_balance_is_even_without_evidence():
    rows, layout = drawn(60, (0.7, 0.3), np.full(4, 0.55), seed=4)
    independent = layout.row_lf[:, None] != layout.row_lf
    speaks = np.eye(2)[layout.row_symbol]
    found, trust = estimate_balance(rows, vote_moments(rows), independent, speaks)
    np.testing.assert_array_equal(found, [0.5, 0.5])
    np.testing.assert_array_equal(trust, [0.0, 0.0])


def test_two_groups_of_dependent_lfs_tell_no_class_balance():
    rows, layout = drawn(5000, (0.8, 0.2), np.full(6, 0.8), seed=5)
    group = layout.row_lf % 2
    speaks = np.eye(2)[layout.row_symbol]
    _, trust = estimate_balance(rows, vote_moments(rows), group[:, None] != group, speaks)
    assert (trust == 0).all()
