"""The rows most in conflict against loops over rows."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.analysis.test_pairs import MEANING, matrices, rich
from weaklabel.analysis import rows_in_conflict
from weaklabel.errors import ConfigError, DataError
from weaklabel.models import LabelModel
from weaklabel.soft_labels import SoftLabels
from weaklabel.votes import VoteMatrix
from weaklabel.votes.synthetic import planted_votes


@settings(max_examples=60, deadline=None)
@given(matrices, st.integers(0, 10**6), st.sampled_from(["entropy", "disagreement"]))
def test_agrees_with_loops_over_rows(dense, seed, by):
    rng = np.random.default_rng(seed)
    votes = rich(dense)
    p = rng.dirichlet(np.ones(3), len(dense))
    labels = SoftLabels(p, votes.labels, votes.n_votes_per_item)
    expected = []
    for i, row in enumerate(dense.tolist()):
        said = [MEANING[v] for v in row if v >= 0 and MEANING[v] is not None]
        if not any(not (a & b) for a in said for b in said):
            continue
        wrong = np.mean([1 - p[i][list(s)].sum() for s in said])
        entropy = -(p[i] * np.log(p[i])).sum()
        expected.append((i, entropy if by == "entropy" else wrong))
    found = rows_in_conflict(votes, labels, n=100, by=by, distinct=False)
    assert found.n_in_conflict == len(expected)
    assert {row.id for row in found.rows} == {i for i, _ in expected}
    scores = dict(expected)
    got = [scores[row.id] for row in found.rows]
    np.testing.assert_allclose([getattr(row, by) for row in found.rows], got)
    assert got == sorted(got, reverse=True)


def test_equal_votes_are_shown_once_with_their_number():
    dense = [[0, 1], [0, 1], [1, 0], [0, 0], [0, 1]]
    votes = VoteMatrix.from_dense(dense, ["ham", "spam"], ["a", "b"], row_ids=list("edcba"))
    found = rows_in_conflict(votes)
    assert [(row.id, row.n_rows) for row in found.rows] == [("a", 3), ("c", 1)]
    assert found.rows[0].by_vote() == {"ham": ["a"], "spam": ["b"]}
    every = rows_in_conflict(votes, distinct=False)
    assert [row.id for row in every.rows] == ["a", "c", "d", "e"]
    assert len(rows_in_conflict(votes, distinct=False, n=2).rows) == 2


def test_the_order_of_rows_does_not_matter():
    votes = planted_votes(300, accuracy=[0.8, 0.7, 0.6, 0.75]).votes
    order = np.random.default_rng(0).permutation(300)
    dense = votes.to_dense()
    model = LabelModel().fit(votes)
    texts = []
    for rows in (np.arange(300), order):
        part = VoteMatrix.from_dense(dense[rows], votes.labels, votes.lf_names, rows)
        for distinct in (True, False):
            found = rows_in_conflict(part, model.label(part), distinct=distinct)
            texts.append(found.to_text())
    assert texts[:2] == texts[2:]


def test_text_and_json():
    votes = VoteMatrix.from_dense(
        [[0, 1, 1], [0, 0, 0]], ["ham", "spam"], ["a", "b", "c"], row_ids=["m1", "m2"]
    )
    labels = SoftLabels([[0.25, 0.75], [0.9, 0.1]], votes.labels, [3, 3], votes.row_ids)
    found = rows_in_conflict(votes, labels)
    text = found.to_text(80)
    assert max(map(len, text.splitlines())) <= 80
    assert "1 of 2 rows (50.0%) have votes against each other" in text
    # one vote for ham is wrong with 0.75, two for spam with 0.25 each
    assert "row m1: spam 75.0%, entropy 0.56, 41.7% of the votes wrong" in text
    assert "  spam: b, c" in text
    as_json = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert as_json["rows"][0]["votes"] == {"a": "ham", "b": "spam", "c": "spam"}
    assert found.to_pandas()["votes"].tolist() == ["a: ham, b: spam, c: spam"]


def test_no_conflict_is_no_row():
    found = rows_in_conflict(VoteMatrix.from_dense([[0, 0], [1, -1]], ["x", "y"]))
    assert found.rows == ()
    assert "0 of 2 rows (0.0%)" in found.to_text()


def test_bad_input_is_refused():
    votes = VoteMatrix.from_dense([[0, 1]], ["x", "y"])
    with pytest.raises(ConfigError, match="by must be 'entropy' or 'disagreement', found 'size'"):
        rows_in_conflict(votes, by="size")
    with pytest.raises(ConfigError, match="n must be at least 1, found 0"):
        rows_in_conflict(votes, n=0)
    with pytest.raises(DataError, match="1 rows of votes and 2 of labels"):
        rows_in_conflict(votes, SoftLabels([[1, 0], [0, 1]], ["x", "y"]))
