"""`weaklabel diff`: votes and labels, what it writes, its exit codes, and what it refuses."""

from __future__ import annotations

import pandas as pd
import pytest

from weaklabel.analysis import diff_labels, diff_votes
from weaklabel.soft_labels import SoftLabels
from weaklabel.votes import VoteMatrix


@pytest.fixture
def two(made, call):
    """The folder after one rule was edited, with votes, model and labels of both runs."""
    rules = (made / "rules.py").read_text()
    (made / "rules.py").write_text(rules.replace('x["length"] < 20', 'x["length"] < 30'))
    for arguments in (
        ("apply", "rules.py", "rows.csv", "--id", "key", "--out", "votes2.parquet"),
        ("fit", "votes2.parquet", "--out", "model2.npz"),
        ("label", "model2.npz", "votes2.parquet", "--out", "labels2.parquet"),
        ("label", "model2.npz", "votes2.parquet", "--out", "labels2.csv"),
    ):
        called = call(*arguments)
        assert called.code == 0, called
    return made


def test_votes_that_changed_and_why(two, call):
    called = call("diff", "votes.npz", "votes2.parquet", "--out", "changed.csv")
    assert called.code == 0, called
    assert "short" in called.out
    assert "edited LF" in called.out
    assert "prize" not in called.out
    assert max(map(len, called.out.splitlines())) <= 80
    found = call("diff", "votes.npz", "votes2.parquet", "--json").json
    expected = diff_votes(VoteMatrix.load("votes.npz"), VoteMatrix.load("votes2.parquet"))
    assert found == expected.to_dict()
    assert found["differs"] is True
    frame = pd.read_csv("changed.csv")
    assert frame["id"].tolist() == [vote["id"] for vote in found["votes"]]
    assert set(frame["lf"]) == {"short"}
    assert set(frame["why"]) == {"edited LF"}


def test_labels_that_changed_and_which_function_did_it(two, call):
    files = ("labels.parquet", "labels2.parquet")
    votes = ("--votes-before", "votes.npz", "--votes-after", "votes2.parquet")
    called = call("diff", *files, *votes, "--limit", "3", "--out", "changed.parquet")
    assert called.code == 0, called
    assert "edited LFs: short" in called.out
    assert "short: (abstains) -> ham (edited LF)" in " ".join(called.out.split())
    found = call("diff", *files, *votes, "--json").json
    a, b = (SoftLabels.read(name) for name in files)
    matrices = (VoteMatrix.load("votes.npz"), VoteMatrix.load("votes2.parquet"))
    assert found == diff_labels(a, b, votes=matrices).to_dict()
    assert len(pd.read_parquet("changed.parquet")) == found["n_changed_rows"] > 0
    with_csv = call("diff", "labels.parquet", "labels2.csv", "--json").json
    assert with_csv["n_changed_rows"] == found["n_changed_rows"]


def test_exit_codes_are_those_of_git_diff(two, call):
    assert call("diff", "votes.npz", "votes2.parquet").code == 0
    assert call("diff", "votes.npz", "votes2.parquet", "--exit-code").code == 1
    same = call("diff", "votes.npz", "votes.npz", "--exit-code")
    assert same.code == 0
    assert "no difference: 70 rows with the same votes" in same.out
    assert call("diff", "labels2.csv", "labels2.csv", "--exit-code").code == 0


def test_an_output_file_is_not_replaced_unasked(two, call):
    (two / "changed.csv").write_text("mine")
    called = call("diff", "votes.npz", "votes2.parquet", "--out", "changed.csv")
    assert called.code == 1
    assert (two / "changed.csv").read_text() == "mine"
    options = ("--out", "changed.csv", "--overwrite")
    assert call("diff", "votes.npz", "votes2.parquet", *options).code == 0
    assert (two / "changed.csv").read_text().startswith("id,lf,before,after,why")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("votes.npz", "labels.parquet"), "one kind: votes.npz holds votes, labels.parquet holds"),
        (("votes.npz", "model.npz"), "model.npz holds a label model"),
        (("votes.npz", "none.npz"), "there is no file none.npz"),
        (("votes.npz", "rules.py"), "found 'rules.py'"),
        (("rows.csv", "labels2.csv"), "soft labels need one column p_<class> per class"),
        (("votes.npz", "bad.parquet"), "bad.parquet is damaged or not a parquet file"),
        (("bad.npz", "votes.npz"), "bad.npz is damaged"),
        (("votes.npz", "votes.npz", "--votes-before", "votes.npz"), "go with labels"),
        (("labels.parquet", "labels.parquet", "--votes-after", "votes.npz"), "give both"),
        (("labels.parquet", "labels.parquet", "--tolerance", "-1"), "tolerance must be at least 0"),
        (("votes.npz", "votes.npz", "--out", "changed.txt"), "written as .csv or .parquet"),
    ],
)
def test_what_cannot_be_compared_is_one_clear_line(two, call, arguments, message):
    (two / "bad.parquet").write_bytes(b"PAR1")
    (two / "bad.npz").write_bytes(b"PK")
    called = call("diff", *arguments)
    assert called.code == 1, called
    lines = called.err.strip().splitlines()
    assert len([line for line in lines if line.startswith("error: ")]) == 1
    assert message in called.err
