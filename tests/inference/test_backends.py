"""Every backend against the loop-by-loop oracle, and against the invariants of an E-step."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.inference.oracle import (
    oracle_counts,
    oracle_e_step,
    oracle_posterior,
    oracle_scores,
    random_rows,
    random_table,
)
from weaklabel.errors import ConfigError
from weaklabel.inference.backends import VoteRows, make_backend, wants_compiled
from weaklabel.inference.coding import choose_grouping
from weaklabel.inference.numba_backend import NumbaBackend

KINDS = ["numpy", "numba", "torch"]
CLASSES = [1, 2, 3, 4, 5, 7, 8, 10, 13, 16, 17, 24, 40, 100]


def assert_expected(found, wanted, rtol=1e-10, atol=1e-10):
    np.testing.assert_allclose(found.counts, wanted.counts, rtol=rtol, atol=atol)
    np.testing.assert_allclose(found.class_counts, wanted.class_counts, rtol=rtol, atol=atol)
    np.testing.assert_allclose(found.log_likelihood, wanted.log_likelihood, rtol=rtol, atol=atol)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_classes", CLASSES)
def test_equals_the_oracle(kind, n_classes, weighted):
    rng = np.random.default_rng(n_classes)
    rows = random_rows(rng, n_classes=n_classes, weighted=weighted)
    table, prior = random_table(rng, rows)
    backend = make_backend(rows, kind=kind)
    posterior = oracle_posterior(rows, table, prior)
    assert_expected(backend.e_step(table, prior), oracle_e_step(rows, table, prior))
    np.testing.assert_allclose(backend.posterior(table, prior), posterior, atol=1e-13)
    np.testing.assert_allclose(
        backend.scores(table, prior), oracle_scores(rows, table, prior), rtol=1e-12
    )
    counted, wanted = backend.counts_of(posterior), oracle_counts(rows, posterior)
    np.testing.assert_allclose(counted.counts, wanted.counts, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(counted.class_counts, wanted.class_counts, rtol=1e-12)
    assert math.isnan(counted.log_likelihood)


@pytest.mark.parametrize("n_classes", [2, 3, 10])
@pytest.mark.parametrize("limit", [1, 4, 16, 64, 256, 4096])
def test_groups_of_any_size_equal_the_oracle(n_classes, limit):
    rng = np.random.default_rng(limit)
    rows = random_rows(rng, n_patterns=60, n_lfs=7, n_classes=n_classes, symbols_per_lf=3)
    table, prior = random_table(rng, rows)
    backend = NumbaBackend(rows, limit=limit)
    assert_expected(backend.e_step(table, prior), oracle_e_step(rows, table, prior))


@pytest.mark.parametrize("limit", [None, 4, 64])
def test_groups_do_not_need_one_vote_per_lf_or_sorted_votes(limit):
    """Two votes of one LF on an item, or votes in any order, are sums of table rows as well."""
    rng = np.random.default_rng(3)
    table_row = rng.integers(0, 12, size=200).astype(np.uint8)
    indptr = np.sort(np.append(rng.integers(0, 201, size=49), [0, 200])).astype(np.int32)
    rows = VoteRows(indptr, table_row, None, 12, 2, np.repeat(np.arange(4), 3))
    table, prior = random_table(rng, rows)
    backend = NumbaBackend(rows, limit=limit)
    assert_expected(backend.e_step(table, prior), oracle_e_step(rows, table, prior))


def test_many_classes():
    rng = np.random.default_rng(0)
    rows = random_rows(rng, n_patterns=20, n_lfs=3, n_classes=1500, symbols_per_lf=5)
    table, prior = random_table(rng, rows)
    wanted = oracle_e_step(rows, table, prior)
    for kind in KINDS:
        assert_expected(make_backend(rows, kind=kind).e_step(table, prior), wanted)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_classes", [2, 10, 20])
def test_1500_votes_on_one_row_give_no_nan(kind, n_classes):
    """A peer returned NaN for 100 of 1,600 rows with this many votes."""
    rng = np.random.default_rng(1)
    rows = random_rows(rng, n_patterns=30, n_lfs=1500, n_classes=n_classes, density=0.99)
    table, prior = random_table(rng, rows, spread=5.0)
    backend = make_backend(rows, kind=kind)
    posterior = backend.posterior(table, prior)
    assert np.isfinite(posterior).all()
    np.testing.assert_allclose(posterior.sum(axis=1), 1.0, rtol=1e-13)
    found, wanted = backend.e_step(table, prior), oracle_e_step(rows, table, prior)
    np.testing.assert_allclose(found.counts, wanted.counts, atol=1e-8)
    np.testing.assert_allclose(found.log_likelihood, wanted.log_likelihood, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_classes", [2, 3, 10, 20])
@pytest.mark.parametrize("extreme", [-1e6, -800.0, 1e6])
def test_strong_entries_win_and_give_no_nan(kind, n_classes, extreme):
    rng = np.random.default_rng(2)
    rows = random_rows(rng, n_patterns=50, n_classes=n_classes)
    table, prior = random_table(rng, rows)
    table[0, 1:] = extreme
    table[5, :-1] = extreme
    backend = make_backend(rows, kind=kind)
    found, wanted = backend.e_step(table, prior), oracle_e_step(rows, table, prior)
    assert np.isfinite(found.counts).all()
    np.testing.assert_allclose(found.counts, wanted.counts, atol=1e-8)
    np.testing.assert_allclose(found.log_likelihood, wanted.log_likelihood, rtol=1e-12)
    np.testing.assert_allclose(
        backend.posterior(table, prior), oracle_posterior(rows, table, prior), atol=1e-9
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_classes", [1, 2, 10, 20])
def test_rows_without_votes_have_the_prior(kind, n_classes):
    rng = np.random.default_rng(4)
    indptr = np.zeros(8, dtype=np.int32)
    rows = VoteRows(indptr, np.empty(0, np.uint8), None, n_classes, n_classes, np.zeros(n_classes))
    table, prior = random_table(rng, rows)
    backend = make_backend(rows, kind=kind)
    wanted = np.exp(prior) / np.exp(prior).sum()
    np.testing.assert_allclose(backend.posterior(table, prior), np.tile(wanted, (7, 1)), rtol=1e-13)
    found = backend.e_step(table, prior)
    np.testing.assert_allclose(found.class_counts, 7 * wanted, rtol=1e-13)
    np.testing.assert_allclose(found.log_likelihood, 7 * np.log(np.exp(prior).sum()), atol=1e-12)
    assert found.counts.shape == (n_classes, n_classes)
    assert not found.counts.any()


@pytest.mark.parametrize("kind", KINDS)
def test_no_rows_at_all(kind):
    rows = VoteRows(np.zeros(1, np.int32), np.empty(0, np.uint8), None, 4, 2, np.arange(4) // 2)
    backend = make_backend(rows, kind=kind)
    found = backend.e_step(np.zeros((4, 2)), np.zeros(2))
    assert found.log_likelihood == 0.0
    assert not found.counts.any()
    assert not found.class_counts.any()
    assert backend.posterior(np.zeros((4, 2)), np.zeros(2)).shape == (0, 2)
    assert not backend.counts_of(np.empty((0, 2))).counts.any()


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 2**32 - 1), n_classes=st.sampled_from([2, 3, 10, 17]))
@settings(max_examples=15, deadline=None)
def test_permutations_permute_the_answer(kind, seed, n_classes):
    rng = np.random.default_rng(seed)
    rows = random_rows(rng, n_patterns=30, n_lfs=5, n_classes=n_classes, weighted=True)
    table, prior = random_table(rng, rows)
    found = make_backend(rows, kind=kind).e_step(table, prior)
    items, classes = rng.permutation(30), rng.permutation(n_classes)
    votes = [rows.table_row[rows.indptr[i] : rows.indptr[i + 1]] for i in items]
    permuted = VoteRows(
        np.concatenate([[0], np.cumsum([len(v) for v in votes])]).astype(np.int32),
        np.concatenate(votes),
        rows.weight[items],
        rows.n_table_rows,
        n_classes,
        rows.row_lf,
    )
    other = make_backend(permuted, kind=kind).e_step(table[:, classes], prior[classes])
    np.testing.assert_allclose(other.counts, found.counts[:, classes], rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(other.class_counts, found.class_counts[classes], rtol=1e-11)
    np.testing.assert_allclose(other.log_likelihood, found.log_likelihood, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_classes", [2, 10, 20])
def test_weights_are_repetitions(kind, n_classes):
    rng = np.random.default_rng(5)
    rows = random_rows(rng, n_classes=n_classes, weighted=True)
    table, prior = random_table(rng, rows)
    times = rows.weight.astype(int)
    votes = [
        rows.table_row[rows.indptr[i] : rows.indptr[i + 1]]
        for i in np.repeat(np.arange(rows.n_patterns), times)
    ]
    repeated = VoteRows(
        np.concatenate([[0], np.cumsum([len(v) for v in votes])]).astype(np.int64),
        np.concatenate(votes),
        None,
        rows.n_table_rows,
        n_classes,
        rows.row_lf,
    )
    assert_expected(
        make_backend(rows, kind=kind).e_step(table, prior),
        make_backend(repeated, kind=kind).e_step(table, prior),
        rtol=1e-11,
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_classes", [2, 10, 20])
def test_part_of_the_rows_equals_that_part_of_the_whole(kind, n_classes):
    rng = np.random.default_rng(6)
    rows = random_rows(rng, n_patterns=3000, n_classes=n_classes)
    table, prior = random_table(rng, rows)
    backend = make_backend(rows, kind=kind)
    whole, scores = backend.posterior(table, prior), backend.scores(table, prior)
    out = np.empty((700, n_classes))
    part = backend.posterior(table, prior, out, start=1203, stop=1903)
    assert part is out
    if kind == "torch":
        np.testing.assert_allclose(part, whole[1203:1903], rtol=1e-14)
    else:
        assert np.array_equal(part, whole[1203:1903])
    np.testing.assert_allclose(
        backend.scores(table, prior, start=5, stop=9), scores[5:9], rtol=1e-14
    )


@pytest.mark.parametrize("n_classes", [2, 10, 20])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_number_of_threads_changes_no_bit(n_classes, weighted):
    rng = np.random.default_rng(7)
    rows = random_rows(
        rng, n_patterns=100_000, n_lfs=12, n_classes=n_classes, density=0.3, weighted=weighted
    )
    table, prior = random_table(rng, rows)
    one = NumbaBackend(rows, n_threads=1)
    assert len(one._edges) > 3, "the problem must have several blocks to show anything"
    wanted = one.e_step(table, prior)
    posterior = one.posterior(table, prior)
    counted = one.counts_of(posterior)
    for n_threads in (2, 3, 7):
        other = NumbaBackend(rows, n_threads=n_threads)
        found = other.e_step(table, prior)
        assert np.array_equal(found.counts, wanted.counts)
        assert np.array_equal(found.class_counts, wanted.class_counts)
        assert found.log_likelihood == wanted.log_likelihood
        assert np.array_equal(other.posterior(table, prior), posterior)
        assert np.array_equal(other.counts_of(posterior).counts, counted.counts)
        assert other.plan == one.plan


@pytest.mark.parametrize("kind", KINDS)
def test_inputs_are_left_as_they_are_and_calls_repeat(kind):
    rng = np.random.default_rng(8)
    rows = random_rows(rng, weighted=True)
    table, prior = random_table(rng, rows)
    for array in (rows.indptr, rows.table_row, rows.weight, rows.row_lf, table, prior):
        array.setflags(write=False)
    backend = make_backend(rows, kind=kind)
    first, second = backend.e_step(table, prior), backend.e_step(table, prior)
    assert np.array_equal(first.counts, second.counts)
    assert first.log_likelihood == second.log_likelihood
    posterior = backend.posterior(table, prior)
    posterior.setflags(write=False)
    np.testing.assert_allclose(backend.counts_of(posterior).counts, first.counts, rtol=1e-12)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_tables_must_be_finite(bad):
    rng = np.random.default_rng(9)
    rows = random_rows(rng)
    table, prior = random_table(rng, rows)
    table[3, 1] = bad
    backend = make_backend(rows, kind="numba")
    with pytest.raises(ValueError, match=r"log_table must be finite, found NaN or inf.*-1e6"):
        backend.e_step(table, prior)
    with pytest.raises(ValueError, match="log_prior must be finite"):
        backend.posterior(np.zeros_like(table), np.array([0.0, bad, 0.0]))


def test_small_work_is_not_compiled_and_large_is():
    small, large = (2_000, 11_000, 10), (1_000_000, 5_600_000, 2)
    assert not wants_compiled(*small)
    assert wants_compiled(*large)
    rng = np.random.default_rng(10)
    plan = make_backend(random_rows(rng)).plan
    assert plan.startswith("sparse products")
    assert "small work" in plan
    many = random_rows(rng, n_patterns=200_000, n_lfs=8, n_classes=2)
    plan = make_backend(many).plan
    assert plan.startswith("compiled")
    assert "groups of labeling functions" in plan or "one lookup per vote" in plan


def test_the_cost_model_groups_dense_binary_votes_and_not_sparse_or_many_class_ones():
    rng = np.random.default_rng(12)
    dense = random_rows(rng, n_patterns=50_000, n_lfs=20, n_classes=2, density=0.5)
    grouping, lookups = choose_grouping(dense)
    assert not grouping.is_identity
    assert lookups < 0.6 * dense.n_votes / dense.n_patterns
    sparse = random_rows(rng, n_patterns=50_000, n_lfs=100, n_classes=2, density=0.02)
    many = random_rows(rng, n_patterns=5_000, n_lfs=10, n_classes=50)
    assert choose_grouping(sparse)[0].is_identity
    assert choose_grouping(many)[0].is_identity


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"kind": "jax"}, r"'numba' or 'torch', found 'jax'"),
        ({"kind": "numpy", "device": "cuda"}, r"takes no device, found device='cuda'"),
        ({"n_threads": 0}, r"n_threads must be at least 1, found 0"),
        ({"device": "nowhere"}, r"device must be a torch device .* found 'nowhere'"),
    ],
)
def test_bad_settings(settings_, message):
    with pytest.raises(ConfigError, match=message):
        make_backend(random_rows(np.random.default_rng(0)), **settings_)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"table_row": np.full(4, 6, np.uint8)}, r"below n_table_rows=6, found 6"),
        ({"row_lf": np.arange(3)}, r"row_lf must name the LF of each of the 6 table rows, found 3"),
        ({"weight": np.ones(5)}, r"weight must have shape \(2,\), found \(5,\)"),
        ({"indptr": np.array([0, 1, 3])}, r"indptr must run from 0 to n_votes=4, found 0 to 3"),
        ({"row_lf": np.array([0, 1, 0, 1, 2, 2])}, r"must be contiguous in row_lf; sort them"),
    ],
)
def test_rows_that_contradict_themselves(change, message):
    good = {
        "indptr": np.array([0, 2, 4]),
        "table_row": np.array([0, 2, 1, 5], np.uint8),
        "weight": None,
        "n_table_rows": 6,
        "n_classes": 2,
        "row_lf": np.array([0, 0, 1, 1, 2, 2]),
    }
    make_backend(VoteRows(**good))
    with pytest.raises(ValueError, match=message):
        make_backend(VoteRows(**{**good, **change}))


@pytest.mark.gpu
def test_cuda_equals_numpy():
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    rng = np.random.default_rng(11)
    rows = random_rows(rng, n_patterns=20_000, n_lfs=20, n_classes=10, weighted=True)
    table, prior = random_table(rng, rows)
    wanted = make_backend(rows, kind="numpy").e_step(table, prior)
    found = make_backend(rows, device="cuda").e_step(table, prior)
    np.testing.assert_allclose(found.counts, wanted.counts, rtol=1e-6)
    np.testing.assert_allclose(found.log_likelihood, wanted.log_likelihood, rtol=1e-6)
