"""Error buckets against loops over rows."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.analysis.test_pairs import MEANING, matrices, rich
from weaklabel.analysis import error_buckets, label_buckets
from weaklabel.errors import DataError, LabelError
from weaklabel.labels import LabelSpace
from weaklabel.soft_labels import SoftLabels
from weaklabel.votes import VoteMatrix


@settings(max_examples=60, deadline=None)
@given(matrices, st.integers(0, 10**6))
def test_agrees_with_loops_over_rows(dense, seed):
    rng = np.random.default_rng(seed)
    votes = rich(dense)
    p = rng.choice([0.2, 0.5, 1.0], (len(dense), 3))
    labels = SoftLabels(p / p.sum(axis=1, keepdims=True), votes.labels, votes.n_votes_per_item)
    gold = rng.integers(-1, 3, len(dense))
    if not (gold >= 0).any():
        gold[0] = 0
    expected: dict[tuple[int, int], dict[str, list[int]]] = {}
    n_rows: dict[tuple[int, int], int] = {}
    for i, row in enumerate(dense.tolist()):
        if gold[i] < 0:
            continue
        best = np.flatnonzero(p[i] == p[i].max())
        label = int(best[0]) if len(best) == 1 and votes.n_votes_per_item[i] else -1
        key = (int(gold[i]), label)
        n_rows[key] = n_rows.get(key, 0) + 1
        for j, v in enumerate(row):
            said = None if v < 0 else MEANING[v]
            if said is None:
                continue
            cell = expected.setdefault(key, {}).setdefault(f"lf{j}", [0, 0, 0, 0])
            cell[(gold[i] in said) + 2 * (label in said)] += 1
    found = error_buckets(votes, labels, gold)
    names = [*votes.labels.names, None]
    assert {(b.gold, b.label): b.n_rows for b in found.buckets} == {
        (names[g], names[k]): n for (g, k), n in n_rows.items()
    }
    for (g, k), by_lf in expected.items():
        bucket = found.bucket(names[g], names[k])
        assert {
            lf.name: [lf.n_for_neither, lf.n_for_gold, lf.n_for_label, lf.n_for_both]
            for lf in bucket.lfs
        } == by_lf
    assert [b.n_rows for b in found.buckets] == sorted(b.n_rows for b in found.buckets)[::-1]
    assert found.n_right + found.n_wrong + found.n_undecided == found.n_gold == sum(gold >= 0)


@pytest.fixture
def found():
    votes = VoteMatrix.from_dense(
        [[0, 0, -1], [0, 1, 0], [0, 1, 0], [1, 1, 1], [-1, -1, -1], [0, 0, 1]],
        ["ham", "spam"],
        ["a", "b", "c"],
        row_ids=["r5", "r4", "r3", "r2", "r1", "r0"],
    )
    labels = SoftLabels(
        [[0.9, 0.1], [0.6, 0.4], [0.8, 0.2], [0.1, 0.9], [0.5, 0.5], [0.6, 0.4]],
        votes.labels,
        votes.n_votes_per_item,
        votes.row_ids,
    )
    return error_buckets(votes, labels, ["ham", "spam", "spam", "spam", "ham", "spam"])


def test_who_voted_for_the_error_and_which_rows_to_read(found):
    assert [(b.gold, b.label, b.n_rows) for b in found.errors] == [
        ("spam", "ham", 3),
        ("ham", None, 1),
    ]
    worst = found.errors[0]
    assert worst.example_ids == ("r3", "r0", "r4")  # the surest first; equals by id
    assert worst.confidence == pytest.approx(2 / 3)
    assert [(lf.name, lf.n_for_label, lf.n_for_gold) for lf in worst.culprits()] == [
        ("a", 3, 0),
        ("c", 2, 1),
        ("b", 1, 2),
    ]
    assert found.bucket("ham", "ham").example_ids == ()
    assert found.bucket("ham", "spam") is None


def test_text_json_and_frame(found):
    text = found.to_text(80)
    assert "6 rows with gold: 2 right, 3 wrong, 1 without a label" in text
    assert "a (3), c (2), b (1)" in text
    assert max(map(len, text.splitlines())) <= 80
    as_json = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert as_json["buckets"][0]["example_ids"] == ["r3", "r0", "r4"]
    frame = found.to_pandas()
    line = frame[(frame.gold == "spam") & (frame.label == "ham") & (frame.lf == "a")].iloc[0]
    assert (line.n_rows, line.n_for_label) == (3, 3)


def test_the_order_of_rows_does_not_matter():
    rng = np.random.default_rng(0)
    dense, order = rng.integers(-1, 2, (100, 4)), rng.permutation(100)
    p = rng.dirichlet([1, 1], 100)
    gold = rng.integers(0, 2, 100)
    texts = []
    for rows in (np.arange(100), order):
        votes = VoteMatrix.from_dense(dense[rows], ["x", "y"], row_ids=rows)
        labels = SoftLabels(p[rows], votes.labels, votes.n_votes_per_item, votes.row_ids)
        texts.append(error_buckets(votes, labels, gold[rows]).to_text(200))
    assert texts[0] == texts[1]


def test_label_buckets_are_those_of_get_label_buckets():
    # the example of Snorkel's documentation of get_label_buckets, by names
    space = LabelSpace(["zero", "one"])
    gold, found = [1, 1, 1, 0], [1, 1, -1, 1]
    assert label_buckets(space, gold, found, ids=["a", "b", "c", "d"]) == {
        ("one", "one"): ["a", "b"],
        ("one", None): ["c"],
        ("zero", "one"): ["d"],
    }


def test_ids_as_numbers_and_as_words_are_the_same():
    votes = VoteMatrix.from_dense([[0], [1]], ["ham", "spam"], row_ids=["7", "8"])
    labels = SoftLabels([[0.9, 0.1], [0.1, 0.9]], votes.labels, ids=np.array([7, 8]))
    assert error_buckets(votes, labels, [0, 1]).n_right == 2


def test_bad_input_is_refused():
    votes = VoteMatrix.from_dense([[0], [1]], ["ham", "spam"], row_ids=["a", "b"])
    labels = SoftLabels([[0.9, 0.1], [0.1, 0.9]], votes.labels, ids=np.array(["a", "c"], object))
    with pytest.raises(DataError, match=r"row 1 is 'b' in the votes and 'c' in the labels"):
        error_buckets(votes, labels, [0, 1])
    good = SoftLabels(labels.probabilities, votes.labels, ids=votes.row_ids)
    with pytest.raises(DataError, match="no row has a gold label"):
        error_buckets(votes, good, [-1, -1])
    with pytest.raises(LabelError, match="gold label 'eggs'"):
        error_buckets(votes, good, ["eggs", "ham"])
    with pytest.raises(DataError, match="the same classes: found ham, spam in the votes and a, b"):
        error_buckets(votes, SoftLabels(labels.probabilities, ["a", "b"]), [0, 1])
    with pytest.raises(DataError, match="one gold label per row: found 1 for 2 rows"):
        label_buckets(votes.labels, [0, 1], [1])
