"""Planted parameters come back, at the rate 1 / sqrt(n)."""

from __future__ import annotations

import numpy as np
import pytest

from weaklabel.models import ClassConditionalAccuracy, DawidSkene, LabelModel, OneCoin
from weaklabel.votes.synthetic import planted_votes

BALANCE = [0.5, 0.3, 0.2]


def planted_confusion(n_lfs=6, n_classes=3):
    rng = np.random.default_rng(7)
    noise = rng.dirichlet(np.ones(n_classes), size=(n_lfs, n_classes))
    return 0.65 * np.eye(n_classes) + 0.35 * noise


def error_of(n_items, seed, inference="map"):
    planted = planted_votes(
        n_items, confusion=planted_confusion(), class_balance=BALANCE, propensity=0.8, seed=seed
    )
    model = DawidSkene(inference=inference, tol=1e-9).fit(planted.votes)
    found = np.array([model.confusion(name) for name in planted.votes.lf_names])
    tables = np.sqrt(np.mean((found - planted.confusion) ** 2))
    return tables, np.abs(model.class_balance_ - BALANCE).max()


@pytest.mark.parametrize("inference", ["map", "vb"])
def test_confusion_matrices_come_back_at_the_root_n_rate(inference):
    small = np.mean([error_of(1000, s, inference)[0] for s in range(4)])
    large = np.mean([error_of(16_000, s, inference)[0] for s in range(4)])
    assert large < 0.012
    assert 2.5 < small / large < 7.0  # sixteen times the items, a quarter of the error
    assert max(error_of(16_000, s, inference)[1] for s in range(4)) < 0.03


def test_accuracies_come_back():
    accuracy = np.array([0.9, 0.8, 0.7, 0.6, 0.55])
    planted = planted_votes(20_000, accuracy=accuracy, class_balance=BALANCE, seed=3)
    model = OneCoin(tol=1e-9).fit(planted.votes)
    np.testing.assert_allclose(model.lf_accuracy_, accuracy, atol=0.02)


def test_accuracies_per_class_come_back():
    accuracy = np.array([[0.9, 0.6], [0.7, 0.9], [0.8, 0.7], [0.6, 0.8]])
    planted = planted_votes(40_000, accuracy=accuracy, seed=3)
    model = ClassConditionalAccuracy(tol=1e-10).fit(planted.votes)
    found = np.array([np.diag(model.confusion(n)) for n in planted.votes.lf_names])
    np.testing.assert_allclose(found, accuracy, atol=0.04)


def test_propensities_come_back_and_silence_then_labels():
    """LFs that vote mostly when the class is theirs: who votes says more than what is voted."""
    propensity = np.array([[0.8, 0.2], [0.7, 0.1], [0.1, 0.6], [0.2, 0.9]])
    planted = planted_votes(20_000, accuracy=[0.8, 0.75, 0.8, 0.7], propensity=propensity, seed=5)
    heard = DawidSkene(abstain="informative", tol=1e-9).fit(planted.votes)
    np.testing.assert_allclose(np.exp(heard.silence_), 1 - propensity, atol=0.03)
    ignored = DawidSkene(tol=1e-9).fit(planted.votes)

    def accuracy_of(model):
        return (model.predict_proba(planted.votes).argmax(axis=1) == planted.truth).mean()

    assert accuracy_of(heard) > accuracy_of(ignored) + 0.02


def test_posteriors_mean_what_they_say():
    planted = planted_votes(
        30_000, accuracy=np.linspace(0.55, 0.8, 8), class_balance=[0.7, 0.3], seed=6
    )
    p = DawidSkene().fit(planted.votes).predict_proba(planted.votes)[:, 1]
    for low in np.arange(0.0, 1.0, 0.2):
        mine = (p >= low) & (p < low + 0.2)
        assert planted.truth[mine].mean() == pytest.approx(p[mine].mean(), abs=0.03)


def test_the_default_is_close_to_the_best_on_independent_votes():
    planted = planted_votes(5000, accuracy=np.linspace(0.6, 0.8, 9), propensity=0.5, seed=8)
    best = DawidSkene().fit(planted.votes).predict_proba(planted.votes).argmax(axis=1)
    found = LabelModel().fit(planted.votes).predict_proba(planted.votes).argmax(axis=1)
    assert (found == planted.truth).mean() > (best == planted.truth).mean() - 0.02
