"""Differences of votes and labels against loops over cells, and what is said of their causes."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weaklabel import apply, labeling_function
from weaklabel.analysis import diff_labels, diff_votes
from weaklabel.errors import ConfigError, DataError, VotesError
from weaklabel.models import LabelModel, MajorityVote
from weaklabel.soft_labels import SoftLabels
from weaklabel.votes import VoteMatrix

NAMES = ["ham", "spam"]


def votes_of(
    cells: dict[tuple[str, str], str], ids: list[str], lfs: list[str], classes: list[str]
) -> VoteMatrix:
    dense = [[classes.index(cells[i, lf]) if (i, lf) in cells else -1 for lf in lfs] for i in ids]
    return VoteMatrix.from_dense(
        np.array(dense, dtype=int).reshape(len(ids), len(lfs)), classes, lfs, ids
    )


@st.composite
def two_runs(draw):
    def run(lfs):
        ids = draw(st.lists(st.sampled_from("pqrstu"), min_size=1, max_size=6, unique=True))
        names = draw(st.permutations(lfs))
        classes = draw(st.permutations(["ham", "spam", "eggs"]))
        cells = {
            (i, lf): draw(st.sampled_from(classes))
            for i in ids
            for lf in names
            if draw(st.booleans())
        }
        return cells, ids, list(names), list(classes)

    return run(["a", "b", "c"]), run(["b", "c", "d"])


@settings(max_examples=80, deadline=None)
@given(two_runs())
def test_exactly_the_changed_cells_whatever_the_order(runs):
    (old, ids_a, lfs_a, classes_a), (new, ids_b, lfs_b, classes_b) = runs
    diff = diff_votes(
        votes_of(old, ids_a, lfs_a, classes_a), votes_of(new, ids_b, lfs_b, classes_b)
    )
    both = [i for i in ids_a if i in ids_b]
    expected = {
        (i, lf): (old.get((i, lf)), new.get((i, lf)))
        for i in both
        for lf in "abcd"
        if old.get((i, lf)) != new.get((i, lf))
    }
    frame = diff.to_pandas()
    inside = frame[frame.lf.notna()]
    found = {(r.id, r.lf): (r.before, r.after) for r in inside.itertuples()}
    assert found == expected
    assert len(inside) == len(expected)
    assert diff.changed_rows == [i for i in both if any(i == row for row, _ in expected)]
    assert diff.only_a == tuple(i for i in ids_a if i not in ids_b)
    assert diff.only_b == tuple(i for i in ids_b if i not in ids_a)
    why = {lf.name: lf.why for lf in diff.lfs}
    assert (why["a"], why["d"]) == ("removed LF", "new LF")
    for lf in diff.lfs:
        mine = [pair for (_, name), pair in expected.items() if name == lf.name]
        assert lf.n_given == sum(a is None for a, _ in mine)
        assert lf.n_withdrawn == sum(b is None for _, b in mine)
        assert lf.n_changed == len(mine) == lf.n_given + lf.n_withdrawn + lf.n_turned
    assert json.loads(json.dumps(diff.to_dict()))["n_changed_votes"] == len(expected)
    diff.to_text()


def test_equal_votes_do_not_differ():
    votes = VoteMatrix.from_dense([[0, 1], [-1, 0]], NAMES, ["a", "b"], ["x", "y"])
    diff = diff_votes(votes, votes.select_lfs(["b", "a"])[[1, 0]])
    assert not diff
    assert diff.to_text() == "no difference: 2 rows with the same votes"
    assert diff.to_dict()["differs"] is False


def test_the_cause_is_told_by_fingerprints():
    def pack(limit):
        @labeling_function(labels=NAMES)
        def long(x):
            return "spam" if len(x.text) > limit else "ham"

        @labeling_function(labels=NAMES)
        def has_word(x):
            return "spam" if "win" in x.text else None

        return [long, has_word]

    rows = [{"id": "m1", "text": "win now"}, {"id": "m2", "text": "hi"}, {"id": "m3", "text": "ho"}]
    before = apply(pack(5), rows, id_column="id")
    edited = apply(pack(1), rows, id_column="id")
    diff = diff_votes(before, edited)
    assert [(lf.name, lf.why, lf.n_turned) for lf in diff.lfs] == [("long", "edited LF", 2)]
    assert diff.why("m2") == ["long: ham -> spam (edited LF)"]
    assert diff.why("m1") == diff.why("nobody") == []
    rows[1]["text"] = "win"
    diff = diff_votes(before, apply(pack(5), rows, id_column="id"))
    assert diff.why("m2") == ["has_word: (abstains) -> spam (same LF, other row or resource)"]


def test_an_edit_without_an_effect_is_told():
    votes = VoteMatrix.from_dense([[0]], NAMES, ["a"])
    one, two = (
        VoteMatrix(votes.indptr, votes.lf_index, votes.symbol, NAMES, ["a"], None, [fingerprint])
        for fingerprint in ("f1", "f2")
    )
    diff = diff_votes(one, two)
    assert [(lf.name, lf.why, lf.n_changed) for lf in diff.lfs] == [("a", "edited LF", 0)]
    assert diff


def test_votes_with_other_classes_are_compared_in_words():
    a = VoteMatrix.from_dense([[0], [1]], ["ham", "spam"], ["x"])
    b = VoteMatrix.from_dense([[1], [2]], ["eggs", "ham", "spam"], ["x"])
    diff = diff_votes(a, b)
    assert len(diff.row) == 0
    assert diff
    assert "other classes: ham, spam before, eggs, ham, spam after" in diff.to_text()


def test_text_tells_the_first_rows_and_fits():
    a = VoteMatrix.from_dense(np.zeros((30, 2), int), NAMES, ["a", "b"])
    b = VoteMatrix.from_dense(np.tile([0, 1], (31, 1)), NAMES, ["a", "b"])
    text = diff_votes(a, b).to_text(80)
    assert "30 of 30 rows changed, 30 votes in all" in text
    assert "1 rows only in the second: 30" in text
    assert "0: b ham -> spam" in text
    assert "... and 20 more rows" in text
    assert max(map(len, text.splitlines())) <= 80


def test_votes_that_are_not_two_runs_of_one_thing_are_refused():
    a = VoteMatrix.from_dense([[0]], NAMES, ["a"])
    with pytest.raises(VotesError, match="no labeling function in common: a before, b after"):
        diff_votes(a, VoteMatrix.from_dense([[0]], NAMES, ["b"]))
    named = VoteMatrix.from_dense([[0]], NAMES, ["a"], ["row"])
    with pytest.raises(DataError, match=r"only one of the two has ids \(the first is 'row'\)"):
        diff_votes(a, named)


def test_ids_as_numbers_and_as_words_are_the_same():
    a = VoteMatrix.from_dense([[0], [1]], NAMES, ["a"], [7, 8])
    b = VoteMatrix.from_dense([[1], [0]], NAMES, ["a"], ["8", "7"])
    assert not diff_votes(a, b)


# -- labels ----------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6))
def test_exactly_the_changed_rows(seed):
    rng = np.random.default_rng(seed)
    ids_a, ids_b = rng.permutation(12)[:8], rng.permutation(12)[:8]
    table = {i: rng.choice([0.2, 0.5, 0.9]) for i in range(12)}
    other = {i: rng.choice([0.2, 0.5, 0.9]) if rng.random() < 0.4 else table[i] for i in range(12)}

    def labels(ids, p, flip):
        q = np.array([p[i] for i in ids])
        both = np.stack([q, 1 - q], axis=1)
        return SoftLabels(
            both[:, ::-1] if flip else both, NAMES[::-1] if flip else NAMES, None, ids
        )

    diff = diff_labels(labels(ids_a, table, False), labels(ids_b, other, True))
    both = [i for i in ids_a.tolist() if i in ids_b]
    assert diff.ids.tolist() == [i for i in both if table[i] != other[i]]

    def word(p):
        return -1 if p == 0.5 else 0 if p > 0.5 else 1

    for k, i in enumerate(diff.ids.tolist()):
        assert (diff.before[k], diff.after[k]) == (word(table[i]), word(other[i]))
        assert diff.shift[k] == pytest.approx(abs(table[i] - other[i]))
    assert set(diff.only_a) == set(ids_a.tolist()) - set(ids_b.tolist())
    assert json.loads(json.dumps(diff.to_dict()))["n_changed_rows"] == len(diff.ids)


@pytest.fixture
def runs():
    before = VoteMatrix.from_dense(
        [[0, 0, -1], [1, 1, 1], [0, 1, 0], [-1, -1, -1]] * 5, NAMES, ["a", "b", "c"],
        [f"r{i:02d}" for i in range(20)],
    )  # fmt: skip
    dense = before.to_dense()
    dense[2, 0] = 1
    dense[2, 2] = 1
    after = VoteMatrix.from_dense(dense, NAMES, ["a", "b", "c"], before.row_ids)
    return before, after


def test_which_function_did_it(runs):
    a, b = (MajorityVote().fit(v).label(v) for v in runs)
    diff = diff_labels(a, b, votes=runs)
    assert diff.ids.tolist() == ["r02"]
    assert (diff.before[0], diff.after[0]) == (0, 1)
    assert diff.why(0) == [
        "a: ham -> spam (fingerprint unknown)",
        "c: ham -> spam (fingerprint unknown)",
    ]
    text = diff.to_text(80)
    assert "1 of 20 rows have another label, 0 more only another probability" in text
    assert "r02: ham 66.7% -> spam 100.0%, moved 0.667" in text
    assert max(map(len, text.splitlines())) <= 80
    frame = diff.to_pandas()
    assert frame["before"].tolist() == ["ham"]
    assert frame["why"][0].startswith("a: ham -> spam")


def test_a_change_of_model_is_told_once_and_per_row(runs, tmp_path):
    before, _ = runs
    a, b = (model().fit(before).label(before) for model in (MajorityVote, LabelModel))
    diff = diff_labels(a, b, votes=(before, before))
    assert diff.reasons[0] == "model: MajorityVote -> LabelModel"
    assert not diff.relabelled.any()
    assert diff.why(0) == ["moved probability", "same votes, other model"]
    # what a file holds is enough
    a.to_parquet(tmp_path / "a.parquet")
    b.to_parquet(tmp_path / "b.parquet")
    read = diff_labels(*[SoftLabels.read(tmp_path / f"{x}.parquet") for x in "ab"])
    assert read.reasons == diff.reasons
    assert read.ids.tolist() == diff.ids.tolist()
    b.to_csv(tmp_path / "b.csv")
    plain = diff_labels(a, SoftLabels.read(tmp_path / "b.csv"))
    assert plain.ids.tolist() == diff.ids.tolist()
    assert "a CSV file holds no provenance" in plain.reasons[0]


def test_reasons_name_functions_and_settings(runs):
    before, after = runs
    model = LabelModel().fit(before)
    base = model.label(before)

    def with_provenance(**changes):
        facts = {**base.provenance, **changes}
        return SoftLabels(base.probabilities, base.labels, base.n_votes, base.ids, facts)

    old = with_provenance(lf_fingerprints=["f1", "f2", "f3"])
    new = with_provenance(lf_names=["a", "c", "d"], lf_fingerprints=["f1", "f9", "f4"])
    assert diff_labels(old, new).reasons == ("new LFs: d", "removed LFs: b", "edited LFs: c")
    other = with_provenance(model_params={**model.get_params(), "metric": "f1"})
    assert diff_labels(base, other).reasons == ("settings of the model: metric accuracy -> f1",)
    again = LabelModel().fit(after).label(before)
    assert "the model learned something else: it was fitted on other votes or gold" in (
        diff_labels(base, again).reasons
    )


def test_small_moves_can_be_overlooked():
    a = SoftLabels([[0.6, 0.4]], NAMES)
    b = SoftLabels([[0.6 + 1e-6, 0.4 - 1e-6]], NAMES)
    assert diff_labels(a, b)
    assert not diff_labels(a, b, tolerance=1e-5)
    assert diff_labels(a, b, tolerance=1e-5).to_text().startswith("no difference: 1 rows")


def test_votes_alone_may_change():
    a, b = (SoftLabels([[0.6, 0.4]], NAMES, [n]) for n in (1, 2))
    diff = diff_labels(a, b)
    assert diff.why(0) == ["moved probability", "1 votes -> 2 votes"]


def test_labels_that_cannot_be_matched_are_refused(runs):
    twice = SoftLabels([[0.6, 0.4]] * 2, NAMES, None, np.array(["x", "x"], object))
    once = SoftLabels([[0.6, 0.4]] * 2, NAMES, None, np.array(["x", "y"], object))
    with pytest.raises(DataError, match="found 'x' at rows 0 and 1 of the second"):
        diff_labels(once, twice)
    with pytest.raises(DataError, match="found 'x' at rows 0 and 1 of the first"):
        diff_labels(twice, once)
    with pytest.raises(DataError, match="no class in common: ham, spam before, a, b after"):
        diff_labels(once, SoftLabels([[0.6, 0.4]], ["a", "b"]))
    with pytest.raises(ConfigError, match="tolerance must be at least 0, found -1"):
        diff_labels(once, once, tolerance=-1)
    with pytest.raises(DataError, match="20 rows of votes and 2 of labels"):
        diff_labels(once, once, votes=runs)
