"""The numbers and rows of a report, against those of the library and small cases by hand."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tests.report.conftest import data_of
from weaklabel import DawidSkene, LabelModel, MajorityVote, VoteMatrix, apply, labeling_function
from weaklabel.analysis import lf_summary
from weaklabel.analysis.report import pair_map as pair_map_module
from weaklabel.analysis.report import report_page
from weaklabel.analysis.report.html import json_block
from weaklabel.analysis.report.inputs import check_inputs
from weaklabel.analysis.report.pair_map import pair_map
from weaklabel.analysis.report.rows import rows_section
from weaklabel.analysis.report.sample import choose_rows
from weaklabel.analysis.report.scores import class_balance, histogram
from weaklabel.applier import Timing
from weaklabel.labels import Confident, LabelSpace, Not, Reason
from weaklabel.soft_labels import SoftLabels

SMALL = [[0, 1, -1], [1, 1, 1], [0, 0, -1], [-1, -1, -1], [0, 1, 1]]


def test_lines_of_functions_are_those_of_the_summary(case):
    lines = data_of(case.page())["functions"]
    summary = lf_summary(case.votes, case.gold, model=case.model)
    assert [line["name"] for line in lines] == list(case.votes.lf_names)
    for key, values in (
        ("votes", summary.n_votes),
        ("coverage", summary.coverage),
        ("conflict", summary.conflict),
        ("gold", summary.accuracy),
        ("gold_low", summary.interval[0]),
        ("learned", summary.learned.accuracy),
        ("weight", summary.learned.weight),
        ("counts_as", summary.learned.effective_votes),
    ):
        np.testing.assert_allclose([line[key] for line in lines], values, atol=1e-5, err_msg=key)
    assert sum(n for line in lines for _, n in line["by_symbol"]) == case.votes.n_votes


def test_times_are_shown_where_they_were_recorded(case):
    seconds = dict.fromkeys(case.votes.lf_names, 0.6)
    timing = Timing(seconds, dict.fromkeys(case.votes.lf_names, 300) | {"caps": 0})
    lines = data_of(case.page(timing=timing))["functions"]
    assert [line["ms"] for line in lines] == [2000.0, 2000.0, None, 2000.0, 2000.0, 2000.0]
    assert "ms" not in data_of(case.page())["functions"][0]


def test_faults_are_told_with_the_first_error():
    @labeling_function(labels=["a", "b"])
    def fragile(x):
        return "a" if 1 / x["n"] else None

    @labeling_function(labels=["a", "b"])
    def sound(x):
        return "b"

    votes = apply([fragile, sound], [{"n": n} for n in (1, 0, 2)], on_error="abstain")
    page = report_page(votes)
    line = data_of(page)["functions"][0]
    assert line["faults"] == 1
    assert "ZeroDivisionError" in line["fault"]
    assert "fragile failed on some rows and abstained there" in page


def test_balance_is_that_of_rows_with_votes():
    votes = VoteMatrix.from_dense(SMALL, labels=["a", "b"])
    labels = SoftLabels(
        [[0.5, 0.5], [0.0, 1.0], [1.0, 0.0], [0.9, 0.1], [0.3, 0.7]],
        LabelSpace(["a", "b"]),
        votes.n_votes_per_item,
    )
    found = class_balance(check_inputs(votes, labels=labels, gold=["a", "b", "a", "b", None]))
    np.testing.assert_allclose(found.votes, [(0.5 + 0 + 1 + 1 / 3) / 4, (0.5 + 1 + 2 / 3) / 4])
    np.testing.assert_allclose(found.model, [0.45, 0.55])
    np.testing.assert_allclose(found.gold, [0.5, 0.5])


def test_histogram_counts_every_covered_row_once():
    probability = np.array([0.0, 0.049999, 0.05, 0.3, 0.35, 1.0, 0.5])
    labels = SoftLabels(
        np.column_stack([1 - probability, probability]),
        LabelSpace(["a", "b"]),
        np.array([1, 1, 1, 1, 1, 1, 0]),
    )
    found = histogram(labels)
    assert found.of_class == 1
    assert found.n_without_votes == 1
    assert {k: n for k, n in enumerate(found.counts.tolist()) if n} == {
        0: 2,
        1: 1,
        6: 1,
        7: 1,
        19: 1,
    }
    of_three = SoftLabels([[0.2, 0.3, 0.5]], LabelSpace(["a", "b", "c"]))
    assert histogram(of_three).counts.argmax() == 10


def test_rows_are_chosen_for_what_they_teach():
    votes = VoteMatrix.from_dense(SMALL, labels=["a", "b"])
    inputs = check_inputs(votes, MajorityVote().fit(votes), gold=["b", "b", "a", "a", "a"])
    sample = choose_rows(inputs, 100)
    assert sample.positions.tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(sample.against, [0.5, 0, 0, 0, 1 / 3])
    assert sample.reasons[0] == ("conflict", "unsure")
    assert sample.reasons[3] == ("other",)
    assert "wrong" in sample.reasons[4]


def test_few_rows_of_one_kind_are_chosen_and_the_rest_is_random():
    rng = np.random.default_rng(3)
    dense = np.zeros((4000, 3), dtype=int)
    dense[:2000, 1] = 1  # two against one, all alike
    dense[2000:2400] = rng.integers(-1, 2, (400, 3))
    votes = VoteMatrix.from_dense(dense, labels=["a", "b"])
    inputs = check_inputs(votes, MajorityVote().fit(votes))
    sample = choose_rows(inputs, 90)
    assert len(sample.positions) == len(sample.reasons) == 90
    conflict = [
        p for p, why in zip(sample.positions, sample.reasons, strict=True) if "conflict" in why
    ]
    kinds = {tuple(dense[p]) for p in conflict}
    assert len(conflict) == 30
    assert len(kinds) > 5
    assert sum("random" in why for why in sample.reasons) >= 30
    again = choose_rows(inputs, 90)
    assert again.positions.tolist() == sample.positions.tolist()


def test_votes_of_a_row_carry_what_the_model_explains(case):
    data = data_of(case.page())
    for at in (0, 17, 250):
        row = data["sample"]["rows"][at]
        explanation = case.model.explain(case.votes, at)
        assert row["id"] == explanation.row_id
        adds = {data["functions"][j]["name"]: value for j, _, value, _ in row["votes"]}
        top, second = np.argsort(-explanation.probabilities, kind="stable")[:2]
        expected = explanation.contributions[:, top] - explanation.contributions[:, second]
        assert adds == pytest.approx(
            dict(zip(explanation.lf_names, expected, strict=True)), abs=1e-3
        )
        flips = {n for n, f in zip(explanation.lf_names, explanation.flips, strict=True) if f}
        decisive = {data["functions"][j]["name"] for j, _, _, d in row["votes"] if d}
        assert decisive <= flips  # a tie without the vote is no other label in the table
        total = row["prior"] + sum(adds.values())
        ratio = np.log(explanation.probabilities[top] / explanation.probabilities[second])
        assert total == pytest.approx(ratio, abs=0.01)


def test_a_model_with_its_functions_in_another_order_explains_the_same(case):
    turned = case.votes.select_lfs(list(reversed(case.votes.lf_names)))
    other = data_of(report_page(turned, case.model))
    one = data_of(report_page(case.votes, case.model))

    def named(data):
        return [
            sorted((data["functions"][j]["name"], s, c, d) for j, s, c, d in row["votes"])
            for row in data["sample"]["rows"]
        ]

    assert named(one) == named(other)


@pytest.mark.parametrize("kind", ["frame", "arrow", "dicts", "texts", "tuples", "generator"])
def test_rows_may_be_of_many_kinds(case, kind):
    frame = pd.DataFrame(case.rows)
    given = {
        "frame": frame.set_index(pd.Index(range(500, 800))),
        "arrow": pa.Table.from_pandas(frame),
        "dicts": case.rows,
        "texts": [row["text"] for row in case.rows],
        "tuples": [tuple(row.values()) for row in case.rows],
        "generator": (row for row in case.rows),
    }[kind]
    sample = data_of(case.page(rows=given))["sample"]
    names = {"texts": ["value"], "tuples": ["0", "1"]}.get(kind, ["text", "length"])
    assert sample["columns"] == names
    assert sample["preview"] == 0
    assert (
        sample["rows"][15]["cells"] == ["message number 15 about dinner", "2.14286"][: len(names)]
    )


def test_missing_values_bytes_and_objects_are_told_as_text(case):
    odd = [None, float("nan"), b"12345", np.float32(0.5), True, 7, [1, "x"], pd.NaT, pd.NA]
    rows = [{"value": odd[i % len(odd)]} for i in range(300)]
    cells = [row["cells"][0] for row in data_of(case.page(rows=rows))["sample"]["rows"]]
    assert cells[:9] == [None, None, "(5 bytes)", "0.5", "True", "7", "[1, 'x']", None, None]


def test_long_texts_are_cut_so_that_the_rows_fit(case):
    inputs = check_inputs(case.votes, case.model, rows=[{"text": "<é" * 50_000}] * 300)
    sample = choose_rows(inputs, 300)
    for room in (2_000_000, 200_000, 60_000):
        made = rows_section(inputs, sample, room)
        assert len(json_block("x", made["rows"]).encode()) <= room + 100
        assert "more characters)" in made["rows"][0]["cells"][0]
    assert len(rows_section(inputs, sample, 2_000_000)["rows"]) == 300
    assert len(made["rows"]) < 300


def test_many_columns_are_capped(case):
    rows = [{f"c{j}": j for j in range(100)}] * 300
    assert len(data_of(case.page(rows=rows))["sample"]["columns"]) == 40


def test_pairs_are_those_of_the_library_in_another_order(case):
    data = data_of(case.page())
    order, both = data["pairs"]["order"], data["pairs"]["both"]
    dense = case.votes.to_dense()
    k = 0
    for a in range(6):
        for b in range(a + 1, 6):
            one, other = dense[:, order[a]], dense[:, order[b]]
            meet = (one >= 0) & (other >= 0)
            assert both[k] == meet.sum()
            assert data["pairs"]["agree"][k] == (meet & (one == other)).sum()
            k += 1
    place = order.index(0)
    assert 5 in (order[max(place - 1, 0)], order[min(place + 1, 5)])  # its copy is beside it


def test_only_the_functions_with_most_votes_are_mapped(monkeypatch):
    monkeypatch.setattr(pair_map_module, "MAX_LFS", 8)
    rng = np.random.default_rng(0)
    dense = np.where(rng.random((200, 12)) < np.linspace(0.1, 0.9, 12), 0, -1)
    dense[::2] = np.where(dense[::2] == 0, 1, -1)
    found = pair_map(VoteMatrix.from_dense(dense))
    assert found.n_left_out == 4
    assert found.shown.tolist() == list(range(4, 12))
    assert sorted(found.to_json()["order"]) == list(range(4, 12))


def test_rich_votes_are_told_in_words():
    space = LabelSpace(["a", "b", "c"])

    @labeling_function(labels=space)
    def rich(x):
        return [Not("a"), Confident("b", 0.9), Reason("refused"), "c"][x["n"] % 4]

    @labeling_function(labels=space)
    def plain(x):
        return "b"

    votes = apply([rich, plain], [{"n": n} for n in range(12)])
    data = data_of(report_page(votes, MajorityVote().fit(votes)))
    said = {data["symbols"][s] for s, _ in data["functions"][0]["by_symbol"]}
    assert {"one of b, c", "abstain: refused", "c"} < said


@pytest.mark.parametrize("model", [MajorityVote, DawidSkene])
def test_other_models_are_explained_too(case, model):
    page = case.page(model=model().fit(case.votes))
    data = data_of(page)
    assert data["sample"]["scale"] == ("share" if model is MajorityVote else "log")
    assert all("top" in row for row in data["sample"]["rows"])


def test_labels_alone_are_enough_for_their_charts(case):
    labels = case.model.label(case.votes)
    page = report_page(case.votes, labels=labels, gold=case.gold)
    data = data_of(page)
    assert data["sample"]["rows"][3]["p"][0][1] == pytest.approx(labels.confidence[3], abs=1e-4)
    assert "top" not in data["sample"]["rows"][3]
    assert "Reliability" in page


def test_labels_in_another_order_are_found_by_their_ids(case):
    labels = case.model.label(case.votes)
    order = np.random.default_rng(0).permutation(300)
    turned = SoftLabels(
        labels.probabilities[order],
        labels.labels,
        labels.n_votes[order],
        labels.ids[order],
        labels.provenance,
    )
    assert report_page(case.votes, labels=turned) == report_page(case.votes, labels=labels)


def test_what_is_missing_says_what_to_pass(case):
    bare = report_page(case.votes)
    for words in ("--model", "--labels", "--gold", "--rows", "--timing"):
        assert words in bare
    full = case.page(timing=Timing(dict.fromkeys(case.votes.lf_names, 1.0), {}))
    for words in ("--model", "--labels", "--gold", "--rows ROWS.csv"):
        assert words not in full.partition("<script")[0]


def test_a_model_from_a_file_says_the_same_of_itself(case, tmp_path):
    case.model.save(tmp_path / "m.npz")
    assert case.page(model=LabelModel.load(tmp_path / "m.npz")) == case.page()


def test_a_model_of_other_rows_is_said_to_be_one(case):
    other = LabelModel().fit(case.votes[:200])
    page = case.page(model=other)
    assert "The model was fitted on 200 rows and these are 300" in page
    assert "The votes look like" not in case.page(model=_reloaded(other))
    assert "The model was fitted on" not in case.page()


def _reloaded(model):
    again = copy.copy(model)
    again.statistics_ = None
    return again


def test_a_model_fitted_with_gold_says_what_it_did_without_it(case):
    fitted = LabelModel().fit(case.votes, gold=case.gold)
    assert "The votes look like" in case.page(model=_reloaded(fitted))


def test_labels_of_another_model_are_pointed_out(case):
    other = MajorityVote().fit(case.votes).label(case.votes)
    assert "made by another model" in case.page(labels=other)
    assert "made by another model" not in case.page(labels=case.model.label(case.votes))


def test_classes_named_by_digits_are_not_taken_for_codes():
    votes = VoteMatrix.from_dense([[0, 0], [1, 1], [0, 1]] * 4, labels=["1", "0"])
    page = report_page(votes, MajorityVote().fit(votes), gold=["1", "0", "1"] * 4)
    line = data_of(page)["functions"][0]
    assert line["gold"] == 1.0


@pytest.mark.parametrize(
    "dense",
    [
        [[-1, -1], [-1, -1]],
        [[0], [1], [-1]],
        [[0, 0]],
        [[k, (k + 1) % 12, k] for k in range(12)] * 3,
    ],
    ids=["no votes", "one function", "one row", "twelve classes"],
)
def test_odd_votes_make_a_page(dense):
    labels = [f"c{k}" for k in range(12 if len(dense) == 36 else 2)]
    votes = VoteMatrix.from_dense(dense, labels=labels)
    gold = [labels[i % len(labels)] for i in range(len(dense))]
    soft = SoftLabels(
        np.full((len(dense), len(labels)), 1 / len(labels)),
        LabelSpace(labels),
        votes.n_votes_per_item,
    )
    for parts in ({}, {"labels": soft}, {"labels": soft, "gold": gold}):
        assert data_of(report_page(votes, **parts))["classes"] == labels
