"""``--cache``: votes kept between calls of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import N_ROWS, RULES, Call
from weaklabel.votes import VoteMatrix

N_LFS = 4


def test_apply_keeps_votes_and_asks_only_the_edited_function(work: Path, call: Call) -> None:
    arguments = ("apply", "rules.py", "rows.csv", "--out", "votes.npz", "--cache", "kept")
    first = call(*arguments)
    assert first.code == 0, first
    assert f"kept: 0 of {N_LFS * N_ROWS} votes reused; the cache holds {N_LFS} files" in first.out
    before = VoteMatrix.load("votes.npz")
    again = call(*arguments, "--overwrite")
    assert f"{N_LFS * N_ROWS} of {N_LFS * N_ROWS} votes reused" in again.out
    assert VoteMatrix.load("votes.npz") == before
    (work / "rules.py").write_text(RULES.replace('"money" in', '"your money" in'))
    edited = call(*arguments, "--overwrite", "--json").json
    assert edited["cache"]["n_computed"] == N_ROWS
    assert edited["cache"]["n_reused"] == (N_LFS - 1) * N_ROWS
    assert edited["cache"]["n_bytes"] > 0
    after = VoteMatrix.load("votes.npz").to_dense()
    assert (after[:, [0, 2, 3]] == before.to_dense()[:, [0, 2, 3]]).all()
    assert (after[:, 1] >= 0).sum() == N_ROWS / 7


def test_run_takes_a_cache_and_hides_the_gold_column_from_it(work: Path, call: Call) -> None:
    arguments = ("run", "rules.py", "rows.csv", "--gold", "truth", "--cache", "kept")
    assert call(*arguments, "--out", "one.parquet").code == 0
    text = (work / "rows.csv").read_text().replace(",ham", ",spam")
    (work / "rows.csv").write_text(text)  # other gold labels, equal rows
    again = call(*arguments, "--out", "two.parquet")
    assert again.code == 0, again
    assert f"{N_LFS * N_ROWS} of {N_LFS * N_ROWS} votes reused" in again.out


def test_a_folder_with_other_things_in_it_is_refused(work: Path, call: Call) -> None:
    called = call("apply", "rules.py", "rows.csv", "--out", "votes.npz", "--cache", work)
    assert called.code == 1
    message = " ".join(called.err.split())
    assert "is not a vote cache and not empty" in message
    assert "choose a folder of its own for the cache" in message
    assert not (work / "votes.npz").exists()


@pytest.mark.parametrize("command", ["apply", "run"])
def test_help_names_the_option(call: Call, command: str) -> None:
    assert "--cache" in call(command, "--help").out
