"""What labeling functions cost, against leaving out every vote of every row by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weaklabel.analysis import fixes, lfs_to_fix
from weaklabel.errors import CoverageWarning, DataError, LabelError, VotesError
from weaklabel.models import DawidSkene, LabelModel, MajorityVote
from weaklabel.votes import VoteMatrix
from weaklabel.votes.matrix import FaultRecord
from weaklabel.votes.synthetic import planted_votes

MODELS = [LabelModel, MajorityVote]


def decided(p: np.ndarray) -> np.ndarray:
    best = p >= p.max() - 1e-9
    return best / best.sum()


def by_hand(dense: np.ndarray, model, gold: np.ndarray) -> list[dict[str, float]]:
    n_classes = len(model.labels_)
    out = [
        dict.fromkeys(("spoiled", "alone_wrong", "expected_wrong", "n_decided", "n_alone"), 0.0)
        for _ in range(dense.shape[1])
    ]
    for row, g in zip(dense, gold, strict=True):
        p = model.predict_proba(row[None])[0]
        judge = np.eye(n_classes)[g] if g >= 0 else p
        label = decided(p)
        for j in np.flatnonzero(row >= 0):
            without = row.copy()
            without[j] = -1
            sums = out[j]
            sums["expected_wrong"] += 1 - judge[row[j]]
            if (without < 0).all():
                sums["n_alone"] += 1
                sums["n_decided"] += 1
                sums["alone_wrong"] += 1 - judge @ label
                continue
            gained = np.maximum(decided(model.predict_proba(without[None])[0]) - label, 0)
            sums["spoiled"] += judge @ gained
            sums["n_decided"] += gained.sum()
    return out


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(MODELS), st.booleans())
def test_agrees_with_leaving_out_votes_by_hand(seed, make, with_gold):
    rng = np.random.default_rng(seed)
    dense = rng.choice([-1, 0, 1, 2], (25, 4), p=[0.4, 0.3, 0.2, 0.1])
    dense[0] = [0, 1, 2, 0]
    gold = rng.integers(-1, 3, 25) if with_gold else np.full(25, -1)
    votes = VoteMatrix.from_dense(dense, ["a", "b", "c"])
    model = make().fit(votes)
    found = lfs_to_fix(votes, model, gold if with_gold else None)
    expected = by_hand(dense, model, gold)
    for lf in found.lfs:
        sums = expected[votes.lf_names.index(lf.name)]
        for name, value in sums.items():
            assert getattr(lf, name) == pytest.approx(value, abs=1e-9), (lf.name, name)
        assert lf.expected_gain == lf.spoiled + lf.alone_wrong
    stakes = [round(lf.at_stake, 9) for lf in found.lfs]
    assert stakes == sorted(stakes, reverse=True)
    assert found.share_seen == 1.0


def test_blocks_do_not_matter_and_samples_come_near(monkeypatch):
    planted = planted_votes(2000, accuracy=[0.9, 0.8, 0.7, 0.6, 0.8, 0.7], propensity=0.6)
    model = LabelModel().fit(planted.votes)
    whole = lfs_to_fix(planted.votes, model).to_dict()
    monkeypatch.setattr(fixes, "BLOCK_VOTES", 10)
    in_blocks = lfs_to_fix(planted.votes, model).to_dict()
    for a, b in zip(whole["lfs"], in_blocks["lfs"], strict=True):
        assert a["name"] == b["name"]
        assert a["at_stake"] == pytest.approx(b["at_stake"])
        assert a["example_ids"] == b["example_ids"]
    monkeypatch.setattr(fixes, "MAX_VOTES", 500)
    sample = lfs_to_fix(planted.votes, model)
    assert 0.05 < sample.share_seen < 1.0
    by_name = {lf["name"]: lf for lf in whole["lfs"]}
    for lf in sample.lfs:
        assert lf.expected_wrong == pytest.approx(by_name[lf.name]["expected_wrong"], rel=0.3)


def test_the_order_of_rows_does_not_matter():
    planted = planted_votes(300, accuracy=[0.9, 0.8, 0.7, 0.6], propensity=0.6)
    order = np.random.default_rng(0).permutation(300)
    dense = planted.votes.to_dense()
    ids = np.arange(1000, 1300)
    model = LabelModel().fit(planted.votes)
    names = planted.votes.lf_names
    one = VoteMatrix.from_dense(dense, planted.votes.labels, names, ids)
    two = VoteMatrix.from_dense(dense[order], planted.votes.labels, names, ids[order])
    assert lfs_to_fix(one, model).to_text() == lfs_to_fix(two, model).to_text()


def test_the_bad_function_is_first_and_the_advice_names_rows_that_are_wrong():
    planted = planted_votes(400, accuracy=[0.95, 0.9, 0.9, 0.35], propensity=0.5)
    votes, gold = planted.votes, planted.truth
    model = LabelModel().fit(votes)
    found = lfs_to_fix(votes, model, gold)
    worst = found.lfs[0]
    assert worst.name == "lf_3"
    assert worst.advice[0].startswith("it is right less often than chance: turn its vote around")
    assert worst.advice[1] == f"narrow it: about {worst.expected_gain:.0f} rows wrong by it"
    hard = model.predict(votes)
    assert len(worst.example_ids) == 3
    assert all(hard[i] != gold[i] for i in worst.example_ids)
    assert worst.accuracy == pytest.approx((votes.to_dense()[:, 3] == gold).sum() / worst.n_votes)


def test_faults_silence_and_copies_are_named():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 300)
    votes_of = [np.where(rng.random(300) < 0.85, y, 1 - y) for _ in range(4)]
    dense = np.stack([*votes_of, votes_of[1], np.full(300, -1), np.full(300, -1)], axis=1)
    names = ["a", "b", "c", "d", "b_again", "silent", "broken"]
    plain = VoteMatrix.from_dense(dense, ["no", "yes"], names)
    votes = VoteMatrix(
        plain.indptr, plain.lf_index, plain.symbol, plain.alphabet, names,
        faults={"broken": FaultRecord(300, "0", "KeyError: 'text'", "...")},
    )  # fmt: skip
    with pytest.warns(CoverageWarning):
        model = LabelModel().fit(votes)
    found = lfs_to_fix(votes, model)
    advice = {lf.name: lf.advice for lf in found.lfs}
    assert found.lfs[0].name == "broken"
    assert advice["broken"] == ("it fails on 300 rows: mend that first",)
    assert advice["silent"] == ("it never votes: loosen it, or drop it",)
    assert "it repeats b_again: keep one" in advice["b"]
    text = found.to_text(80)
    assert max(map(len, text.splitlines())) <= 80
    assert text.endswith("judged by the model alone; gold would know better")
    json.dumps(found.to_dict(), allow_nan=False)
    assert found.to_pandas()["name"].tolist()[0] == "broken"


def test_a_function_that_decides_nothing_is_told_so():
    dense = np.array([[0, 0, 0, 0], [1, 1, 1, -1]] * 50)
    votes = VoteMatrix.from_dense(dense, ["x", "y"], ["a", "b", "c", "d"])
    found = lfs_to_fix(votes, DawidSkene().fit(votes))
    last = next(lf for lf in found.lfs if lf.name == "d")
    assert last.advice == ("it decides no row: the others say the same or outvote it",)


def test_nothing_to_fix_is_said():
    votes = VoteMatrix.from_dense([[0], [1]] * 10, ["x", "y"], ["a"])
    found = lfs_to_fix(votes, MajorityVote().fit(votes))
    assert found.to_text() == (
        "nothing stands out to fix; judged by the model alone; gold would know better"
    )


def test_bad_input_is_refused():
    planted = planted_votes(50, accuracy=[0.9, 0.8, 0.7])
    model = MajorityVote().fit(planted.votes)
    with pytest.raises(VotesError, match="missing: 'lf_2'"):
        lfs_to_fix(planted.votes.select_lfs([0, 1]), model)
    with pytest.raises(LabelError, match="gold label 'eggs'"):
        lfs_to_fix(planted.votes, model, ["eggs"] * 50)
    with pytest.raises(DataError, match="no rows to judge"):
        lfs_to_fix(planted.votes[:0], model)


def test_gold_by_name_is_not_read_as_codes() -> None:
    """Classes named by digits in another order than their codes."""
    rng = np.random.default_rng(0)
    truth = rng.integers(2, size=300)
    dense = np.where(rng.random((300, 4)) < 0.8, truth[:, None], 1 - truth[:, None])
    dense[rng.random((300, 4)) < 0.4] = -1
    found = []
    for names in (["0", "1"], ["1", "0"]):
        votes = VoteMatrix.from_dense(dense, labels=names)
        fixes = lfs_to_fix(votes, LabelModel().fit(votes), [names[y] for y in truth])
        found.append([(lf.name, lf.expected_gain, lf.advice) for lf in fixes.lfs])
    assert found[0] == found[1]
