"""The test of pairs against a loop over rows, its calibration, and false discovery control."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weaklabel.inference.dependency import (
    TABLE_FLOOR,
    Cast,
    _Tables,
    benjamini_hochberg,
    effective_votes,
    likeness,
    residual_agreement,
    residual_firing,
)


def cast_of(dense, posterior, weight=None, n_symbols=None):
    dense = np.asarray(dense)
    item, lf = np.nonzero(dense >= 0)
    indptr = np.r_[0, np.cumsum((dense >= 0).sum(axis=1))]
    weight = np.ones(len(dense)) if weight is None else weight
    n_symbols = n_symbols or int(dense.max()) + 1
    return Cast(indptr, lf, dense[item, lf], weight, posterior, dense.shape[1], n_symbols)


def random_cast(seed, n=60, m=4, n_symbols=3, n_classes=2):
    rng = np.random.default_rng(seed)
    dense = rng.integers(-1, n_symbols, (n, m))
    return dense, cast_of(dense, rng.dirichlet(np.ones(n_classes), n), rng.uniform(0.5, 3, n))


@pytest.mark.parametrize("seed", range(4))
def test_the_statistic_is_the_sum_of_products_of_residuals(seed):
    dense, cast = random_cast(seed)
    found = residual_agreement(cast, min_rows=0.0)
    tables = _Tables.of(cast)

    def theta(lf, symbol):
        return tables.padded[tables.find(np.array([lf]), np.array([symbol]))][0]

    for j, k, statistic in zip(found.first, found.second, found.statistic, strict=True):
        total = squares = 0.0
        for i in np.flatnonzero((dense[:, j] >= 0) & (dense[:, k] >= 0)):
            u = 0.0
            for a in range(3):
                p, r = theta(j, a), theta(k, a)
                w = 1 / np.sqrt(np.maximum(p, TABLE_FLOOR) * np.maximum(r, TABLE_FLOOR))
                u += cast.posterior[i] @ (w * ((dense[i, j] == a) - p) * ((dense[i, k] == a) - r))
            total += cast.weight[i] * u
            squares += cast.weight[i] * u * u
        assert statistic == pytest.approx(total / np.sqrt(squares), abs=1e-9)


def test_with_known_classes_the_statistic_is_standard_normal_and_copies_have_strength_one():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 4000)
    known = np.eye(2)[truth]
    draws = []
    for _ in range(20):
        dense = np.where(rng.random((4000, 6)) < 0.75, truth[:, None], 1 - truth[:, None])
        draws.append(residual_agreement(cast_of(dense, known)).statistic)
    z = np.concatenate(draws)
    assert abs(z.mean()) < 4 / np.sqrt(len(z))
    assert 0.9 < z.std() < 1.1
    copies = residual_agreement(cast_of(np.column_stack([dense, dense[:, 0]]), known))
    pair = (copies.first == 0) & (copies.second == 6)
    assert copies.strength[pair] == pytest.approx(1.0, abs=1e-3)
    assert copies.p_value[pair] < 1e-100


def test_firing_is_compared_with_what_the_class_predicts():
    truth = np.repeat([0, 1], 50)
    known = np.eye(2)[truth]
    first = np.where(np.arange(100) % 50 < 10, 0, -1)  # 10 of 50 rows of each class
    dense = np.column_stack([first, first, np.where(np.arange(100) % 50 < 40, 0, -1)])
    found = residual_firing(cast_of(dense, known), min_rows=0.0)
    # (0, 1): 20 rows together where 2 * 10 * 10 / 50 = 4 are expected; most are 20
    assert found.strength[0] == pytest.approx(1.0)
    assert found.n_rows[0] == pytest.approx(20)
    # (0, 2): all 20 lie within the 80 of LF 2, where 2 * 10 * 40 / 50 = 16 are expected
    assert found.strength[1] == pytest.approx((20 - 16) / (20 - 16))
    assert found.p_value[0] < 1e-6 < found.p_value[1]


def test_pairs_that_meet_too_rarely_are_not_tested():
    dense = np.array([[0, 0, -1], [1, 1, -1], [0, -1, 1]])
    found = residual_agreement(cast_of(dense, np.full((3, 2), 0.5)), min_rows=2.0)
    assert list(zip(found.first, found.second, strict=True)) == [(0, 1)]
    assert len(residual_agreement(cast_of(dense, np.full((3, 2), 0.5))).first) == 0


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_the_order_of_rows_does_not_matter_and_weights_count_like_rows(seed):
    rng = np.random.default_rng(seed)
    dense, _ = random_cast(seed)
    posterior = rng.dirichlet(np.ones(2), len(dense))
    times = rng.integers(1, 4, len(dense))
    weighted = residual_agreement(cast_of(dense, posterior, times.astype(float)), 0.0)
    rows = rng.permutation(np.repeat(np.arange(len(dense)), times))
    repeated = residual_agreement(cast_of(dense[rows], posterior[rows]), 0.0)
    np.testing.assert_allclose(weighted.statistic, repeated.statistic, atol=1e-9)
    np.testing.assert_allclose(weighted.strength, repeated.strength, atol=1e-9)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.floats(0.01, 0.5))
@settings(max_examples=50, deadline=None)
def test_benjamini_hochberg_rejects_the_longest_run_below_the_line(p, level):
    p = np.array(p)
    rejected = benjamini_hochberg(p, level)
    n = int(rejected.sum())
    if n:
        assert np.sort(p)[n - 1] <= level * n / len(p)
        assert p[rejected].max() <= (p[~rejected].min() if n < len(p) else 1.0)
    assert all(np.sort(p)[i] > level * (i + 1) / len(p) for i in range(n, len(p)))


def test_likeness_is_one_for_copies_and_about_zero_for_strangers():
    rng = np.random.default_rng(0)
    dense = rng.integers(-1, 2, (5000, 3))
    dense[:, 2] = dense[:, 0]
    first, second, alike = likeness(cast_of(dense, np.ones((5000, 1))))
    assert (first[0], second[0]) == (0, 2)
    assert alike[0] == pytest.approx(1.0)
    assert np.abs(alike[1:]).max() < 0.05


def test_effective_votes():
    assert effective_votes(np.ones((5, 5))) == pytest.approx(1.0)
    assert effective_votes(np.eye(5)) == pytest.approx(5.0)
    assert effective_votes(0.5 * np.eye(3) + 0.5) == pytest.approx(1.5)
