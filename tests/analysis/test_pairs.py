"""Pairs of labeling functions against loops over rows, and dependence on planted copies."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from weaklabel.analysis import lf_pairs
from weaklabel.errors import ConfigError, FitError
from weaklabel.labels import LabelSpace, Symbol, VoteAlphabet
from weaklabel.models import learn_dependencies
from weaklabel.votes import VoteMatrix
from weaklabel.votes.synthetic import planted_votes

MEANING: list[set[int] | None] = [{0}, {1}, {2}, {0, 1}, None]
ALPHABET = VoteAlphabet(
    LabelSpace(list("abc")), (Symbol("set", (0, 1)), Symbol("reason", reason="too long"))
)
matrices = hnp.arrays(
    np.int64,
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9),
    elements=st.integers(-1, 4),
)


def rich(dense: np.ndarray) -> VoteMatrix:
    rows, columns = np.nonzero(dense >= 0)
    indptr = np.concatenate([[0], np.cumsum((dense >= 0).sum(axis=1))])
    names = [f"lf{j}" for j in range(dense.shape[1])]
    return VoteMatrix(indptr, columns, dense[rows, columns], ALPHABET, names)


@settings(max_examples=60, deadline=None)
@given(matrices)
def test_counts_agree_with_loops_over_rows(dense):
    n = dense.shape[1]
    both, against = np.zeros((n, n), int), np.zeros((n, n), int)
    for row in dense.tolist():
        said = [None if v < 0 else MEANING[v] for v in row]
        for j in range(n):
            for k in range(n):
                if said[j] is not None and said[k] is not None:
                    both[j, k] += 1
                    against[j, k] += not (said[j] & said[k])
    pairs = lf_pairs(rich(dense))
    np.testing.assert_array_equal(pairs.both, both)
    np.testing.assert_array_equal(pairs.against, against)
    np.testing.assert_allclose(pairs.overlap, both / len(dense))
    met = both > 0
    np.testing.assert_allclose(pairs.agreement[met], 1 - against[met] / both[met])
    assert np.isnan(pairs.agreement[both == 0]).all()


@settings(max_examples=30, deadline=None)
@given(matrices, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter_and_that_of_lfs_comes_back(dense, random):
    rows, lfs = list(range(dense.shape[0])), list(range(dense.shape[1]))
    random.shuffle(rows)
    random.shuffle(lfs)
    whole, shuffled = lf_pairs(rich(dense)), lf_pairs(rich(dense[rows]))
    np.testing.assert_array_equal(shuffled.both, whole.both)
    np.testing.assert_array_equal(shuffled.against, whole.against)
    permuted = lf_pairs(rich(dense[:, lfs]))
    np.testing.assert_array_equal(permuted.against, whole.against[np.ix_(lfs, lfs)])


@pytest.fixture(scope="module")
def planted():
    return planted_votes(
        3000, accuracy=[0.8, 0.7, 0.75, 0.8, 0.7], copies=[(1, 0.8)], propensity=0.7
    ).votes


def test_a_copy_depends_and_the_others_do_not(planted):
    pairs = lf_pairs(planted, dependence=True)
    assert pairs.dependence is not None
    assert pairs.statistic is not None
    assert pairs.dependent == learn_dependencies(planted).names == (("lf_1", "lf_5"),)
    assert pairs.dependence[1, 5] > 0.4
    others = np.triu(np.ones((6, 6), bool), 1)
    others[1, :] = others[:, 5] = False
    assert np.abs(pairs.statistic[others]).max() < 4
    np.testing.assert_array_equal(pairs.dependence, pairs.dependence.T)


def test_dependence_takes_three_functions():
    with pytest.raises(FitError, match="takes three LFs with votes"):
        lf_pairs([[0, 1], [1, 1]], dependence=True)


def test_text_json_and_frame_say_the_same(planted):
    pairs = lf_pairs(planted, dependence=True)
    text = pairs.to_text(80)
    assert max(map(len, text.splitlines())) <= 80
    assert "agree least, where both vote" in text
    assert "agree beyond what the class explains" in text
    as_json = json.loads(json.dumps(pairs.to_dict(), allow_nan=False))
    assert as_json["both"] == pairs.both.tolist()
    assert as_json["dependence"][0][0] is None
    frame = pairs.to_pandas()
    assert len(frame) == 15
    line = frame[(frame["first"] == "lf_1") & (frame["second"] == "lf_5")].iloc[0]
    assert line["agreement"] == pairs.agreement[1, 5]
    assert line["dependence"] == pairs.dependence[1, 5]


def test_who_opposes_whom():
    dense = np.array([[0, 1, 0]] * 30 + [[0, 0, 0]] * 10)
    pairs = lf_pairs(VoteMatrix.from_dense(dense, ["x", "y"], ["a", "b", "c"]))
    assert pairs.most_opposed() == [("a", "b"), ("b", "c")]
    assert pairs.dependent == ()
    assert "25.0%" in pairs.to_text()


def test_nothing_to_say_is_said():
    assert "no two labeling functions vote against each other" in lf_pairs([[0, 0]]).to_text()


def test_too_many_functions_are_refused():
    votes = VoteMatrix([0, 1], [0], [0], ["a", "b"], [f"lf{j}" for j in range(5001)])
    with pytest.raises(ConfigError, match=r"at most 5,000 labeling functions, found 5,001"):
        lf_pairs(votes)
