"""Leaving LFs out: the fast round against the round done by hand, and against full refits."""

from __future__ import annotations

import numpy as np
import pytest

from tests.models.conftest import good_votes
from weaklabel.errors import ConfigError, FitError
from weaklabel.models import DawidSkene, OneCoin, leave_one_out_lfs, load_model
from weaklabel.models import leave_out as room
from weaklabel.votes.synthetic import planted_votes


def by_hand(model, votes, j):
    """One EM round without LF j on whole matrices: E-step, M-step, E-step."""
    others = [k for k in range(votes.n_lfs) if k != j]
    keep = np.isin(model.layout_.row_lf, others)
    dense = votes.to_dense()
    joint = np.tile(model.log_prior_, (votes.n_items, 1))
    if model.silence_ is not None:
        joint -= model.silence_[j]
    where = {
        (int(a), int(b)): r
        for r, (a, b) in enumerate(zip(model.layout_.row_lf, model.layout_.row_symbol, strict=True))
    }

    def scores(log_table, start):
        out = start.copy()
        for i, k in np.argwhere(dense >= 0):
            if k != j:
                out[i] += log_table[where[int(k), int(dense[i, k])]]
        return out

    def softmax(s):
        e = np.exp(s - s.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    covered = (dense >= 0).any(axis=1) if model.abstain == "ignore" else np.ones(len(dense), bool)
    p = softmax(scores(model.log_table_, joint)) * covered[:, None]
    counts = np.zeros_like(model.counts_)
    for i, k in np.argwhere(dense >= 0):
        counts[where[int(k), int(dense[i, k])]] += p[i]
    table = model.statistics_
    layout, _ = table.layout()
    found = model._model(table, layout, None).parameters(counts, p.sum(axis=0))
    start = np.tile(found.log_prior, (votes.n_items, 1))
    if found.silence is not None:
        start -= found.silence[j]
    assert keep.any()
    after, before = softmax(scores(found.log_table, start)), model.predict_proba(votes)
    mine = dense[:, j] >= 0
    flipped = (after[mine].argmax(axis=1) != before[mine].argmax(axis=1)).sum()
    return flipped, 0.5 * np.abs(after[mine] - before[mine]).sum(axis=1).mean()


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("abstain", ["ignore", "informative"])
def test_one_round_equals_one_round_by_hand(monkeypatch, abstain, compiled):
    votes = good_votes(n_items=150, n_lfs=5, accuracy=0.6)
    model = DawidSkene(abstain=abstain).fit(votes)
    if compiled:
        monkeypatch.setattr(room, "COMPILED_FROM", 0)
    found = leave_one_out_lfs(model)
    for j in range(votes.n_lfs):
        flipped, shift = by_hand(model, votes, j)
        assert found.n_flipped[j] == flipped
        assert found.shift[j] == pytest.approx(shift, abs=1e-9)
    np.testing.assert_allclose(found.n_votes, model.statistics_.lf_weight)
    np.testing.assert_allclose(found.class_balance.sum(axis=1), 1.0)
    assert list(found.to_pandas().columns) == ["lf", "n_votes", "n_flipped", "shift"]


def test_many_rounds_are_a_refit():
    votes = planted_votes(3000, accuracy=[0.9, 0.8, 0.7, 0.75, 0.6, 0.65], seed=1).votes
    model = DawidSkene(tol=1e-10).fit(votes)
    one, many = leave_one_out_lfs(model), leave_one_out_lfs(model, steps=200)
    dense = votes.to_dense()
    before = model.predict_proba(votes)
    for j in range(votes.n_lfs):
        others = [k for k in range(votes.n_lfs) if k != j]
        mine = dense[:, j] >= 0
        refit = DawidSkene(tol=1e-10).fit(votes.select_lfs(others))
        after = refit.predict_proba(votes.select_lfs(others))
        shift = 0.5 * np.abs(after[mine] - before[mine]).sum(axis=1).mean()
        assert many.shift[j] == pytest.approx(shift, abs=2e-3)
        assert one.shift[j] == pytest.approx(shift, abs=0.05)
    assert np.argmax(one.shift) == np.argmax(many.shift) == 0  # the best LF matters most


def test_a_copy_is_not_missed():
    votes = planted_votes(2000, accuracy=[0.8, 0.7, 0.75], copies=[(0, 1.0)], seed=2).votes
    found = leave_one_out_lfs(OneCoin().fit(votes))
    assert found.n_flipped[3] <= 0.2 * found.n_votes[3]


def test_gold_weights_and_lfs_without_votes(votes):
    gold = np.where(np.arange(votes.n_items) < 30, np.arange(votes.n_items) % 3, -1)
    model = DawidSkene().fit(votes, gold, sample_weight=np.full(votes.n_items, 2.0))
    found = leave_one_out_lfs(model)
    assert np.isfinite(found.shift).all()
    np.testing.assert_allclose(found.n_votes, 2.0 * np.bincount(votes.lf_index))


def test_it_needs_the_votes(votes, tmp_path):
    model = DawidSkene().fit(votes)
    model.save(tmp_path / "m.npz")
    loaded = load_model(tmp_path / "m.npz")
    with pytest.raises(FitError, match="pass the votes it was fitted on"):
        leave_one_out_lfs(loaded)
    again = leave_one_out_lfs(loaded, votes)
    np.testing.assert_allclose(again.shift, leave_one_out_lfs(model).shift, atol=1e-12)
    with pytest.raises(ConfigError, match="steps must be at least 1, found 0"):
        leave_one_out_lfs(model, steps=0)
