"""The accuracy bench on folders of one's own: layouts, what is missing, what cannot be scored."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.bench import accuracy
from tests.bench.sets import SetError, find_sets, read_set
from weaklabel.votes.synthetic import planted_votes


def write(folder, splits, n_lfs=5, seed=0, **meta):
    """A set of planted votes; ``splits`` maps a split to its rows and whether it has gold."""
    folder.mkdir(parents=True)
    (folder / "meta.json").write_text(json.dumps({"K": 2, **meta}))
    for i, (split, (n, has_gold)) in enumerate(splits.items()):
        planted = planted_votes(n, accuracy=[0.8] * n_lfs, propensity=0.5, seed=seed + i)
        gold = planted.truth if has_gold else np.full(n, -1)
        np.savez(folder / f"votes_{split}.npz", L=planted.votes.to_dense(), Y=gold)


@pytest.mark.parametrize(
    ("splits", "fitted", "scored"),
    [
        ({"train": (90, True), "valid": (50, True), "test": (40, True)}, 90, 40),
        ({"unlabeled": (90, False), "valid": (50, True), "test": (40, True)}, 90, 40),
        ({"train": (90, False), "valid": (50, True)}, 90, 50),
        ({"valid": (50, True), "test": (40, False)}, 50, 50),
        ({"train": (90, True)}, 90, 90),
        ({"train": (90, True), "test": (40, False)}, 90, 90),
    ],
)
def test_which_split_is_fitted_and_which_is_scored(tmp_path, splits, fitted, scored):
    write(tmp_path / "a", splits)
    data = read_set(tmp_path / "a")
    assert (data.fit.n_items, data.test.n_items) == (fitted, scored)
    assert (data.fit is data.test) == (fitted == scored)


def test_what_cannot_be_scored_is_named(tmp_path):
    write(tmp_path / "blind", {"train": (30, False), "test": (20, False)})
    with pytest.raises(SetError, match=r"blind: no split has gold .* among test, train"):
        read_set(tmp_path / "blind")
    write(tmp_path / "odd", {"train": (30, True)})
    np.savez(tmp_path / "odd" / "votes_test.npz", L=np.zeros((5, 3), int), Y=np.zeros(5, int))
    with pytest.raises(SetError, match="train has 5 labeling functions and test has 3"):
        read_set(tmp_path / "odd")
    np.savez(tmp_path / "odd" / "votes_test.npz", L=np.zeros((5, 5), int), Y=np.zeros(4, int))
    with pytest.raises(SetError, match=r"found \(5, 5\) and \(4,\)"):
        read_set(tmp_path / "odd")
    np.savez(tmp_path / "odd" / "votes_test.npz", votes=np.zeros((5, 5), int))
    with pytest.raises(SetError, match="must hold an array L of votes, found votes"):
        read_set(tmp_path / "odd")


def test_the_bench_runs_on_a_folder_of_ones_own(tmp_path, capsys):
    write(tmp_path / "rules" / "one", {"train": (200, True), "test": (100, True)})
    write(tmp_path / "rules" / "two", {"valid": (100, True)}, seed=5)
    write(tmp_path / "judges" / "one", {"train": (200, False), "test": (100, True)}, seed=9)
    write(tmp_path / "judges" / "blind", {"test": (50, False)})
    assert find_sets(tmp_path) == ["judges/blind", "judges/one", "rules/one", "rules/two"]
    models = ["majority", "default", "default+50"]
    assert accuracy.main([str(tmp_path), "--draws", "2", "--models", *models]) == 0
    out, err = capsys.readouterr()
    assert "blind: no split has gold" in err
    tables = [t for t in out.split("\n\n") if t.strip()]
    assert [t.split()[0] for t in tables] == ["judges", "rules", "all"]
    for each in tables:
        assert each.splitlines()[0].split()[-3:] == models
        assert "worst vs majority" in each
        assert "seconds" in each
    of_all = next(line for line in tables[2].splitlines() if line.startswith("average"))
    assert np.isfinite([float(cell) for cell in of_all.split()[1:]]).all()
    assert accuracy.main([str(tmp_path), "--sets", "judges/blind"]) == 1
    assert "no sets that can be scored" in capsys.readouterr().err


def test_no_row_is_scored_whose_label_was_seen(tmp_path):
    write(tmp_path / "a", {"valid": (100, True)})
    data = read_set(tmp_path / "a")
    gold, unseen = accuracy.gold_rows(data, 60, 0)
    assert (gold >= 0).sum() == 50  # half of the rows at most
    assert not (unseen & (gold >= 0)).any()
