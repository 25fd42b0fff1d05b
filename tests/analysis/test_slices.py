"""Slices against loops over rows, and how columns become slices."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from weaklabel.analysis import lf_summary, slice_summary
from weaklabel.analysis.slices import slices_of
from weaklabel.errors import ConfigError, DataError, LabelError
from weaklabel.soft_labels import SoftLabels
from weaklabel.votes import VoteMatrix

NAMES = ["ham", "spam"]
matrices = hnp.arrays(
    np.int64,
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=8),
    elements=st.integers(-1, 1),
)


def soft_labels(dense: np.ndarray) -> SoftLabels:
    counts = np.stack([(dense == k).sum(axis=1) + 0.5 for k in (0, 1)], axis=1)
    return SoftLabels(counts / counts.sum(axis=1, keepdims=True), NAMES, (dense >= 0).sum(axis=1))


@settings(max_examples=60, deadline=None)
@given(matrices, st.randoms(use_true_random=False))
def test_agrees_with_the_rows_of_each_slice_taken_alone(dense, random):
    values = [random.choice(["x", "y", None]) for _ in dense]
    gold = np.array([random.randint(-1, 1) for _ in dense])
    votes, labels = VoteMatrix.from_dense(dense, NAMES), soft_labels(dense)
    found = slice_summary(votes, values, labels=labels, gold=gold)
    assert sum(found.n_items) == len(dense)
    for s, name in enumerate(found.names):
        mine = np.array([("(missing)" if v is None else v) == name for v in values])
        part = lf_summary(votes[mine], gold[mine])
        assert found.n_items[s] == mine.sum()
        assert found.coverage[s] == pytest.approx(part.any_coverage)
        assert found.conflict[s] == pytest.approx(part.any_conflict)
        np.testing.assert_allclose(found.lf_coverage[s], part.coverage)
        np.testing.assert_allclose(found.class_share[s], labels.probabilities[mine].mean(axis=0))
        known = mine & (gold >= 0)
        assert found.n_gold[s] == known.sum()
        p = labels.probabilities[known]
        right = [
            0.5 if row[0] == row[1] else float(row.argmax() == g)
            for row, g in zip(p, gold[known], strict=True)
        ]
        if right:
            assert found.accuracy[s] == pytest.approx(np.mean(right))
            assert found.low[s] <= found.accuracy[s] <= found.high[s]
        else:
            assert np.isnan(found.accuracy[s])
        right_votes = (dense[known] == gold[known][:, None])[dense[known] >= 0]
        if len(right_votes):
            assert found.vote_accuracy[s] == pytest.approx(right_votes.mean())


def test_masks_are_slices_with_names_and_may_overlap():
    votes = VoteMatrix.from_dense([[0], [-1], [1], [-1]], NAMES)
    masks = {"first": np.array([True, True, False, False]), "all": np.ones(4, bool)}
    found = slice_summary(votes, masks)
    assert found.names == ("first", "all")
    assert found.coverage.tolist() == [0.5, 0.5]
    assert found.n_items.tolist() == [2, 4]
    assert found.overall.n_items.tolist() == [4]
    one = slice_summary(votes, {"first": masks["first"]}, labels=soft_labels(votes.to_dense()))
    assert one.class_share.shape == (1, 2)


def test_the_order_of_rows_does_not_matter():
    rng = np.random.default_rng(0)
    dense, order = rng.integers(-1, 2, (200, 5)), rng.permutation(200)
    values = rng.choice(["a", "b", "c"], 200)
    whole = slice_summary(VoteMatrix.from_dense(dense, NAMES), values).to_dict()
    shuffled = slice_summary(VoteMatrix.from_dense(dense[order], NAMES), values[order])
    assert shuffled.to_dict() == whole


def test_values_are_ordered_by_frequency_and_rare_ones_joined():
    values = ["b"] * 3 + ["a"] * 3 + ["c"] * 2 + ["d", "e"]
    names, of_row = slices_of(values, 10, max_slices=3)
    assert names == ("a", "b", "(3 other values)")
    assert of_row.tolist() == [1, 1, 1, 0, 0, 0, 2, 2, 2, 2]


def test_numbers_of_many_values_are_cut_into_quarters():
    values = np.append(np.arange(100.0), np.nan)
    names, of_row = slices_of(values, 101)
    assert names == ("below 24.75", "24.75 to 49.5", "49.5 to 74.25", "74.25 and more", "(missing)")
    assert np.bincount(of_row).tolist() == [25, 25, 25, 25, 1]
    few, _ = slices_of([2024, 2025, 2025], 3)
    assert few == ("2025", "2024")
    flags, _ = slices_of(pa.chunked_array([[True, None, True]]), 3)
    assert flags == ("true", "(missing)")


def test_text_says_who_falls_silent():
    dense = np.full((40, 2), 0)
    dense[30:, 0] = -1
    dense[35:, 1] = -1
    votes = VoteMatrix.from_dense(dense, NAMES, ["on_mail", "other"])
    values = ["mail"] * 30 + ["chat"] * 10
    found = slice_summary(votes, values, labels=soft_labels(dense), gold=[0] * 40, what="source")
    text = found.to_text(80)
    assert max(map(len, text.splitlines())) <= 80
    assert text.splitlines()[0].startswith("source")
    assert "chat: on_mail fall silent here (0.0%, of all rows 75.0%)" in text
    as_json = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert as_json["slices"][1]["lf_coverage"] == {"on_mail": 0.0, "other": 0.5}
    assert as_json["overall"]["n_items"] == 40
    assert found.to_pandas()["slice"].tolist() == ["mail", "chat"]


def test_bad_input_is_refused():
    votes = VoteMatrix.from_dense([[0], [1]] * 20, NAMES)
    labels = soft_labels(votes.to_dense())
    with pytest.raises(DataError, match="one value per row to slice by: found 2 for 40 rows"):
        slice_summary(votes, ["a", "b"])
    with pytest.raises(ConfigError, match="at least one slice, found none"):
        slice_summary(votes, {})
    with pytest.raises(ConfigError, match=r"mask of bool, one per row \(40\); found int64"):
        slice_summary(votes, {"x": np.arange(40)})
    with pytest.raises(ConfigError, match="'key' has 40 rows with 40 values"):
        slice_summary(votes, [f"id{i}" for i in range(40)], what="key")
    with pytest.raises(ConfigError, match="max_slices must be at least 2, found 1"):
        slice_summary(votes, ["a"] * 40, max_slices=1)
    with pytest.raises(LabelError, match="gold label 'eggs'"):
        slice_summary(votes, ["a"] * 40, gold=["eggs"] * 40)
    with pytest.raises(DataError, match="40 rows of votes and 20 of labels"):
        slice_summary(votes, ["a"] * 40, labels=SoftLabels(labels.probabilities[:20], votes.labels))
