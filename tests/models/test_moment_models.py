"""MatrixCompletion and Triplets: recovery, invariances, dependencies, and what they refuse."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from tests.bench import soft_votes
from tests.bench.triplet_reference import reference_tables
from tests.models.conftest import good_votes
from weaklabel.errors import ConfigError, ConvergenceWarning, FitError, IdentifiabilityWarning
from weaklabel.labels import LabelSpace, OneOf, VoteAlphabet
from weaklabel.llm.soft_votes import soft_vote_matrix
from weaklabel.models import MajorityVote, MatrixCompletion, Triplets, load_model
from weaklabel.models.dependencies import learn_dependencies
from weaklabel.votes import VoteMatrix
from weaklabel.votes.synthetic import planted_votes

MODELS = {
    "MatrixCompletion": MatrixCompletion,
    "MatrixCompletion(each)": lambda **s: MatrixCompletion(orientation="each", **s),
    "Triplets": Triplets,
    "Triplets(median)": lambda **s: Triplets(aggregate="median", **s),
    "Triplets(average)": lambda **s: Triplets(signs="average", **s),
    "Triplets(symmetric)": lambda **s: Triplets(errors="symmetric", **s),
}


@pytest.fixture(params=list(MODELS))
def make(request):
    return MODELS[request.param]


def accuracy(model, planted):
    return (model.predict_proba(planted.votes).argmax(axis=1) == planted.truth).mean()


def planted_tables(planted, layout):
    """P(LF casts the vote | class) as drawn."""
    confusion, propensity = planted.confusion, planted.propensity
    return (confusion * propensity[:, :, None])[layout.row_lf, :, layout.row_symbol]


# -- votes with confidences ----------------------------------------------------------------------


@pytest.mark.parametrize("make_model", [Triplets, MatrixCompletion])
def test_confidences_tell_the_class_balance(make_model):
    """They overflowed: no confident vote is for a class in full, so all seemed to be against it."""
    stated, truth = soft_votes.planted(8000, seed=1)
    kept = (truth == 1) | (np.random.default_rng(1).random(len(truth)) < 0.25)
    stated, truth = stated[kept], truth[kept]
    votes = soft_vote_matrix(np.stack([1.0 - stated, stated], axis=2), ["0", "1"])
    model = make_model().fit(votes)
    assert model.class_balance_[1] == pytest.approx(0.8, abs=0.1)
    even = make_model(balance="uniform").fit(votes)
    right, without = (
        (m.predict_proba(votes).argmax(axis=1) == truth).mean() for m in (model, even)
    )
    assert right > without + 0.02


@pytest.mark.parametrize("make_model", [Triplets, MatrixCompletion])
def test_an_lf_that_says_the_same_of_every_row_changes_next_to_nothing(make_model):
    planted = planted_votes(3000, accuracy=np.linspace(0.6, 0.85, 6))
    dense = planted.votes.to_dense()
    constant = np.column_stack([dense, np.ones(len(dense), dtype=int)])
    before = make_model().fit(dense).predict_proba(dense)
    after = make_model().fit(constant).predict_proba(constant)
    assert np.isfinite(after).all()
    assert (before.argmax(axis=1) == after.argmax(axis=1)).mean() > 0.97


# -- recovery ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["MatrixCompletion", "Triplets", "Triplets(median)"])
def test_planted_tables_come_back_at_the_rate_of_one_over_root_n(name):
    right = np.column_stack([np.linspace(0.6, 0.9, 8), np.linspace(0.85, 0.65, 8)])
    rate = np.column_stack([np.linspace(0.4, 0.8, 8), np.linspace(0.7, 0.5, 8)])
    balance, errors = (0.6, 0.4), []
    for n in (4_000, 64_000):
        square = []
        for seed in range(4):
            planted = planted_votes(
                n, accuracy=right, class_balance=balance, propensity=rate, seed=seed
            )
            model = MODELS[name]().fit(planted.votes, class_balance=balance)
            square.append((model.tables_ - planted_tables(planted, model.layout_)) ** 2)
        errors.append(np.sqrt(np.mean(square)))
    assert errors[1] < 0.01
    assert 2.5 < errors[0] / errors[1] < 6.5  # 4 at the rate of one over root n


def test_many_classes_with_even_errors(make):
    planted = planted_votes(
        30_000, accuracy=np.linspace(0.5, 0.8, 8), class_balance=(0.4, 0.3, 0.2, 0.1), seed=1
    )
    best = accuracy(make().fit(planted.votes, class_balance=planted.class_balance), planted)
    majority = accuracy(MajorityVote().fit(planted.votes), planted)
    assert best > majority + 0.008
    assert accuracy(make().fit(planted.votes), planted) > best - 0.01  # class balance untold


def test_the_class_balance_is_estimated_told_or_even(make):
    planted = planted_votes(
        20_000, accuracy=np.linspace(0.6, 0.85, 9), class_balance=(0.8, 0.2), seed=2
    )
    untold = make().fit(planted.votes)
    np.testing.assert_allclose(untold.class_balance_, (0.8, 0.2), atol=0.03)
    assert untold.balance_trust_[0] > 0.8
    told = make().fit(planted.votes, class_balance=(0.8, 0.2))
    assert accuracy(untold, planted) > accuracy(told, planted) - 0.005
    even = make(balance="uniform").fit(planted.votes)
    np.testing.assert_array_equal(even.class_balance_, (0.5, 0.5))
    assert accuracy(even, planted) < accuracy(untold, planted) - 0.05


@pytest.mark.parametrize("aggregate", ["mean", "median"])
def test_the_symmetric_triplets_are_those_of_fu_et_al(aggregate):
    # LF 1 is so bad that a joint probability comes out negative and changes sign
    planted = planted_votes(
        400, accuracy=[0.9, 0.45, 0.7, 0.8, 0.95], propensity=[0.3, 0.2, 0.9, 1.0, 0.6], seed=16
    )
    model = Triplets(errors="symmetric", aggregate=aggregate, prior_strength=1e-6)
    model.fit(planted.votes, class_balance="uniform")
    want = reference_tables(planted.votes.to_dense(), aggregate)
    layout = model.layout_
    np.testing.assert_allclose(model.tables_, want[layout.row_lf, :, layout.row_symbol], atol=1e-7)


def test_one_sided_rules_are_weighed():
    # Two good rules and three bad ones, each for one class only
    right = np.array([0.95, 0.95, 0.6, 0.55, 0.6, 0.9])
    rng = np.random.default_rng(3)
    y = rng.integers(0, 2, 20_000)
    votes = np.full((len(y), 6), -1)
    for j, p in enumerate(right):
        names = j % 2
        rate = np.where(y == names, 0.5 * p, 0.5 * (1 - p))
        votes[rng.random(len(y)) < rate, j] = names
    covered = (votes >= 0).any(axis=1)
    majority = MajorityVote().fit(votes).predict_proba(votes)
    base = (majority.argmax(axis=1) == y)[covered].mean()
    for model in (MatrixCompletion(), Triplets()):
        p = model.fit(votes).predict_proba(votes)
        assert (p.argmax(axis=1) == y)[covered].mean() > base + 0.02, model


def crowd(n_tasks=4000, n_workers=60, per_batch=6, seed=17):
    """Batches of 40 tasks, each given to a few workers of different skill."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n_tasks)
    skill = rng.uniform(0.5, 0.95, n_workers)
    votes = np.full((n_tasks, n_workers), -1)
    for first in range(0, n_tasks, 40):
        tasks = np.arange(first, first + 40)
        for worker in rng.choice(n_workers, per_batch, replace=False):
            right = rng.random(40) < skill[worker]
            votes[tasks, worker] = np.where(right, y[tasks], 1 - y[tasks])
    return votes, y


def test_workers_are_assigned_their_tasks():
    votes, y = crowd()
    majority = MajorityVote().fit(votes).predict_proba(votes).argmax(axis=1)
    for make in (MatrixCompletion, Triplets):
        model = make().fit(votes)
        assert model.propensity_ == "assigned"
        p = model.predict_proba(votes)
        assert (p.argmax(axis=1) == y).mean() > (majority == y).mean() + 0.02, make
        sums = model.layout_.per_lf(model.tables_)
        np.testing.assert_allclose(sums[:, 0], sums[:, 1])
    told = MatrixCompletion(propensity="class").fit(votes)
    assert told.propensity_ == "class"
    assert MatrixCompletion().fit(good_votes()).propensity_ == "class"


def test_an_lf_that_lies_is_found_by_those_that_may():
    planted = planted_votes(20_000, accuracy=[0.8, 0.75, 0.3, 0.7, 0.8, 0.65], seed=4)
    for model in (MatrixCompletion(), Triplets(signs="average")):
        model.fit(planted.votes)
        lies = model.layout_.row_lf == 2
        says = model.tables_[lies, model.layout_.row_symbol[lies]]
        denies = model.tables_[lies, 1 - model.layout_.row_symbol[lies]]
        assert (says < denies).all(), model
    for model in (MatrixCompletion(orientation="each"), Triplets()):
        model.fit(planted.votes)
        own = model.tables_[np.arange(12), model.layout_.row_symbol]
        other = model.tables_[np.arange(12), 1 - model.layout_.row_symbol]
        assert (own >= other - 1e-3).all(), model


# -- invariances ---------------------------------------------------------------------------------


def test_the_order_of_rows_lfs_and_classes_does_not_matter(make):
    votes = good_votes(600, seed=5).to_dense()
    p = make().fit(votes).predict_proba(votes)
    rng = np.random.default_rng(5)
    rows, lfs, classes = rng.permutation(len(votes)), rng.permutation(7), np.array([2, 0, 1])
    np.testing.assert_allclose(
        make().fit(votes[rows]).predict_proba(votes[rows]), p[rows], atol=1e-12
    )
    np.testing.assert_allclose(make().fit(votes[:, lfs]).predict_proba(votes[:, lfs]), p, atol=2e-5)
    renamed = np.where(votes >= 0, classes[votes], -1)
    np.testing.assert_allclose(make().fit(renamed).predict_proba(renamed)[:, classes], p, atol=2e-5)


def test_more_of_the_same_rows_only_fades_the_prior(make):
    votes = good_votes(500, seed=6).to_dense()
    settings = {"balance": "uniform"}
    few = make(prior_strength=10.0, **settings).fit(votes)
    many = make(prior_strength=30.0, **settings).fit(np.tile(votes, (3, 1)))
    tolerance = 1e-6 if isinstance(few, MatrixCompletion) else 5e-3  # noise is taken out of squares
    np.testing.assert_allclose(few.tables_, many.tables_, atol=tolerance)


def test_completion_never_falls_and_reports():
    seen = []
    model = MatrixCompletion().fit(good_votes(), progress=lambda i, x: seen.append((i, x)))
    assert (np.diff(model.objective_trace_) >= 0).all()
    assert len(seen) == model.n_iter_ == len(model.objective_trace_) - 1
    assert model.status_.startswith("converged in")
    with pytest.warns(ConvergenceWarning, match=r"stopped after 1 steps \(max_iter=1\)"):
        MatrixCompletion(max_iter=1).fit(good_votes())
    assert "closed form: 21 of 21 pairs" in Triplets().fit(good_votes()).status_


def test_one_class_is_certain(make):
    votes = np.zeros((10, 4), dtype=int)
    assert (make().fit(votes).predict_proba(votes) == 1.0).all()


# -- dependencies --------------------------------------------------------------------------------


def copied(n_copies=3, seed=7):
    """LF 0 and exact copies of it at the end."""
    return planted_votes(
        20_000,
        accuracy=[0.7, 0.8, 0.75, 0.8, 0.7, 0.85],
        class_balance=(0.5, 0.5),
        propensity=0.7,
        copies=[(0, 1.0)] * n_copies,
        seed=seed,
    )


@pytest.mark.parametrize("name", ["MatrixCompletion", "Triplets"])
def test_copies_declared_dependent_count_once(name):
    make, planted = MODELS[name], copied()
    votes, copies = planted.votes, ["lf_0", "lf_6", "lf_7", "lf_8"]
    without = make().fit(votes.select_lfs(range(6))).predict_proba(votes.select_lfs(range(6)))
    plain = make().fit(votes).predict_proba(votes)
    pairs = [(a, b) for a in copies for b in copies if a < b]
    for dependencies in (pairs, nx.Graph(pairs), [copies]):
        model = make(dependencies=dependencies).fit(votes)
        p = model.predict_proba(votes)
        assert np.abs(p - without).max() < 0.05
        assert np.abs(p - without).mean() < 0.2 * np.abs(plain - without).mean()
        assert len(model.dependencies_) == 6


@pytest.mark.parametrize("name", ["MatrixCompletion", "Triplets"])
def test_correlated_lfs_declared_dependent_are_less_sure(name):
    planted = planted_votes(
        40_000,
        accuracy=[0.7, 0.8, 0.75, 0.8, 0.7, 0.85],
        propensity=0.8,
        copies=[(0, 0.7), (0, 0.7), (1, 0.6)],
        seed=8,
    )
    links = [("lf_0", "lf_6"), ("lf_0", "lf_7"), ("lf_6", "lf_7"), ("lf_1", "lf_8")]
    told = MODELS[name](dependencies=links).fit(planted.votes)
    untold = MODELS[name]().fit(planted.votes)

    def log_loss(model):
        p = model.predict_proba(planted.votes)[np.arange(planted.votes.n_items), planted.truth]
        return -np.log(p).mean()

    assert log_loss(told) < log_loss(untold) - 0.01


@pytest.mark.parametrize("name", ["MatrixCompletion", "Triplets"])
def test_independent_lfs_declared_dependent_change_little(name):
    planted = planted_votes(40_000, accuracy=[0.7, 0.8, 0.75, 0.8, 0.7, 0.85], seed=9)
    apart = MODELS[name]().fit(planted.votes).predict_proba(planted.votes)
    model = MODELS[name](dependencies=[("lf_0", "lf_1"), ("lf_1", "lf_2")]).fit(planted.votes)
    assert np.abs(model.predict_proba(planted.votes) - apart).mean() < 0.02


def test_what_was_learned_of_dependencies_is_taken():
    planted = copied(n_copies=1)
    learned = learn_dependencies(planted.votes)
    model = Triplets(dependencies=learned).fit(planted.votes)
    assert {frozenset(pair) for pair in model.dependencies_} == {frozenset(("lf_0", "lf_6"))}


@pytest.mark.parametrize("name", ["MatrixCompletion", "Triplets"])
def test_a_model_with_dependencies_is_saved_explained_and_merged(name, tmp_path):
    votes = copied().votes[:3000]
    links = nx.Graph([("lf_0", "lf_6"), ("lf_6", "lf_7"), ("lf_1", "lf_2")])
    model = MODELS[name](dependencies=links).fit(votes)
    p = model.predict_proba(votes)
    model.save(tmp_path / "model.npz", statistics=True)
    loaded = load_model(tmp_path / "model.npz")
    assert (loaded.predict_proba(votes) == p).all()
    assert loaded.dependencies_ == model.dependencies_
    assert loaded.statistics_.n_patterns < votes.n_items  # equal rows are grouped in the file
    table = model.explain_all(votes)
    for row in (0, 3, 50):
        found = model.explain(votes, row)
        total = found.prior + found.contributions.sum(axis=0)
        np.testing.assert_allclose(np.exp(total) / np.exp(total).sum(), p[row], atol=1e-10)
        mine = np.flatnonzero(table.item == row)
        assert table.decisive[mine].tolist() == [f is not None for f in found.flips]
    half = MODELS[name](dependencies=links).fit(votes[:1000])
    half.partial_fit(votes[1000:])
    np.testing.assert_allclose(half.predict_proba(votes), p, atol=1e-8)


# -- other votes ---------------------------------------------------------------------------------


def test_votes_the_fit_did_not_see_are_read_literally(make):
    votes = good_votes(800, n_classes=2, seed=10).to_dense()
    one_sided = np.where((np.arange(7) == 0) & (votes == 0), -1, votes)
    space = LabelSpace(["a", "b"])
    for settings in ({}, {"dependencies": [("lf_0", "lf_1")]}):
        model = make(**settings).fit(VoteMatrix.from_dense(one_sided, labels=space))
        p = model.predict_proba(VoteMatrix.from_dense(votes, labels=space))
        same = (one_sided == votes).all(axis=1)
        again = model.predict_proba(VoteMatrix.from_dense(one_sided, labels=space))
        np.testing.assert_allclose(p[same], again[same], atol=1e-12)
        new = ~same & (one_sided >= 0).any(axis=1)
        assert (p[new, 0] > again[new, 0]).all()


def test_votes_for_sets_of_classes():
    rng = np.random.default_rng(11)
    y = rng.integers(0, 3, 3000)
    plain = VoteAlphabet(LabelSpace(["red", "green", "blue"]))
    either = plain.read(OneOf("red", "green"))
    alphabet = plain.extended([either])
    said = np.where(rng.random((3000, 6)) < 0.8, y[:, None], rng.integers(0, 3, (3000, 6)))
    said[:, 5] = alphabet.code(either)
    voted = np.ones((3000, 6), dtype=bool)
    voted[:, 5] = (y < 2) == (rng.random(3000) < 0.9)
    matrix = VoteMatrix(
        np.concatenate([[0], np.cumsum(voted.sum(axis=1))]),
        np.tile(np.arange(6), 3000)[voted.ravel()],
        said[voted],
        alphabet,
        [f"lf_{j}" for j in range(6)],
    )
    for model in (MatrixCompletion(), Triplets()):
        p = model.fit(matrix).predict_proba(matrix)
        assert (p.argmax(axis=1) == y).mean() > 0.9
        red, green, blue = model.tables_[model.layout_.row_lf == 5][0]
        assert min(red, green) > 2 * blue
    with pytest.raises(FitError, match="needs votes for single classes, found sets"):
        Triplets(errors="symmetric").fit(matrix)


def test_gold_tells_balance_and_tables(make):
    planted = planted_votes(300, accuracy=[0.7, 0.6, 0.65], class_balance=(0.9, 0.1), seed=12)
    gold = np.where(np.arange(300) < 150, planted.truth, -1)
    model = make().fit(planted.votes, gold)
    np.testing.assert_allclose(model.class_balance_, (0.9, 0.1), atol=0.06)
    want = planted_tables(planted, model.layout_)
    assert (
        np.abs(model.tables_ - want).mean()
        < np.abs(make().fit(planted.votes).tables_ - want).mean()
    )


# -- bad input -----------------------------------------------------------------------------------


def test_fewer_than_three_lfs_are_told(make):
    three, truth = good_votes(seed=13, truth=True)
    votes = three.to_dense()[:, :2]
    with pytest.warns(IdentifiabilityWarning, match="come from 2 groups of LFs"):
        model = make().fit(votes)
    assert np.isfinite(model.predict_proba(votes)).all()
    make().fit(votes, gold=np.where(np.arange(len(votes)) < 50, truth, -1))  # a remedy
    make().fit(good_votes(seed=13).to_dense()[:, :3])  # and so is another LF


def test_dependencies_that_leave_two_groups_are_told(make):
    votes = good_votes(seed=14).to_dense()[:, :4]
    with pytest.warns(IdentifiabilityWarning, match="from 2 groups .* declare fewer dependencies"):
        make(dependencies=[("lf_0", "lf_1"), ("lf_2", "lf_3")]).fit(votes)
    make(dependencies=[("lf_0", "lf_1")]).fit(votes)


def test_a_dependency_of_an_unknown_lf(make):
    with pytest.raises(ConfigError, match="names the LF 'lf_9', which casts no column here"):
        make(dependencies=[("lf_0", "lf_9")]).fit(good_votes())


def test_a_junction_tree_that_is_too_wide_names_edges_to_drop(make):
    votes = good_votes()
    pairs = [(f"lf_{a}", f"lf_{b}") for a in range(4) for b in range(a)]
    with pytest.raises(
        ConfigError,
        match=r"has width 3 \(a clique of 4 LFs: .*\), at most max_width=2 .*; drop \('lf_",
    ) as error:
        make(dependencies=pairs, max_width=2).fit(votes)
    named = str(error.value).split("; drop ")[1].split(", or raise")[0]
    left = [p for p in pairs if str(p) not in named and str(p[::-1]) not in named]
    assert 0 < len(left) < len(pairs)
    make(dependencies=left, max_width=2).fit(votes)  # the remedies
    make(dependencies=pairs, max_width=3).fit(votes)


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("balance", "even", "balance must be one of 'estimate', 'uniform', found 'even'"),
        ("propensity", "rules", "propensity must be one of 'auto', 'class', 'assigned'"),
        ("prior_accuracy", 1.0, "prior_accuracy must be a number in"),
        ("prior_strength", -1, "prior_strength must be a number in"),
        ("max_width", 0, "max_width must be a number in"),
        ("dependencies", "learn", "pass what learn_dependencies"),
        ("dependencies", [("lf_0",)], "two or more different LFs"),
    ],
)
def test_settings_out_of_range(make, setting, value, message):
    with pytest.raises(ConfigError, match=message):
        make().set_params(**{setting: value}).fit(good_votes())


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (MatrixCompletion(orientation="up"), "orientation must be one of 'average', 'each'"),
        (MatrixCompletion(min_lift=1.0), "min_lift must be a number in"),
        (MatrixCompletion(tol=0), "tol must be a number in"),
        (MatrixCompletion(max_iter=0), "max_iter must be a number in"),
        (Triplets(errors="none"), "errors must be one of 'class_conditional', 'symmetric'"),
        (Triplets(aggregate="sum"), "aggregate must be one of 'pooled', 'median', 'mean'"),
        (Triplets(signs="both"), "signs must be one of 'each', 'average'"),
    ],
)
def test_settings_of_one_model_out_of_range(model, message):
    with pytest.raises(ConfigError, match=message):
        model.fit(good_votes())


def test_moments_larger_than_memory_are_refused(make, monkeypatch):
    votes = good_votes(n_items=60, n_lfs=40, seed=15)
    monkeypatch.setattr("weaklabel.models.checks.available_memory", lambda: 1e5)
    with pytest.raises(FitError, match=r"moments of 120 pairs of LF and symbol needs .*select_lfs"):
        make().fit(votes)
    make().fit(votes.select_lfs(range(6)))  # the remedy
