"""Calibration: optimum, recovery, limits, equivariance; and the F1 threshold by brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weaklabel.inference.calibration import (
    balancing_tilt,
    best_f1_threshold,
    empty_tilt,
    expected_calibration_error,
    fit_calibration,
    log_loss,
)


def softmax(s):
    e = np.exp(s - s.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def posteriors(seed, n=300, k=3):
    rng = np.random.default_rng(seed)
    p = softmax(1.5 * rng.standard_normal((n, k)))
    return p, rng


def drawn(p, rng):
    return (p.cumsum(axis=1) > rng.random((len(p), 1))).argmax(axis=1)


@pytest.mark.parametrize("k", [2, 3, 5])
def test_the_optimum_is_one(k):
    p, rng = posteriors(0, k=k)
    gold, weight = drawn(p, rng), rng.uniform(0.5, 2, len(p))
    prior = rng.standard_normal(k)

    def objective(temperature, tilt):
        q = softmax(temperature * np.log(p) + tilt)
        fit = weight @ np.log(q[np.arange(len(p)), gold])
        return fit - 5 * (temperature - 0.9) ** 2 - 5 * ((tilt - prior) ** 2).sum()

    found = fit_calibration(p, gold, weight, 0.9, prior)
    best = objective(found.temperature, found.tilt)
    for _ in range(50):
        step = 1e-3 * rng.standard_normal(k + 1)
        assert objective(found.temperature + step[0], found.tilt + step[1:]) <= best + 1e-9


def test_a_planted_distortion_is_undone():
    p, rng = posteriors(1, n=200_000)
    gold = drawn(p, rng)
    distorted = softmax(2.0 * np.log(p) + np.array([0.5, 0.0, -0.5]))
    found = fit_calibration(distorted, gold, np.ones(len(p)), 1.0, np.zeros(3))
    assert found.temperature == pytest.approx(0.5, abs=0.02)
    np.testing.assert_allclose(found.tilt - found.tilt.mean(), [-0.25, 0.0, 0.25], atol=0.03)
    mended = softmax(found.temperature * np.log(distorted) + found.tilt)
    assert np.abs(mended - p).max() < 0.02


def test_without_gold_rows_nothing_changes():
    found = fit_calibration(np.zeros((0, 3)), np.zeros(0, int), np.zeros(0), 0.8, np.arange(3.0))
    assert found.temperature == pytest.approx(0.8)
    np.testing.assert_allclose(found.tilt, np.arange(3.0))


def test_gold_against_the_posterior_leaves_a_positive_temperature():
    p = np.tile([0.99, 0.01], (500, 1))
    p[::2] = p[::2, ::-1]
    found = fit_calibration(p, p.argmin(axis=1), np.ones(500), 1.0, np.zeros(2))
    assert found.temperature == pytest.approx(0.05)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), k=st.integers(2, 5))
def test_classes_and_rows_may_come_in_any_order(seed, k):
    p, rng = posteriors(seed, n=40, k=k)
    gold, weight = drawn(p, rng), rng.uniform(0.1, 2, len(p))
    classes, rows = rng.permutation(k), rng.permutation(len(p))
    one = fit_calibration(p, gold, weight, 1.0, np.zeros(k))
    moved = np.argsort(classes)[gold]  # class c of the turned posterior is classes[c]
    turned = fit_calibration(p[rows][:, classes], moved[rows], weight[rows], 1.0, np.zeros(k))
    assert turned.temperature == pytest.approx(one.temperature, abs=1e-7)
    np.testing.assert_allclose(turned.tilt, one.tilt[classes], atol=1e-7)


def test_the_balancing_tilt_balances():
    p, rng = posteriors(3)
    weight, balance = rng.uniform(0, 2, len(p)), np.array([0.7, 0.2, 0.1])
    tilt = balancing_tilt(p, balance, weight)
    mean = weight @ softmax(np.log(p) + tilt) / weight.sum()
    np.testing.assert_allclose(mean, balance, atol=1e-6)
    assert tilt.sum() == pytest.approx(0.0, abs=1e-9)
    assert np.isfinite(balancing_tilt(p, np.array([1.0, 0.0, 0.0]), weight)).all()
    assert (balancing_tilt(p, balance, np.zeros(len(p))) == 0).all()


def test_the_posterior_of_rows_without_votes_counts_gold_onto_the_balance():
    empty, balance = np.array([0.6, 0.4]), np.array([0.9, 0.1])
    tilt = empty_tilt(empty, np.array([1, 1, 0]), np.ones(3), balance)
    got = softmax((np.log(empty) + tilt)[None])[0]
    np.testing.assert_allclose(got, [(1 + 4.5) / 8, (2 + 0.5) / 8])


def test_the_f1_threshold_is_the_best_of_all():
    rng = np.random.default_rng(4)
    p, w = rng.beta(0.5, 2, 200), rng.uniform(0.5, 2, 200)

    def expected(threshold):
        answered = p > threshold
        return 2 * (w * p)[answered].sum() / (w[answered].sum() + (w * p).sum())

    found = best_f1_threshold(p, w)
    best = max(expected(t) for t in np.concatenate([[0.0], p]))
    assert expected(found) == pytest.approx(best)
    assert found == pytest.approx(best / 2)
    assert best_f1_threshold(np.zeros(5), np.ones(5)) == 0.5


def test_losses():
    p, gold = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]]), np.array([0, 1, 1])
    assert log_loss(p, gold, np.ones(3)) == pytest.approx(-np.log([0.9, 0.1, 0.6]).mean())
    assert expected_calibration_error(p, gold, np.ones(3)) == pytest.approx((2 * 0.4 + 0.4) / 3)
    assert np.isnan(log_loss(p, gold, np.zeros(3)))
    assert np.isnan(expected_calibration_error(p, gold, np.zeros(3)))
