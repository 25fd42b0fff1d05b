"""What the default makes of gold, of a class balance, and of the metric the user names."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weaklabel.errors import ConfigError, FitError, IdentifiabilityWarning
from weaklabel.inference.calibration import log_loss
from weaklabel.models import LabelModel, load_model
from weaklabel.votes.synthetic import planted_votes


def skewed(n=3000, seed=0):
    return planted_votes(
        n,
        accuracy=[0.75, 0.7, 0.7, 0.65, 0.7],
        class_balance=[0.85, 0.15],
        propensity=0.5,
        seed=seed,
    )


def some_gold(truth, n, seed=0):
    gold = np.full(len(truth), -1)
    rows = np.random.default_rng(seed).choice(len(truth), n, replace=False)
    gold[rows] = truth[rows]
    return gold


def test_a_little_gold_makes_it_righter_and_better_calibrated():
    votes, truth = skewed().votes, skewed().truth
    before = LabelModel().fit(votes).predict_proba(votes)
    accuracy, loss = [], []
    for seed in range(5):
        gold = some_gold(truth, 50, seed)
        after = LabelModel().fit(votes, gold).predict_proba(votes)
        rest = np.flatnonzero(gold < 0)
        right = [(p[rest].argmax(axis=1) == truth[rest]).mean() for p in (before, after)]
        losses = [log_loss(p[rest], truth[rest], np.ones(len(rest))) for p in (before, after)]
        accuracy.append(right[1] - right[0])
        loss.append(losses[1] - losses[0])
    assert np.mean(accuracy) > 0.04
    assert np.mean(loss) < -0.1


def test_the_class_balance_comes_from_gold():
    planted = skewed()
    model = LabelModel().fit(planted.votes, some_gold(planted.truth, 400))
    np.testing.assert_allclose(model.class_balance_, [0.85, 0.15], atol=0.05)
    told = LabelModel().fit(planted.votes, some_gold(planted.truth, 50), [0.6, 0.4])
    np.testing.assert_allclose(told.class_balance_, [0.6, 0.4])


def test_an_even_balance_is_met_and_a_skewed_one_part_of_the_way():
    planted = planted_votes(
        3000, accuracy=[0.75, 0.7, 0.7, 0.65], class_balance=[0.3, 0.7], propensity=0.5, seed=1
    )
    votes = planted.votes
    voted = votes.n_votes_per_item > 0
    blind = LabelModel().fit(votes).predict_proba(votes)[voted].mean(axis=0)
    even, skewed_ = ([0.5, 0.5], [0.05, 0.95])
    met = LabelModel().fit(votes, class_balance=even).predict_proba(votes)[voted].mean(axis=0)
    np.testing.assert_allclose(met, even, atol=1e-3)
    part = LabelModel().fit(votes, class_balance=skewed_).predict_proba(votes)[voted].mean(axis=0)
    assert 0.05 + 0.05 < part[0] < blind[0] - 0.03


def test_gold_of_one_class_does_not_calibrate():
    planted = skewed()
    gold = np.where(planted.truth == 0, 0, -1)
    gold[np.flatnonzero(gold == 0)[30:]] = -1
    with pytest.warns(IdentifiabilityWarning, match="all 30 gold rows are of class '0'"):
        model = LabelModel().fit(planted.votes, gold)
    assert model.parameters_.temperature == LabelModel().fit(planted.votes).parameters_.temperature
    assert (model.parameters_.tilt == 0).all()
    assert not model.report_.gold.calibrated
    assert "all of one class" in str(model.report_)


def test_gold_tells_which_lfs_are_wrong():
    """One LF of five is turned round: gold turns its weight, and little else."""
    planted = planted_votes(3000, accuracy=[0.8, 0.75, 0.7, 0.7, 0.8], propensity=0.6, seed=3)
    dense = planted.votes.to_dense()
    dense[:, 4] = np.where(dense[:, 4] >= 0, 1 - dense[:, 4], -1)
    blind = LabelModel().fit(dense)
    model = LabelModel().fit(dense, some_gold(planted.truth, 300))
    from_gold = [lf.from_gold for lf in model.report_.lfs]
    assert from_gold[4] < -1.0
    assert np.abs(from_gold[:4]).max() < 0.4
    assert "Gold gave these LFs less weight: lf_4." in str(model.report_)
    assert all(lf.from_gold == 0.0 for lf in blind.report_.lfs)
    right = [
        (m.predict_proba(dense).argmax(axis=1) == planted.truth).mean() for m in (blind, model)
    ]
    assert right[1] > right[0] + 0.02


def test_contradictory_gold_is_survived():
    dense = np.tile([[0, 0, 1], [1, 1, 0]], (50, 1))
    gold = np.tile([0, 1, 1, 0], 25)  # half of each pattern is of each class
    p = LabelModel().fit(dense, gold).predict_proba(dense)
    assert np.isfinite(p).all()
    assert np.abs(p - 0.5).max() < 0.2  # told that votes say nothing, it says little


def test_gold_that_contradicts_the_votes_is_said():
    planted = skewed()
    swapped = some_gold(1 - planted.truth, 100)
    with pytest.warns(IdentifiabilityWarning, match=r"gold contradicts the votes: .* gold rows"):
        LabelModel().fit(planted.votes, swapped)


def test_explanations_add_up_after_calibration():
    planted = skewed(500)
    model = LabelModel().fit(planted.votes, some_gold(planted.truth, 60))
    assert model.parameters_.temperature != 1.0
    for row in range(20):
        found = model.explain(planted.votes, row)
        total = found.prior + found.contributions.sum(axis=0)
        np.testing.assert_allclose(np.exp(total), found.probabilities, atol=1e-9)


def test_gold_survives_a_file(tmp_path):
    planted = skewed(500)
    model = LabelModel(metric="f1").fit(planted.votes, some_gold(planted.truth, 60))
    model.save(tmp_path / "m.npz")
    again = load_model(tmp_path / "m.npz")
    assert (again.predict_proba(planted.votes) == model.predict_proba(planted.votes)).all()
    assert (again.predict(planted.votes) == model.predict(planted.votes)).all()
    assert again.parameters_hash() == model.parameters_hash()


def f1(answer, truth, positive=1):
    hit = ((answer == positive) & (truth == positive)).sum()
    return 2 * hit / ((answer == positive).sum() + (truth == positive).sum())


def test_the_threshold_is_for_the_metric_named():
    planted = skewed(6000)
    gold = some_gold(planted.truth, 200)
    plain, for_f1 = (
        LabelModel(metric=metric).fit(planted.votes, gold) for metric in ("accuracy", "f1")
    )
    voted = planted.votes.n_votes_per_item > 0
    truth = planted.truth[voted]
    answers = [m.predict(planted.votes, on_tie="first")[voted] for m in (plain, for_f1)]
    assert (answers[0] == truth).mean() > (answers[1] == truth).mean()
    assert f1(answers[1], truth) > f1(answers[0], truth) + 0.02
    np.testing.assert_array_equal(
        plain.predict_proba(planted.votes), for_f1.predict_proba(planted.votes)
    )


def test_the_positive_class_may_be_named():
    planted = skewed(1000)
    rare, common = (
        LabelModel(metric="f1", positive=positive).fit(planted.votes, class_balance=[0.85, 0.15])
        for positive in (1, 0)
    )
    assert rare.decision_tilt_[1] > 0 == rare.decision_tilt_[0]
    assert common.decision_tilt_[0] > 0 == common.decision_tilt_[1]
    unnamed = LabelModel(metric="f1").fit(planted.votes, class_balance=[0.85, 0.15])
    np.testing.assert_array_equal(unnamed.decision_tilt_, rare.decision_tilt_)


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"metric": "auc"}, "metric must be one of 'accuracy', 'f1', found 'auc'"),
        ({"calibration": "platt"}, "calibration must be one of 'logistic', 'isotonic', found"),
        ({"metric": "f1", "positive": 7}, "class name or a code below 2, found 7"),
    ],
)
def test_settings_that_cannot_be(settings_, message):
    with pytest.raises(ConfigError, match=message):
        LabelModel(**settings_).fit(skewed(100).votes)


def test_f1_is_of_one_class_of_two():
    with pytest.raises(ConfigError, match="found 3 classes"):
        LabelModel(metric="f1").fit(np.arange(30).reshape(10, 3) % 3)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), with_gold=st.booleans(), told=st.booleans())
def test_rows_lfs_and_classes_may_come_in_any_order(seed, with_gold, told):
    rng = np.random.default_rng(seed)
    n, m, k = 60, int(rng.integers(3, 9)), int(rng.integers(2, 5))
    y = rng.integers(0, k, n)
    dense = np.where(rng.random((n, m)) < 0.6, y[:, None], rng.integers(0, k, (n, m)))
    dense[rng.random((n, m)) < 0.4] = -1
    for j in range(m // 2):  # half of them are rules
        dense[:, j] = np.where(dense[:, j] == j % k, j % k, -1)
    dense[np.arange(k), m - 1] = np.arange(k)  # every class is voted for
    gold = np.where(np.arange(n) % 4 == 0, y, -1) if with_gold else None
    balance = rng.dirichlet(np.full(k, 5.0)) if told else None
    rows, lfs, classes = rng.permutation(n), rng.permutation(m), rng.permutation(k)

    def turned(codes):  # class c is now the position of c in classes
        return np.where(codes >= 0, np.argsort(classes)[codes], -1)

    one = LabelModel().fit(dense, gold, balance).predict_proba(dense)
    other = turned(dense[rows][:, lfs])
    again = LabelModel().fit(
        other,
        None if gold is None else turned(gold[rows]),
        None if balance is None else balance[classes],
    )
    np.testing.assert_allclose(again.predict_proba(other), one[rows][:, classes], atol=1e-8)


def test_isotonic_calibration_is_an_option_that_lasts(tmp_path):
    planted = skewed(3000)
    gold = some_gold(planted.truth, 600)
    plain = LabelModel().fit(planted.votes, gold)
    model = LabelModel(calibration="isotonic").fit(planted.votes, gold)
    p, q = plain.predict_proba(planted.votes), model.predict_proba(planted.votes)
    np.testing.assert_allclose(q.sum(axis=1), 1.0)
    assert np.abs(p - q).max() > 0.01
    voted = planted.votes.n_votes_per_item > 0
    np.testing.assert_array_equal(p[~voted], q[~voted])
    order = np.argsort(p[voted, 0])  # the order of the rows stays
    assert (np.diff(q[voted, 0][order]) > -1e-9).all()
    rest = gold < 0
    losses = [log_loss(each[rest], planted.truth[rest], np.ones(rest.sum())) for each in (p, q)]
    assert losses[1] < losses[0] + 0.01  # here the logistic form is the true one
    for row in range(20):
        found = model.explain(planted.votes, row)
        total = found.prior + found.contributions.sum(axis=0)
        np.testing.assert_allclose(np.exp(total), found.probabilities, atol=1e-9)
    model.save(tmp_path / "m.npz")
    again = load_model(tmp_path / "m.npz")
    assert (again.predict_proba(planted.votes) == q).all()
    assert again.get_params()["calibration"] == "isotonic"
    assert again.parameters_hash() == model.parameters_hash() != plain.parameters_hash()
    with pytest.raises(FitError, match="needs gold rows of two classes or more"):
        LabelModel(calibration="isotonic").fit(planted.votes)
