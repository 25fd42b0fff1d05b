"""Whether an end model helped: the numbers against plain formulas, and what must not happen."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from weaklabel import EndModel, LabelModel, LabelSpace, SoftLabels, VoteMatrix, label_quality
from weaklabel.errors import ConfigError, DataError, LabelError
from weaklabel.pipeline import end_model_report
from weaklabel.pipeline.against_gold import gold_scores
from weaklabel.pipeline.cross_fit import cross_fit, folds_of
from weaklabel.pipeline.relabeling import rows_to_relabel

N_ROWS = 300
MODEL = EndModel(strategy="plain")


def planted(seed: int = 0):
    """Rows whose class the features tell better than the votes do."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N_ROWS, 3))
    gold = (X[:, 0] > 0).astype(int)
    votes = np.where(rng.random((N_ROWS, 3)) < 0.7, gold[:, None], 1 - gold[:, None])
    votes[rng.random((N_ROWS, 3)) < 0.3] = -1
    matrix = VoteMatrix.from_dense(votes, ["no", "yes"])
    return X, gold, matrix, LabelModel().fit(matrix).label(matrix)


@pytest.fixture(scope="module")
def data():
    return planted()


@pytest.fixture(scope="module")
def report(data):
    X, gold, votes, labels = data
    some = np.where(np.arange(N_ROWS) % 2, gold, -1)
    return end_model_report(
        MODEL, X, labels, votes=votes, gold=some, folds=3,
        slices=np.where(X[:, 1] > 0, "up", "down"), what="side",
    )  # fmt: skip


def test_scores_are_those_of_the_held_out_answers(report, data):
    _, gold, _, labels = data
    some = np.where(np.arange(N_ROWS) % 2, gold, -1)
    expected = label_quality(report.answers, some)
    score = report.gold_all.scores["end model"]
    assert score.accuracy == expected.accuracy_all
    assert score.macro_f1 == expected.macro_f1
    assert report.gold_all.scores["label model"].log_loss == label_quality(labels, some).log_loss
    parts = (report.gold_all, report.gold_covered, report.gold_uncovered)
    assert [p.n_gold for p in parts] == [
        150, int(labels.covered[1::2].sum()), int((~labels.covered[1::2]).sum())
    ]  # fmt: skip
    assert list(report.gold_all.scores) == ["end model", "label model", "majority vote"]


def test_an_end_model_that_helps_is_said_to(report):
    difference = report.gold_all.differences["label model"]
    assert difference.accuracy > 0
    assert difference.verdict == "better"
    low, high = difference.macro_f1_interval
    assert low < difference.macro_f1 < high
    assert "end model less label model: accuracy +" in report.to_text()
    assert report.temperature is not None


def test_every_row_is_answered_by_a_model_that_did_not_see_it(data):
    X, _, _, labels = data
    held_out = cross_fit(MODEL, X, labels, folds=3)
    assert np.bincount(held_out.fold).tolist() == [100, 100, 100]
    part = held_out.fold != 1
    of_part = SoftLabels(labels.probabilities[part], labels.labels, labels.n_votes[part])
    expected = EndModel(strategy="plain").fit(X[part], of_part).predict_proba(X[~part])
    np.testing.assert_array_equal(held_out.probabilities[~part], expected)


def test_copies_of_a_row_are_in_one_fold_in_any_order():
    texts = [f"text {i % 20}" for i in range(60)]
    from weaklabel.endmodel.rows import read_rows

    fold = folds_of(read_rows(texts), 4, 0)
    assert all(len(set(fold[i::20].tolist())) == 1 for i in range(20))
    order = np.random.default_rng(0).permutation(60)
    np.testing.assert_array_equal(folds_of(read_rows([texts[i] for i in order]), 4, 0), fold[order])


def test_gold_changes_no_answer(report, data):
    X, _, votes, labels = data
    without = end_model_report(MODEL, X, labels, votes=votes, folds=3)
    np.testing.assert_array_equal(without.answers.probabilities, report.answers.probabilities)
    np.testing.assert_array_equal(without.relabel.rows, report.relabel.rows)
    assert without.gold_all is None
    assert without.temperature is None
    assert without.facts == report.facts
    assert "Without gold this cannot tell who is right" in without.to_text()
    assert "Without gold" not in report.to_text()


def test_the_facts_are_their_definitions(report, data):
    _, _, _, labels = data
    covered = labels.covered
    p, q = labels.probabilities[covered], report.answers.probabilities[covered]
    facts = report.facts
    assert facts.cross_entropy == pytest.approx(-(p * np.log(q)).sum(axis=1).mean())
    assert facts.label_entropy <= facts.cross_entropy
    untied = np.abs(p[:, 0] - p[:, 1]) > 1e-9
    same = (p.argmax(axis=1) == q.argmax(axis=1))[untied].sum() + 0.5 * (~untied).sum()
    assert facts.agreement == pytest.approx(same / len(p))
    assert facts.n_sure_uncovered == (report.answers.confidence[~covered] >= 0.8).sum()


def test_slices_are_parts_of_the_whole(report):
    assert [s.name for s in report.slices] == ["up", "down"] or [s.name for s in report.slices] == [
        "down",
        "up",
    ]
    assert sum(s.n_items for s in report.slices) == N_ROWS
    n_right = sum(s.end_model * s.n_gold for s in report.slices)
    assert n_right / 150 == pytest.approx(report.gold_all.scores["end model"].accuracy)


def test_named_masks_may_overlap_and_be_empty(data):
    X, gold, _, labels = data
    masks = {"all": np.ones(N_ROWS, bool), "none": np.zeros(N_ROWS, bool)}
    found = end_model_report(MODEL, X, labels, gold=gold, slices=masks, folds=2)
    assert [s.n_items for s in found.slices] == [N_ROWS, 0]
    assert found.to_dict()["slices"]["slices"][1]["end_model"] is None
    with pytest.raises(ConfigError, match="a slice must be a mask of bool"):
        end_model_report(MODEL, X, labels, slices={"x": [1, 2]}, folds=2)


def test_rows_to_relabel_are_the_sure_contradictions_surest_first():
    labels = SoftLabels(
        [[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.5, 0.5], [0.9, 0.1], [0.7, 0.3]],
        LabelSpace(["a", "b"]),
        n_votes=[1, 1, 1, 2, 0, 1],
        ids=list("uvwxyz"),
    )
    answers = np.array([[0.1, 0.9], [0.05, 0.95], [0.1, 0.9], [0, 1], [0, 1], [0.3, 0.7]])
    found = rows_to_relabel(labels, answers, np.array([1, 0, -1, 0, 0, 0]))
    table = found.to_arrow().to_pydict()
    assert table["id"] == ["v", "u"]  # w agrees, x ties, y has no vote, z is not sure
    assert table["label"] == ["a", "a"]
    assert table["end_model"] == ["b", "b"]
    assert table["gold"] == ["a", "b"]
    assert found.judged == {"end_model": 1, "labels": 1, "neither": 0}
    assert len(rows_to_relabel(labels, answers, sure=0.7)) == 3


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_rows_to_relabel_are_written(report, tmp_path, ending):
    path = report.relabel.write(tmp_path / f"look.{ending}")
    frame = pd.read_csv(path) if ending == "csv" else pd.read_parquet(path)
    assert frame["row"].tolist() == report.relabel.rows.tolist()
    assert frame["end_confidence"].is_monotonic_decreasing


def test_bootstrap_of_f1_has_the_spread_of_plain_resampling():
    rng = np.random.default_rng(0)
    gold = rng.integers(0, 3, 200)
    p = np.eye(3)[np.where(rng.random(200) < 0.7, gold, rng.integers(0, 3, 200))] * 0.8 + 0.2 / 3
    labels = SoftLabels(p, LabelSpace(["a", "b", "c"]))
    found = gold_scores({"x": labels}, gold)
    assert found is not None
    plain = []
    for _ in range(400):
        rows = rng.integers(0, 200, 200)
        part = SoftLabels(p[rows], labels.labels)
        plain.append(label_quality(part, gold[rows]).macro_f1)
    np.testing.assert_allclose(
        found.scores["x"].macro_f1_interval, np.quantile(plain, [0.025, 0.975]), atol=0.015
    )


def test_new_rows_are_answered_by_the_model_itself(data):
    X, gold, _, labels = data
    model = EndModel(strategy="plain").fit(X[:200], labels.probabilities[:200])
    rest = SoftLabels(labels.probabilities[200:], LabelSpace(["0", "1"]), labels.n_votes[200:])
    found = end_model_report(model, X[200:], rest, gold=gold[200:], folds=0)
    np.testing.assert_array_equal(found.answers.probabilities, model.predict_proba(X[200:]))
    assert "rows that the model was not trained on" in found.to_text()
    with pytest.raises(DataError, match="give labels of the same classes"):
        end_model_report(model, X, labels, folds=0)


def test_json_and_determinism(report, data):
    X, gold, votes, labels = data
    as_json = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert as_json["gold"]["all"]["n_gold"] == 150
    some = np.where(np.arange(N_ROWS) % 2, gold, -1)
    again = end_model_report(
        MODEL, X, labels, votes=votes, gold=some, folds=3,
        slices=np.where(X[:, 1] > 0, "up", "down"), what="side",
    )  # fmt: skip
    assert again.to_dict() == report.to_dict()
    assert max(map(len, report.to_text(80).splitlines())) <= 80


def test_a_class_never_seen_in_gold_and_few_gold_rows(data):
    X, gold, _, labels = data
    only_ones = np.where(gold == 1, 1, -1)
    found = end_model_report(MODEL, X, labels, gold=only_ones, folds=2)
    assert found.gold_all is not None
    assert 0 < found.gold_all.scores["end model"].accuracy <= 1
    few = np.full(N_ROWS, -1)
    few[:3] = gold[:3]
    assert end_model_report(MODEL, X, labels, gold=few, folds=2).temperature is None


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"folds": 1}, ConfigError, "at least 2 folds, found 1"),
        ({"folds": 100}, DataError, "100 folds need at least 400 different rows, found 300"),
        ({"sure": 0.0}, ConfigError, r"sure must be in \(0, 1\]"),
        ({"gold": [0, 1]}, DataError, "one gold label per row: found 2 for 300"),
        ({"gold": ["maybe"] * N_ROWS}, LabelError, "maybe"),
        ({"slices": ["a"]}, DataError, "one value per row to slice by"),
    ],
)
def test_what_cannot_be_used(data, settings, error, words):
    X, _, _, labels = data
    with pytest.raises(error, match=words):
        end_model_report(MODEL, X, labels, **settings)


def test_rows_votes_and_labels_must_match(data):
    X, _, _, labels = data
    with pytest.raises(DataError, match="found 299 rows and 300 labels"):
        end_model_report(MODEL, X[1:], labels)
    other = VoteMatrix.from_dense([[0], [1]], ["no", "yes"])
    with pytest.raises(DataError, match="found 2 rows of votes and 300 of labels"):
        end_model_report(MODEL, X, labels, votes=other)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_youtube_comments(shared_data):
    from tests.bench.end_models import _read_split

    rows, votes, gold = _read_split(shared_data / "wrench/youtube", "train")
    matrix = VoteMatrix.from_dense(votes, range(2))
    labels = LabelModel().fit(matrix).label(matrix)
    found = end_model_report(EndModel(), rows, labels, votes=matrix, gold=gold)
    for other in ("label model", "majority vote"):
        assert found.gold_all.differences[other].verdict == "better"
    assert found.gold_covered.differences["label model"].verdict == "better"
    judged = found.relabel.judged
    assert judged["end_model"] > 2 * judged["labels"]
