"""What votes leave undetermined: each finding, where it is warned of, and that its advice helps."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from weaklabel.errors import IdentifiabilityWarning
from weaklabel.models import (
    ClassConditionalAccuracy,
    DawidSkene,
    LabelModel,
    MatrixCompletion,
    OneCoin,
    Triplets,
    identifiability,
)
from weaklabel.votes import VoteMatrix
from weaklabel.votes.synthetic import planted_votes


def names_of(votes, **settings):
    return [finding.name for finding in identifiability(votes, **settings)]


def one_sided_votes(n_items=2000):
    confusion, rate = np.zeros((6, 2, 2)), np.zeros((6, 2))
    for j in range(6):
        confusion[j, :, j % 2] = 1.0
        rate[j, j % 2], rate[j, 1 - j % 2] = 0.6, 0.15
    return planted_votes(n_items, confusion=confusion, propensity=rate)


def test_good_votes_leave_nothing_to_say():
    assert identifiability(planted_votes(500, accuracy=[0.8, 0.7, 0.6]).votes) == []


def test_two_lfs_are_too_few_and_a_third_is_enough():
    votes = planted_votes(500, accuracy=[0.8, 0.7, 0.75]).votes
    assert names_of(votes.select_lfs([0, 1])) == ["too_few_lfs"]
    assert names_of(votes) == []
    with pytest.warns(IdentifiabilityWarning, match="too_few_lfs: 2 LFs cast votes"):
        DawidSkene().fit(votes.select_lfs([0, 1]))


@pytest.mark.parametrize("n_lfs", [1, 2])
def test_the_default_warns_of_fewer_than_three_lfs(n_lfs):
    """It was silent: nothing said that its accuracies are those it began with."""
    planted = planted_votes(500, accuracy=[0.8, 0.7, 0.75])
    few = planted.votes.select_lfs(range(n_lfs))
    message = r"too_few_lfs: (1 LF casts|2 LFs cast) votes: .* add LFs, or give gold"
    with pytest.warns(IdentifiabilityWarning, match=message):
        LabelModel().fit(few)
    LabelModel().fit(planted.votes)  # the advice; warnings are errors here
    LabelModel().fit(few, np.where(np.arange(500) < 60, planted.truth, -1))


@pytest.mark.parametrize("make", [LabelModel, DawidSkene, MatrixCompletion, Triplets])
def test_odd_gold_is_said_of_whatever_the_model(make):
    """Wrong gold won over the votes before the two were compared, and so nothing was said."""
    planted = planted_votes(300, accuracy=np.linspace(0.6, 0.8, 6))
    wrong = np.where(np.arange(300) < 100, 1 - planted.truth, -1)
    with pytest.warns(IdentifiabilityWarning, match=r"contradicts the votes: .* 100 gold rows"):
        make().fit(planted.votes, wrong)
    first = np.where((np.arange(300) < 100) & (planted.truth == 0), 0, -1)
    with pytest.warns(IdentifiabilityWarning, match=r"gold rows are of class '0': .* add gold of"):
        make().fit(planted.votes, first)
    make().fit(planted.votes, np.where(np.arange(300) < 100, planted.truth, -1))


def test_copies_declared_are_one_voter():
    votes = planted_votes(500, accuracy=[0.8, 0.7], copies=[(0, 1.0)]).votes
    with pytest.warns(IdentifiabilityWarning, match="too_few_lfs: 2 LFs cast votes"):
        DawidSkene(dependencies=[("lf_0", "lf_2")]).fit(votes)


def test_a_class_that_few_name_is_named():
    confusion = np.tile([[0.9, 0.1, 0.0], [0.1, 0.9, 0.0], [0.5, 0.5, 0.0]], (4, 1, 1))
    confusion[0, 2] = [0.1, 0.1, 0.8]
    planted = planted_votes(
        900, confusion=confusion, class_balance=[0.4, 0.4, 0.2], labels=["a", "b", "c"]
    )
    (found,) = identifiability(planted.votes)
    assert found.name == "few_per_class"
    assert found.names == ("c",)
    assert "fewer than three LFs name the class 'c' (1)" in found.message
    confusion[1:3, 2] = [0.1, 0.1, 0.8]  # the advice
    planted = planted_votes(900, confusion=confusion, class_balance=[0.4, 0.4, 0.2])
    assert identifiability(planted.votes) == []


def blocks(n_items=600):
    votes = planted_votes(n_items, accuracy=np.full(6, 0.8)).votes.to_dense().copy()
    votes[: n_items // 2, :2] = -1
    votes[n_items // 2 :, 2:] = -1
    return votes


def test_blocks_that_share_no_row_and_lfs_that_overlap_too_little():
    found = identifiability(blocks())
    assert [f.name for f in found] == ["few_overlaps", "disconnected"]
    assert found[0].names == found[1].names == ("lf_0", "lf_1")
    assert "2 blocks that vote on no row in common, one of them 'lf_0', 'lf_1'" in found[1].message
    with pytest.warns(IdentifiabilityWarning) as caught:
        OneCoin().fit(blocks())
    assert len(caught) == 2
    rng = np.random.default_rng(0)
    bridge = np.where(rng.random(600) < 0.5, rng.integers(0, 2, 600), -1)
    assert identifiability(np.column_stack([blocks(), bridge])) == []  # the advice
    assert identifiability(blocks(), silence=True) == []


def test_what_the_sample_does_not_show_the_whole_may(monkeypatch):
    monkeypatch.setattr("weaklabel.models.findings.N_SAMPLE", 1)
    assert identifiability(planted_votes(500, accuracy=[0.8, 0.7, 0.6]).votes) == []
    assert names_of(blocks()) == ["few_overlaps", "disconnected"]


@pytest.mark.parametrize("make", [DawidSkene, ClassConditionalAccuracy])
def test_rules_for_one_class_teach_a_model_that_ignores_silence_nothing(make):
    """These models used to say "converged" and label at random."""
    planted = one_sided_votes()
    with pytest.warns(IdentifiabilityWarning, match="one_sided: 100% of the votes are from 6 LFs"):
        make().fit(planted.votes)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = make(abstain="informative").fit(planted.votes)  # the advice
        OneCoin().fit(planted.votes)
        make().fit(planted.votes, gold=planted.truth)
    right = model.predict_proba(planted.votes).argmax(axis=1) == planted.truth
    assert right[planted.votes.n_votes_per_item > 0].mean() > 0.8


def test_one_class_only_has_a_warning_of_its_own():
    votes = VoteMatrix.from_dense(np.zeros((50, 4), dtype=int), labels=["a", "b"])
    with pytest.warns(IdentifiabilityWarning) as caught:
        DawidSkene().fit(votes)
    assert [str(w.message)[:24] for w in caught] == ["every vote is for one cl"]
