"""Temperature scaling: the minimum is found, no decision changes, files and exports keep it."""

from __future__ import annotations

import numpy as np
import pytest

from weaklabel.endmodel import EndModel
from weaklabel.endmodel.temperature import HOTTEST, at_temperature, fit_temperature
from weaklabel.errors import ConfigError, DataError, FitError


def drawn(n_rows: int, n_classes: int = 3, seed: int = 0):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(n_classes), n_rows)
    gold = np.array([rng.choice(n_classes, p=row) for row in p])
    return p, np.eye(n_classes)[gold]


@pytest.mark.parametrize("planted", [0.3, 1.0, 2.5])
def test_the_temperature_that_was_planted_comes_back(planted):
    p, gold = drawn(20_000)
    spoiled = at_temperature(p, 1.0 / planted)
    assert fit_temperature(spoiled, gold) == pytest.approx(planted, rel=0.05)


def test_it_is_the_minimum_of_the_cross_entropy():
    p, gold = drawn(200, seed=1)
    weights = np.random.default_rng(2).random(200)

    def loss(t):
        return -(weights * np.log((at_temperature(p, t) * gold).sum(axis=1))).sum()

    found = fit_temperature(p, gold, weights)
    assert loss(found) <= min(loss(t) for t in np.linspace(0.3, 3.0, 500)) + 1e-6


def test_rows_sum_to_one_and_decisions_stay():
    p, _ = drawn(100)
    for t in (0.1, 3.0):
        scaled = at_temperature(p, t)
        np.testing.assert_allclose(scaled.sum(axis=1), 1)
        np.testing.assert_array_equal(scaled.argmax(axis=1), p.argmax(axis=1))
    np.testing.assert_allclose(at_temperature(p, 1.0), p)


def test_without_evidence_it_is_one_and_noise_is_hot_within_limits():
    assert fit_temperature(np.full((4, 2), 0.5), np.eye(2)[[0, 1, 0, 1]]) == 1.0
    assert fit_temperature(np.empty((0, 2)), np.empty((0, 2))) == 1.0
    certain = np.array([[1.0, 0.0]] * 4)  # certain, and wrong half of the time
    assert fit_temperature(certain, np.eye(2)[[0, 1, 0, 1]]) == pytest.approx(HOTTEST, rel=1e-3)


@pytest.fixture
def fitted():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 4))
    names = np.where(X[:, 0] + rng.normal(size=300) > 0, "yes", "no")
    return EndModel(weight_decay=0.5).fit(X, names), X, names


def test_a_model_keeps_its_temperature_in_files(fitted, tmp_path):
    model, X, names = fitted
    before = model.predict_proba(X)
    assert model.calibrate(X, names) is model
    assert model.temperature_ < 1.0  # so strong a decay makes answers too unsure
    after = model.predict_proba(X)
    np.testing.assert_allclose(after, at_temperature(before, model.temperature_))
    again = EndModel.load(model.save(tmp_path / "m.npz"))
    assert again.temperature_ == model.temperature_
    np.testing.assert_array_equal(again.predict_proba(X), after)
    np.testing.assert_allclose(
        model.calibrate(X, names).predict_proba(X),
        after,  # from the scores, not on top
    )
    assert model.fit(X, names).temperature_ == 1.0


def test_what_cannot_be_calibrated(fitted):
    model, X, _ = fitted
    with pytest.raises(FitError, match="not fitted"):
        EndModel().calibrate(X, ["yes"] * len(X))
    with pytest.raises(DataError, match="which the training labels do not know"):
        model.calibrate(X[:1], ["maybe"])
    with pytest.raises(ConfigError, match=r"a temperature must be in \[0.05, 20\], found 0"):
        model.set_temperature(0)
    with pytest.raises(ConfigError, match="asks of each class by itself"):
        EndModel(loss="binary_cross_entropy").fit(X, model.predict(X)).set_temperature(2.0)


@pytest.mark.slow
def test_an_exported_model_has_the_temperature(fitted, tmp_path):
    import onnxruntime

    model, X, _ = fitted
    model.set_temperature(0.4)
    session = onnxruntime.InferenceSession(str(model.export_onnx(tmp_path / "m.onnx")))
    name = session.get_inputs()[0].name
    _, probabilities = session.run(None, {name: X})
    np.testing.assert_allclose(probabilities, model.predict_proba(X), atol=1e-6)
