"""`weaklabel analyze`: its tables, and what it asks for where something is missing."""

from __future__ import annotations

import pytest

from tests.cli.conftest import N_ROWS, rows, write_csv
from weaklabel.analysis import (
    error_buckets,
    lf_pairs,
    lfs_to_fix,
    reliability,
    rows_in_conflict,
    slice_summary,
)
from weaklabel.export import load_model
from weaklabel.votes import VoteMatrix

GOLD = ("--data", "rows.csv", "--id", "key", "--gold", "truth")


def plain(value):
    """As JSON holds it."""
    import json

    return json.loads(json.dumps(value, allow_nan=False))


def test_all_tables_are_those_of_the_library(made, call):
    called = call(
        "analyze", "votes.npz", "--model", "model.npz", *GOLD, "--slice", "length",
        "--table", "all", "--json",
    )  # fmt: skip
    assert called.code == 0, called
    votes, model = VoteMatrix.load("votes.npz"), load_model("model.npz")
    labels = model.label(votes)
    gold = [row["truth"] for row in rows()]
    lengths = [row["length"] for row in rows()]
    found = called.json
    slices = slice_summary(votes, lengths, labels=labels, gold=gold, what="length")
    assert found["slices"] == [plain(slices.to_dict())]
    assert found["fixes"] == plain(lfs_to_fix(votes, model, gold).to_dict())
    assert found["conflicts"] == plain(rows_in_conflict(votes, labels, n=5).to_dict())
    assert found["errors"] == plain(error_buckets(votes, labels, gold).to_dict())
    assert found["calibration"] == plain(reliability(labels, gold).to_dict())
    assert found["pairs"] == plain(lf_pairs(votes, dependence=True).to_dict())
    assert {"learned_accuracy", "weight", "effective_votes", "accuracy_low"} <= set(found["lfs"][0])


def test_the_text_has_every_table_and_fits(made, call):
    called = call(
        "analyze", "votes.npz", "--model", "model.npz", *GOLD, "--slice", "length", "--table", "all"
    )
    for words in (
        "95% interval", "learned accuracy", "Slices by length", "Labeling functions to fix first",
        "Rows most in conflict", "Errors in buckets", "Calibration of the labels",
        "Labeling functions two by two",
    ):  # fmt: skip
        assert words in called.out
    assert max(map(len, called.out.splitlines())) <= 80


def test_all_means_what_the_files_given_allow(made, call):
    found = call("analyze", "votes.npz", "--table", "all", "--json").json
    assert {"conflicts", "pairs"} <= set(found)
    assert not {"fixes", "errors", "calibration"} & set(found)


def test_rows_in_another_order_are_matched_by_id(made, call):
    write_csv(made / "backwards.csv", rows()[::-1])
    options = ("--id", "key", "--slice", "truth", "--json")
    one = call("analyze", "votes.npz", "--data", "rows.csv", *options).json
    two = call("analyze", "votes.npz", "--rows", "backwards.csv", *options).json
    assert one["slices"] == two["slices"]
    assert sum(s["n_items"] for s in one["slices"][0]["slices"]) == N_ROWS


def test_times_written_by_apply_are_shown(work, call):
    shown = call("apply", "rules.py", "rows.csv", "--out", "v.npz", "--timing", "t.json")
    assert shown.code == 0, shown
    assert "ms/1,000" in shown.out
    assert "wrote t.json (times)" in shown.out
    again = call("apply", "rules.py", "rows.csv", "--out", "v2.npz", "--timing", "t.json")
    assert again.code == 1
    assert "t.json" in again.err
    found = call("analyze", "v.npz", "--timing", "t.json", "--json").json
    assert all(lf["ms_per_1000"] > 0 for lf in found["lfs"])
    assert "ms/1,000" not in call("analyze", "v.npz").out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--table", "fixes"), "the table fixes needs --model; give it or leave out"),
        (("--table", "errors"), "the table errors needs --model and --gold; give them"),
        (("--model", "model.npz", "--table", "calibration"), "the table calibration needs --gold"),
        (("--slice", "length"), "the slices by 'length' need the rows; give --data DATA"),
        (("--slice", "size", "--data", "rows.csv", "--id", "key"), "no column 'size' in rows.csv"),
        (("--slice", "key", "--data", "rows.csv", "--id", "key"), "has 70 rows with 70 values"),
        (("--slice", "length", "--data", "rows.csv"), "say which column of rows.csv holds them"),
        (("--slice", "length", "--data", "rows.csv", "--id", "text"), "ids must be unique"),
        (("--gold", "text", "--data", "rows.csv", "--id", "key"), "is not a label"),
        (("--gold", "truth"), "gold labels need both --gold COLUMN and --data DATA"),
        (("--model", "votes.npz"), "votes.npz holds votes, expected a label model"),
        (("--timing", "rows.csv"), "does not hold the times that apply recorded"),
    ],
)  # fmt: skip
def test_what_is_missing_or_does_not_match_is_one_clear_line(made, call, arguments, message):
    called = call("analyze", "votes.npz", *arguments)
    assert called.code == 1, called
    lines = called.err.strip().splitlines()
    assert len([line for line in lines if line.startswith("error: ")]) == 1
    assert message in called.err


def test_a_model_of_other_functions_is_refused(made, call):
    (made / "fewer.py").write_text((made / "rules.py").read_text().replace("def prize", "def win"))
    call("apply", "fewer.py", "rows.csv", "--id", "key", "--out", "other.npz")
    called = call("analyze", "other.npz", "--model", "model.npz")
    assert called.code == 1
    assert "missing: 'prize'; not in the fit: 'win'" in called.err
