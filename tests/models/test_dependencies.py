"""Learned and declared dependencies, and what they do to the models on tables."""

from __future__ import annotations

from itertools import pairwise

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weaklabel.errors import ConfigError, FitError
from weaklabel.models import (
    ClassConditionalAccuracy,
    DawidSkene,
    OneCoin,
    learn_dependencies,
    leave_one_out_lfs,
    load_model,
)
from weaklabel.models.cliques import MAX_OUTCOMES, Cliques, groups_within
from weaklabel.models.dependencies import search
from weaklabel.models.statistics import PatternTable
from weaklabel.votes import VoteMatrix
from weaklabel.votes.synthetic import planted_votes

TABLE_MODELS = [DawidSkene, OneCoin, ClassConditionalAccuracy]


def accuracies(seed, n_lfs, low=0.55, high=0.9):
    return np.random.default_rng(seed).uniform(low, high, n_lfs)


def copied(n_copies=8, n_items=4000, seed=0, share=1.0):
    """The 80/20 task without and with copies of its first LF, and the truth."""
    settings = {"accuracy": accuracies(seed, 10, 0.6, 0.85), "class_balance": (0.8, 0.2)}
    alone = planted_votes(n_items, seed=seed, **settings)
    both = planted_votes(n_items, seed=seed, copies=[(0, share)] * n_copies, **settings)
    return alone.votes, both.votes, both.truth


def f1_of_pairs(votes, true):
    found = set(learn_dependencies(votes).names)
    return 2 * len(found & true) / (len(found) + len(true))


# -- learning ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("share", "n_classes"), [(0.3, 2), (0.9, 3)])
def test_planted_pairs_are_found(share, n_classes):
    planted = planted_votes(
        10_000,
        accuracy=accuracies(1, 15),
        class_balance=np.full(n_classes, 1 / n_classes),
        copies=[(i, share) for i in range(5)],
        seed=1,
    )
    names = planted.votes.lf_names
    assert f1_of_pairs(planted.votes, {(names[i], names[15 + i]) for i in range(5)}) >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("share", [0.2, 0.5, 1.0])
@pytest.mark.parametrize("seed", range(5))
def test_planted_pairs_are_found_everywhere(share, n_classes, seed):
    planted = planted_votes(
        10_000,
        accuracy=accuracies(seed, 15),
        class_balance=np.full(n_classes, 1 / n_classes),
        copies=[(i, share) for i in range(5)],
        seed=seed,
    )
    names = planted.votes.lf_names
    assert f1_of_pairs(planted.votes, {(names[i], names[15 + i]) for i in range(5)}) >= 0.9


@pytest.mark.slow
def test_independent_lfs_are_left_alone():
    n_with_pairs = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        planted = planted_votes(
            10_000,
            accuracy=accuracies(seed, 20),
            class_balance=rng.dirichlet(np.full(2 + seed % 2, 5.0)),
            propensity=rng.uniform(0.1, 1.0, 20),
            seed=seed,
        )
        n_with_pairs += len(learn_dependencies(planted.votes)) > 0
    assert n_with_pairs <= 1


def one_sided(seed, n_lfs=15, copies=()):
    rng = np.random.default_rng(seed)
    confusion, rate = np.zeros((n_lfs, 2, 2)), np.zeros((n_lfs, 2))
    for j in range(n_lfs):
        confusion[j, :, j % 2] = 1.0
        rate[j, j % 2] = rng.uniform(0.05, 0.3)
        rate[j, 1 - j % 2] = rate[j, j % 2] * rng.uniform(0.05, 0.4)
    return planted_votes(
        10_000, confusion=confusion, propensity=rate, copies=copies, seed=seed
    ).votes


@pytest.mark.parametrize("seed", range(2))
def test_rules_for_one_class_are_compared_by_when_they_speak(seed):
    votes = one_sided(seed, copies=[(i, 0.5) for i in range(3)])
    names = votes.lf_names
    found = learn_dependencies(votes)
    assert set(found.names) == {(names[i], names[15 + i]) for i in range(3)}
    assert len(learn_dependencies(one_sided(seed))) == 0


@pytest.mark.parametrize("share", [0.8, 1.0])
def test_a_block_that_outvotes_the_others_is_named_as_the_block(share):
    """EM alone takes nine copies among eighteen LFs for the class."""
    _, votes, _ = copied(share=share)
    found = learn_dependencies(votes)
    assert found.clusters == ((votes.lf_names[0], *votes.lf_names[10:]),)
    assert 1.0 <= found.effective_votes[0] < 1.4
    assert len(found) == 36
    assert found.cluster_of(votes.lf_names[12]) == 0
    assert found.cluster_of(votes.lf_names[1]) is None
    assert "9 LFs worth 1." in str(found)


def test_what_is_found_as_table_and_graph():
    planted = planted_votes(4000, accuracy=[0.8, 0.7, 0.75, 0.8, 0.7], copies=[(1, 0.9)])
    found = learn_dependencies(planted.votes)
    table = found.to_pandas()
    assert table[["first", "second"]].to_numpy().tolist() == [["lf_1", "lf_5"]]
    assert table["cluster"].tolist() == [0]
    assert 0.8 < table["strength"][0] <= 1.0
    assert table["p_value"][0] < 1e-10
    graph = found.to_networkx()
    assert list(graph.nodes) == list(planted.votes.lf_names)
    assert graph.edges["lf_1", "lf_5"]["strength"] == table["strength"][0]
    none = learn_dependencies(planted.votes.select_lfs(range(5)))
    assert str(none).startswith("no dependent pair among 10 pairs")
    assert len(none.to_pandas()) == 0


def test_many_rows_are_sampled():
    planted = planted_votes(30_000, accuracy=accuracies(0, 8), copies=[(0, 0.6)])
    found = learn_dependencies(planted.votes, max_rows=5_000)
    assert found.names == (("lf_0", "lf_8"),)
    assert found.pairs[0].n_rows < 5_000


@given(st.integers(0, 1000))
@settings(max_examples=5, deadline=None)
def test_the_order_of_rows_and_lfs_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    votes = planted_votes(1500, accuracy=accuracies(seed, 6), copies=[(0, 0.7)], seed=seed).votes
    before = learn_dependencies(votes)
    turned = votes[rng.permutation(votes.n_items)].select_lfs(rng.permutation(votes.n_lfs).tolist())
    after = learn_dependencies(turned)
    assert {frozenset(p) for p in before.names} == {frozenset(p) for p in after.names}


def test_learning_wants_three_lfs_and_sound_settings():
    votes = planted_votes(100, accuracy=[0.8, 0.7]).votes
    with pytest.raises(FitError, match="takes three LFs with votes to see a class; found 2"):
        learn_dependencies(votes)
    with pytest.raises(ConfigError, match=r"fdr must be a number in \(0, 1\), found 1.5"):
        learn_dependencies(votes, fdr=1.5)
    with pytest.raises(ConfigError, match="max_rows must be a number above 0, found 0"):
        learn_dependencies(votes, max_rows=0)


def test_more_pairs_than_memory_are_refused(monkeypatch):
    votes = planted_votes(200, accuracy=accuracies(0, 8)).votes
    table = PatternTable.of(votes)
    monkeypatch.setattr("weaklabel.models.checks.available_memory", lambda: 1000.0)
    with pytest.raises(FitError, match="testing the pairs of 8 LFs over 2 classes needs"):
        search(table)


@pytest.mark.slow
@pytest.mark.parametrize("spread", [(0.3, 0.6), (0.1, 0.9)])
def test_lfs_that_vote_more_on_one_class_are_no_dependent_lfs(spread):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        planted = planted_votes(
            10_000,
            accuracy=accuracies(seed, 20),
            propensity=rng.uniform(*spread, (20, 2)),
            class_balance=(0.6, 0.4),
            seed=seed,
        )
        assert len(learn_dependencies(planted.votes)) == 0


# -- in the models -------------------------------------------------------------------------------


@pytest.mark.parametrize("make", TABLE_MODELS)
@pytest.mark.parametrize("inference", ["map", "vb"])
@pytest.mark.parametrize("abstain", ["ignore", "informative"])
def test_declared_copies_change_nothing(make, inference, abstain):
    alone, votes, _ = copied()
    clique = (votes.lf_names[0], *votes.lf_names[10:])
    setting = {"inference": inference, "abstain": abstain}
    without = make(**setting).fit(alone).predict_proba(alone)
    declared = make(**setting, dependencies=[clique]).fit(votes).predict_proba(votes)
    np.testing.assert_allclose(declared, without, atol=1e-6)
    assert np.abs(make(**setting).fit(votes).predict_proba(votes) - without).max() > 0.5


@pytest.mark.parametrize("make", TABLE_MODELS)
def test_learned_copies_change_nothing(make):
    alone, votes, truth = copied()
    model = make(dependencies="learn").fit(votes)
    moved = np.abs(model.predict_proba(votes) - make().fit(alone).predict_proba(alone))
    assert moved.max() < 0.01
    assert model.dependencies_.clusters == ((votes.lf_names[0], *votes.lf_names[10:]),)
    assert (model.predict_proba(votes).argmax(axis=1) == truth).mean() > 0.9


def test_a_joint_table_is_learned_where_lfs_share_their_errors():
    planted = planted_votes(
        20_000, accuracy=[0.7, 0.75, 0.8, 0.7, 0.75], copies=[(0, 0.7)] * 2, propensity=0.9
    )
    names = planted.votes.lf_names
    clique = (names[0], names[5], names[6])
    plain = DawidSkene().fit(planted.votes).predict_proba(planted.votes)
    joint = DawidSkene(dependencies=[clique]).fit(planted.votes).predict_proba(planted.votes)
    right = np.arange(planted.votes.n_items), planted.truth
    assert np.log(joint[right]).mean() > np.log(plain[right]).mean() + 0.1
    assert (joint.argmax(1) == planted.truth).mean() > (plain.argmax(1) == planted.truth).mean()


def test_each_member_of_a_clique_has_its_accuracy_and_confusion():
    alone, votes, _ = copied()
    model = DawidSkene(dependencies="learn").fit(votes)
    single = DawidSkene().fit(alone)
    np.testing.assert_allclose(model.lf_accuracy_[:10], single.lf_accuracy_, atol=1e-4)
    np.testing.assert_allclose(model.lf_accuracy_[10:], single.lf_accuracy_[0], atol=1e-4)
    name = votes.lf_names[14]
    np.testing.assert_allclose(
        model.confusion(name), single.confusion(alone.lf_names[0]), atol=1e-3
    )
    np.testing.assert_allclose(
        model.confusion(votes.lf_names[3]), single.confusion(alone.lf_names[3]), atol=1e-3
    )


def test_graphs_pairs_and_results_mean_the_same():
    _, votes, _ = copied(2, 1000, share=0.8)
    a, b, c = votes.lf_names[0], votes.lf_names[10], votes.lf_names[11]
    given_as = [
        [(a, b), (b, c)],
        [[c, b, a]],
        nx.Graph([(a, b), (a, c)]),
    ]
    fitted = [DawidSkene(dependencies=d).fit(votes) for d in given_as]
    for model in fitted:
        assert model.cliques_.groups == ((0, 10, 11),)
        assert model.parameters_hash() == fitted[0].parameters_hash()
    learned = learn_dependencies(votes)
    assert DawidSkene(dependencies=learned).fit(votes).cliques_.groups == ((0, 10, 11),)


@pytest.mark.parametrize("make", TABLE_MODELS)
def test_explanations_speak_of_the_clique_and_add_up(make):
    _, votes, _ = copied(2, 1000, share=0.8)
    model = make(dependencies=[(votes.lf_names[0], *votes.lf_names[10:])]).fit(votes)
    p = model.predict_proba(votes)
    table = model.explain_all(votes)
    assert table.matrix.lf_names[0] == "lf_00 & lf_10 & lf_11"
    for row in (0, 5, 11):
        found = model.explain(votes, row)
        total = found.prior + found.contributions.sum(axis=0)
        np.testing.assert_allclose(total - (total - np.log(p[row])).mean(), np.log(p[row]))
        mine = table.item == row
        assert [table.matrix.lf_names[j] for j in table.lf[mine]] == list(found.lf_names)
    words = set(table.to_pandas().query("lf == 'lf_00 & lf_10 & lf_11'")["vote"])
    assert {"0", "1", "0 & - & 0"} <= words


@pytest.mark.parametrize("make", TABLE_MODELS)
def test_files_hold_cliques(make, tmp_path):
    _, votes, _ = copied(2, 1000, share=0.8)
    for dependencies in ("learn", nx.Graph([("lf_00", "lf_10")])):
        model = make(dependencies=dependencies).fit(votes)
        model.save(tmp_path / "model.npz", overwrite=True, statistics=True)
        loaded = load_model(tmp_path / "model.npz")
        assert (loaded.predict_proba(votes) == model.predict_proba(votes)).all()
        assert loaded.parameters_hash() == model.parameters_hash()
        assert (loaded.lf_accuracy_ == model.lf_accuracy_).all()
        assert loaded.partial_fit(votes).cliques_.groups == model.cliques_.groups
        assert model.label(votes).provenance["model_params"]["dependencies"] is not None


def test_joint_outcomes_the_fit_did_not_see_are_read_literally():
    _, votes, _ = copied(1, 1000)
    model = DawidSkene(dependencies=[("lf_00", "lf_10")]).fit(votes)
    new = np.full((3, 11), -1)
    new[0, [0, 10]] = [0, 1]  # copies never differed
    new[1, 0] = 1  # nor spoke alone
    p = model.predict_proba(new)
    np.testing.assert_allclose(p[2], model.class_balance_)
    # a clique seen once counts on its prior alone: for what its members say
    assert p[1, 1] > model.class_balance_[1]
    assert np.isfinite(p).all()


def test_a_warm_start_goes_on_from_the_cliques():
    _, votes, _ = copied(2, 2000, share=0.8)
    model = DawidSkene(dependencies="learn", warm_start=True).fit(votes)
    first = model.n_iter_
    model.fit(votes)
    assert model.n_iter_ < first
    left_out = leave_one_out_lfs(model)
    assert left_out.lf_names[0] == "lf_00 & lf_10 & lf_11"


def test_prior_settings_by_name_reach_cliques():
    _, votes, _ = copied(1, 500)
    model = DawidSkene(
        dependencies=[("lf_00", "lf_10")],
        prior_accuracy={"lf_00": 0.9, "lf_10": 0.7},
        fixed_accuracy={"lf_01": 0.8},
    ).fit(votes)
    assert model._per_lf("prior_accuracy", 0.75)[0] == pytest.approx(0.8)
    assert np.isfinite(model.predict_proba(votes)).all()


def test_learning_leaves_pinned_lfs_alone():
    votes = planted_votes(5000, accuracy=accuracies(0, 8), copies=[(0, 0.5), (1, 0.5)]).votes
    assert len(DawidSkene(dependencies="learn").fit(votes).dependencies_) == 2
    model = DawidSkene(dependencies="learn", fixed_accuracy={"lf_9": 0.8}).fit(votes)
    assert model.dependencies_.clusters == (("lf_0", "lf_8"),)


# -- cliques -------------------------------------------------------------------------------------


@given(st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_joined_votes_tell_the_same_rows_apart(seed):
    rng = np.random.default_rng(seed)
    dense = rng.integers(-1, 3, (40, 5))
    votes = VoteMatrix.from_dense(dense, labels=["a", "b", "c & d"])
    joined = Cliques(((0, 3), (1, 4)), votes.lf_names).join(votes)
    assert joined.lf_names == ("lf_0 & lf_3", "lf_1 & lf_4", "lf_2")
    assert Cliques(((0, 3), (1, 4)), votes.lf_names).join(joined) is joined
    assert joined.patterns().n_patterns == votes.patterns().n_patterns
    one = np.unique(dense, axis=0, return_inverse=True)[1]
    other = np.unique(joined.to_dense(), axis=0, return_inverse=True)[1]
    assert len(set(zip(one.tolist(), other.tolist(), strict=True))) == len(set(one.tolist()))
    spoken = (dense[:, [0, 3]] >= 0).any(axis=1)
    assert (spoken == (joined.to_dense()[:, 0] >= 0)).all()


def test_groups_stop_before_they_have_too_many_outcomes():
    votes = planted_votes(2000, accuracy=np.full(6, 0.7), propensity=0.8).votes
    table = PatternTable.of(votes)
    pairs = [(0, 1), (1, 2), (3, 4), (2, 3)]
    groups, left_out = groups_within(pairs, table, max_outcomes=30)
    assert groups == ((0, 1, 2), (3, 4))
    assert left_out == [(2, 3)]


# -- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize("make", TABLE_MODELS)
def test_dependencies_that_name_no_lf(make):
    _, votes, _ = copied(1, 200)
    with pytest.raises(ConfigError, match=r"dependencies names the LF 'lf_99'.*'lf_00', 'lf_01'"):
        make(dependencies=[("lf_00", "lf_99")]).fit(votes)
    with pytest.raises(ConfigError, match="two or more different LFs, found 'lf_00'"):
        make(dependencies=["lf_00", "lf_01"]).fit(votes)
    with pytest.raises(ConfigError, match=r"two or more different LFs, found \('lf_00', 'lf_00'\)"):
        make(dependencies=[("lf_00", "lf_00")]).fit(votes)
    with pytest.raises(ConfigError, match=r"must be None, 'learn', pairs .* found 'auto'"):
        make(dependencies="auto").fit(votes)


def test_a_clique_may_not_hold_an_lf_with_a_given_table():
    _, votes, _ = copied(1, 200)
    with pytest.raises(ConfigError, match="'lf_00' is in dependencies and in strong"):
        DawidSkene(dependencies=[("lf_00", "lf_10")], strong=["lf_00"]).fit(votes)


def test_a_clique_too_large_says_what_to_drop():
    votes = planted_votes(5000, accuracy=np.full(15, 0.7), propensity=0.9).votes
    names = votes.lf_names[:12]
    pairs = list(pairwise(names))
    with pytest.raises(ConfigError, match="at most 1,024 joint outcomes") as caught:
        DawidSkene(dependencies=pairs).fit(votes)
    message = str(caught.value)
    keep = [p for p in pairs if repr(p) not in message]  # the remedy
    assert len(keep) < len(pairs)
    model = DawidSkene(dependencies=keep).fit(votes)
    assert model.layout_.per_lf(np.ones(model.layout_.n_rows)).max() <= MAX_OUTCOMES
