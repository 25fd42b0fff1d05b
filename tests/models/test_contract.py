"""What every label model does, whatever its mathematics. A new model is one row in conftest."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.models.conftest import good_votes
from weaklabel.errors import (
    ArtifactError,
    ConfigError,
    CoverageWarning,
    FitError,
    IdentifiabilityWarning,
    VotesError,
)
from weaklabel.models import DawidSkene, LabelModel, LabelModelBase, MajorityVote, load_model
from weaklabel.storage import read_artifact, write_artifact
from weaklabel.votes import VoteMatrix


def test_probabilities_have_the_right_shape_and_sum_to_one(make_model, votes):
    p = make_model().fit(votes).predict_proba(votes)
    assert p.shape == (votes.n_items, 3)
    assert p.dtype == np.float64
    assert (p >= 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1.0, atol=1e-12)


def test_obvious_labels_are_found(make_model):
    votes, truth = good_votes(truth=True)
    predicted = make_model().fit(votes).predict(votes)
    decided = predicted >= 0
    assert (predicted[decided] == truth[decided]).mean() > 0.93


def test_rows_without_votes_equal_the_prior(make_model, votes):
    model = make_model().fit(votes)
    if getattr(model, "abstain", "") == "informative":
        pytest.skip("silence is evidence here: a row without votes is not at the prior")
    np.testing.assert_allclose(
        model.predict_proba(votes)[:3], np.tile(model.class_balance_, (3, 1)), atol=1e-12
    )
    assert (model.predict(votes)[:3] == -1).all()


def test_what_was_learned(make_model, votes):
    model = make_model()
    assert model.fit(votes) is model
    assert model.labels_ == votes.labels
    assert model.lf_names_ == votes.lf_names
    assert model.class_balance_.shape == (3,)
    assert abs(model.class_balance_.sum() - 1.0) < 1e-12
    assert model.n_iter_ >= 0
    assert isinstance(model.status_, str)
    assert model.status_


def test_fitting_twice_gives_the_same_bits(make_model, votes):
    first, second = make_model().fit(votes), make_model().fit(votes)
    assert first.parameters_hash() == second.parameters_hash()
    assert (first.predict_proba(votes) == second.predict_proba(votes)).all()


def test_inputs_are_left_as_they_are(make_model):
    votes, truth = good_votes(truth=True)
    dense = votes.to_dense()
    gold = np.full(len(dense), -1)
    gold[:20] = truth[:20]
    weight = np.ones(len(dense))
    before = (dense.copy(), gold.copy(), weight.copy())
    make_model().fit(dense, gold, [0.3, 0.3, 0.4], sample_weight=weight)
    for array, copy in zip((dense, gold, weight), before, strict=True):
        assert (array == copy).all()


def test_an_array_is_as_good_as_a_vote_matrix(make_model, votes):
    dense = votes.to_dense()
    from_array = make_model().fit(dense).predict_proba(dense)
    assert (from_array == make_model().fit(votes).predict_proba(votes)).all()


def test_saved_and_loaded_it_predicts_the_same(make_model, votes, tmp_path):
    model = make_model().fit(votes)
    path = tmp_path / "model.npz"
    model.save(path)
    loaded = load_model(path)
    assert type(loaded) is type(model)
    assert loaded.get_params() == {
        k: list(v) if isinstance(v, tuple) else v for k, v in model.get_params().items()
    }
    assert (loaded.predict_proba(votes) == model.predict_proba(votes)).all()
    assert loaded.parameters_hash() == model.parameters_hash()
    assert loaded.status_ == model.status_
    with pytest.raises(ArtifactError, match="exists and is left as it is"):
        model.save(path)
    model.save(path, overwrite=True)
    with pytest.raises(FitError, match="statistics=True"):
        loaded.partial_fit(votes)
    model.save(path, overwrite=True, statistics=True)
    again = load_model(path).partial_fit(votes)
    assert again.n_items_ == 2 * votes.n_items


def test_the_class_of_a_file_is_checked(votes, tmp_path):
    MajorityVote().fit(votes).save(tmp_path / "m.npz")
    with pytest.raises(ArtifactError, match="holds a MajorityVote, expected a DawidSkene"):
        DawidSkene.load(tmp_path / "m.npz")
    votes.save(tmp_path / "v.npz")
    with pytest.raises(ArtifactError, match="expected 'label_model'"):
        LabelModelBase.load(tmp_path / "v.npz")


def rewritten(path, header=None, without=()):
    """The file with other header entries and without some arrays."""
    found, arrays = read_artifact(path)
    found |= header or {}
    kept = {k: v for k, v in arrays.items() if k not in without}
    write_artifact(path, found.pop("kind"), found, kept, overwrite=True)


def test_a_file_of_an_older_format_says_so(votes, tmp_path):
    """It was a bare KeyError: files from before gold weighed votes have no ``correction``."""
    path = tmp_path / "m.npz"
    LabelModel().fit(votes).save(path)
    header, _ = read_artifact(path)
    assert header["model_version"] == 2
    rewritten(path, {"model_version": 1}, without=["correction"])
    with pytest.raises(ArtifactError, match=r"older format 1, .* reads format 2; fit it again"):
        load_model(path)
    LabelModel().fit(votes).save(path, overwrite=True)  # the advice
    assert (load_model(path).predict(votes) == LabelModel().fit(votes).predict(votes)).all()


def test_a_file_of_a_newer_format_or_with_a_part_missing(make_model, votes, tmp_path):
    path = tmp_path / "m.npz"
    make_model().fit(votes).save(path)
    rewritten(path, without=["class_balance"])
    with pytest.raises(ArtifactError, match=r"is damaged: the .* in it lacks 'class_balance'"):
        load_model(path)
    rewritten(path, {"model_version": 99})
    with pytest.raises(ArtifactError, match="of format 99, newer than"):
        load_model(path)


def test_files_written_before_models_had_a_format_are_of_the_first(votes, tmp_path):
    path = tmp_path / "m.npz"
    for model in (DawidSkene(), LabelModel()):
        model.fit(votes).save(path, overwrite=True)
        header, arrays = read_artifact(path)
        del header["model_version"]
        write_artifact(path, header.pop("kind"), header, arrays, overwrite=True)
        if isinstance(model, DawidSkene):
            assert (load_model(path).predict(votes) == model.predict(votes)).all()
        else:
            with pytest.raises(ArtifactError, match="older format 1"):
                load_model(path)


def test_soft_labels_carry_ids_and_provenance(make_model, votes):
    model = make_model().fit(votes)
    soft = model.label(votes)
    assert (soft.ids == votes.row_ids).all()
    assert (soft.n_votes == votes.n_votes_per_item).all()
    facts = json.loads(json.dumps(soft.provenance))
    assert facts["model"] == type(model).__name__
    assert facts["labels"] == ["red", "green", "blue"]
    assert facts["lf_names"] == list(votes.lf_names)
    assert facts["parameters_sha256"] == model.parameters_hash()
    assert facts["n_rows"] == votes.n_items
    assert set(facts["versions"]) == {"weaklabel", "numpy", "python"}


def test_gold_given_to_label_is_kept(make_model, votes):
    gold = [None] * votes.n_items
    gold[5] = "blue"
    soft = make_model().fit(votes).label(votes, gold)
    assert soft.probabilities[5].tolist() == [0.0, 0.0, 1.0]


def test_lfs_may_come_in_another_order(make_model, votes):
    model = make_model().fit(votes)
    turned = votes.select_lfs(list(reversed(votes.lf_names)))
    np.testing.assert_allclose(model.predict_proba(turned), model.predict_proba(votes), atol=1e-12)


def test_it_is_cloned_by_scikit_learn(make_model):
    clone = pytest.importorskip("sklearn.base").clone
    model = make_model()
    copy = clone(model)
    assert copy is not model
    assert copy.get_params() == model.get_params()
    assert repr(copy) == repr(model)


def test_shards_merged_equal_the_whole(make_model, votes):
    whole = make_model().fit(votes)
    shards = [make_model().fit(votes[a:b]) for a, b in ((0, 150), (150, 230), (230, 400))]
    merged = shards[0].merge(*shards[1:])
    np.testing.assert_allclose(merged.predict_proba(votes), whole.predict_proba(votes), atol=1e-10)
    parts = make_model()
    for a, b in ((0, 150), (150, 230), (230, 400)):
        parts.partial_fit(votes[a:b])
    np.testing.assert_allclose(parts.predict_proba(votes), whole.predict_proba(votes), atol=1e-10)
    assert parts.n_items_ == 400


def test_merging_wants_models_of_one_kind(votes):
    with pytest.raises(FitError, match="merges with its own kind, found a DawidSkene"):
        MajorityVote().fit(votes).merge(DawidSkene().fit(votes))


def test_weights_count_like_repeated_rows(make_model, votes):
    rng = np.random.default_rng(3)
    times = rng.integers(0, 4, votes.n_items)
    plain = VoteMatrix.from_dense(votes.to_dense(), labels=votes.labels)
    weighted = make_model().fit(plain, sample_weight=times.astype(float))
    repeated = make_model().fit(plain[np.repeat(np.arange(votes.n_items), times)])
    np.testing.assert_allclose(
        weighted.predict_proba(plain), repeated.predict_proba(plain), atol=1e-8
    )


def test_explanations_add_up(make_model, votes):
    model = make_model().fit(votes)
    p = model.predict_proba(votes)
    table = model.explain_all(votes)
    assert len(table) == votes.n_votes
    for row in (0, 7, 101):
        found = model.explain(votes, row)
        total = found.prior + found.contributions.sum(axis=0)
        want = p[row] if found.scale == "share" else np.log(p[row])
        shift = 0.0 if found.scale == "share" else (total - want).mean()
        np.testing.assert_allclose(total - shift, want, atol=1e-9)
        assert list(found.to_pandas()["lf"]) == ["(prior)", *found.lf_names]
        mine = np.flatnonzero(table.item == row)
        without = [f is not None for f in found.flips]
        if found.label is not None and "tie" not in found.flips:
            assert table.decisive[mine].tolist() == without
        assert str(found).startswith(f"row row-{row}:")
    assert list(table.to_pandas().columns[:3]) == ["id", "lf", "vote"]


def test_explaining_a_row_that_is_not_there(make_model, votes):
    with pytest.raises(VotesError, match=r"rows are 0 .. 399, found 400"):
        make_model().fit(votes).explain(votes, 400)


# -- bad input -----------------------------------------------------------------------------------


def test_use_before_fit(make_model, votes):
    with pytest.raises(FitError, match="is not fitted yet; call fit"):
        make_model().predict_proba(votes)
    with pytest.raises(FitError, match="is not fitted yet"):
        make_model().save("nowhere.npz")


def test_no_rows_and_no_votes(make_model):
    with pytest.raises(FitError, match="at least one row of votes, found none"):
        make_model().fit(np.zeros((0, 3), dtype=int))
    with pytest.raises(FitError, match="all 3 LFs abstain on all 5 rows"):
        make_model().fit(np.full((5, 3), -1))


def test_predicting_no_rows(make_model, votes):
    assert make_model().fit(votes).predict_proba(votes[:0]).shape == (0, 3)


@pytest.mark.parametrize("bad", [np.nan, -1.0, np.inf])
def test_weights_that_are_not_weights(make_model, votes, bad):
    weight = np.ones(votes.n_items)
    weight[17] = bad
    with pytest.raises(FitError, match=r"finite and at least 0, found .* at row 17"):
        make_model().fit(votes, sample_weight=weight)
    weight[17] = 0.0  # the remedy
    make_model().fit(votes, sample_weight=weight)


def test_weights_of_another_shape_or_all_zero(make_model, votes):
    with pytest.raises(FitError, match=r"shape \(400,\), found \(3,\)"):
        make_model().fit(votes, sample_weight=[1, 2, 3])
    with pytest.raises(FitError, match="found all zero"):
        make_model().fit(votes, sample_weight=np.zeros(400))
    with pytest.raises(FitError, match="must be numbers"):
        make_model().fit(votes, sample_weight=["a"] * 400)


def test_gold_outside_the_classes(make_model, votes):
    gold = [None] * votes.n_items
    gold[9] = "purple"
    with pytest.raises(FitError, match=r"'purple' at position 9 is not a label.*'red' \(0\)"):
        make_model().fit(votes, gold)
    with pytest.raises(FitError, match="found 2 for 400 rows"):
        make_model().fit(votes, [0, 1])


@pytest.mark.parametrize(
    ("balance", "message"),
    [
        ([0.5, 0.5, 0.5], "add up to 1, found .* with sum 1.5"),
        ([0.5, 0.5, 0.0], "positive shares"),
        ([1.5, 0.5, -1.0], "positive shares"),
        ([0.5, 0.5], r"each of the 3 classes, found shape \(2,\)"),
        ("balanced", "None .* 'uniform' or one share per class, found 'balanced'"),
        ({"red": 0.5, "green": 0.5}, "found a difference in 'blue'"),
        (["a", "b", "c"], "must be numbers"),
    ],
)
def test_class_balance_that_is_none(make_model, votes, balance, message):
    with pytest.raises(FitError, match=message):
        make_model().fit(votes, class_balance=balance)


def test_class_balance_given_is_used(make_model, votes):
    given = make_model().fit(votes, class_balance={"red": 0.2, "green": 0.3, "blue": 0.5})
    np.testing.assert_allclose(given.class_balance_, [0.2, 0.3, 0.5], atol=1e-9)
    uniform = make_model().fit(votes, class_balance="uniform")
    np.testing.assert_allclose(uniform.class_balance_, 1 / 3, atol=1e-9)


def test_an_lf_without_votes_is_named_and_changes_nothing(make_model, votes):
    dense = votes.to_dense()
    silent = np.column_stack([dense[:, :2], np.full(len(dense), -1), dense[:, 2:]])
    with pytest.warns(CoverageWarning, match=r"1 of 8 LFs cast no vote: 'lf_2'"):
        model = make_model().fit(silent)
    np.testing.assert_allclose(
        model.predict_proba(silent), make_model().fit(dense).predict_proba(dense), atol=1e-9
    )


def test_one_class_only(make_model):
    dense = np.where(np.random.default_rng(0).random((50, 4)) < 0.5, 1, -1)
    matrix = VoteMatrix.from_dense(dense, labels=["no", "yes"])
    with pytest.warns(IdentifiabilityWarning, match="every vote is for one class, 'yes'"):
        model = make_model().fit(matrix)
    assert np.isfinite(model.predict_proba(matrix)).all()


def test_fewer_rows_than_classes(make_model):
    matrix = VoteMatrix.from_dense([[0, 0, 1], [1, 1, 1]], labels=["a", "b", "c"])
    with pytest.warns(IdentifiabilityWarning, match=r"fewer rows \(2\) than classes \(3\)"):
        model = make_model().fit(matrix)
    assert np.isfinite(model.predict_proba(matrix)).all()


def test_votes_of_other_lfs_or_classes(make_model, votes):
    model = make_model().fit(votes)
    with pytest.raises(VotesError, match="missing: 'lf_6'"):
        model.predict(votes.select_lfs(range(6)))
    dense = votes.to_dense()
    names = [*votes.lf_names[:6], "new"]
    with pytest.raises(VotesError, match="missing: 'lf_6'; not in the fit: 'new'"):
        model.predict(VoteMatrix.from_dense(dense, labels=votes.labels, lf_names=names))
    with pytest.raises(VotesError, match="fitted on the classes 'red', 'green', 'blue'"):
        model.predict(VoteMatrix.from_dense(dense, labels=["a", "b", "c"]))
    with pytest.raises(VotesError, match="fitted on 7 LFs, found votes of 2"):
        model.predict(dense[:, :2])


def test_settings_that_are_not_there(make_model):
    with pytest.raises(ConfigError, match="has no setting 'depth'"):
        make_model().set_params(depth=3)


def test_a_problem_larger_than_memory_is_refused_before_it_starts(make_model, votes, monkeypatch):
    model = make_model().fit(votes)
    monkeypatch.setattr("weaklabel.models.checks.available_memory", lambda: 1000.0)
    with pytest.raises(FitError, match=r"GB of memory and .* are available; .*partial_fit"):
        make_model().fit(votes)
    with pytest.raises(FitError, match="predict in slices"):
        model.predict_proba(votes)
