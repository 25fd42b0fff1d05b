"""EndModel as a user meets it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from weaklabel.endmodel import EndModel
from weaklabel.labels import LabelSpace
from weaklabel.soft_labels import SoftLabels

TEXTS = ["win cash now", "see you at noon", "cash prize, win!", "lunch at noon?"] * 3
SPAM = np.array([0.9, 0.1, 0.8, 0.2] * 3)
LABELS = SoftLabels(np.stack([1 - SPAM, SPAM], axis=1), LabelSpace(["ham", "spam"]))


def test_learns_from_soft_labels_and_answers_with_class_names() -> None:
    model = EndModel().fit(TEXTS, LABELS)
    assert model.classes_.tolist() == ["ham", "spam"]
    assert model.predict(["cash, now!", "noon at noon"]).tolist() == ["spam", "ham"]
    assert "TF-IDF" in model.status_


def test_a_saved_model_predicts_the_same_bits(tmp_path: Path) -> None:
    model = EndModel().fit(TEXTS, LABELS)
    loaded = EndModel.load(model.save(tmp_path / "model.npz"))
    assert np.array_equal(loaded.predict_proba(TEXTS), model.predict_proba(TEXTS))
    assert loaded.get_params() == model.get_params()
