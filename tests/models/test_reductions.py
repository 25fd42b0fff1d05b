"""Each model in the limit where it is a simpler one."""

from __future__ import annotations

import numpy as np
import pytest

from tests.models.conftest import good_votes
from weaklabel.errors import ConvergenceWarning
from weaklabel.models import ClassConditionalAccuracy, DawidSkene, MajorityVote, OneCoin
from weaklabel.votes.synthetic import planted_votes

pytestmark = pytest.mark.filterwarnings("ignore::weaklabel.errors.ConvergenceWarning")


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_equal_fixed_accuracies_and_uniform_balance_are_majority_vote(n_classes):
    """The most probable classes are those with the most votes, ties included."""
    votes = good_votes(n_classes=n_classes, accuracy=0.5)
    known = dict.fromkeys(votes.lf_names, 0.7)
    model = OneCoin(fixed_accuracy=known).fit(votes, class_balance="uniform")
    for on_tie in ("abstain", "first"):
        found = model.predict(votes, on_tie=on_tie)
        assert (found == MajorityVote().fit(votes).predict(votes, on_tie=on_tie)).all()


def test_an_overwhelming_prior_fixes_the_accuracies():
    votes = good_votes(accuracy=0.6)
    held = OneCoin(prior_accuracy=0.8, prior_strength=1e9).fit(votes, class_balance="uniform")
    known = dict.fromkeys(votes.lf_names, 0.8)
    fixed = OneCoin(fixed_accuracy=known).fit(votes, class_balance="uniform")
    np.testing.assert_allclose(held.predict_proba(votes), fixed.predict_proba(votes), atol=1e-5)


def test_for_two_classes_per_class_accuracy_is_a_confusion_matrix():
    votes = planted_votes(800, accuracy=[0.9, 0.7, 0.8, 0.6], seed=4).votes
    settings = {"tol": 1e-13, "max_iter": 3000}
    confusion = DawidSkene(**settings).fit(votes)
    per_class = ClassConditionalAccuracy(**settings).fit(votes)
    np.testing.assert_allclose(
        per_class.predict_proba(votes), confusion.predict_proba(votes), atol=1e-6
    )


def test_variational_bayes_with_much_data_is_maximum_likelihood():
    votes = planted_votes(60_000, accuracy=[0.9, 0.7, 0.8, 0.75], seed=4).votes
    bayes = DawidSkene(inference="vb", prior_strength=0.5, tol=1e-10).fit(votes)
    point = DawidSkene(prior_strength=0.5, tol=1e-10).fit(votes)
    np.testing.assert_allclose(bayes.predict_proba(votes), point.predict_proba(votes), atol=5e-3)


def test_silence_that_does_not_depend_on_the_class_changes_little():
    votes = planted_votes(20_000, accuracy=[0.9, 0.7, 0.8, 0.75], propensity=0.6, seed=4).votes
    ignored = DawidSkene().fit(votes).predict_proba(votes)
    heard = DawidSkene(abstain="informative").fit(votes).predict_proba(votes)
    assert np.abs(heard - ignored).max() < 0.05


def test_no_steps_of_em_and_equal_priors_are_majority_vote():
    votes = good_votes()
    with pytest.warns(ConvergenceWarning, match="raise max_iter or tol"):
        model = OneCoin(max_iter=1, init="vote_share").fit(votes, class_balance="uniform")
    assert model.n_iter_ == 1
