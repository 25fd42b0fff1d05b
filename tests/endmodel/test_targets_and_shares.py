"""How soft labels are read, and how often classes are answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.endmodel.test_estimator import LABELS, TEXTS
from weaklabel.endmodel import EndModel
from weaklabel.endmodel.losses import CrossEntropy, GeneralisedCrossEntropy, find_loss
from weaklabel.endmodel.shares import answer_shares, class_offsets
from weaklabel.endmodel.target_modes import TARGET_MODES, AnyOf, apply_mode, loss_of_mode
from weaklabel.errors import ConfigError, DataError, FitError

P = np.array([[0.5, 0.3, 0.2], [0.4, 0.4, 0.2], [1.0, 0.0, 0.0], [0.25, 0.25, 0.5]])


def test_the_modes_of_reading_a_distribution() -> None:
    assert np.array_equal(apply_mode(P, "soft"), P)
    assert np.array_equal(apply_mode(P, "draw"), P)
    halves = [[1, 0, 0], [0.5, 0.5, 0], [1, 0, 0], [0, 0, 1]]
    assert np.array_equal(apply_mode(P, "majority"), halves)
    marks = [[1, 1, 0], [1, 1, 0], [1, 0, 0], [0, 0, 1]]
    assert np.array_equal(apply_mode(P, "multilabel"), marks)
    sharp = apply_mode(P, "sharpened")
    np.testing.assert_allclose(sharp.sum(axis=1), 1.0)
    np.testing.assert_allclose(sharp[0] / sharp[0].max(), [1, 0.36, 0.16])


def test_any_of_is_cross_entropy_with_the_likeliest_of_the_marked_classes() -> None:
    scores = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    marks = torch.tensor(apply_mode(P, "multilabel"))
    found = AnyOf()(scores, marks)
    each = torch.stack(
        [CrossEntropy()(scores, torch.eye(3).double()[k].expand(4, 3)) for k in range(3)], dim=1
    )
    expected = each.masked_fill(marks == 0, torch.inf).amin(dim=1)
    torch.testing.assert_close(found, expected)
    assert torch.autograd.gradcheck(lambda s: AnyOf()(s, marks), (scores,))


@pytest.mark.parametrize("mode", TARGET_MODES)
def test_every_mode_learns(mode: Any) -> None:
    model = EndModel(targets=mode, max_epochs=20, match_shares=False).fit(TEXTS, LABELS)
    truth = np.where(LABELS.probabilities[:, 1] > 0.5, "spam", "ham")
    assert (model.predict(TEXTS) == truth)[LABELS.covered].mean() > 0.9


def test_several_classes_a_row() -> None:
    """An array of marks need not sum to 1, and each class is answered by itself."""
    words = ["cat", "dog", "red"]
    rng = np.random.default_rng(0)
    marks = (rng.random((200, 3)) < 0.5).astype(float)
    marks[marks.sum(axis=1) == 0, 0] = 1.0
    texts = [" ".join(w for w, m in zip(words, row, strict=True) if m) for row in marks]
    model = EndModel(targets="multilabel", loss="binary_cross_entropy").fit(texts, marks)
    found = model.predict_each(["cat", "cat red", "cat dog red"])
    assert (found > 0.5).tolist() == [[True, False, False], [True, False, True], [True] * 3]
    np.testing.assert_allclose(model.predict_proba(["cat red"]).sum(), 1.0)
    with pytest.raises(DataError, match=r"sum to 1"):
        EndModel().fit(texts, marks)
    with pytest.raises(DataError, match="some class above 0 in every row; row 0 is"):
        EndModel(targets="multilabel").fit(["a"], np.zeros((1, 3)))


def test_modes_and_losses_that_do_not_go_together() -> None:
    with pytest.raises(ConfigError, match="loss='mae' is for one distribution"):
        loss_of_mode(find_loss("mae"), "multilabel")
    with pytest.raises(ConfigError, match=r"targets must be one of soft.*found 'hard'"):
        EndModel(targets="hard").fit(TEXTS, LABELS)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="targets='draw' is trained with mini-batches"):
        EndModel(targets="draw", optimizer="lbfgs").fit(TEXTS, LABELS)


# -- shares of the answers ---------------------------------------------------------------------


@given(st.integers(0, 1000), st.integers(2, 5))
@settings(max_examples=25, deadline=None)
def test_offsets_give_the_answers_the_shares_of_the_labels(seed: int, n_classes: int) -> None:
    rng = np.random.default_rng(seed)
    answers = rng.dirichlet(np.ones(n_classes), size=2000)
    labels = rng.dirichlet(np.arange(1.0, n_classes + 1), size=2000)
    weights = rng.uniform(0.5, 2.0, size=2000)
    offsets = class_offsets(answers, labels, weights)
    assert abs(offsets.mean()) < 1e-9
    shifted = np.log(answers) + offsets
    shifted = np.exp(shifted - shifted.max(axis=1, keepdims=True))
    found, wanted = (answer_shares(p, weights) for p in (shifted, labels))
    np.testing.assert_allclose(found, wanted, atol=0.02)


def test_offsets_follow_a_permutation_and_rest_where_shares_agree() -> None:
    rng = np.random.default_rng(0)
    answers, labels = rng.dirichlet(np.ones(3), size=(2, 500))
    weights = np.ones(500)
    order = [2, 0, 1]
    one = class_offsets(answers, labels, weights)
    two = class_offsets(answers[:, order], labels[:, order], weights)
    np.testing.assert_allclose(one[order], two, atol=1e-5)
    np.testing.assert_allclose(class_offsets(answers, answers, weights), 0.0, atol=0.05)
    never = np.c_[labels[:, :2] / labels[:, :2].sum(axis=1, keepdims=True), np.zeros(500)]
    assert class_offsets(answers, never, weights)[2] == 0.0


def test_rare_classes_are_answered_as_often_as_labels_say() -> None:
    """Features that say little pull every answer to the frequent class; offsets undo that."""
    rng = np.random.default_rng(1)
    is_rare = rng.random(3000) < 0.25
    X = (is_rare + rng.normal(size=3000) * 1.5)[:, None]
    sure = np.clip(np.where(is_rare, 0.8, 0.1) + rng.uniform(-0.1, 0.1, 3000), 0, 1)
    soft = np.c_[1 - sure, sure]
    plain, matched = (
        EndModel(strategy="plain", match_shares=m).fit(X, soft) for m in (False, True)
    )
    assert plain.predict(X).mean() < 0.5 * is_rare.mean()
    assert matched.predict(X).mean() == pytest.approx(is_rare.mean(), abs=0.02)
    hard = EndModel().fit(X, is_rare.astype(int))
    assert not hard.offsets_.any()


# -- gold rows of the user ---------------------------------------------------------------------


def test_gold_rows_choose_in_place_of_held_out_ones() -> None:
    gold = ["ham" if "lunch" in text or "noon" in text else "spam" for text in TEXTS[:20]]
    model = EndModel().fit(TEXTS, LABELS, dev=(TEXTS[:20], gold))
    assert "on 20 rows" in model.status_
    assert "on 72 rows" in model.status_


@pytest.mark.parametrize(
    ("dev", "error", "message"),
    [
        (TEXTS, DataError, r"dev must be a pair \(X, y\)"),
        ((["a"], ["eggs"]), DataError, r"dev has the classes \['eggs'\].*\['ham', 'spam'\]"),
        ((["a", "b"], ["ham", None]), DataError, "row 1 has none"),
        ((["a", "b"], ["ham"]), DataError, "X has 2 and y 1"),
        (([[1.0]], ["ham"]), DataError, "fitted on a list of texts"),
    ],
)
def test_bad_gold_rows_are_named(dev: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        EndModel().fit(TEXTS, LABELS, dev=dev)


def test_a_transition_matrix_is_estimated_where_none_is_given() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(2, size=2000)
    X = np.c_[truth + rng.normal(size=2000) * 0.2, np.ones(2000)]
    said = np.where(rng.random(2000) < 0.3, 1 - truth, truth)
    model = EndModel(loss="forward_correction").fit(X, said)
    found = np.array(model.loss_.transition)  # type: ignore[attr-defined]
    np.testing.assert_allclose(found, [[0.7, 0.3], [0.3, 0.7]], atol=0.1)
    plain = EndModel().fit(X, said)
    assert model.predict_proba(X).max(axis=1).mean() > plain.predict_proba(X).max(axis=1).mean()
    assert (model.predict(X) == truth).mean() > 0.98


def test_settings_that_are_objects_survive_storage(tmp_path: Path) -> None:
    model = EndModel(loss=GeneralisedCrossEntropy(q=0.5)).fit(TEXTS, LABELS)
    loaded = EndModel.load(model.save(tmp_path / "one.npz"))
    assert loaded.get_params() == model.get_params()
    assert loaded.loss_ == GeneralisedCrossEntropy(q=0.5)
    corrected = EndModel(loss="forward_correction").fit(TEXTS, LABELS)
    loaded = EndModel.load(corrected.save(tmp_path / "two.npz"))
    assert loaded.loss_ == corrected.loss_
    assert loaded.loss == "forward_correction"
    marks = EndModel(targets="multilabel").fit(TEXTS, LABELS)
    assert EndModel.load(marks.save(tmp_path / "three.npz")).loss_ == marks.loss_


def test_nothing_to_learn_is_still_an_error() -> None:
    with pytest.raises(FitError, match="at least two classes"):
        EndModel(targets="multilabel").fit(["a", "b"], [[1.0, 0.0], [0.5, 0.0]])
