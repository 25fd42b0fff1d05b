"""What gold changes: optimum, recovery, limits, chance, equivariance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from weaklabel.inference import gold_calibration
from weaklabel.inference.gold_calibration import Calibration, fit_calibration


def softmax(s):
    e = np.exp(s - s.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def posteriors(seed, n=300, k=3):
    rng = np.random.default_rng(seed)
    return softmax(1.5 * rng.standard_normal((n, k))), rng


def drawn(p, rng):
    return (p.cumsum(axis=1) > rng.random((len(p), 1))).argmax(axis=1)


def no_votes(p):
    return csr_array((len(p), 0)), np.zeros((0, p.shape[1]))


def some_votes(p, rng, n_lfs=3):
    """Each LF votes for each class now and then: n_lfs * k table rows."""
    n, k = p.shape
    dense = np.zeros((n, n_lfs * k))
    for j in range(n_lfs):
        which = np.flatnonzero(rng.random(n) < 0.6)
        dense[which, j * k + rng.integers(0, k, len(which))] = 1.0
    return csr_array(dense), np.tile(np.eye(k) - 1.0 / k, (n_lfs, 1))


@pytest.mark.parametrize("k", [2, 3, 5])
def test_the_optimum_is_one(k):
    """The share kept leads from the prior to the maximum of likelihood and priors."""
    p, rng = posteriors(0, k=k)
    gold, weight = drawn(p**0.5, rng), rng.uniform(0.5, 2, len(p))
    prior = rng.standard_normal(k)
    votes, speaks = some_votes(p, rng)

    def objective(temperature, tilt, vote):
        q = softmax(temperature * np.log(p) + tilt + votes @ (vote[:, None] * speaks))
        fit = weight @ np.log(q[np.arange(len(p)), gold])
        held = 10 * (temperature - 0.9) ** 2 + 10 * ((tilt - prior) ** 2).sum() + 2 * vote @ vote
        return fit - held / 2

    found = fit_calibration(p, gold, weight, 0.9, prior, votes, speaks)
    assert 0 < found.kept < 1
    temperature = 0.9 + (found.temperature - 0.9) / found.kept
    tilt, vote = prior + (found.tilt - prior) / found.kept, found.vote / found.kept
    best = objective(temperature, tilt, vote)
    for _ in range(50):
        step = 1e-3 * rng.standard_normal(1 + k + len(vote))
        other = objective(temperature + step[0], tilt + step[1 : k + 1], vote + step[k + 1 :])
        assert other <= best + 1e-9


def test_a_planted_distortion_is_undone():
    p, rng = posteriors(1, n=200_000)
    gold = drawn(p, rng)
    distorted = softmax(2.0 * np.log(p) + np.array([0.5, 0.0, -0.5]))
    found = fit_calibration(distorted, gold, np.ones(len(p)), 1.0, np.zeros(3), *no_votes(p))
    assert found.temperature == pytest.approx(0.5, abs=0.02)
    np.testing.assert_allclose(found.tilt - found.tilt.mean(), [-0.25, 0.0, 0.25], atol=0.03)
    mended = softmax(found.temperature * np.log(distorted) + found.tilt)
    assert np.abs(mended - p).max() < 0.02
    assert found.kept > 0.99


def test_votes_that_count_too_little_and_too_much_are_told_apart():
    p, rng = posteriors(2, n=20_000)
    votes, speaks = some_votes(p, rng)
    planted = np.repeat([1.0, -0.7, 0.0], 3)
    gold = drawn(softmax(np.log(p) + votes @ (planted[:, None] * speaks)), rng)
    found = fit_calibration(p, gold, np.ones(len(p)), 1.0, np.zeros(3), votes, speaks)
    np.testing.assert_allclose(found.vote, planted, atol=0.15)


def test_votes_no_gold_row_has_keep_their_weight():
    p, rng = posteriors(3, n=50)
    votes, speaks = some_votes(p, rng)
    dense = votes.toarray()
    dense[:, 2:5] = 0.0
    found = fit_calibration(
        p, drawn(p, rng), np.ones(50), 1.0, np.zeros(3), csr_array(dense), speaks
    )
    assert (found.vote[2:5] == 0).all()


def test_without_gold_rows_nothing_changes():
    p = np.zeros((0, 3))
    found = fit_calibration(
        p, np.zeros(0, int), np.zeros(0), 0.8, np.arange(3.0), csr_array((0, 4)), np.zeros((4, 3))
    )
    assert found.temperature == pytest.approx(0.8)
    np.testing.assert_allclose(found.tilt, np.arange(3.0))
    assert (found.vote == 0).all()
    assert found.kept == 0.0


def test_gold_against_the_posterior_leaves_a_positive_temperature():
    p = np.tile([0.99, 0.01], (500, 1))
    p[::2] = p[::2, ::-1]
    found = fit_calibration(p, p.argmin(axis=1), np.ones(500), 1.0, np.zeros(2), *no_votes(p))
    assert 0.05 <= found.temperature < 0.06


def test_gold_that_teaches_nothing_changes_little():
    """Where the posterior is right already, log loss on other rows may not rise by much.

    Without holding back, it rises by half a nat per parameter.
    """
    p, rng = posteriors(4, n=100_000, k=2)
    kept, risen, risen_by_map = [], [], []
    for _ in range(30):
        rows = rng.choice(len(p), 50, replace=False)
        votes, speaks = some_votes(p[rows], rng, n_lfs=10)
        gold = drawn(p[rows], rng)
        found = fit_calibration(p[rows], gold, np.ones(50), 1.0, np.zeros(2), votes, speaks)
        kept.append(found.kept)

        def loss(share, found=found, speaks=speaks):
            vote = share * found.vote
            temperature = 1.0 + share * (found.temperature - 1.0)
            other, _ = some_votes(p, np.random.default_rng(0), n_lfs=10)
            score = temperature * np.log(p) + share * found.tilt
            q = softmax(score + other @ (vote[:, None] * speaks))
            return -(p * np.log(q)).sum(axis=1).mean()

        risen.append(loss(1.0) - loss(0.0))
        risen_by_map.append(loss(1.0 / found.kept) - loss(0.0) if found.kept else np.nan)
    assert np.mean(kept) < 0.5
    assert np.mean(risen) < 0.4 * np.nanmean(risen_by_map)


def test_the_count_of_parameters_and_its_bound(monkeypatch):
    p, rng = posteriors(5, n=80)
    votes, speaks = some_votes(p, rng)
    given_ = (p, drawn(p**0.5, rng), np.ones(80), 1.0, np.zeros(3), votes, speaks)
    exact = fit_calibration(*given_)
    problem = gold_calibration._Problem(*given_)
    at = problem.maximum()
    number = problem.n_parameters(at)
    numeric = np.zeros((len(at), len(at)))  # the Hessian by differences of the gradient
    for i, unit in enumerate(np.eye(len(at))):
        ends = [problem.gathered(-problem.posterior(at + sign * 1e-5 * unit)) for sign in (1, -1)]
        numeric[i] = (ends[1] - ends[0]) / 2e-5
    held = np.diag(problem.strength)
    assert number == pytest.approx(np.trace(numeric @ np.linalg.inv(numeric + held)), rel=1e-5)
    monkeypatch.setattr(gold_calibration, "EXACT_WORK", 0.0)
    assert number < problem.n_parameters(at) < len(at)
    assert fit_calibration(*given_).kept < exact.kept


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), k=st.integers(2, 5))
def test_classes_and_rows_may_come_in_any_order(seed, k):
    p, rng = posteriors(seed, n=40, k=k)
    gold, weight = drawn(p**0.3, rng), rng.uniform(0.1, 2, len(p))
    votes, speaks = some_votes(p, rng)
    classes, rows = rng.permutation(k), rng.permutation(len(p))
    one = fit_calibration(p, gold, weight, 1.0, np.zeros(k), votes, speaks)
    moved = np.argsort(classes)[gold]  # class c of the turned posterior is classes[c]
    turned = fit_calibration(
        p[rows][:, classes],
        moved[rows],
        weight[rows],
        1.0,
        np.zeros(k),
        votes[rows],
        speaks[:, classes],
    )
    assert isinstance(turned, Calibration)
    assert turned.temperature == pytest.approx(one.temperature, abs=1e-7)
    np.testing.assert_allclose(turned.tilt, one.tilt[classes], atol=1e-7)
    np.testing.assert_allclose(turned.vote, one.vote, atol=1e-7)
