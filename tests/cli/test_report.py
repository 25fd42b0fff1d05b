"""The command that draws: its page, its options, and what it refuses."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.report.conftest import data_of

REPORT = ("report", "votes.npz", "--out", "r.html")


def drawn(work, call, *options):
    called = call(*REPORT, *options)
    assert called.code == 0, called
    return called, (work / "r.html").read_text("utf-8")


def test_votes_alone_are_enough(made, call):
    called, page = drawn(made, call)
    assert "wrote r.html" in called.out
    assert "From: votes votes.npz" in page
    assert data_of(page)["sample"]["rows"][0]["id"] == "row-00"


def test_everything_together(made, call):
    called, page = drawn(
        made, call, "--model", "model.npz", "--labels", "labels.parquet", "--rows", "rows.csv",
        "--id", "key", "--gold", "truth", "--title", "Spam <rules>", "--made", "on a Monday",
        "--json",
    )  # fmt: skip
    assert called.json["bytes"] == (made / "r.html").stat().st_size
    assert '<h1 class="data">Spam &lt;rules&gt;</h1>' in page
    assert "Made: on a Monday" in page
    assert "From: votes votes.npz, model model.npz, labels labels.parquet, rows rows.csv" in page
    sample = data_of(page)["sample"]
    assert sample["columns"] == ["text", "length"]  # neither the id nor the gold a second time
    assert {row["gold"] for row in sample["rows"]} == {0, 1}


def test_rows_are_found_by_their_ids(made, call):
    table = pd.read_csv(made / "rows.csv")
    table[::-1].to_csv(made / "turned.csv", index=False)
    _, one = drawn(made, call, "--rows", "rows.csv", "--id", "key")
    _, other = drawn(made, call, "--rows", "turned.csv", "--id", "key", "--overwrite")
    assert data_of(one) == data_of(other)


def test_columns_can_be_chosen_and_rows_capped(made, call):
    _, page = drawn(
        made, call, "--data", "rows.csv", "--id", "key", "--show", "length", "--max-rows", "7"
    )
    sample = data_of(page)["sample"]
    assert sample["columns"] == ["length"]
    assert len(sample["rows"]) == 7


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--rows", "rows.csv"), "say which column of rows.csv holds them"),
        (("--rows", "rows.csv", "--id", "text"), "ids must be unique"),
        (("--rows", "rows.csv", "--id", "key", "--gold", "no"), "there is no column 'no'"),
        (("--rows", "rows.csv", "--id", "key", "--show", "no"), "there is no column 'no'"),
        (("--gold", "truth"), "give --data DATA"),
        (("--model", "votes.npz"), "label model"),
        (("--model", "none.npz"), "there is no file none.npz"),
        (("--labels", "none.parquet"), "there is no file none.parquet"),
        (("--timing", "rows.csv"), "does not hold the times"),
        (("--rows", "other.csv", "--id", "key"), "60 of 70 ids are not in the column"),
        (("--max-rows", "0"), "max_rows must be"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(made, call, options, words):
    pd.read_csv(made / "rows.csv").head(10).to_csv(made / "other.csv", index=False)
    called = call(*REPORT, *options)
    assert called.code == 1
    assert words in called.err
    assert "Traceback" not in called.err
    assert not (made / "r.html").exists()


def test_a_page_that_exists_is_left_as_it_is(made, call):
    (made / "r.html").write_text("mine")
    called = call(*REPORT)
    assert called.code == 1
    assert "--overwrite" in called.err
    assert (made / "r.html").read_text() == "mine"
