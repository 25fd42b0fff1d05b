"""The regime of votes whose kind is obvious, and that it ignores copies and order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weaklabel.errors import IdentifiabilityWarning
from weaklabel.inference.anchored.silence import clear_silence
from weaklabel.models import LabelModel
from weaklabel.votes.synthetic import planted_votes


def regime(dense):
    return LabelModel().fit(dense)._found.regime


def rules(n=600, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    columns = [
        np.where(rng.random(n) < np.where(y == v, 0.4, 0.05), v, -1) for v in (0, 0, 0, 1, 1, 1)
    ]
    return np.column_stack(columns)


def panel(propensity=1.0, n_voters=8, n=600, seed=0, shared=0.7):
    """Voters that look at the same wrong hint on a share of the items."""
    accuracy = np.linspace(0.6, 0.8, n_voters)
    dense = planted_votes(n, accuracy=accuracy, propensity=propensity, seed=seed).votes.to_dense()
    rng = np.random.default_rng(seed)
    hint = rng.integers(0, 2, n)
    follows = (rng.random(n) < shared)[:, None] & (np.arange(n_voters) % 2 == 0)
    return np.where(follows & (dense >= 0), hint[:, None], dense)


def crowd(seed=0):
    return panel(propensity=0.1, n_voters=60, seed=seed)


def test_rules():
    found = regime(rules())
    assert found.kind == "rules"
    assert (found.share, found.confusion_weight, found.temperature) == (0.0, 0.0, 1.0)


def test_a_fixed_panel():
    found = regime(panel())
    assert found.kind == "panel"
    assert found.density == pytest.approx(1.0, abs=0.01)
    assert found.overlap == pytest.approx(1.0, abs=0.01)
    assert found.independence < 0.02
    assert found.confusion_weight == pytest.approx(6.0, rel=0.1)
    assert found.class_exponent == pytest.approx(0.5, abs=0.01)
    assert found.temperature < 1.0


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("balance", [[0.5, 0.5], [0.8, 0.2], [0.5, 0.3, 0.2]])
def test_independent_voters_are_believed(balance, seed):
    accuracy = np.linspace(0.6, 0.8, 10)
    votes = planted_votes(4000, accuracy=accuracy, class_balance=balance, seed=seed).votes
    found = regime(votes)
    # a skewed balance is learned slowly, and what is missing looks like dependence
    assert found.independence > (0.3 if balance[0] == 0.8 else 0.8)
    assert found.temperature > 0.8
    assert found.class_exponent > 0.8
    assert found.confusion_weight > 20
    few = planted_votes(60, accuracy=accuracy, class_balance=balance, seed=seed).votes
    assert regime(few).independence < 0.5  # sixty rows cannot show it


def test_copies_are_not_held_against_independence():
    dense = panel(n=4000, shared=0.0)
    assert regime(dense).independence > 0.8
    assert regime(np.column_stack([dense, dense[:, :2]])).independence > 0.8


def test_coins_do_not_pass_for_independent_voters():
    coins = np.random.default_rng(0).integers(0, 2, (600, 10))
    assert regime(np.column_stack([rules(), coins])).independence < 0.2


def test_a_crowd():
    found = regime(crowd())
    assert found.kind == "crowd"
    assert found.density < 0.2
    assert found.class_exponent > 0.9
    assert found.temperature > 0.9


def test_a_mixture():
    assert regime(np.column_stack([rules(), panel(n_voters=4)])).kind == "mixture"


def test_voters_that_hardly_meet_have_no_confusion_matrices():
    dense = panel(n_voters=6)
    alone = np.where(np.arange(6) == np.arange(len(dense))[:, None] % 6, dense, -1)
    found = regime(alone)
    assert found.overlap == 0.0
    assert found.confusion_weight == 0.0
    assert found.kind == "rules"


def test_two_voters_have_no_confusion_matrices():
    with_rules = np.column_stack([rules(), panel(n_voters=2)])
    assert regime(with_rules).confusion_weight == 0.0


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), which=st.integers(0, 3), copies=st.integers(1, 5))
def test_copies_are_one_voter(seed, which, copies):
    dense = np.column_stack([rules(200, seed), panel(0.7, 4, 200, seed)])
    copied = np.column_stack([dense] + [dense[:, [6 + which]]] * copies)
    one, many = regime(dense), regime(copied)
    for name in ("share", "overlap", "density", "votes_per_item", "coverage"):
        assert getattr(many, name) == pytest.approx(getattr(one, name), abs=0.01)


def test_silence_speaks_only_with_a_clear_lead():
    assert (clear_silence(np.array([0.2, -0.2]), 0.41) == 0).all()
    spoken = clear_silence(np.array([0.4, -0.4]), 0.41)
    assert spoken[0] > 0 > spoken[1]
    assert spoken[0] - spoken[1] == pytest.approx(0.8 - 0.41)
    assert clear_silence(np.array([1.4, 0.6]), 0.41) == pytest.approx(spoken)
    assert np.ptp(clear_silence(np.array([5.0, -5.0]), 0.41)) == pytest.approx(1.0)  # capped
    # the lead is over the next
    assert (clear_silence(np.array([1.0, 0.9, -1.9]), 0.41) == 0).all()
    assert (clear_silence(np.zeros(1), 0.41) == 0).all()


def test_rows_without_votes_lean_where_silence_is_clear():
    """Three rules fire on most rows of class 0, one rarely on class 1: silence tells of class 1."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 2000)
    often = [np.where((y == 0) & (rng.random(2000) < 0.7), 0, -1) for _ in range(3)]
    rare = [np.where((y == 1) & (rng.random(2000) < 0.2), 1, -1) for _ in range(2)]
    dense = np.column_stack([*often, *rare])
    model = LabelModel().fit(dense)
    p = model.predict_proba(dense)[(dense < 0).all(axis=1)]
    assert (p[:, 1] > 0.5).all()
    assert (p[:, 1] < 0.75).all()  # it leans, no more
    assert (model.predict(dense)[(dense < 0).all(axis=1)] == -1).all()
    with pytest.warns(IdentifiabilityWarning, match="too_few_lfs"):
        even = LabelModel().fit(np.column_stack([*often[:1], *rare[:1]])[:50])
    np.testing.assert_allclose(even.parameters_.empty.sum(), 1.0)
