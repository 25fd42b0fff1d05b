"""Grouping equal vote rows."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from weaklabel.votes import VoteMatrix, patterns

dense_votes = hnp.arrays(
    np.int8, st.tuples(st.integers(0, 30), st.integers(1, 4)), elements=st.integers(-1, 1)
)


def dense_of(found: patterns.VotePatterns, n_lfs: int) -> np.ndarray:
    votes = VoteMatrix(
        found.indptr, found.lf_index, found.symbol, ["a", "b"], [f"lf_{j}" for j in range(n_lfs)]
    )
    return votes.to_dense()


@given(dense_votes)
def test_patterns_are_the_unique_rows_with_their_counts(dense):
    found = VoteMatrix.from_dense(dense, ["a", "b"]).patterns()
    rows = dense_of(found, dense.shape[1])
    assert np.array_equal(rows[found.inverse], dense)
    unique, counts = np.unique(dense, axis=0, return_counts=True)
    assert found.n_patterns == len(unique)
    ours = {tuple(r): c for r, c in zip(rows.tolist(), found.counts, strict=True)}
    assert ours == {tuple(r): c for r, c in zip(unique.tolist(), counts, strict=True)}


@given(dense_votes, st.randoms(use_true_random=False))
def test_their_order_does_not_depend_on_the_order_of_rows(dense, random):
    order = list(range(len(dense)))
    random.shuffle(order)
    here = VoteMatrix.from_dense(dense, ["a", "b"]).patterns()
    there = VoteMatrix.from_dense(dense[order], ["a", "b"]).patterns()
    assert np.array_equal(here.symbol, there.symbol)
    assert np.array_equal(here.lf_index, there.lf_index)
    assert np.array_equal(here.counts, there.counts)


def test_colliding_hashes_are_noticed_and_tried_again(monkeypatch):
    dense = np.array([[0, 1], [1, 0], [0, 1], [-1, -1]])
    honest = patterns._row_hashes

    def colliding(indptr, lf_index, symbol, seed):
        hashes = honest(indptr, lf_index, symbol, seed)
        return hashes if seed >= 2 else np.zeros_like(hashes)

    monkeypatch.setattr(patterns, "_row_hashes", colliding)
    found = VoteMatrix.from_dense(dense, ["a", "b"]).patterns()
    assert np.array_equal(dense_of(found, 2)[found.inverse], dense)


def test_a_million_rows_of_few_patterns_are_counted_exactly():
    rng = np.random.default_rng(0)
    base = np.array([[0, -1, 1], [1, 1, -1], [-1, -1, -1]])
    inverse = rng.integers(0, 3, 200_000)
    found = VoteMatrix.from_dense(base[inverse], ["a", "b"]).patterns()
    assert sorted(found.counts.tolist()) == sorted(np.bincount(inverse).tolist())
