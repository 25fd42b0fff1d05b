"""The LF table against a loop over rows, and what it says in words."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from weaklabel.analysis import lf_summary
from weaklabel.errors import DataError, FitError, LabelError, VotesError
from weaklabel.labels import LabelSpace, Symbol, VoteAlphabet
from weaklabel.models import DawidSkene, LabelModel, accuracy_intervals
from weaklabel.votes import VoteMatrix
from weaklabel.votes.matrix import FaultRecord
from weaklabel.votes.synthetic import planted_votes


def by_loops(sets: list[list[set[int] | None]], gold: list[int]) -> dict[str, list[float]]:
    """The definitions, row by row: each vote is the set of classes it speaks for, or None."""
    n_items, n_lfs = len(sets), len(sets[0])
    out: dict[str, list[float]] = {k: [0.0] * n_lfs for k in ("cov", "over", "conf", "right", "n")}
    for row, g in zip(sets, gold, strict=True):
        for j, vote in enumerate(row):
            if vote is None:
                continue
            others = [v for k, v in enumerate(row) if k != j and v is not None]
            out["cov"][j] += 1 / n_items
            out["over"][j] += bool(others) / n_items
            out["conf"][j] += any(not (v & vote) for v in others) / n_items
            if g >= 0:
                out["n"][j] += 1
                out["right"][j] += g in vote
    return out


matrices = hnp.arrays(
    np.int64,
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9),
    elements=st.integers(-1, 4),
)


@settings(max_examples=80, deadline=None)
@given(matrices, st.booleans(), st.randoms(use_true_random=False))
def test_agrees_with_loops_over_rows(dense, plain, random):
    # Symbols 3 and 4 are classes of their own, or a set and an abstention with a reason.
    if plain:
        alphabet = VoteAlphabet(LabelSpace(list("abcde")))
        meaning: list[set[int] | None] = [{0}, {1}, {2}, {3}, {4}]
    else:
        extra = (Symbol("set", (0, 1)), Symbol("reason", reason="too long"))
        alphabet = VoteAlphabet(LabelSpace(list("abc")), extra)
        meaning = [{0}, {1}, {2}, {0, 1}, None]
    gold = [random.randint(-1, 2) for _ in dense]
    sets = [[None if v < 0 else meaning[v] for v in row] for row in dense.tolist()]
    rows, columns = np.nonzero(dense >= 0)
    indptr = np.concatenate([[0], np.cumsum((dense >= 0).sum(axis=1))])
    names = [f"lf{j}" for j in range(dense.shape[1])]
    votes = VoteMatrix(indptr, columns, dense[rows, columns], alphabet, names)
    summary = lf_summary(votes, gold=gold)
    expected = by_loops(sets, gold)
    np.testing.assert_allclose(summary.coverage, expected["cov"])
    np.testing.assert_allclose(summary.overlap, expected["over"])
    np.testing.assert_allclose(summary.conflict, expected["conf"])
    assert summary.n_gold is not None
    assert summary.accuracy is not None
    assert summary.n_gold.tolist() == expected["n"]
    has_gold = summary.n_gold > 0
    right = np.array(expected["right"])[has_gold]
    np.testing.assert_allclose(summary.accuracy[has_gold] * summary.n_gold[has_gold], right)
    assert np.isnan(summary.accuracy[~has_gold]).all()


def test_all_rows_together():
    summary = lf_summary([[0, 0], [1, 0], [-1, 1], [-1, -1]])
    assert (summary.any_coverage, summary.any_overlap, summary.any_conflict) == (0.75, 0.5, 0.25)
    assert summary.n_items == 4


def test_polarity_is_in_words_and_class_order():
    extra = (
        Symbol("set", (0, 2)),
        Symbol("bin", (1,), (0.5, 0.7)),
        Symbol("bin", (1,), (0.7, 0.9)),
    )
    alphabet = VoteAlphabet(LabelSpace(["a", "b", "c"]), extra)
    votes = VoteMatrix([0, 2, 4, 5], [0, 1, 0, 1, 1], [2, 3, 0, 4, 5], alphabet, ["x", "y"])
    assert lf_summary(votes).polarity == (("a", "c"), ("one of a, c", "b"))


def test_a_silent_lf_has_no_polarity_and_changes_nothing_else():
    dense = np.array([[0, 1], [1, 1], [0, -1]])
    alone = lf_summary(dense, gold=[0, 1, 1])
    beside = lf_summary(np.c_[dense, [-1, -1, -1]], gold=[0, 1, 1])
    for name in ("coverage", "overlap", "conflict", "accuracy", "n_gold"):
        np.testing.assert_array_equal(getattr(beside, name)[:2], getattr(alone, name))
    assert beside.polarity[2] == ()
    assert beside.coverage[2] == 0
    assert "(nothing)" in beside.to_text()


def test_gold_is_taken_as_names_or_codes_with_gaps():
    votes = VoteMatrix.from_dense([[0], [1], [1]], labels=["ham", "spam"])
    by_name = lf_summary(votes, gold=["ham", None, "ham"])
    by_code = lf_summary(votes, gold=[0, -1, 0])
    assert by_name.accuracy is not None
    assert by_code.accuracy is not None
    assert by_name.accuracy.tolist() == by_code.accuracy.tolist() == [0.5]


def test_faults_are_counted_and_told():
    record = FaultRecord(3, "17", "ValueError: no digits", "Traceback ...")
    votes = VoteMatrix([0, 1, 1], [0], [1], ["a", "b"], ["x", "y"], faults={"y": record})
    summary = lf_summary(votes)
    assert summary.n_faults.tolist() == [0, 3]
    text = summary.to_text()
    assert "faults" in text.splitlines()[0]
    assert "y failed on 3 rows and abstained there; first on row 17: ValueError: no digits" in text
    assert "faults" not in lf_summary([[0], [1]]).to_text()


def test_frame_and_json_say_the_same():
    summary = lf_summary([[0, 0], [1, 0]], gold=[0, -1])
    frame = summary.frame
    assert list(frame.columns) == [
        "name", "polarity", "coverage", "overlap", "conflict", "n_votes", "faults", "accuracy",
        "accuracy_low", "accuracy_high", "n_gold",
    ]  # fmt: skip
    as_json = json.loads(json.dumps(summary.to_dict(), allow_nan=False))
    assert [lf["coverage"] for lf in as_json["lfs"]] == frame["coverage"].tolist()
    assert as_json["coverage"] == 1.0
    assert "accuracy" not in lf_summary([[0]]).frame.columns


def test_an_unknown_accuracy_is_null_in_json():
    summary = lf_summary([[0, -1], [1, 1]], gold=[0, -1])
    assert summary.to_dict()["lfs"][1]["accuracy"] is None


def test_text_keeps_to_80_columns_and_folds_names():
    name = "a_labeling_function_with_a_name_that_nobody_would_like_to_type_or_read_again"
    votes = VoteMatrix.from_dense(
        [[0, 1], [1, 1]], labels=["computers and the internet", "society"], lf_names=[name, "b"]
    )
    summary = lf_summary(votes, gold=[0, 1])
    assert max(map(len, summary.to_text(80).splitlines())) <= 80
    table = summary.cells().to_text(80).splitlines()
    below_rule = next(i for i, line in enumerate(table) if line.startswith("---")) + 1
    first_column = "".join(line.split("  ")[0].strip() for line in table[below_rule:-1])
    assert first_column == name


def test_with_gold_each_accuracy_has_an_interval_and_counts_per_class():
    votes = VoteMatrix.from_dense(
        [[0, 0], [0, 1], [1, 1], [0, -1], [-1, 1]], ["ham", "spam"], ["x", "y"]
    )
    summary = lf_summary(votes, gold=["ham", "spam", "spam", "ham", None])
    assert summary.gold_votes is not None
    assert summary.gold_right is not None
    assert summary.gold_votes.tolist() == [[2, 2], [1, 2]]
    assert summary.gold_right.tolist() == [[2, 1], [1, 2]]
    low, high = summary.interval
    n, p, z = 4, 0.75, 1.959963984540054  # Wilson's formula as it is printed
    middle, half = p + z * z / 8, z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
    assert low[0] == pytest.approx((middle - half) / (1 + z * z / n))
    assert high[0] == pytest.approx((middle + half) / (1 + z * z / n))
    assert summary.to_dict()["lfs"][0]["gold"]["spam"] == {"votes": 2, "right": 1}
    assert "30-95%" in summary.to_text()
    assert "2 of 2" in summary.to_text()


def test_with_a_model_there_is_what_it_learned():
    planted = planted_votes(2000, accuracy=[0.9, 0.8, 0.7, 0.8], propensity=0.8)
    model = DawidSkene().fit(planted.votes)
    summary = lf_summary(planted.votes, model=model)
    learned = summary.learned
    assert learned is not None
    intervals = accuracy_intervals(model, planted.votes)
    np.testing.assert_allclose(learned.accuracy, intervals.accuracy)
    np.testing.assert_allclose(learned.low, intervals.low)
    np.testing.assert_allclose(learned.high, intervals.high)
    # a vote for y adds log theta(v | y) - log theta(v | other), the table of the model itself
    table = model.log_table_[model.layout_.find(np.array([0, 0]), np.array([0, 1]))]
    n_votes = np.bincount(planted.votes.symbol[planted.votes.lf_index == 0])
    added = np.array([table[0, 0] - table[0, 1], table[1, 1] - table[1, 0]])
    assert learned.weight[0] == pytest.approx(n_votes @ added / n_votes.sum())
    assert {"learned_accuracy", "learned_low", "learned_high", "weight"} <= set(summary.frame)
    assert "no intervals" not in summary.to_text()
    json.dumps(summary.to_dict(), allow_nan=False)


def test_intervals_need_the_votes_of_the_fit(tmp_path):
    planted = planted_votes(2000, accuracy=[0.9, 0.8, 0.7, 0.8])
    DawidSkene().fit(planted.votes).save(tmp_path / "model.npz")
    loaded = DawidSkene.load(tmp_path / "model.npz")
    learned = lf_summary(planted.votes, model=loaded).learned
    assert learned is not None
    np.testing.assert_allclose(learned.low, accuracy_intervals(loaded, planted.votes).low)
    other = planted_votes(2000, accuracy=[0.9, 0.8, 0.7, 0.8], seed=1)
    learned = lf_summary(other.votes, model=loaded).learned
    assert learned is not None
    assert learned.low is None
    assert learned.no_interval == "the model was not fitted on these votes alone"


def test_the_default_model_shows_copies_and_no_intervals(tmp_path):
    planted = planted_votes(2000, accuracy=[0.8, 0.7, 0.75, 0.8, 0.7], copies=[(1, 1.0)])
    model = LabelModel().fit(planted.votes)
    model.save(tmp_path / "model.npz")
    for fitted in (model, LabelModel.load(tmp_path / "model.npz")):
        summary = lf_summary(planted.votes, model=fitted)
        learned = summary.learned
        assert learned is not None
        assert learned.low is None
        assert [c.lf_names for c in learned.clusters] == [("lf_1", "lf_5")]
        assert learned.effective_votes is not None
        assert learned.effective_votes[0] > 0.9
        assert learned.effective_votes[[1, 5]].sum() == pytest.approx(1.0, abs=0.1)
        assert "counted as 1.0: lf_1, lf_5" in summary.to_text()


def test_a_model_of_other_functions_is_refused():
    model = LabelModel().fit(planted_votes(100, accuracy=[0.9, 0.8, 0.7]).votes)
    votes = VoteMatrix.from_dense([[0, 1]], [0, 1], ["lf_0", "new"])
    with pytest.raises(VotesError, match=r"missing: 'lf_1', 'lf_2'; not in the fit: 'new'"):
        lf_summary(votes, model=model)


def test_a_model_that_is_not_fitted_is_refused():
    votes = planted_votes(50, accuracy=[0.9, 0.8, 0.7]).votes
    with pytest.raises(FitError, match="this LabelModel is not fitted yet"):
        lf_summary(votes, model=LabelModel())


def test_columns_of_the_model_follow_the_order_of_the_votes():
    planted = planted_votes(500, accuracy=[0.9, 0.8, 0.6], propensity=0.7)
    model = LabelModel().fit(planted.votes)
    backwards = planted.votes.select_lfs([2, 1, 0])
    forth, back = (lf_summary(v, model=model).frame for v in (planted.votes, backwards))
    for name in ("learned_accuracy", "weight", "effective_votes"):
        np.testing.assert_allclose(back[name], forth[name][::-1], err_msg=name)


def test_an_empty_matrix_has_a_summary():
    votes = VoteMatrix([0], [], [], ["a", "b"], ["x"])
    summary = lf_summary(votes, gold=[])
    assert summary.coverage.tolist() == [0.0]
    assert summary.n_items == 0


def test_gold_of_another_length_is_an_error():
    with pytest.raises(DataError, match="one gold label per row: found 1 for 2 rows"):
        lf_summary([[0], [1]], gold=[0])


def test_gold_outside_the_label_space_is_an_error():
    with pytest.raises(LabelError, match="the gold label 'eggs' at position 1 is not a label"):
        lf_summary(VoteMatrix.from_dense([[0], [1]], ["ham", "spam"]), gold=["ham", "eggs"])


def test_the_votes_are_not_changed():
    dense = np.array([[0, 1], [1, -1]])
    before = dense.copy()
    lf_summary(dense, gold=[0, 1])
    np.testing.assert_array_equal(dense, before)
