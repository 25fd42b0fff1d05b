"""Intervals on learned accuracies: coverage, agreement of the two methods, and bad input."""

from __future__ import annotations

import numpy as np
import pytest

from weaklabel.errors import ConfigError, FitError
from weaklabel.models import (
    ClassConditionalAccuracy,
    DawidSkene,
    MajorityVote,
    OneCoin,
    accuracy_intervals,
    load_model,
)
from weaklabel.votes.synthetic import planted_votes

MODELS = [DawidSkene, OneCoin, ClassConditionalAccuracy]


def planted(seed=0, n_items=3000, **settings):
    accuracy = np.random.default_rng(seed).uniform(0.55, 0.9, 10)
    return planted_votes(n_items, accuracy=accuracy, seed=seed, **settings), accuracy


@pytest.mark.parametrize("make", MODELS)
@pytest.mark.parametrize("balance", [(0.5, 0.5), (0.5, 0.3, 0.2)])
def test_both_methods_give_the_same_width(make, balance):
    data, _ = planted(class_balance=balance)
    model = make().fit(data.votes)
    information = accuracy_intervals(model)
    bootstrap = accuracy_intervals(model, method="bootstrap", n_draws=150)
    assert (information.method, bootstrap.method) == ("information", "bootstrap")
    np.testing.assert_allclose(information.accuracy, model.lf_accuracy_, atol=1e-3)
    np.testing.assert_allclose(bootstrap.accuracy, information.accuracy, atol=1e-9)
    ratio = (bootstrap.high - bootstrap.low) / (information.high - information.low)
    assert 0.85 < np.median(ratio) < 1.15


@pytest.mark.slow
@pytest.mark.parametrize("make", MODELS)
@pytest.mark.parametrize(
    "settings",
    [{}, {"class_balance": (0.8, 0.2)}, {"class_balance": (0.5, 0.3, 0.2)}, {"propensity": 0.2}],
)
def test_ninety_percent_intervals_cover(make, settings):
    hits = []
    for seed in range(60):
        data, accuracy = planted(seed, **settings)
        found = accuracy_intervals(make().fit(data.votes), level=0.9)
        hits.append((found.low < accuracy) & (accuracy < found.high))
    assert 0.86 <= np.mean(hits) <= 0.94


@pytest.mark.slow
def test_bootstrap_intervals_cover_where_silence_is_evidence():
    hits = []
    for seed in range(40):
        data, accuracy = planted(seed)
        found = accuracy_intervals(DawidSkene(abstain="informative").fit(data.votes))
        assert found.method == "bootstrap"
        hits.append((found.low < accuracy) & (accuracy < found.high))
    assert 0.86 <= np.mean(hits) <= 0.94


def test_four_times_the_rows_halve_the_width():
    widths = []
    for n_items in (1500, 6000):
        found = accuracy_intervals(DawidSkene().fit(planted(n_items=n_items)[0].votes))
        widths.append((found.high - found.low).mean())
    assert widths[0] / widths[1] == pytest.approx(2.0, rel=0.15)


def test_a_known_class_balance_is_not_estimated():
    data, _ = planted(class_balance=(0.8, 0.2), n_items=1000)
    told = accuracy_intervals(DawidSkene().fit(data.votes, class_balance=[0.8, 0.2]))
    untold = accuracy_intervals(DawidSkene().fit(data.votes))
    assert (told.high - told.low).mean() < (untold.high - untold.low).mean()


def test_wider_levels_are_wider_and_ends_stay_inside():
    model = DawidSkene().fit(planted(n_items=300)[0].votes)
    narrow, wide = (accuracy_intervals(model, level=level) for level in (0.5, 0.99))
    for found in (narrow, wide):
        assert (found.low > 0).all()
        assert (found.low < found.accuracy).all()
        assert (found.accuracy < found.high).all()
        assert (found.high < 1).all()
    assert (wide.low < narrow.low).all()
    assert (narrow.high < wide.high).all()
    table = narrow.to_pandas()
    assert table.columns.tolist() == ["lf", "accuracy", "low", "high", "n_votes"]


@pytest.mark.parametrize(
    "model",
    [
        MajorityVote(),
        DawidSkene(dependencies=[("lf_00", "lf_10")]),
        DawidSkene(abstain="informative"),
    ],
)
def test_other_models_are_refitted_and_left_as_they_are(model):
    data, _ = planted(n_items=500, copies=[(0, 0.5)])
    model.fit(data.votes)
    before = model.parameters_hash(), model.get_params()
    found = accuracy_intervals(model, n_draws=10)
    assert found.method == "bootstrap"
    assert (found.low < found.high).all()
    assert (model.parameters_hash(), model.get_params()) == before
    again = accuracy_intervals(model, n_draws=10)
    assert (again.low == found.low).all()
    with pytest.raises(ConfigError, match=r"information does not apply: .*use method='bootstrap'"):
        accuracy_intervals(model, method="information")


def test_many_parameters_are_left_to_the_bootstrap(monkeypatch):
    monkeypatch.setattr("weaklabel.models.intervals.MAX_PARAMETERS", 10)
    model = DawidSkene().fit(planted(n_items=200)[0].votes)
    assert accuracy_intervals(model, n_draws=3).method == "bootstrap"
    with pytest.raises(ConfigError, match="there are 40 parameters, more than 10"):
        accuracy_intervals(model, method="information")


def test_bad_input(tmp_path):
    votes = planted(n_items=200)[0].votes
    with pytest.raises(FitError, match="not fitted yet"):
        accuracy_intervals(DawidSkene())
    model = DawidSkene().fit(votes)
    with pytest.raises(ConfigError, match=r"level must be a number in \(0, 1\), found 90"):
        accuracy_intervals(model, level=90)
    with pytest.raises(ConfigError, match=r"method must be one of 'auto', .* found 'exact'"):
        accuracy_intervals(model, method="exact")
    with pytest.raises(ConfigError, match="n_draws must be at least 2, found 1"):
        accuracy_intervals(model, method="bootstrap", n_draws=1)
    model.save(tmp_path / "model.npz")
    loaded = load_model(tmp_path / "model.npz")
    with pytest.raises(FitError, match="pass the votes it was fitted on"):
        accuracy_intervals(loaded)
    np.testing.assert_allclose(accuracy_intervals(loaded, votes).low, accuracy_intervals(model).low)
