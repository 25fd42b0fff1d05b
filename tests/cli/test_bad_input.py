# ruff: noqa: E501 -- one case a line reads as a table
"""Bad input, as a person at the command line meets it.

Each gets exit code 1 and one line that says what is wrong; there is no traceback, no file is left
behind, and files that exist are untouched.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.cli.conftest import RULES, Call, rows, write_csv
from weaklabel.endmodel import EndModel
from weaklabel.labels import LabelSpace
from weaklabel.soft_labels import SoftLabels
from weaklabel.votes import VoteMatrix

RUN = ("run", "rules.py", "rows.csv", "--out", "labels.parquet")
Case = tuple[Callable[[Path], Any], tuple[str, ...], str]


def nothing(work: Path) -> None:
    pass


def rules(source: str) -> Callable[[Path], Any]:
    return lambda work: (work / "rules.py").write_text(source)


def rule(body: str) -> Callable[[Path], Any]:
    head = "from weaklabel import labeling_function\nLABELS = ['ham', 'spam']\n"
    return rules(f"{head}@labeling_function\ndef only(x):\n    {body}\n")


def data(change: Callable[[list[dict[str, Any]]], Any]) -> Callable[[Path], Any]:
    def write(work: Path) -> None:
        table = rows()
        changed = change(table)
        write_csv(work / "rows.csv", table if changed is None else changed)

    return write


def file(name: str, content: bytes | str) -> Callable[[Path], Any]:
    raw = content.encode() if isinstance(content, str) else content
    return lambda work: (work / name).write_bytes(raw)


def half_parquet(work: Path) -> None:
    pd.DataFrame(rows()).to_parquet(work / "whole.parquet")
    whole = (work / "whole.parquet").read_bytes()
    (work / "half.parquet").write_bytes(whole[: len(whole) // 2])


def no_rows_parquet(work: Path) -> None:
    pd.DataFrame(rows()).head(0).to_parquet(work / "none.parquet")


def run_on(data_name: str) -> tuple[str, ...]:
    return ("run", "rules.py", data_name, "--out", "labels.parquet")


IN_RUN: dict[str, Case] = {
    # -- data
    "empty file": (file("e.csv", ""), run_on("e.csv"), r"e\.csv is empty"),
    "only a header": (file("h.csv", "text,length\n"), run_on("h.csv"), r"no rows"),
    "no rows in Parquet": (no_rows_parquet, run_on("none.parquet"), r"no rows"),
    "no such file": (nothing, run_on("gone.csv"), r"there is no file gone\.csv"),
    "a folder": (lambda w: (w / "d.csv").mkdir(), run_on("d.csv"), r"d\.csv"),
    "another format": (file("rows.xlsx", b"PK"), run_on("rows.xlsx"), r"rows\.xlsx.*\.csv"),
    "corrupt Parquet": (file("bad.parquet", b"PAR1" + bytes(200)), run_on("bad.parquet"), r"bad\.parquet"),
    "half a Parquet": (half_parquet, run_on("half.parquet"), r"half\.parquet"),
    "ragged CSV": (file("r.csv", "text,length\na,1\nb\n"), run_on("r.csv"), r"r\.csv"),
    "duplicate ids": (data(lambda t: t[3].update(key="row-00")), (*RUN, "--id", "key"), r"row-00.*row 0.*row 3"),
    "missing id": (data(lambda t: t[3].update(key=None)), (*RUN, "--id", "key"), r"row 3"),
    "no id column": (nothing, (*RUN, "--id", "uid"), r"no column 'uid'"),
    "no gold column": (nothing, (*RUN, "--gold", "answer"), r"no column 'answer' in rows\.csv; its columns are key, text, length, truth"),
    "no kept column": (nothing, (*RUN, "--keep", "author"), r"no column 'author'"),
    "kept gold column": (nothing, (*RUN, "--gold", "truth", "--keep", "truth"), r"'truth' is for scores only"),
    "kept column hides one of ours": (data(lambda t: [{**r, "label": 1} for r in t]), (*RUN, "--keep", "label"), r"\['label'\]; rename"),
    "gold outside the classes": (data(lambda t: t[5].update(truth="eggs")), (*RUN, "--gold", "truth"), r"'eggs'.*'ham' \(0\), 'spam' \(1\)"),
    "no gold value": (data(lambda t: [{**r, "truth": None} for r in t]), (*RUN, "--gold", "truth"), r"no row has a gold label"),
    # -- packs
    "no pack": (nothing, ("run", "gone.py", *RUN[2:]), r"there is no file gone\.py"),
    "no module": (nothing, ("run", "gone.module", *RUN[2:]), r"gone"),
    "no LFs": (rules("LABELS = ['a', 'b']\n"), RUN, r"rules\.py.*no labeling function"),
    "syntax error": (rules("def f(x):\n  return (1\n"), RUN, r"rules\.py.*line 2"),
    "import error": (rules("import gone_module\n"), RUN, r"rules\.py.*gone_module"),
    "exit in a pack": (rules("import sys\nsys.exit(3)\n"), RUN, r"rules\.py, line 2.*SystemExit"),
    "two LFs of one name": (rules(RULES + "\n\n@labeling_function(name='prize')\ndef other(x):\n    return None\n"), RUN, r"'prize'"),
    # -- labeling functions
    "LF that always raises": (rule("raise ValueError('no luck')"), RUN, r"'only'.*row 0.*ValueError: no luck"),
    "missing column": (rule("return 'spam' if x['subject'] else None"), RUN, r"'only'.*'subject'.*text"),
    "gold column in an LF": (rule("return x['truth']"), (*RUN, "--gold", "truth"), r"'only'.*'truth'"),
    "null text": (data(lambda t: t[4].update(text=None)), RUN, r"row 4.*NoneType"),
    "label outside the space": (rule("return 'eggs'"), RUN, r"'only'.*row 0.*'eggs'.*'ham' \(0\)"),
    "a bool for a label": (rule("return True"), RUN, r"'only' answered True \(a bool\) on row 0"),
    # -- votes
    "all abstain": (rule("return None"), RUN, r"none of the 1 labeling functions votes on any of the 70 rows; check"),
    "all fail": (rule("raise ValueError('no luck')"), (*RUN, "--on-error", "abstain"), r"votes on any of the 70 rows \('only' failed on 70 of them.*no luck"),
    "one class": (rule("return 'spam'"), RUN, r"every vote is for the one class 'spam'"),
    # -- outputs
    "existing output": (file("labels.parquet", "mine"), RUN, r"labels\.parquet exists and is left as it is.*--overwrite"),
    "existing end model": (file("m.npz", "mine"), (*RUN, "--train", "m.npz"), r"m\.npz exists and is left as it is"),
    "existing votes": (file("v.npz", "mine"), (*RUN, "--votes", "v.npz"), r"v\.npz exists and is left as it is"),
    "a folder for output": (lambda w: (w / "o.parquet").mkdir(), (*RUN[:-1], "o.parquet"), r"o\.parquet is a folder"),
    "a missing folder": (nothing, (*RUN[:-1], "new/labels.parquet"), r"the folder new does not exist"),
    "a file for a folder": (nothing, (*RUN[:-1], "rows.csv/labels.parquet"), r"the folder rows\.csv does not exist"),
    "an output format": (nothing, (*RUN[:-1], "labels.xlsx"), r"\.csv or \.parquet, found the name 'labels\.xlsx'"),
    "a votes format": (nothing, (*RUN, "--votes", "votes.csv"), r"\.npz or \.parquet, found the name 'votes\.csv'"),
    "one file for two things": (nothing, (*RUN, "--train", "labels.parquet"), r"out and train must be different files"),
    # -- settings
    "no jobs": (nothing, (*RUN, "--jobs", "0"), r"n_jobs must be 1 or more"),
    "no feature": (nothing, (*RUN, "--train", "m.npz", "--features", "author"), r"no column 'author'"),
    "nothing to learn from": (nothing, (*RUN, "--train", "m.npz", "--drop", "key", "--drop", "text", "--drop", "length", "--drop", "truth"), r"no column of rows\.csv is left to train on"),
}  # fmt: skip


def snapshot(folder: Path) -> dict[str, bytes]:
    files = (p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


def check(work: Path, call: Call, case: Case) -> None:
    prepare, arguments, message = case
    prepare(work)
    before = snapshot(work)
    called = call(*arguments)
    assert called.code == 1, called
    errors = [line for line in called.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, called
    assert re.search(message, errors[0]), called
    assert called.err.rstrip().endswith(errors[0]), "nothing follows the error"
    assert "Traceback" not in called.err + called.out
    assert called.out == ""
    assert snapshot(work) == before


@pytest.mark.parametrize("case", IN_RUN.values(), ids=IN_RUN.keys())
def test_run(work, call, case):
    check(work, call, case)


def other_lfs(work: Path) -> None:
    VoteMatrix.from_dense([[0], [1]], ["ham", "spam"], ["else"]).save(work / "other.npz")


def votes(name: str, dense: list[list[int]]) -> Callable[[Path], Any]:
    return lambda work: VoteMatrix.from_dense(dense, ["ham", "spam"]).save(work / name)


def labels(n_rows: int, ids: list[str] | None = None) -> Callable[[Path], Any]:
    def write(work: Path) -> None:
        soft = [[0.9, 0.1], [0.2, 0.8]] * (n_rows // 2)
        SoftLabels(soft, LabelSpace(["ham", "spam"]), ids=ids).to_parquet(work / "soft.parquet")

    return write


def end_model(work: Path) -> None:
    table = pd.DataFrame(rows())
    EndModel().fit(table[["text", "length"]], table["truth"].tolist()).save(work / "end.npz")


def crowd(*lines: str) -> Callable[[Path], Any]:
    return file("crowd.csv", "\n".join(["item,source,label", *lines]) + "\n")


AGGREGATE = ("aggregate", "crowd.csv", "--out", "out.csv")
TRAIN = ("train", "soft.parquet", "rows.csv", "--out", "m.npz")
ELSEWHERE: dict[str, Case] = {
    "apply: existing output": (file("v.npz", "mine"), ("apply", "rules.py", "rows.csv", "--out", "v.npz"), r"v\.npz exists"),
    "apply: format": (nothing, ("apply", "rules.py", "rows.csv", "--out", "votes.csv"), r"\.npz or \.parquet"),
    "fit: no votes file": (nothing, ("fit", "gone.npz", "--out", "new.npz"), r"there is no file gone\.npz"),
    "fit: not votes": (file("v.npz", "junk"), ("fit", "v.npz", "--out", "new.npz"), r"v\.npz is damaged or not an npz file"),
    "fit: all abstain": (votes("a.npz", [[-1], [-1]]), ("fit", "a.npz", "--out", "new.npz"), r"none of the 1 labeling functions votes on any of the 2 rows"),
    "fit: one class": (votes("o.npz", [[1], [1]]), ("fit", "o.npz", "--out", "new.npz"), r"every vote is for the one class 'spam'"),
    "fit: gold without data": (nothing, ("fit", "votes.npz", "--gold", "truth", "--out", "new.npz"), r"give --data DATA"),
    "fit: gold without ids": (nothing, ("fit", "votes.npz", "--gold", "truth", "--data", "rows.csv", "--out", "new.npz"), r"the rows have ids \(the first is 'row-00'\)"),
    "fit: existing output": (nothing, ("fit", "votes.npz", "--out", "model.npz"), r"model\.npz exists"),
    "label: votes for a model": (nothing, ("label", "votes.npz", "votes.npz", "--out", "new.csv"), r"votes\.npz holds"),
    "label: a model for votes": (nothing, ("label", "model.npz", "model.npz", "--out", "new.csv"), r"model\.npz holds"),
    "label: other LFs": (other_lfs, ("label", "model.npz", "other.npz", "--out", "new.csv"), r"'else'"),
    "label: no model": (nothing, ("label", "gone.npz", "votes.npz", "--out", "new.csv"), r"there is no file gone\.npz"),
    "label: existing output": (nothing, ("label", "model.npz", "votes.npz", "--out", "labels.parquet"), r"labels\.parquet exists"),
    "analyze: damaged votes": (file("v.parquet", b"PAR1"), ("analyze", "v.parquet"), r"v\.parquet is damaged"),
    "analyze: no gold column": (nothing, ("analyze", "votes.npz", "--data", "rows.csv", "--gold", "answer"), r"no column 'answer' in rows\.csv"),
    "aggregate: no column": (nothing, ("aggregate", "rows.csv", "--out", "out.csv"), r"no column 'item', 'source', 'label' in rows\.csv"),
    "aggregate: empty": (crowd(), AGGREGATE, r"no rows"),
    "aggregate: two answers": (crowd("1,ann,a", "1,ann,b", "2,bob,a"), AGGREGATE, r"the first 1, 'ann'.*--on-duplicate"),
    "aggregate: one class": (crowd("1,ann,a", "1,bob,a"), AGGREGATE, r"every vote is for the one class 'a'.*from any source"),
    "aggregate: no item": (crowd("1,ann,a", ",bob,a"), AGGREGATE, r"item"),
    "train: another number of rows": (labels(4), TRAIN, r"found 4 rows and 70 in rows\.csv"),
    "train: ids nowhere": (labels(2, ["a", "row-00"]), (*TRAIN, "--id", "key"), r"1 of 2 ids are not in the column 'key' of rows\.csv: 'a'"),
    "train: ids unsaid": (labels(2, ["row-01", "row-00"]), TRAIN, r"the rows have ids \(the first is 'row-01'\); say which column of rows\.csv"),
    "train: no labels": (nothing, ("train", "rows.csv", "rows.csv", "--out", "m.npz"), r"p_<class>"),
    "train: existing output": (lambda w: (labels(70)(w), file("m.npz", "mine")(w)), TRAIN, r"m\.npz exists"),
    "train: text is no column": (labels(70), (*TRAIN, "--text", "body"), r"no column 'body'"),
    "predict: no model": (nothing, ("predict", "gone.npz", "rows.csv", "--out", "p.csv"), r"gone\.npz"),
    "predict: a label model": (nothing, ("predict", "model.npz", "rows.csv", "--out", "p.csv"), r"model\.npz holds"),
    "predict: no column": (lambda w: (end_model(w), write_csv(w / "few.csv", [{"text": "a"}])), ("predict", "end.npz", "few.csv", "--out", "p.csv"), r"no column 'length' in few\.csv"),
    "demo: a file": (nothing, ("demo", "--out", "rows.csv"), r"rows\.csv is a file"),
    "demo: a missing folder": (nothing, ("demo", "--out", "a/b"), r"the folder a does not exist"),
    "demo: an earlier one": (lambda w: ((w / "d").mkdir(), file("d/votes.npz", "mine")(w)), ("demo", "--out", "d"), r"d holds votes\.npz already"),
}  # fmt: skip


@pytest.mark.parametrize("case", ELSEWHERE.values(), ids=ELSEWHERE.keys())
def test_elsewhere(made, call, case):
    check(made, call, case)


def test_the_remedy_of_an_existing_output_works(work, call):
    (work / "labels.parquet").write_text("mine")
    assert call(*RUN).code == 1
    assert (work / "labels.parquet").read_text() == "mine"
    called = call(*RUN, "--overwrite")
    assert called.code == 0, called
    assert SoftLabels.read(work / "labels.parquet").n_items == len(rows())


def test_the_remedy_of_a_failing_function_works(work, call):
    (work / "rules.py").write_text(
        RULES + "\n\n@labeling_function\ndef broken(x):\n    return x['gone']\n"
    )
    assert call(*RUN).code == 1
    called = call(*RUN, "--on-error", "abstain")
    assert called.code == 0, called
    assert "broken failed on 70 rows and abstained there; first on row 0" in called.out


def test_only_debug_shows_a_traceback(work, call):
    called = call("run", "gone.py", "rows.csv", "--out", "labels.parquet", "--debug")
    assert called.code == 1
    assert "Traceback" in called.err
    assert "error: there is no file gone.py" in called.err.splitlines()[-1]


def test_an_error_is_json_where_json_was_asked_for(work, call):
    called = call("run", "gone.py", "rows.csv", "--out", "labels.parquet", "--json")
    assert called.code == 1
    assert called.json["error"]["type"] == "PackError"
    assert "there is no file gone.py" in called.json["error"]["message"]


@pytest.mark.parametrize(
    ("raised", "code", "message"),
    [
        (RuntimeError("oh no"), 70, "error: this is a bug in weaklabel: RuntimeError: oh no; run again with --debug"),
        (OSError(28, "No space left on device", "l.csv"), 1, "error: No space left on device: l.csv"),
        (MemoryError(), 1, "error: out of memory"),
        (KeyboardInterrupt(), 130, "warning: interrupted"),
    ],
)  # fmt: skip
def test_what_nobody_foresaw_is_one_line_too(work, call, monkeypatch, raised, code, message):
    def fail(*_, **__):
        raise raised

    monkeypatch.setattr("weaklabel.pipeline.run", fail)
    called = call(*RUN)
    assert called.code == code
    assert called.err.strip().startswith(message)
    assert len(called.err.strip().splitlines()) == 1
