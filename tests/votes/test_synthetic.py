"""The generator draws what it says."""

from __future__ import annotations

import numpy as np
import pytest

from weaklabel.errors import ConfigError
from weaklabel.votes.synthetic import planted_votes

N = 40_000
TOLERANCE = 0.015  # about four standard errors of a share at N / 5 votes


def shares(dense, truth, j, y, n_classes):
    votes = dense[truth == y, j]
    voted = votes[votes >= 0]
    return len(voted) / len(votes), np.bincount(voted, minlength=n_classes) / max(len(voted), 1)


def test_tables_propensities_and_balance_are_those_planted():
    rng = np.random.default_rng(1)
    confusion = rng.dirichlet(np.ones(3), size=(4, 3))
    propensity = rng.uniform(0.3, 0.9, (4, 3))
    planted = planted_votes(
        N, confusion=confusion, propensity=propensity, class_balance=[0.5, 0.3, 0.2], seed=2
    )
    np.testing.assert_allclose(np.bincount(planted.truth) / N, [0.5, 0.3, 0.2], atol=TOLERANCE)
    dense = planted.votes.to_dense()
    for j in range(4):
        for y in range(3):
            rate, found = shares(dense, planted.truth, j, y, 3)
            assert rate == pytest.approx(propensity[j, y], abs=TOLERANCE)
            np.testing.assert_allclose(found, confusion[j, y], atol=2 * TOLERANCE)


def test_accuracies_become_tables():
    planted = planted_votes(10, accuracy=[0.8], class_balance=[0.2, 0.3, 0.5])
    np.testing.assert_allclose(planted.confusion[0, 1], [0.1, 0.8, 0.1])
    each = planted_votes(10, accuracy=[[0.9, 0.6]])
    np.testing.assert_allclose(each.confusion[0], [[0.9, 0.1], [0.4, 0.6]])


def test_votes_are_independent_given_the_class_and_copies_are_not():
    planted = planted_votes(
        N, accuracy=[0.7, 0.7], propensity=0.8, copies=[(0, 1.0), (0, 0.6)], seed=5
    )
    dense = planted.votes.to_dense()
    assert (dense[:, 2] == dense[:, 0]).all()
    right = dense == planted.truth[:, None]
    both = (dense[:, 0] >= 0) & (dense[:, 1] >= 0)
    assert np.corrcoef(right[both, 0], right[both, 1])[0, 1] == pytest.approx(0.0, abs=TOLERANCE)
    # with probability 0.6 the same answer, else the same by chance
    chance = 0.2 * 0.2 + 0.8 * 0.8 * (0.7**2 + 0.3**2)
    agree = (dense[:, 3] == dense[:, 0]).mean()
    assert agree == pytest.approx(0.6 + 0.4 * chance, abs=TOLERANCE)


def test_one_seed_one_matrix():
    first, again, other = (planted_votes(50, accuracy=[0.8, 0.6], seed=s) for s in (3, 3, 4))
    assert first.votes == again.votes
    assert first.votes != other.votes


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "give accuracy or confusion"),
        ({"accuracy": [1.2]}, r"accuracies must lie in \[0, 1\], found 1.2 to 1.2"),
        ({"accuracy": [[0.1, 0.2, 0.3]]}, r"shape \(n_lfs,\) or \(n_lfs, 2\), found \(1, 3\)"),
        ({"confusion": [[0.5, 0.5]]}, r"shape \(n_lfs, 2, 2\), found \(1, 2\)"),
        ({"accuracy": [0.8], "class_balance": [0.5, 0.6]}, "class_balance must be nonnegative"),
        ({"accuracy": [0.8], "propensity": [0.1, 0.2]}, r"have shape \(1,\) or \(1, 2\)"),
        ({"accuracy": [0.8], "propensity": -0.1}, "propensities must lie in"),
        ({"accuracy": [0.8], "copies": [(3, 1.0)]}, r"LF below 1, .*found \(3, 1.0\)"),
    ],
)
def test_settings_that_describe_nothing(settings, message):
    with pytest.raises(ConfigError, match=message):
        planted_votes(10, **settings)
