"""The report of the default: planted facts are found, numbers are sane, words say them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.models.conftest import good_votes
from weaklabel.errors import FitError
from weaklabel.models import LabelModel, load_model
from weaklabel.votes import VoteMatrix
from weaklabel.votes.synthetic import planted_votes


def planted(n=3000, seed=0):
    """Six voters, a copy of the second, a coin, a constant rule; some rows without other votes."""
    rng = np.random.default_rng(seed)
    found = planted_votes(n, accuracy=[0.85, 0.75, 0.8, 0.7, 0.65, 0.7], propensity=0.6, seed=seed)
    dense = found.votes.to_dense()
    coin = rng.integers(0, 2, n)
    constant = np.zeros(n, dtype=int)
    dense = np.column_stack([dense, dense[:, 1], coin, constant])
    dense[:50] = -1
    names = [*"abcdef", "b again", "coin", "always 0"]
    votes = VoteMatrix.from_dense(dense, labels=["ham", "spam"], lf_names=names)
    return votes, found.truth


def test_planted_facts_are_found():
    votes, _ = planted()
    report = LabelModel().fit(votes).report_
    lfs = {lf.name: lf for lf in report.lfs}
    assert [c.lf_names for c in report.clusters] == [("b", "b again")]
    assert report.clusters[0].effective_votes == pytest.approx(1.0, abs=0.01)
    assert lfs["coin"].as_noise < 0.3
    assert lfs["coin"].agreement < 0.05 < lfs["a"].agreement
    assert lfs["always 0"].worth < 0.2
    assert lfs["always 0"].is_rule
    assert not lfs["a"].is_rule
    assert lfs["a"].worth > 0.95
    assert report.n_rows_without_votes == 50
    assert report.n_rows == 3000
    # the order of what the LFs are believed to be is that of what they are
    believed = [lfs[name].accuracy for name in "ade"]
    assert believed == sorted(believed, reverse=True)
    assert sum(report.member_weights.values()) == pytest.approx(1.0)
    assert report.balance_source == "unknown"
    assert report.gold is None


def test_words_name_what_was_found():
    votes, truth = planted()
    gold = np.full(len(truth), -1)
    gold[50:150] = truth[50:150]
    text = str(LabelModel().fit(votes, gold).report_)
    for part in (
        "b, b again",
        "as noise: coin",
        "as constant: always 0",
        "50 of 3,000 rows (2%) have no votes",
        "A majority vote gives the same label on",
        "100 gold rows: temperature",
        "Class balance (from gold)",
    ):
        assert part in text
    told = LabelModel().fit(votes, class_balance=[0.3, 0.7]).report_
    assert "Class balance (as given): spam 70%, ham 30%" in str(told)
    assert told.balance_source == "given"


def test_it_is_data():
    votes, _ = planted()
    found = json.loads(json.dumps(LabelModel().fit(votes).report_.to_dict(), allow_nan=False))
    assert found["kind"] in ("rules", "panel", "crowd", "mixture")
    assert found["lfs"][0]["accuracy_on_gold"] is None
    assert found["clusters"][0]["lf_names"] == ["b", "b again"]
    assert sum(found["found_balance"].values()) == pytest.approx(1.0)


def test_accuracies_on_gold_are_counted():
    votes, truth = planted()
    dense = votes.to_dense()
    gold = np.full(len(truth), -1)
    gold[::10] = truth[::10]
    lf = LabelModel().fit(votes, gold).report_.lfs[3]
    cast = (dense[:, 3] >= 0) & (gold >= 0)
    assert lf.n_gold == cast.sum()
    assert lf.accuracy_on_gold == pytest.approx((dense[cast, 3] == gold[cast]).mean())
    assert lf.n_votes == (dense[:, 3] >= 0).sum()


def test_a_majority_vote_that_would_do_is_said_to():
    truth = np.random.default_rng(0).integers(0, 2, 500)
    dense = np.tile(truth[:, None], (1, 3))
    dense[:5, 0] = 1 - truth[:5]
    report = LabelModel().fit(dense).report_
    assert report.majority_would_do
    assert "a majority vote would have done" in str(report)
    assert report.majority_ties == 0.0
    assert not LabelModel().fit(planted()[0]).report_.majority_would_do


def test_it_is_there_again_after_loading(tmp_path):
    votes, _ = planted()
    model = LabelModel().fit(votes)
    model.save(tmp_path / "whole.npz", statistics=True)
    assert load_model(tmp_path / "whole.npz").report_.to_dict() == model.report_.to_dict()
    model.save(tmp_path / "lean.npz")
    with pytest.raises(FitError, match="statistics=True"):
        _ = load_model(tmp_path / "lean.npz").report_


def test_a_second_fit_makes_a_new_report():
    votes, _ = planted()
    model = LabelModel().fit(votes)
    first = model.report_
    assert model.report_ is first
    assert model.fit(good_votes()).report_ is not first


def test_many_classes_and_names_are_shortened():
    rng = np.random.default_rng(0)
    dense = rng.integers(0, 12, (300, 4))
    text = str(LabelModel().fit(dense).report_)
    assert "and 4 more" in text


def test_dependence_is_named_with_its_effective_votes_and_not_discounted():
    found = planted_votes(4000, accuracy=np.linspace(0.65, 0.8, 8), copies=[(2, 0.6)], seed=1)
    report = LabelModel().fit(found.votes).report_
    (cluster,) = report.dependent
    assert cluster.lf_names == ("lf_2", "lf_8")
    assert 1.0 < cluster.effective_votes < 1.7
    assert report.clusters == ()
    assert all(lf.as_copy > 0.95 for lf in report.lfs)
    assert "lf_2, lf_8 (2 LFs" in str(report)


def test_dependence_among_many_lfs_is_left_to_its_own_function():
    votes = planted_votes(300, accuracy=np.full(41, 0.7), propensity=0.2).votes
    report = LabelModel().fit(votes).report_
    assert report.dependent is None
    assert "not looked for among 41 LFs" in str(report)


def test_intervals_are_counted_on_gold_and_cover():
    """90 % intervals over 15 draws of votes and 100 gold rows."""
    covered = []
    accuracy = np.linspace(0.6, 0.9, 8)
    for seed in range(15):
        found = planted_votes(1000, accuracy=accuracy, seed=seed)
        gold = np.full(1000, -1)
        gold[:100] = found.truth[:100]
        report = LabelModel().fit(found.votes, gold).report_
        covered += [
            lf.accuracy_low <= a <= lf.accuracy_high
            for lf, a in zip(report.lfs, accuracy, strict=True)
        ]
    assert 0.84 <= np.mean(covered) <= 0.96
    assert "90% intervals" in str(report)


def test_without_gold_there_are_no_intervals():
    report = LabelModel().fit(planted()[0]).report_
    assert all(np.isnan(lf.accuracy_low) and np.isnan(lf.accuracy_high) for lf in report.lfs)
    assert "Votes alone give no interval" in str(report)
