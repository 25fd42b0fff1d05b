"""Every table with every model, on votes of all kinds and on none, changing nothing."""

from __future__ import annotations

import json

import numpy as np
import pytest

from weaklabel.analysis import (
    diff_labels,
    diff_votes,
    error_buckets,
    lf_pairs,
    lf_summary,
    lfs_to_fix,
    reliability,
    rows_in_conflict,
    slice_summary,
)
from weaklabel.errors import DataError
from weaklabel.labels import LabelSpace, Symbol, VoteAlphabet
from weaklabel.models import (
    ClassConditionalAccuracy,
    DawidSkene,
    LabelModel,
    MajorityVote,
    MatrixCompletion,
    OneCoin,
    Triplets,
)
from weaklabel.votes import VoteMatrix

ALPHABET = VoteAlphabet(
    LabelSpace(["ham", "spam", "eggs"]),
    (
        Symbol("set", (0, 1)),
        Symbol("set", (1, 2)),
        Symbol("bin", (1,), (0.5, 0.7)),
        Symbol("bin", (1,), (0.7, 0.9)),
        Symbol("reason", reason="too long"),
    ),
)
MODELS = [
    LabelModel(),
    MajorityVote(),
    DawidSkene(),
    DawidSkene(abstain="informative"),
    DawidSkene(dependencies=[["a", "b"]]),
    OneCoin(),
    ClassConditionalAccuracy(),
    Triplets(),
    MatrixCompletion(),
]


def some_votes(rich: bool) -> tuple[VoteMatrix, np.ndarray]:
    rng = np.random.default_rng(0)
    gold = rng.integers(0, 3, 200)
    plain = np.stack([np.where(rng.random(200) < 0.75, gold, 0) for _ in range(5)], axis=1)
    other = rng.integers(0, 8, (200, 5))
    dense = np.where(rng.random((200, 5)) < 0.3, other, plain) if rich else plain
    dense[rng.random((200, 5)) < 0.3] = -1
    rows, lfs = np.nonzero(dense >= 0)
    indptr = np.concatenate([[0], np.cumsum((dense >= 0).sum(axis=1))])
    names = ["a", "b", "c", "d", "e"]
    ids = [f"row {i}" for i in range(200)]
    return VoteMatrix(indptr, lfs, dense[rows, lfs], ALPHABET, names, ids), gold


@pytest.mark.parametrize("rich", [False, True], ids=["classes", "sets, bins and reasons"])
@pytest.mark.parametrize("model", MODELS, ids=repr)
@pytest.mark.filterwarnings("ignore::weaklabel.errors.WeakLabelWarning")
def test_every_table_is_text_and_json_and_changes_nothing(model, rich):
    votes, gold = some_votes(rich)
    fitted = type(model)(**model.get_params()).fit(votes)
    labels = fitted.label(votes)
    before = (votes.symbol.copy(), labels.probabilities.copy(), fitted.parameters_hash())
    tables = [
        lf_summary(votes, gold, model=fitted),
        lf_pairs(votes),
        slice_summary(votes, gold % 2 == 0, labels=labels, gold=gold),
        error_buckets(votes, labels, gold),
        rows_in_conflict(votes, labels),
        lfs_to_fix(votes, fitted),
        lfs_to_fix(votes, fitted, gold),
        reliability(labels, gold, per_class=True),
        diff_votes(votes, votes[::-1]),
        diff_labels(labels, MajorityVote().fit(votes).label(votes), votes=(votes, votes)),
    ]
    for table in tables:
        json.dumps(table.to_dict(), allow_nan=False)
        assert max(map(len, table.to_text(80).splitlines())) <= 80, type(table)
        table.to_pandas()
    assert not tables[8]
    np.testing.assert_array_equal(votes.symbol, before[0])
    np.testing.assert_array_equal(labels.probabilities, before[1])
    assert fitted.parameters_hash() == before[2]


def test_a_majority_vote_has_no_weights_and_joined_functions_none_of_their_own():
    votes, _ = some_votes(False)
    learned = lf_summary(votes, model=MajorityVote().fit(votes)).learned
    assert learned is not None
    assert np.isnan(learned.weight).all()
    assert "a vote adds" not in learned.cells().header
    joined = lf_summary(votes, model=DawidSkene(dependencies=[["a", "b"]]).fit(votes)).learned
    assert joined is not None
    assert np.isnan(joined.weight).tolist() == [True, True, False, False, False]


def test_no_rows_have_empty_tables():
    votes, _ = some_votes(True)
    none = votes[:0]
    model = LabelModel().fit(votes)
    labels = model.label(none)
    for table in (
        lf_summary(none, [], model=model),
        lf_pairs(none),
        slice_summary(none, [], labels=labels),
        rows_in_conflict(none, labels),
        diff_votes(none, none),
        diff_labels(labels, labels),
    ):
        json.dumps(table.to_dict(), allow_nan=False)
        table.to_text()
        table.to_pandas()
    with pytest.raises(DataError, match="no row has a gold label"):
        error_buckets(none, labels, [])
