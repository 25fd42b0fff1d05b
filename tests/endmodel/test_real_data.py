"""The end model on real data, with gold used for scoring only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

from tests.bench.end_models import read_task
from weaklabel.endmodel import EndModel
from weaklabel.labels import LabelSpace
from weaklabel.soft_labels import SoftLabels

SPACE = LabelSpace(["ham", "spam"])


def load_youtube(folder: Path, split: str) -> tuple[pd.Series[Any], Any, Any]:
    table = pd.read_parquet(folder / "wrench" / "youtube" / f"data_{split}.parquet")
    with np.load(folder / "wrench" / "youtube" / f"votes_{split}.npz") as archive:
        return table["text"], archive["L"], archive["Y"]


def majority_vote(votes: Any) -> SoftLabels:
    """The classes with the most votes, evenly; uniform where nobody voted."""
    counts = np.stack([(votes == k).sum(axis=1) for k in range(2)], axis=1)
    is_best = (counts == counts.max(axis=1, keepdims=True)).astype(float)
    return SoftLabels(is_best / is_best.sum(axis=1, keepdims=True), SPACE, counts.sum(axis=1))


@pytest.mark.slow
@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_youtube_comments_from_a_majority_vote(shared_data: Path, head: Any) -> None:
    texts, votes, _ = load_youtube(shared_data, "train")
    test_texts, _, gold = load_youtube(shared_data, "test")
    scores = []
    for seed in range(3):
        model = EndModel(head=head, random_state=seed).fit(texts, majority_vote(votes))
        scores.append((model.predict(test_texts) == np.array(SPACE.names)[gold]).mean())
    assert np.mean(scores) >= 0.88


@pytest.mark.slow
@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_youtube_comments_from_gold(shared_data: Path, head: Any) -> None:
    texts, _, train_gold = load_youtube(shared_data, "train")
    test_texts, _, gold = load_youtube(shared_data, "test")
    for seed in range(3):
        model = EndModel(head=head, random_state=seed).fit(texts, train_gold)
        assert model.score(test_texts, gold) >= 0.92


@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_breast_cancer_table_from_soft_labels(head: Any) -> None:
    frame = load_breast_cancer(as_frame=True)
    scores = []
    for seed in range(3):
        X, X_test, y, y_test = train_test_split(frame.data, frame.target, random_state=seed)
        soft = np.where(np.eye(2)[y] > 0, 0.9, 0.1)
        scores.append(EndModel(head=head).fit(X, soft).score(X_test, y_test))
    assert np.mean(scores) >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize(("name", "least"), [("youtube", 90.0), ("census", 52.0), ("sms", 80.0)])
def test_the_default_reaches_its_bar_without_gold(
    shared_data: Path, name: str, least: float
) -> None:
    """Accuracy, or F1 of class 1 for census and sms, and no less than the label model but 3."""
    task = read_task(shared_data, name)
    found = EndModel().fit(task.rows, task.labels).predict_proba(task.test_rows)
    assert task.score(found) >= max(least, task.label_model - 3.0)
