# ruff: noqa: E501 -- one case a line reads as a table
"""``train`` with its report and ``predict`` in pieces, as they are called; and what they refuse."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.cli.conftest import rows, write_csv
from weaklabel.endmodel import EndModel
from weaklabel.labels import LabelSpace
from weaklabel.soft_labels import SoftLabels
from weaklabel.storage import read_artifact, write_artifact

TRAIN = ("train", "labels.parquet", "rows.csv", "--id", "key", "--out", "end.npz", "--folds", "3")
GOLD = ("--gold", "truth")


def done(call, *arguments):
    called = call(*arguments)
    assert called.code == 0, called
    return called


def test_train_reports_on_gold_and_never_learns_from_it(made, call):
    called = done(
        call, *TRAIN, *GOLD, "--votes", "votes.npz", "--slice", "length", "--relabel", "look.csv",
        "--sure", "0.6", "--json",
    )  # fmt: skip
    report = called.json["report"]
    assert list(report["gold"]["all"]["scores"]) == ["end model", "label model", "majority vote"]
    assert report["gold"]["all"]["n_gold"] == 70
    assert sum(s["n_items"] for s in report["slices"]["slices"]) == 70
    assert "end model less label model" in called.err
    look = pd.read_csv("look.csv")
    assert len(look) == report["relabel"]["n_rows"]
    assert set(look["id"]) <= {r["key"] for r in rows()}
    assert "truth" not in EndModel.load("end.npz").feature_names_in_
    done(call, *TRAIN[:5], "--out", "b.npz", "--drop", "truth", "--folds", "0")
    seen = pd.DataFrame(rows())[["text", "length"]]
    a, b = (EndModel.load(name).predict_proba(seen) for name in ("end.npz", "b.npz"))
    np.testing.assert_array_equal(a, b)


def test_train_without_gold_says_what_it_cannot_tell(made, call):
    called = done(call, *TRAIN, "--drop", "truth")
    assert "Without gold this cannot tell who is right" in called.out
    assert "end model agrees with the labels" in called.out
    assert max(map(len, called.out.splitlines()[2:])) <= 80


def test_calibrate_is_kept_in_the_model_where_it_helps(made, call):
    found = done(call, *TRAIN, *GOLD, "--calibrate", "--json").json
    scaled = found["report"]["temperature"]
    helps = scaled["log_loss_after"] < scaled["log_loss_before"]
    assert found["temperature"] == (scaled["value"] if helps else 1.0)
    assert EndModel.load("end.npz").temperature_ == found["temperature"]


def test_few_rows_get_a_model_and_no_report(work, call):
    few = rows()[:12]
    write_csv(work / "few.csv", few)
    soft = [[0.9, 0.1], [0.2, 0.8]] * 6
    SoftLabels(soft, LabelSpace(["ham", "spam"])).to_parquet(work / "soft.parquet")
    called = done(call, "train", "soft.parquet", "few.csv", "--drop", "truth", "--out", "m.npz")
    assert "no report: 5 folds need at least 20 different rows" in called.out
    called = call("train", "soft.parquet", "few.csv", *GOLD, "--out", "n.npz")
    assert called.code == 1
    assert "the end model was written to n.npz all the same" in called.err
    assert EndModel.load("n.npz").n_iter_ > 0


def test_predict_keeps_order_ids_and_types_over_csv_and_parquet(work, call, monkeypatch):
    table = pd.DataFrame(rows())
    table["size"] = pd.array([None if i % 9 == 8 else i % 4 for i in range(len(table))], "Int64")
    EndModel().fit(table[["text", "size"]], table["truth"].tolist()).save("m.npz")
    table.to_csv("big.csv", index=False)
    table.to_parquet("big.parquet")
    monkeypatch.setattr("weaklabel.pipeline.predicting.ROWS_AT_ONCE", 16)
    for data in ("big.csv", "big.parquet"):
        for out in ("p.csv", "p.parquet"):
            done(
                call, "predict", "m.npz", data, "--id", "key", "--keep", "size", "--out", out,
                "--overwrite",
            )  # fmt: skip
        a, b = pd.read_csv("p.csv", dtype={"size": "Int64"}), pd.read_parquet("p.parquet")
        assert a["id"].tolist() == b["id"].tolist() == table["key"].tolist()
        np.testing.assert_array_equal(a["p_ham"], b["p_ham"])
        whole = EndModel.load("m.npz").predict_proba(table[["text", "size"]])
        np.testing.assert_allclose(b[["p_ham", "p_spam"]], whole, rtol=0, atol=1e-12)
        assert a["size"].tolist() == table["size"].tolist()


def soft(probabilities, ids=None):
    def write(work: Path) -> None:
        frame = pd.DataFrame(probabilities, columns=["p_ham", "p_spam"])
        if ids is not None:
            frame.insert(0, "id", ids)
        frame.to_csv(work / "soft.csv", index=False)

    return write


def model(work: Path) -> None:
    table = pd.DataFrame(rows())
    EndModel().fit(table[["text", "length"]], table["truth"].tolist()).save(work / "m.npz")


def newer(work: Path) -> None:
    model(work)
    header, arrays = read_artifact(work / "m.npz", "end_model")
    header = {k: v for k, v in header.items() if k not in ("format", "format_version", "kind")}
    header["model_version"] = 99
    write_artifact(work / "m.npz", "end_model", header, arrays, overwrite=True)


def changed(work: Path, change) -> None:
    model(work)
    table = rows()
    change(table)
    write_csv(work / "new.csv", table)


HALF = [[0.5, 0.5]] * 70
PREDICT = ("predict", "m.npz", "new.csv", "--out", "p.csv")
SOFT = ("train", "soft.csv", "rows.csv", "--out", "new.npz")
BAD = {
    "soft labels that do not sum to 1": (soft([[0.9, 0.3], *HALF[1:]]), SOFT, r"sum to 1; row 0 is \[0\.9, 0\.3\]"),
    "one class only": (soft([[1.0, 0.0]] * 70), (*SOFT, "--drop", "truth"), r"at least two classes.*'ham'"),
    "an id twice in the labels": (soft(HALF[:2], ["row-03", "row-03"]), (*SOFT, "--id", "key"), r"'row-03' in rows 0 and 1 of soft\.csv"),
    "an id that no row has": (soft(HALF[:2], ["row-03", "row-99"]), (*SOFT, "--id", "key"), r"1 of 2 ids.*'row-99'"),
    "an empty file of labels": (lambda w: (w / "soft.csv").write_text(""), SOFT, r"soft\.csv.*empty"),
    "labels without rows": (soft(np.empty((0, 2))), SOFT, r"there are no labels: soft\.csv is empty"),
    "gold to learn from": (None, (*TRAIN, *GOLD, "--features", "truth"), r"'truth' is for scores and must not be learned from"),
    "gold that is no class": (lambda w: write_csv(w / "rows.csv", [{**r, "truth": "eggs"} for r in rows()]), (*TRAIN, *GOLD), r"'eggs'"),
    "calibrate without gold": (None, (*TRAIN, "--calibrate"), r"--gold COLUMN"),
    "too little gold to calibrate": (lambda w: write_csv(w / "rows.csv", [{**r, "truth": r["truth"] if i < 3 else None} for i, r in enumerate(rows())]), (*TRAIN, *GOLD, "--calibrate"), r"at least 20 rows need gold, found 3"),
    "votes of other rows": (soft(HALF), (*SOFT, "--votes", "votes.npz"), r"same rows"),
    "no slice column": (None, (*TRAIN, "--slice", "author"), r"no column 'author'"),
    "one fold": (None, (*TRAIN[:-1], "1"), r"folds must be 0 \(no report\) or at least 2"),
    "a report of no folds": (None, (*TRAIN[:-1], "0", *GOLD), r"gold are for the report"),
    "no such loss": (None, (*TRAIN, "--loss", "nonsense"), r"nonsense"),
    "no such strategy": (None, (*TRAIN, "--strategy", "nonsense"), r"nonsense"),
    "existing rows to relabel": (lambda w: (w / "look.csv").write_text("mine"), (*TRAIN, "--relabel", "look.csv"), r"look\.csv exists"),
    "model and rows in one file": (None, (*TRAIN[:6], "a.csv", "--relabel", "a.csv"), r"different files"),
    "a model of a newer version": (newer, ("predict", "m.npz", "rows.csv", "--out", "p.csv"), r"model version 99.*upgrade"),
    "predict: no rows": (lambda w: (model(w), (w / "new.csv").write_text("text,length\n")), PREDICT, r"no rows"),
    "predict: an empty file": (lambda w: (model(w), (w / "new.csv").write_text("")), PREDICT, r"new\.csv is empty"),
    "predict: an id twice": (lambda w: changed(w, lambda t: t[40].update(key="row-03")), (*PREDICT, "--id", "key"), r"one id in rows 3 and 40 of the column 'key' of new\.csv"),
    "predict: an id missing": (lambda w: changed(w, lambda t: t[40].update(key=None)), (*PREDICT, "--id", "key"), r"no id in row 40"),
    "predict: kept column hides ours": (lambda w: changed(w, lambda t: [r.update(label=1) for r in t]), (*PREDICT, "--keep", "label"), r"\['label'\]; rename"),
    "predict: existing output": (lambda w: (model(w), (w / "p.csv").write_text("mine")), ("predict", "m.npz", "rows.csv", "--out", "p.csv"), r"p\.csv exists"),
}  # fmt: skip


@pytest.mark.parametrize(("prepare", "arguments", "words"), BAD.values(), ids=BAD.keys())
def test_bad_input_is_one_line_and_leaves_no_file(made, call, prepare, arguments, words):
    if prepare is not None:
        prepare(made)
    before = {p.name: p.read_bytes() for p in made.iterdir() if p.is_file()}
    called = call(*arguments)
    assert called.code == 1, called
    assert "Traceback" not in called.err
    assert re.search(words, " ".join(called.err.split())), called
    assert {p.name: p.read_bytes() for p in made.iterdir() if p.is_file()} == before


PEAK = """
import resource, sys
from weaklabel.pipeline import predict_file
import weaklabel.endmodel
if sys.argv[1] != "-":
    predict_file("m.npz", sys.argv[1], "p.parquet", keep=["text"], overwrite=True)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_memory_does_not_grow_with_the_file(work, ending):
    """600,000 rows (400 MB of text) take hardly more memory than 200,000."""
    import subprocess

    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet as pq

    table = pd.DataFrame({"text": [r["text"] for r in rows()]})
    EndModel(columns={"text": "text"}).fit(table, [r["truth"] for r in rows()]).save("m.npz")
    part = pa.table(
        {"text": [f"{i} win a prize and money today " + "noon " * 120 for i in range(25_000)]}
    )
    peaks = []
    for n_parts in (8, 24):
        path = f"big{n_parts}.{ending}"
        if ending == "parquet":
            with pq.ParquetWriter(path, part.schema) as writer:
                for _ in range(n_parts):
                    writer.write_table(part)
        else:
            with pyarrow.csv.CSVWriter(path, part.schema) as writer:
                for _ in range(n_parts):
                    writer.write_table(part)
        out = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", PEAK, path],
            capture_output=True,
            text=True,
            check=True,
        )
        peaks.append(int(out.stdout))
    assert pq.ParquetFile("p.parquet").metadata.num_rows == 24 * 25_000
    assert peaks[1] < peaks[0] + 100, peaks  # MB
