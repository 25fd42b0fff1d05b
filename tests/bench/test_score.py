"""The scores of the accuracy bench: closed forms, and random tie-breaks drawn many times."""

from __future__ import annotations

import numpy as np
import pytest

from tests.bench.score import (
    calibration_error,
    coins,
    expected_accuracy,
    expected_f1,
    log_loss,
    shares,
)


def test_ties_are_shared_and_near_ties_too():
    p = np.array([[0.5, 0.5, 0.0], [0.2, 0.7, 0.1], [1 / 3, 1 / 3, 1 / 3 + 1e-12]])
    np.testing.assert_allclose(shares(p), [[0.5, 0.5, 0], [0, 1, 0], [1 / 3, 1 / 3, 1 / 3]])


def test_accuracy_of_ties_is_one_over_their_number():
    p = np.array([[0.4, 0.4, 0.2], [0.1, 0.8, 0.1], [1 / 3, 1 / 3, 1 / 3]])
    assert expected_accuracy(p, np.array([0, 0, 2])) == pytest.approx(100 * (0.5 + 0 + 1 / 3) / 3)


def test_f1_without_ties_is_f1():
    answer = np.array([1, 1, 1, 0, 0, 0, 1])
    gold = np.array([1, 0, 1, 1, 0, 0, 0])
    assert expected_f1(np.eye(2)[answer], gold) == pytest.approx(100 * 2 * 2 / (4 + 3))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_expected_f1_is_the_mean_over_drawn_breaks(n_classes):
    rng = np.random.default_rng(0)
    p = rng.integers(1, 4, (40, n_classes)).astype(float)  # small numbers: many ties
    p /= p.sum(axis=1, keepdims=True)
    gold = rng.integers(0, n_classes, 40)
    drawn = []
    for _ in range(20_000):
        answer = (shares(p) * rng.random(p.shape)).argmax(axis=1)  # a tied class at random
        hit = ((answer == 1) & (gold == 1)).sum()
        drawn.append(2 * hit / ((answer == 1).sum() + (gold == 1).sum()))
    spread = np.std(drawn) / np.sqrt(len(drawn))
    assert abs(expected_f1(p, gold) / 100 - np.mean(drawn)) < 5 * spread


def test_f1_of_a_class_that_never_occurs_is_zero():
    assert expected_f1(np.full((3, 2), 0.5), np.zeros(3, dtype=int)) == 0.0


def test_coins_of_unequal_probability():
    np.testing.assert_allclose(coins(np.array([0.5, 0.25, 1.0])), [0.0, 0.375, 0.5, 0.125])
    assert coins(np.full(3000, 0.5)).sum() == pytest.approx(1.0)


def test_log_loss_and_calibration():
    p = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]])
    gold = np.array([0, 1, 1])
    assert log_loss(p, gold) == pytest.approx(-np.log([0.9, 0.1, 0.6]).mean())
    # bins of 1/15: two rows at 0.9 with one right, one at 0.6 that is right
    assert calibration_error(p, gold) == pytest.approx(100 * (2 * 0.4 + 0.4) / 3)
