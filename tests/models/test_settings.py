"""Gold, priors, strong rules, starts, shards and files of the models fitted by EM."""

from __future__ import annotations

import numpy as np
import pytest

from tests.models.conftest import good_votes
from weaklabel.errors import ConfigError, ConvergenceWarning, FitError, IdentifiabilityWarning
from weaklabel.labels import Confident, LabelSpace, Not, OneOf, Reason, VoteAlphabet
from weaklabel.models import (
    ClassConditionalAccuracy,
    DawidSkene,
    LabelModel,
    MajorityVote,
    OneCoin,
    load_model,
)
from weaklabel.votes import VoteMatrix
from weaklabel.votes.synthetic import planted_votes


def accuracy_of(p, truth):
    return (p.argmax(axis=1) == truth).mean()


# -- gold ----------------------------------------------------------------------------------------


def test_fifty_gold_rows_turn_a_solution_that_is_upside_down():
    """Most LFs are wrong more often than right; only gold can tell."""
    planted = planted_votes(2000, accuracy=[0.25, 0.3, 0.2, 0.3, 0.8, 0.75], propensity=0.8, seed=1)
    gold = np.full(2000, -1)
    gold[:50] = planted.truth[:50]
    for make in (DawidSkene, OneCoin, ClassConditionalAccuracy):
        blind = accuracy_of(make().fit(planted.votes).predict_proba(planted.votes), planted.truth)
        told = make().fit(planted.votes, gold).predict_proba(planted.votes)
        assert blind < 0.2
        assert accuracy_of(told[50:], planted.truth[50:]) > 0.85


def test_fifty_gold_rows_help_on_average_where_votes_are_few():
    gains = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        planted = planted_votes(400, accuracy=rng.uniform(0.35, 0.8, 6), propensity=0.4, seed=seed)
        gold = np.full(400, -1)
        gold[:50] = planted.truth[:50]
        blind = DawidSkene().fit(planted.votes).predict_proba(planted.votes)
        told = DawidSkene().fit(planted.votes, gold).predict_proba(planted.votes)
        gains.append(
            accuracy_of(told[50:], planted.truth[50:]) - accuracy_of(blind[50:], planted.truth[50:])
        )
    assert np.mean(gains) > 0.02


def test_gold_on_every_row_is_counting():
    planted = planted_votes(500, accuracy=[0.8, 0.7, 0.6], propensity=0.9, seed=2)
    model = DawidSkene(prior_strength=0, class_prior_strength=0).fit(planted.votes, planted.truth)
    dense = planted.votes.to_dense()
    for j, name in enumerate(planted.votes.lf_names):
        for y in range(2):
            mine = dense[(planted.truth == y) & (dense[:, j] >= 0), j]
            want = np.bincount(mine, minlength=2) / len(mine)
            np.testing.assert_allclose(model.confusion(name)[y], want, atol=1e-9)


def test_gold_by_name_and_by_code_are_the_same(votes):
    codes = np.full(votes.n_items, -1)
    codes[:40] = np.arange(40) % 3
    names = [None if c < 0 else votes.labels.names[c] for c in codes]
    assert (
        DawidSkene().fit(votes, codes).parameters_hash()
        == DawidSkene().fit(votes, names).parameters_hash()
    )


# -- what is known of LFs ------------------------------------------------------------------------


def test_fixed_accuracies_stay(votes):
    model = DawidSkene(fixed_accuracy={"lf_2": 0.9}).fit(votes)
    np.testing.assert_allclose(np.diag(model.confusion("lf_2")), 0.9, atol=1e-12)
    assert not np.allclose(np.diag(model.confusion("lf_1")), 0.9)


def test_prior_accuracies_per_lf(votes):
    sure = OneCoin(prior_accuracy={"lf_0": 0.95}, prior_strength={"lf_0": 1e6}).fit(votes)
    np.testing.assert_allclose(np.diag(sure.confusion("lf_0")), 0.95, atol=1e-3)
    assert sure.lf_accuracy_[1] == pytest.approx(0.8, abs=0.1)


def test_strong_rules_win():
    dense = good_votes().to_dense().astype(int)
    dense[:, 3] = np.where(np.arange(len(dense)) % 4 == 0, np.arange(len(dense)) % 3, -1)
    votes = VoteMatrix.from_dense(dense, labels=["red", "green", "blue"])
    for make in (DawidSkene, OneCoin):
        model = make(strong=["lf_3"]).fit(votes)
        p = model.predict_proba(votes)
        cast = dense[:, 3] >= 0
        assert (p[cast].argmax(axis=1) == dense[cast, 3]).all()
        assert p[cast].max(axis=1).min() > 1 - 1e-12


def test_strong_rules_that_contradict_each_other_leave_it_to_the_others():
    dense = np.array([[0, 1, 1, 1, 1], [0, 1, 0, 0, 0], [0, -1, 0, 0, 0], [1, 1, 1, 0, 1]] * 20)
    model = OneCoin(strong=("lf_0", "lf_1")).fit(dense)
    assert model.predict(dense)[:4].tolist() == [1, 0, 0, 1]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"inference": "mcmc"}, "inference must be one of 'map', 'vb', found 'mcmc'"),
        ({"abstain": "maybe"}, "abstain must be one of"),
        ({"init": "random"}, "init must be one of"),
        ({"prior_accuracy": 1.0}, "an accuracy must be a number in"),
        ({"fixed_accuracy": {"lf_0": 0.0}}, "an accuracy must be a number in"),
        ({"prior_strength": -1}, "a strength under inference='map'"),
        ({"prior_strength": 0, "inference": "vb"}, "a strength under inference='vb'"),
        ({"max_iter": 0}, r"max_iter must be a number in \[1, inf\], found 0"),
        ({"n_init": 0}, "n_init must be"),
        ({"tol": -1.0}, "tol must be"),
        ({"gold_weight": 0}, "gold_weight must be"),
        ({"strong": ["nobody"]}, "strong names LFs that cast no column here: 'nobody'"),
        ({"prior_accuracy": {"nobody": 0.5}}, "prior_accuracy names LFs"),
        ({"backend": "fortran"}, "backend must be 'auto'"),
    ],
)
def test_settings_out_of_range(votes, settings, message):
    with pytest.raises(ConfigError, match=message):
        DawidSkene(**settings).fit(votes)


# -- starts, traces, warnings --------------------------------------------------------------------


def test_more_starts_are_never_worse():
    votes = planted_votes(300, accuracy=[0.6, 0.55, 0.6, 0.5], propensity=0.5, seed=3).votes
    one = DawidSkene(max_iter=2000).fit(votes)
    many = DawidSkene(n_init=5, random_state=1, max_iter=2000).fit(votes)
    assert many.objective_trace_[-1] >= one.objective_trace_[-1]


def test_a_warm_start_needs_fewer_steps(votes):
    model = DawidSkene(warm_start=True).fit(votes)
    first = model.n_iter_
    assert model.fit(votes).n_iter_ < first
    more = good_votes(seed=9)
    joined = VoteMatrix.from_dense(more.to_dense(), labels=more.labels)
    assert model.partial_fit(joined).n_items_ == 800


def test_traces_rise_and_say_how_it_ended(votes):
    seen = []
    model = DawidSkene().fit(votes, progress=lambda n, objective: seen.append(objective))
    assert np.diff(model.objective_trace_).min() >= -1e-12
    assert seen == model.objective_trace_.tolist()
    assert model.converged_
    assert model.status_.startswith("converged in")
    with pytest.warns(ConvergenceWarning, match="DawidSkene stopped after max_iter=2"):
        DawidSkene(max_iter=2).fit(votes)


def test_two_lfs_do_not_determine_accuracies(votes):
    two = votes.select_lfs([0, 1])
    with pytest.warns(IdentifiabilityWarning, match="2 LFs cast votes: with fewer than three"):
        DawidSkene().fit(two)
    DawidSkene().fit(two, good_votes(truth=True)[1])  # the remedy
    MajorityVote().fit(two)


def test_merging_shards_gives_the_same_tables_to_the_last_bits(votes):
    whole = DawidSkene().fit(votes)
    parts = [DawidSkene().fit(votes[a : a + 100]) for a in range(0, 400, 100)]
    assert parts[0].merge(*parts[1:]).parameters_hash() == whole.parameters_hash()


@pytest.mark.parametrize("n_distinct", [200, None], ids=["rows repeat", "rows do not repeat"])
def test_large_shards_merge_to_the_whole(n_distinct):
    planted = planted_votes(
        n_distinct or 120_000, accuracy=np.linspace(0.6, 0.9, 14), propensity=0.5, seed=1
    )
    rows = np.random.default_rng(0).integers(0, planted.votes.n_items, 120_000)
    votes = planted.votes[rows] if n_distinct else planted.votes
    whole = DawidSkene(max_iter=500, tol=1e-12).fit(votes)
    parts = [DawidSkene(max_iter=500, tol=1e-12).fit(votes[a : a + 60_000]) for a in (0, 60_000)]
    merged = parts[0].merge(parts[1])
    assert merged.n_items_ == whole.n_items_
    np.testing.assert_allclose(merged.predict_proba(votes), whole.predict_proba(votes), atol=1e-6)
    continued = DawidSkene(max_iter=500, tol=1e-12)
    for start in (0, 60_000):
        continued.partial_fit(votes[start : start + 60_000])
    assert continued.parameters_hash() == merged.parameters_hash()


def test_shards_with_gold_and_weights_merge_too(votes):
    rng = np.random.default_rng(0)
    weight = rng.integers(1, 4, votes.n_items).astype(float)
    gold = np.where(rng.random(votes.n_items) < 0.2, rng.integers(0, 3, votes.n_items), -1)
    whole = DawidSkene().fit(votes, gold, sample_weight=weight)
    halves = [
        DawidSkene().fit(votes[a:b], gold[a:b], sample_weight=weight[a:b])
        for a, b in ((0, 210), (210, 400))
    ]
    merged = halves[0].merge(halves[1])
    np.testing.assert_allclose(merged.log_table_, whole.log_table_, atol=1e-10)


def test_a_saved_model_goes_on_where_it_was(votes, tmp_path):
    model = DawidSkene(abstain="informative").fit(votes[:200])
    model.save(tmp_path / "m.npz", statistics=True)
    on = load_model(tmp_path / "m.npz").partial_fit(votes[200:])
    whole = DawidSkene(abstain="informative").fit(votes)
    assert on.parameters_hash() == whole.parameters_hash()


# -- the vote alphabet ---------------------------------------------------------------------------


def rich_votes(n_items=600, seed=0):
    """Sets, "not k", confidences and reasons beside plain votes, from known accuracies."""
    rng = np.random.default_rng(seed)
    space = LabelSpace(["red", "green", "blue"])
    alphabet = VoteAlphabet(space, confidence_edges=(0.6, 0.9))
    y = rng.integers(0, 3, n_items)
    values = []
    for i in range(n_items):
        said = [int(y[i]) if rng.random() < 0.8 else int(rng.integers(3)) for _ in range(5)]
        sure = rng.random()  # an honest confidence: right as often as it says
        guess = int(y[i]) if rng.random() < 0.4 + 0.6 * sure else int((y[i] + 1) % 3)
        values.append(
            [
                said[0],
                said[1],
                OneOf(said[2], (said[2] + 1) % 3),
                Not((said[3] + 1) % 3),
                Confident(guess, 0.4 + 0.6 * sure),
                Reason("empty") if y[i] == 2 and rng.random() < 0.5 else None,
                said[4] if rng.random() < 0.5 else None,
            ]
        )
    symbols = [[alphabet.read(v) for v in row] for row in values]
    alphabet = alphabet.extended(s for row in symbols for s in row if s is not None)
    lf = [j for row in symbols for j, s in enumerate(row) if s is not None]
    code = [alphabet.code(s) for row in symbols for s in row if s is not None]
    lengths = [sum(s is not None for s in row) for row in symbols]
    names = ["a", "b", "set", "not", "judge", "reason", "c"]
    return VoteMatrix(np.concatenate([[0], np.cumsum(lengths)]), lf, code, alphabet, names), y


@pytest.mark.parametrize(
    "make", [MajorityVote, OneCoin, ClassConditionalAccuracy, DawidSkene, LabelModel]
)
def test_every_kind_of_vote_counts(make, tmp_path):
    votes, truth = rich_votes()
    model = make().fit(votes)
    p = model.predict_proba(votes)
    plain = make().fit(votes.select_lfs(["a", "b", "c"])) if make is LabelModel else None
    assert accuracy_of(p, truth) > 0.82
    if plain is not None:
        alone = plain.predict_proba(votes.select_lfs(["a", "b", "c"]))
        assert accuracy_of(p, truth) > accuracy_of(alone, truth)
    model.save(tmp_path / "m.npz")
    assert (load_model(tmp_path / "m.npz").predict_proba(votes) == p).all()
    explained = model.explain(votes, 0)
    assert explained.votes[3].startswith("one of")


def test_the_calibration_of_a_judge_is_learned():
    """Higher confidence bins of the judge get higher log-odds, as they are right more often."""
    votes, _ = rich_votes(4000)
    model = DawidSkene().fit(votes)
    table, _ = model._rows_of(votes)
    gain = {}
    for r in range(model.layout_.n_rows):
        symbol = votes.alphabet.symbol(int(model.layout_.row_symbol[r]))
        if symbol.kind == "bin" and symbol.classes == (0,):
            row = model.log_table_[r]
            gain[symbol.interval] = row[0] - row[1:].mean()
    ordered = [gain[k] for k in sorted(gain)]
    assert ordered == sorted(ordered)
    assert table.n_table_rows == model.layout_.n_rows


def test_a_reason_to_abstain_speaks_where_it_is_learned():
    votes, _ = rich_votes(2000)
    model = DawidSkene().fit(votes)
    at = [
        r
        for r in range(model.layout_.n_rows)
        if votes.alphabet.symbol(int(model.layout_.row_symbol[r])).kind == "reason"
    ]
    assert len(at) == 1  # conditional on this LF answering at all, a lone reason says nothing
    np.testing.assert_allclose(np.ptp(model.log_table_[at[0]]), 0.0, atol=1e-9)
    heard = DawidSkene(abstain="informative").fit(votes)
    row = heard.log_table_[at[0]]
    assert row[2] > row[:2].max() + 1.0


def test_votes_the_fit_did_not_see_are_read_by_the_prior(votes):
    dense = votes.to_dense()
    only = np.where(dense[:, :1] == 2, -1, dense[:, :1])
    training = np.hstack([only, dense[:, 1:]])
    model = DawidSkene().fit(VoteMatrix.from_dense(training, labels=votes.labels))
    new = np.full((1, 7), -1)
    new[0, 0] = 2  # lf_0 never said blue before
    p = model.predict_proba(new)
    assert p[0].argmax() == 2


def test_sets_unknown_to_the_fit():
    votes, _ = rich_votes(400)
    space = votes.alphabet
    few = VoteMatrix.from_dense(
        np.random.default_rng(0).integers(0, 3, (400, 7)),
        labels=space.labels,
        lf_names=votes.lf_names,
    )
    for make in (MajorityVote, OneCoin, DawidSkene, LabelModel):
        p = make().fit(few).predict_proba(votes)
        np.testing.assert_allclose(p.sum(axis=1), 1.0, atol=1e-12)


def test_confusion_wants_a_known_lf(votes):
    model = DawidSkene().fit(votes)
    np.testing.assert_allclose(model.confusion("lf_0").sum(axis=1), 1.0, atol=1e-12)
    with pytest.raises(FitError, match="there is no LF 'nobody'"):
        model.confusion("nobody")
