"""Label quality against scikit-learn's metrics, and its rules for ties and uncovered rows."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn import metrics

from weaklabel.analysis import label_quality
from weaklabel.errors import DataError, LabelError
from weaklabel.labels import LabelSpace
from weaklabel.soft_labels import SoftLabels

SPACE = LabelSpace(["a", "b", "c"])


@pytest.fixture(scope="module")
def soft() -> SoftLabels:
    rng = np.random.default_rng(0)
    return SoftLabels(rng.dirichlet(np.ones(3), 200), SPACE, n_votes=rng.integers(0, 3, 200))


@pytest.fixture(scope="module")
def gold() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 3, 200)


def test_agrees_with_scikit_learn(soft, gold):
    quality = label_quality(soft, gold)
    hard = soft.probabilities.argmax(axis=1)
    assert quality.accuracy_all == pytest.approx(metrics.accuracy_score(gold, hard))
    assert quality.accuracy_covered == pytest.approx(
        metrics.accuracy_score(gold[soft.covered], hard[soft.covered])
    )
    assert quality.macro_f1 == pytest.approx(metrics.f1_score(gold, hard, average="macro"))
    assert quality.log_loss == pytest.approx(metrics.log_loss(gold, soft.probabilities))
    one_hot = np.eye(3)[gold]
    assert quality.brier == pytest.approx(((soft.probabilities - one_hot) ** 2).sum(1).mean())
    precision, recall, f1, support = metrics.precision_recall_fscore_support(gold, hard)
    np.testing.assert_allclose(quality.precision, precision)
    np.testing.assert_allclose(quality.recall, recall)
    np.testing.assert_allclose(quality.f1, f1)
    np.testing.assert_allclose(quality.support, support)
    np.testing.assert_array_equal(quality.confusion, metrics.confusion_matrix(gold, hard))


def test_only_rows_with_gold_count(soft, gold):
    partly = gold.copy()
    partly[50:] = -1
    quality = label_quality(soft, partly)
    head = SoftLabels(soft.probabilities[:50], SPACE, n_votes=soft.n_votes[:50])
    expected = label_quality(head, gold[:50])
    assert quality.n_gold == 50
    assert quality.n_items == 200
    got, wanted = quality.to_dict(), expected.to_dict()
    assert {**got, "n_items": 0} == {**wanted, "n_items": 0}


def test_gold_is_taken_as_names(soft, gold):
    names = [SPACE.names[g] for g in gold]
    assert label_quality(soft, names).to_dict() == label_quality(soft, gold).to_dict()


def test_a_tie_counts_as_a_random_tie_break():
    soft = SoftLabels(np.array([[0.4, 0.4, 0.2], [1.0, 0.0, 0.0]]), SPACE)
    quality = label_quality(soft, ["b", "a"])
    assert quality.accuracy_all == 0.75
    np.testing.assert_array_equal(quality.confusion[1], [0.5, 0.5, 0.0])
    assert quality.confusion.sum() == 2


def test_uncovered_rows_count_in_all_rows_only():
    soft = SoftLabels(np.array([[0.9, 0.1], [0.2, 0.8]]), LabelSpace(["a", "b"]), np.array([1, 0]))
    quality = label_quality(soft, ["a", "a"])
    assert (quality.accuracy_covered, quality.accuracy_all, quality.coverage) == (1.0, 0.5, 0.5)


def test_without_a_covered_row_its_accuracy_is_not_known():
    soft = SoftLabels(np.array([[0.6, 0.4]]), LabelSpace(["a", "b"]), np.array([0]))
    quality = label_quality(soft, ["a"])
    assert np.isnan(quality.accuracy_covered)
    as_json = json.loads(json.dumps(quality.to_dict(), allow_nan=False))
    assert as_json["accuracy_covered"] is None
    assert as_json["classes"]["b"]["recall"] is None


def test_probability_zero_for_the_gold_class_costs_a_finite_loss():
    soft = SoftLabels(np.array([[1.0, 0.0]]), LabelSpace(["a", "b"]))
    assert label_quality(soft, ["b"]).log_loss == pytest.approx(36.04, abs=0.01)
    assert label_quality(soft, ["b"]).brier == 2.0


def test_text_names_every_score_and_keeps_to_80_columns(soft, gold):
    text = label_quality(soft, gold).to_text()
    assert max(map(len, text.splitlines())) <= 80
    for word in (
        "rows with gold          200 of 200",
        "macro F1",
        "log loss",
        "Brier",
        "precision",
    ):
        assert word in text


def test_gold_of_another_length_is_an_error(soft):
    with pytest.raises(DataError, match="one gold label per row: found 2 for 200 rows"):
        label_quality(soft, [0, 1])


def test_no_gold_at_all_is_an_error(soft):
    with pytest.raises(DataError, match="no row has a gold label; at least one is needed"):
        label_quality(soft, np.full(200, -1))


def test_gold_outside_the_label_space_is_an_error(soft):
    with pytest.raises(LabelError, match="the gold label 'z' at position 0 is not a label"):
        label_quality(soft, ["z"] * 200)
