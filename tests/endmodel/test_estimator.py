"""EndModel as a user meets it."""

from __future__ import annotations

import copy
import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from weaklabel.endmodel import EndModel
from weaklabel.endmodel.artifact import KIND
from weaklabel.endmodel.estimator import ROWS_PER_CHUNK
from weaklabel.errors import (
    ArtifactError,
    ConfigError,
    CoverageWarning,
    DataError,
    FitError,
)
from weaklabel.labels import LabelSpace
from weaklabel.soft_labels import SoftLabels
from weaklabel.storage import read_artifact, write_artifact

SPACE = LabelSpace(["ham", "spam"])


def make_rows(n_rows: int = 80, seed: int = 0) -> tuple[list[str], SoftLabels]:
    """Texts whose words say the class, and soft labels that mostly agree; every 10th uncovered."""
    rng = np.random.default_rng(seed)
    is_spam = rng.random(n_rows) < 0.5
    words = {False: ["noon", "lunch", "see you"], True: ["cash", "win", "prize !"]}
    texts = [
        " ".join([*rng.choice(words[bool(s)], 3), f"word{i % 7}"]) for i, s in enumerate(is_spam)
    ]
    sure = np.where(is_spam, 0.9, 0.1) + rng.uniform(-0.1, 0.1, n_rows)
    n_votes = np.where(np.arange(n_rows) % 10 == 0, 0, 2)
    sure[n_votes == 0] = 0.5
    return texts, SoftLabels(np.stack([1 - sure, sure], axis=1), SPACE, n_votes)


TEXTS, LABELS = make_rows()
TABLE = pd.DataFrame(
    {
        "length": [float(len(t)) if i % 5 else None for i, t in enumerate(TEXTS)],
        "first": [t.split()[0] for t in TEXTS],
        "text": TEXTS,
        "sent": pd.date_range("2020-01-01", periods=80, freq="31h"),
    }
)
ARRAY = np.stack([LABELS.probabilities[:, 1], np.arange(80.0), np.zeros(80)], axis=1)
INPUTS: dict[str, Any] = {
    "text": TEXTS,
    "table": TABLE,
    "dense": ARRAY,
    "sparse": sp.csr_array(ARRAY),
}


@pytest.mark.parametrize("head", ["linear", "mlp"])
@pytest.mark.parametrize("kind", INPUTS)
def test_contract(head: Any, kind: str, tmp_path: Path) -> None:
    """What holds for every head on every kind of rows."""
    X = INPUTS[kind]
    model = EndModel(head=head, max_epochs=20)
    assert model.fit(X, LABELS) is model
    probabilities = model.predict_proba(X)
    assert probabilities.shape == (80, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-12)
    answers = model.predict(X)
    assert set(answers) <= {"ham", "spam"}
    truth = np.where(LABELS.probabilities[:, 1] > 0.5, "spam", "ham")
    assert (answers == truth)[LABELS.covered].mean() > 0.9
    again = clone(model).fit(X, LABELS)
    assert np.array_equal(again.predict_proba(X), probabilities)
    loaded = EndModel.load(model.save(tmp_path / "model.npz"))
    assert np.array_equal(loaded.predict_proba(X), probabilities)
    assert loaded.get_params() == model.get_params()
    for name in ("n_iter_", "history_", "status_", "description_", "weight_decay_", "seed_"):
        assert getattr(loaded, name) == getattr(model, name)
    assert loaded.classes_.dtype == model.classes_.dtype
    assert "8 uncovered rows" in model.status_
    for twin in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert np.array_equal(twin.predict_proba(X), probabilities)


@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_global_random_state_is_neither_read_nor_changed(head: Any) -> None:
    def states() -> list[Any]:
        return [torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(),  # noqa: NPY002
                random.getstate()]  # fmt: skip

    first = EndModel(head=head, max_epochs=3).fit(TEXTS, LABELS).predict_proba(TEXTS)
    torch.manual_seed(99)
    before = states()
    second = EndModel(head=head, max_epochs=3).fit(TEXTS, LABELS).predict_proba(TEXTS)
    assert states() == before
    assert np.array_equal(first, second)


@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_the_number_of_threads_does_not_matter(head: Any) -> None:
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            model = EndModel(head=head, max_epochs=5).fit(TABLE, LABELS)
            found.append(model.predict_proba(TABLE))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert np.array_equal(found[0], found[1])


def test_seeds_matter_and_are_kept() -> None:
    models = [EndModel(head="mlp", max_epochs=3, random_state=s).fit(TEXTS, LABELS) for s in (1, 2)]
    assert not np.array_equal(*(m.predict_proba(TEXTS) for m in models))
    assert [m.seed_ for m in models] == [1, 2]


def test_renaming_the_classes_renames_the_answers() -> None:
    swapped = SoftLabels(LABELS.probabilities[:, ::-1], LabelSpace(["spam", "ham"]), LABELS.n_votes)
    models = [EndModel(weight_decay=0.01).fit(TEXTS, y) for y in (LABELS, swapped)]
    one, two = (m.predict_proba(TEXTS) for m in models)
    np.testing.assert_allclose(one, two[:, ::-1], atol=1e-4)


def test_hard_labels_and_probabilities_are_labels_too() -> None:
    hard = LABELS.labels.decode(LABELS.harden())
    model = EndModel().fit(TEXTS, hard)
    assert model.classes_.tolist() == ["ham", "spam"]
    assert "8 uncovered rows left out" in model.status_
    assert model.score(TEXTS[1:10], hard[1:10]) == 1.0
    numbered = EndModel().fit(TEXTS, LABELS.probabilities)
    assert set(numbered.predict(TEXTS).tolist()) == {0, 1}


@pytest.mark.parametrize("policy", ["downweight", "keep"])
def test_uncovered_rows_stay_when_wanted(policy: Any) -> None:
    model = EndModel(uncovered=policy).fit(TEXTS, LABELS)
    assert "on 80 rows (8 uncovered rows " in model.status_


def test_rows_of_weight_zero_do_not_exist() -> None:
    weights = np.ones(80)
    weights[40:] = 0.0
    half = SoftLabels(LABELS.probabilities[:40], SPACE, LABELS.n_votes[:40])
    one = EndModel().fit(TEXTS, LABELS, sample_weight=weights)
    two = EndModel().fit(TEXTS[:40], half)
    assert np.array_equal(one.predict_proba(TEXTS), two.predict_proba(TEXTS))


def test_what_was_passed_is_left_as_it_was() -> None:
    table, probabilities = TABLE.copy(), LABELS.probabilities.copy()
    EndModel().fit(TABLE, LABELS).predict(TABLE)
    pd.testing.assert_frame_equal(TABLE, table)
    assert np.array_equal(LABELS.probabilities, probabilities)


@pytest.mark.parametrize("n_rows", [2, 3, 10])
@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_few_rows_are_enough(n_rows: int, head: Any) -> None:
    texts = ["cash prize", "lunch at noon"] * 5
    model = EndModel(head=head).fit(texts[:n_rows], [[0.1, 0.9], [0.8, 0.2]] * (n_rows // 2)
                                    + [[0.1, 0.9]] * (n_rows % 2))  # fmt: skip
    assert model.predict(["cash", "lunch"]).tolist() == [1, 0]
    assert "nothing held out" in model.status_


def test_a_class_nobody_voted_for_is_kept_and_hardly_answered() -> None:
    three = np.concatenate([LABELS.probabilities, np.zeros((80, 1))], axis=1)
    labels = SoftLabels(three, LabelSpace(["ham", "spam", "other"]), LABELS.n_votes)
    probabilities = EndModel().fit(TEXTS, labels).predict_proba(TEXTS)
    assert probabilities.shape == (80, 3)
    assert probabilities[:, 2].max() < 0.1


def test_history_and_status_tell_how_it_went() -> None:
    model = EndModel(head="mlp", max_epochs=30).fit(TEXTS, LABELS)
    stages = [entry["stage"] for entry in model.history_]
    assert stages.count("final") == model.n_iter_
    selection = [e["heldout_loss"] for e in model.history_ if e["stage"] == "selection"]
    assert f"held-out loss {min(selection):.4f} on 15 rows" in model.status_
    assert all(e["heldout_loss"] is None for e in model.history_ if e["stage"] == "final")
    linear = EndModel().fit(TEXTS, LABELS)
    assert "TF-IDF features of text (words, 1 to 2-grams)" in linear.description_
    assert "converged after" in linear.status_
    assert (
        "stopped by max_epochs after 1 epoch" in EndModel(max_epochs=1).fit(TEXTS, LABELS).status_
    )


def test_wide_features_are_never_made_dense() -> None:
    """A million rows of 2**18 features would take 2 TB; 20,000 already more than a test may."""
    rng = np.random.default_rng(0)
    n_rows, n_features = 20_000, 2**18
    columns = rng.integers(n_features, size=(n_rows, 5)).ravel()
    rows = np.repeat(np.arange(n_rows), 5)
    X = sp.csr_array((np.ones(5 * n_rows), (rows, columns)), shape=(n_rows, n_features))
    y = rng.integers(2, size=n_rows)
    model = EndModel(optimizer="adamw", max_epochs=1, weight_decay=0.0, holdout=0.0).fit(X, y)
    assert model.predict_proba(X).shape == (n_rows, 2)


def test_prediction_in_chunks_is_prediction_in_one() -> None:
    texts = (TEXTS * (ROWS_PER_CHUNK // 80 + 2))[: ROWS_PER_CHUNK + 50]
    model = EndModel().fit(TEXTS, LABELS)
    whole = model.predict_proba(texts)
    assert np.array_equal(whole[:80], model.predict_proba(TEXTS))
    assert np.array_equal(whole[-50:], model.predict_proba(texts[-50:]))


def test_grid_search_and_refitting_on_other_rows_work() -> None:
    search = GridSearchCV(EndModel(), {"weight_decay": [0.1, 0.001]}, cv=2)
    search.fit(np.array(TEXTS), np.where(LABELS.probabilities[:, 1] > 0.5, "spam", "ham"))
    assert search.best_score_ > 0.8
    model = EndModel().fit(TABLE, LABELS)
    assert model.n_features_in_ == len(model.feature_names_in_) == 4
    assert not hasattr(model.fit(TEXTS, LABELS), "n_features_in_")


def test_a_progress_bar_is_shown_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    EndModel().fit(TEXTS, LABELS)
    assert capsys.readouterr().err == ""
    EndModel(progress=True).fit(TEXTS, LABELS)
    assert "end model" in capsys.readouterr().err


# -- bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: EndModel().fit(TEXTS[:5], LABELS), DataError, "X has 5 and the soft labels 80"),
        (lambda: EndModel().fit([], LABELS), DataError, "X has no rows"),
        (lambda: EndModel().fit([None, *TEXTS[1:]], LABELS), DataError, "missing in row 0"),
        (lambda: EndModel().fit(TEXTS, LABELS.probabilities * 0.9), DataError, "sum to 1"),
        (lambda: EndModel().fit(ARRAY * np.nan, LABELS), DataError, "NaN in row 0, column 0"),
        (lambda: EndModel().fit(TEXTS, ["ham"] * 80), FitError, "at least two classes"),
        (lambda: EndModel(ngrams=(2, 1)).fit(TEXTS, LABELS), ConfigError, "ngrams must be"),
        (lambda: EndModel(n_hashed=0).fit(TEXTS, LABELS), ConfigError, "n_hashed must be"),
        (lambda: EndModel().predict(TEXTS), FitError, "not fitted yet"),
        (lambda: EndModel().save("x.npz"), FitError, "not fitted yet"),
        (
            lambda: EndModel().fit(TABLE, LABELS).predict(TEXTS),
            DataError,
            "fitted on a table with named columns, found a list of texts",
        ),
        (
            lambda: EndModel().fit(TEXTS, LABELS).predict(TABLE),
            DataError,
            "fitted on a list of texts, found a table",
        ),
        (
            lambda: EndModel().fit(ARRAY, LABELS).predict(ARRAY[:, :2]),
            DataError,
            "X has 2 features, but EndModel is expecting 3",
        ),
        (
            lambda: EndModel().fit(TEXTS, LABELS).predict([None]),
            DataError,
            "missing in row 0",
        ),
        (
            lambda: EndModel(learning_rate=1e300, head="mlp").fit(ARRAY, LABELS),
            FitError,
            "diverged.*lower learning_rate",
        ),
    ],
)
def test_bad_input_is_named(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_no_covered_row_and_one_likeliest_class() -> None:
    bare = SoftLabels(LABELS.probabilities, SPACE, np.zeros(80, dtype=int))
    with pytest.raises(FitError, match="none of the 80 rows is covered"):
        EndModel().fit(TEXTS, bare)
    EndModel(uncovered="keep").fit(TEXTS, bare)
    leaning = SoftLabels([[0.9, 0.1], [0.7, 0.3]] * 40, SPACE)
    with pytest.warns(CoverageWarning, match="hardly ever answer anything else"):
        EndModel().fit(TEXTS, leaning)


def test_a_failed_fit_leaves_the_model_as_it_was() -> None:
    model = EndModel().fit(TEXTS, LABELS)
    before = model.predict_proba(TEXTS)
    with pytest.raises(DataError):
        model.fit(TEXTS[:3], LABELS)
    assert np.array_equal(model.predict_proba(TEXTS), before)


# -- files -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return EndModel().fit(TABLE, LABELS).save(tmp_path_factory.mktemp("model") / "model.npz")


def test_an_existing_file_is_left_as_it_is(saved: Path) -> None:
    before = saved.read_bytes()
    with pytest.raises(ArtifactError, match="exists and is left as it is"):
        EndModel().fit(TEXTS, LABELS).save(saved)
    assert saved.read_bytes() == before


def test_a_file_without_a_pickle(saved: Path) -> None:
    with np.load(saved, allow_pickle=False) as archive:
        assert not any(archive[name].dtype.hasobject for name in archive.files)


def test_every_truncation_is_an_artifact_error(saved: Path, tmp_path: Path) -> None:
    content = saved.read_bytes()
    for part in range(1, 10):
        broken = tmp_path / f"{part}.npz"
        broken.write_bytes(content[: len(content) * part // 10])
        with pytest.raises(ArtifactError, match="damaged or not"):
            EndModel.load(broken)


def test_every_missing_part_is_an_artifact_error(saved: Path, tmp_path: Path) -> None:
    header, arrays = read_artifact(saved, KIND)
    header = {k: v for k, v in header.items() if k not in ("format", "format_version", "kind")}
    for name in arrays:
        rest = {k: v for k, v in arrays.items() if k != name}
        write_artifact(tmp_path / "part.npz", KIND, header, rest, overwrite=True)
        with pytest.raises(ArtifactError, match="not a complete end model"):
            EndModel.load(tmp_path / "part.npz")
    for name in ("params", "classes", "features", "head", "facts"):
        rest_header = {k: v for k, v in header.items() if k != name}
        write_artifact(tmp_path / "part.npz", KIND, rest_header, arrays, overwrite=True)
        with pytest.raises(ArtifactError, match="not a complete end model"):
            EndModel.load(tmp_path / "part.npz")


def test_newer_other_and_absent_files_are_named(saved: Path, tmp_path: Path) -> None:
    _, arrays = read_artifact(saved, KIND)
    newer = {"model_version": 99, "versions": {"weaklabel": "9.9"}}
    write_artifact(tmp_path / "newer.npz", KIND, newer, arrays)
    with pytest.raises(ArtifactError, match=r"version 99, written by weaklabel 9\.9.*upgrade"):
        EndModel.load(tmp_path / "newer.npz")
    write_artifact(tmp_path / "votes.npz", "votes", {}, arrays)
    with pytest.raises(ArtifactError, match="holds 'votes', expected 'end_model'"):
        EndModel.load(tmp_path / "votes.npz")
    with pytest.raises(ArtifactError, match="there is no file"):
        EndModel.load(tmp_path / "nothing.npz")


@pytest.mark.parametrize(
    "classes", [["a", "b"], [3, 7], [True, False], [1.0, 2.0], np.array(["a", "b"])]
)
def test_classes_come_back_as_they_were(classes: Any, tmp_path: Path) -> None:
    model = EndModel().fit(["cash", "noon"] * 5, np.array(list(classes) * 5))
    loaded = EndModel.load(model.save(tmp_path / "model.npz"))
    assert loaded.predict(["cash"]).dtype == model.predict(["cash"]).dtype
    assert loaded.predict(["cash", "noon"]).tolist() == list(classes)


def test_a_generator_is_stored_as_the_seed_it_gave(tmp_path: Path) -> None:
    model = EndModel(random_state=np.random.default_rng(3)).fit(TEXTS, LABELS)
    loaded = EndModel.load(model.save(tmp_path / "model.npz"))
    assert loaded.random_state == model.seed_
    refitted = clone(loaded).fit(TEXTS, LABELS)
    assert np.array_equal(refitted.predict_proba(TEXTS), model.predict_proba(TEXTS))
