"""Moments from sparse rows are those counted item by item."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.inference.moment_oracle import oracle_moments, oracle_triples
from tests.inference.oracle import random_rows
from weaklabel.inference.moment_kernels import count_pairs
from weaklabel.inference.moments import (
    Moments,
    as_if_unassigned,
    lf_overlap,
    triple_sums,
    vote_moments,
)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("density", [0.0, 0.4, 1.0])
def test_first_and_second_moments(weighted, density):
    rows = random_rows(np.random.default_rng(0), weighted=weighted, density=density)
    found = vote_moments(rows)
    first, second = oracle_moments(rows)
    np.testing.assert_array_equal(found.first, first)
    np.testing.assert_array_equal(found.second, second)
    assert found.weight == rows.total_weight
    np.testing.assert_allclose(found.mean, first / rows.total_weight)
    np.testing.assert_allclose(
        found.covariance,
        second / rows.total_weight - np.outer(first, first) / rows.total_weight**2,
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_compiled_code_counts_the_same(weighted, monkeypatch):
    rows = random_rows(np.random.default_rng(1), n_patterns=500, weighted=weighted)
    _, second = oracle_moments(rows)
    monkeypatch.setattr("weaklabel.inference.moment_kernels.BLOCK_ROWS", 64)
    for n_threads in (1, 3):
        np.testing.assert_array_equal(count_pairs(rows, n_threads), second)
    monkeypatch.setattr("weaklabel.inference.moments.COMPILED_FROM", 0)
    np.testing.assert_array_equal(vote_moments(rows).second, second)


def test_threads_change_no_bit_of_fractional_weights(monkeypatch):
    rng = np.random.default_rng(2)
    rows = replace(random_rows(rng, n_patterns=999), weight=rng.random(999))
    monkeypatch.setattr("weaklabel.inference.moment_kernels.BLOCK_ROWS", 50)
    one, four = count_pairs(rows, 1), count_pairs(rows, 4)
    assert (one == four).all()
    assert (one == one.T).all()
    np.testing.assert_allclose(one, oracle_moments(rows)[1], rtol=1e-12)
    sparse = vote_moments(rows).second
    assert (sparse == sparse.T).all()
    np.testing.assert_allclose(sparse, one, rtol=1e-12)


def part_of(rows, a, b):
    return replace(
        rows,
        indptr=rows.indptr[a : b + 1] - rows.indptr[a],
        table_row=rows.table_row[rows.indptr[a] : rows.indptr[b]],
        weight=None if rows.weight is None else rows.weight[a:b],
    )


def test_moments_of_shards_add_up():
    rng = np.random.default_rng(3)
    rows = random_rows(rng, n_patterns=90, weighted=True)
    value, silent = rng.normal(size=(rows.n_table_rows, 2)), rng.normal(size=(6, 2))
    whole, parts = vote_moments(rows), [part_of(rows, 0, 31), part_of(rows, 31, 90)]
    both = vote_moments(parts[0]) + vote_moments(parts[1])
    np.testing.assert_array_equal(both.second, whole.second)
    np.testing.assert_array_equal(both.first, whole.first)
    assert both.weight == whole.weight
    one, two = (triple_sums(p, value, silent) for p in parts)
    all_items = triple_sums(rows, value, silent)
    for name in ("total", "squares", "by_lf", "weight"):
        np.testing.assert_allclose(
            getattr(one + two, name), getattr(all_items, name), rtol=1e-9, err_msg=name
        )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("block", [7, 1 << 21])
def test_third_moments(weighted, block, monkeypatch):
    monkeypatch.setattr("weaklabel.inference.moments.BLOCK_CELLS", 6 * block)
    rng = np.random.default_rng(4)
    rows = random_rows(rng, weighted=weighted)
    value, silent = rng.normal(size=(rows.n_table_rows, 2)), rng.normal(size=(6, 2))
    total, squares, by_lf = oracle_triples(rows, value, silent)
    found = triple_sums(rows, value, silent)
    np.testing.assert_allclose(found.total, total, rtol=1e-10)
    np.testing.assert_allclose(found.squares, squares, rtol=1e-10)
    np.testing.assert_allclose(found.by_lf, by_lf, rtol=1e-9)
    np.testing.assert_allclose(found.by_lf.sum(axis=0), 3.0 * found.total, rtol=1e-10)


@pytest.mark.parametrize("weighted", [False, True])
def test_compiled_third_moments(weighted, monkeypatch):
    monkeypatch.setattr("weaklabel.inference.moments.COMPILED_SUMS_FROM", 0)
    monkeypatch.setattr("weaklabel.inference.moment_kernels.BLOCK_ROWS", 16)
    rng = np.random.default_rng(5)
    rows = random_rows(rng, weighted=weighted)
    value, silent = rng.normal(size=(rows.n_table_rows, 2)), rng.normal(size=(6, 2))
    found = triple_sums(rows, value, silent, n_threads=1)
    total, squares, by_lf = oracle_triples(rows, value, silent)
    np.testing.assert_allclose(found.total, total, rtol=1e-10)
    np.testing.assert_allclose(found.squares, squares, rtol=1e-10)
    np.testing.assert_allclose(found.by_lf, by_lf, rtol=1e-9)
    more = triple_sums(rows, value, silent, n_threads=3)
    assert (more.by_lf == found.by_lf).all()
    assert (more.total == found.total).all()


def test_overlaps_are_those_of_the_lfs():
    rows = random_rows(np.random.default_rng(6), weighted=True)
    both, expected = lf_overlap(vote_moments(rows), rows.row_lf)
    for j in range(6):
        for k in range(6):
            voted = [
                {int(rows.row_lf[r]) for r in rows.table_row[rows.indptr[i] : rows.indptr[i + 1]]}
                for i in range(rows.n_patterns)
            ]
            one = sum(w for w, v in zip(rows.weight, voted, strict=True) if j in v)
            other = sum(w for w, v in zip(rows.weight, voted, strict=True) if k in v)
            if j != k:
                joint = sum(w for w, v in zip(rows.weight, voted, strict=True) if {j, k} <= v)
                assert both[j, k] == pytest.approx(joint)
            assert expected[j, k] == pytest.approx(one * other / rows.total_weight)


def test_assigned_items_count_as_if_they_were_not():
    rng = np.random.default_rng(7)
    row_lf, balance = np.repeat(np.arange(4), 2), np.array([0.6, 0.4])
    theta = rng.dirichlet(np.ones(2), size=(4, 2)).transpose(0, 2, 1).reshape(8, 2)
    share = np.array([0.5, 0.4, 0.3, 0.2])
    met = np.outer(share, share) * rng.uniform(0.1, 3.0, (4, 4))  # who meets whom was decided
    met = np.minimum(met, met.T)
    met[0, 1] = met[1, 0] = 0.0
    mean = (theta @ balance) * share[row_lf]
    joint = ((theta * balance) @ theta.T) * met[np.ix_(row_lf, row_lf)]
    same = row_lf[:, None] == row_lf
    joint = np.where(same, np.diag(mean), joint)
    found, information = as_if_unassigned(
        Moments(100.0, 100.0 * mean, 100.0 * joint), row_lf, np.array([True, True, True, False])
    )
    want = ((theta * balance) @ theta.T) * np.outer(share, share)[np.ix_(row_lf, row_lf)]
    assigned = (row_lf < 3)[:, None] & (row_lf < 3) & ~same
    never = (row_lf[:, None] + row_lf == 1) & ~same
    np.testing.assert_allclose(found.joint[assigned & ~never], want[assigned & ~never], rtol=1e-9)
    np.testing.assert_allclose(found.joint[~assigned], joint[~assigned], rtol=1e-9)
    assert (information[never] == 0).all()
    assert (information[~assigned] == 1).all()
    overlap = met / np.outer(share, share)
    np.testing.assert_allclose(
        information[assigned], np.minimum(overlap, 1.0)[np.ix_(row_lf, row_lf)][assigned]
    )
