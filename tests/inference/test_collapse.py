"""Grouping equal rows, and numbering pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.inference.oracle import random_rows, random_table
from weaklabel.inference import pairs as pairs_module
from weaklabel.inference.backends import VoteRows, make_backend
from weaklabel.inference.collapse import collapse, group_rows, worth_collapsing
from weaklabel.inference.pairs import find_pairs, index_pairs


def lists(rows):
    return [tuple(rows.table_row[a:b]) for a, b in zip(rows.indptr[:-1], rows.indptr[1:])]  # noqa: B905


def shuffled(rows, order):
    listed = lists(rows)
    votes = [listed[i] for i in order]
    return VoteRows(
        np.concatenate([[0], np.cumsum([len(v) for v in votes])]).astype(rows.indptr.dtype),
        np.array([r for v in votes for r in v], dtype=rows.table_row.dtype),
        None if rows.weight is None else rows.weight[order],
        rows.n_table_rows,
        rows.n_classes,
        rows.row_lf,
    )


@given(seed=st.integers(0, 2**32 - 1), weighted=st.booleans(), n=st.integers(0, 300))
@settings(max_examples=30, deadline=None)
def test_groups_are_the_distinct_rows(seed, weighted, n):
    rng = np.random.default_rng(seed)
    rows = random_rows(rng, n_patterns=n, n_lfs=3, n_classes=2, weighted=weighted)
    distinct, inverse = collapse(rows)
    found, all_lists = lists(distinct), lists(rows)
    assert len(set(found)) == len(found)
    assert [found[g] for g in inverse] == all_lists
    weight = np.ones(n) if rows.weight is None else rows.weight
    np.testing.assert_allclose(
        distinct.weight, np.bincount(inverse, weights=weight, minlength=len(found))
    )
    first = group_rows(rows).representative
    assert [all_lists.index(v) for v in found] == first.tolist()


def test_groups_do_not_depend_on_the_order_of_the_rows():
    rng = np.random.default_rng(0)
    rows = random_rows(rng, n_patterns=2000, n_lfs=5, n_classes=2)
    other = shuffled(rows, rng.permutation(2000))
    one, two = collapse(rows)[0], collapse(other)[0]
    assert np.array_equal(one.indptr, two.indptr)
    assert np.array_equal(one.table_row, two.table_row)
    assert np.array_equal(one.weight, two.weight)


def test_the_e_step_over_groups_equals_the_e_step_over_rows():
    rng = np.random.default_rng(1)
    rows = random_rows(rng, n_patterns=5000, n_lfs=5, n_classes=3)
    table, prior = random_table(rng, rows)
    distinct, inverse = collapse(rows)
    assert distinct.n_patterns < 1500
    whole, grouped = make_backend(rows, kind="numba"), make_backend(distinct, kind="numba")
    found, wanted = grouped.e_step(table, prior), whole.e_step(table, prior)
    np.testing.assert_allclose(found.counts, wanted.counts, rtol=1e-11)
    np.testing.assert_allclose(found.log_likelihood, wanted.log_likelihood, rtol=1e-12)
    np.testing.assert_allclose(
        grouped.posterior(table, prior)[inverse], whole.posterior(table, prior), rtol=1e-13
    )


def test_grouping_is_advised_where_rows_repeat():
    rng = np.random.default_rng(2)
    few = random_rows(rng, n_patterns=50_000, n_lfs=4, n_classes=2)
    many = random_rows(rng, n_patterns=50_000, n_lfs=40, n_classes=2)
    assert worth_collapsing(few)
    assert not worth_collapsing(many)
    assert not worth_collapsing(shuffled(few, [0]))


def test_grouping_is_advised_where_patterns_are_rare_in_a_sample_and_many_in_the_whole(monkeypatch):
    monkeypatch.setattr("weaklabel.inference.collapse.N_SAMPLE", 2000)
    rng = np.random.default_rng(3)
    patterns = random_rows(rng, n_patterns=4000, n_lfs=40, n_classes=2)
    rows = shuffled(patterns, rng.integers(0, 4000, size=60_000))
    assert worth_collapsing(rows)


@pytest.mark.parametrize("dense", [True, False])
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(0, 400))
@settings(max_examples=20, deadline=None)
def test_pairs_are_numbered_in_order(dense, seed, n):
    rng = np.random.default_rng(seed)
    lf = rng.integers(0, 9, size=n).astype(np.uint8)
    symbol = rng.integers(0, 300, size=n).astype(np.uint16)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs_module, "CHUNK", 64)
        patch.setattr(pairs_module, "_fits", lambda _possible, _votes: dense)
        pairs, number = index_pairs(lf, symbol, 9, 300)
        again, all_known = find_pairs(pairs, lf, symbol, 9, 300)
        fewer, all_fewer = find_pairs(pairs[1:], lf, symbol, 9, 300)
    key = lf.astype(int) * 300 + symbol
    assert np.array_equal(pairs, np.unique(key))
    assert np.array_equal(pairs[number], key)
    assert np.array_equal(again, number)
    assert all_known
    assert all_fewer == (n == 0)
    missing = key == pairs[:1] if n else np.zeros(0, dtype=bool)
    assert (fewer[missing] == len(pairs) - 1).all()
    assert np.array_equal(fewer[~missing].astype(int), number[~missing].astype(int) - 1)
