"""The certificate against the Bayes rule over all outcomes, and on votes with known parameters."""

from __future__ import annotations

import json
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from weaklabel.analysis import mv_certificate, tolerable_noise, weakest_lead
from weaklabel.errors import ConfigError, FitError
from weaklabel.models import LabelModel, OneCoin
from weaklabel.votes.synthetic import planted_votes


def bayes_and_count(noise, balance):
    """Whether the majority vote is optimal on every outcome without a tie, by enumeration."""
    n_classes = len(balance)
    for outcome in product(range(n_classes), repeat=len(noise)):
        count = np.bincount(outcome, minlength=n_classes)
        if (count == count.max()).sum() > 1:
            continue
        score = np.log(balance)
        for vote, e in zip(outcome, noise, strict=True):
            score = score + np.where(
                np.arange(n_classes) == vote, np.log(1 - e), np.log(e / (n_classes - 1))
            )
        if score[count.argmax()] < score.max() - 1e-9:
            return False
    return True


@given(
    st.lists(st.floats(0.05, 1.0), min_size=2, max_size=4),
    st.integers(1, 5),
    st.floats(0.02, 0.95),
)
@settings(max_examples=150, deadline=None)
def test_tolerable_noise_is_where_counting_equal_votes_stops_being_optimal(balance, n, noise):
    balance = np.array(balance) / sum(balance)
    limit = tolerable_noise(balance, n)
    assume(abs(noise - limit) > 1e-6)
    assert bayes_and_count([noise] * n, balance) == (noise <= limit)


@given(st.lists(st.floats(0.02, 0.9), min_size=1, max_size=6), st.floats(0.1, 0.9))
@settings(max_examples=150, deadline=None)
def test_the_weakest_majority_decides_for_unequal_lfs(noise, share):
    needed = abs(np.log(share / (1 - share)))
    lead = weakest_lead(noise)
    assume(abs(lead - needed) > 1e-6)
    assert bayes_and_count(noise, np.array([share, 1 - share])) == (lead >= needed)


def test_tolerable_noise_in_the_textbook_cases():
    assert tolerable_noise([0.5, 0.5]) == pytest.approx(0.5)
    assert tolerable_noise([0.7, 0.3]) == pytest.approx(0.3)
    assert tolerable_noise([0.25] * 4) == pytest.approx(0.75)


def equal_votes(accuracy, balance=(0.5, 0.5), n_lfs=5):
    return planted_votes(20_000, accuracy=[accuracy] * n_lfs, class_balance=balance, propensity=1.0)


def test_equal_lfs_within_the_limit_are_certified_and_beyond_it_are_not():
    balance = (0.8, 0.2)
    good, bad = equal_votes(0.85, balance), equal_votes(0.7, balance)
    told = {"class_balance": balance}
    certified = mv_certificate(good.votes, OneCoin().fit(good.votes, **told))
    assert certified.optimal
    assert certified.optimal_share == 1.0
    assert certified.excess_error == pytest.approx(0.0)
    assert certified.would_hold_for_equal_lfs
    assert certified.noise == pytest.approx(0.15, abs=0.01)
    assert certified.tolerable_noise == pytest.approx(0.2)
    assert str(certified).startswith("if OneCoin is right, a majority vote is optimal on every row")
    refused = mv_certificate(bad.votes, OneCoin().fit(bad.votes, **told))
    assert not refused.optimal
    assert not refused.would_hold_for_equal_lfs
    assert "loses" in str(refused)


def test_what_is_foretold_is_what_is_lost():
    planted = planted_votes(
        40_000, accuracy=[0.95, 0.65, 0.6, 0.6, 0.55], class_balance=(0.7, 0.3), propensity=0.8
    )
    model = OneCoin().fit(planted.votes)
    found = mv_certificate(planted.votes, model)
    covered = planted.votes.n_votes_per_item > 0
    best = model.predict_proba(planted.votes).argmax(axis=1) == planted.truth
    dense = planted.votes.to_dense()
    count = np.stack([(dense == y).sum(axis=1) for y in (0, 1)], axis=1)
    tie = count[:, 0] == count[:, 1]
    right = np.where(tie, 0.5, count.argmax(axis=1) == planted.truth)
    lost = best[covered].mean() - right[covered].mean()
    assert found.excess_error == pytest.approx(lost, abs=0.005)
    assert lost > 0.05
    assert found.tie_share == pytest.approx(tie[covered].mean())
    assert 0 < found.tie_loss < found.excess_error
    assert not found.optimal


def test_the_default_model_and_json():
    votes = equal_votes(0.8).votes
    found = mv_certificate(votes)
    assert found.model == "LabelModel"
    assert json.loads(json.dumps(found.to_dict()))["optimal_share"] == found.optimal_share
    assert mv_certificate(votes, LabelModel().fit(votes)).to_dict() == found.to_dict()
    told = mv_certificate(votes, class_balance=[0.3, 0.7])
    np.testing.assert_allclose(told.class_balance, [0.3, 0.7], atol=1e-6)


def test_rows_without_votes_do_not_count():
    votes = equal_votes(0.8).votes
    dense = np.vstack([votes.to_dense(), np.full((5000, 5), -1)])
    model = OneCoin().fit(votes)
    padded, plain = mv_certificate(dense, model), mv_certificate(votes, model)
    assert padded.optimal_share == pytest.approx(plain.optimal_share)
    assert padded.excess_error == pytest.approx(plain.excess_error)
    assert padded.noise == pytest.approx(plain.noise)


def test_bad_input():
    with pytest.raises(ConfigError, match=r"two or more classes that add up to 1, found \[0.5"):
        tolerable_noise([0.5, 0.6])
    with pytest.raises(ConfigError, match="numbers of votes of at least 1, found 0"):
        tolerable_noise([0.5, 0.5], 0)
    with pytest.raises(ConfigError, match=r"one share in \(0, 1\) per LF, found \[0.2, 1.0\]"):
        weakest_lead([0.2, 1.0])
    with pytest.raises(FitError, match="not fitted yet"):
        mv_certificate([[0, 1]], OneCoin())
