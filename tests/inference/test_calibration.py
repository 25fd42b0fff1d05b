"""Tilts towards a balance, losses, and the F1 threshold by brute force."""

from __future__ import annotations

import numpy as np
import pytest

from weaklabel.inference.calibration import (
    balancing_tilt,
    best_f1_threshold,
    empty_tilt,
    expected_calibration_error,
    log_loss,
)


def softmax(s):
    e = np.exp(s - s.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def posteriors(seed, n=300, k=3):
    rng = np.random.default_rng(seed)
    p = softmax(1.5 * rng.standard_normal((n, k)))
    return p, rng


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
