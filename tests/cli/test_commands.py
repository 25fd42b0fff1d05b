"""Every command on good input: what it prints, what it writes, and that the parts fit together."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import weaklabel
from tests.cli.conftest import N_ROWS, Call, rows, write_csv
from weaklabel.analysis import lf_summary
from weaklabel.endmodel import EndModel
from weaklabel.models import LabelModel
from weaklabel.soft_labels import SoftLabels
from weaklabel.votes import VoteMatrix

COMMANDS = (
    "demo",
    "run",
    "apply",
    "analyze",
    "diff",
    "fit",
    "label",
    "aggregate",
    "train",
    "predict",
    "report",
)


def done(call: Call, *arguments: object):
    called = call(*arguments)
    assert called.code == 0, called
    return called


def test_help_names_every_command_and_an_example(call):
    text = done(call, "--help").out
    for command in COMMANDS:
        assert f" {command} " in text
    assert "weaklabel demo" in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_has_an_example_and_fits(call, command):
    text = done(call, command, "--help").out
    assert f"Example: weaklabel {command}" in text
    assert "--json" in text
    assert "--debug" in text
    assert max(map(len, text.splitlines())) <= 80


def test_version(call):
    assert done(call, "--version").out == f"weaklabel {weaklabel.__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [("run",), ("run", "rules.py", "rows.csv"), ("nonsense",), ("fit", "v.npz", "--model", "x")],
)
def test_wrong_usage_is_exit_code_2(work, call, arguments):
    assert call(*arguments).code == 2


def test_run_shows_the_functions_the_labels_and_the_scores(work, call):
    called = done(call, "run", "rules.py", "rows.csv", "--out", "labels.parquet", "--gold", "truth")
    for words in ("labeling function", "prize", "greeting", "accuracy", "labels of 70 rows: "):
        assert words in called.out
    assert "majority vote" in called.out
    assert "wrote labels.parquet (soft labels)" in called.out
    assert max(map(len, called.out.splitlines())) <= 80
    assert "applying 4 labeling functions to 70 rows" in called.err


def test_run_is_the_same_as_its_steps(made, call):
    done(
        call, "run", "rules.py", "rows.csv", "--id", "key", "--out", "run.parquet",
        "--votes", "run_votes.npz", "--label-model", "run_model.npz",
    )  # fmt: skip
    by_steps, by_run = SoftLabels.read("labels.parquet"), SoftLabels.read("run.parquet")
    np.testing.assert_array_equal(by_steps.probabilities, by_run.probabilities)
    assert by_steps.ids is not None
    assert by_steps.ids.tolist() == by_run.ids.tolist() == [r["key"] for r in rows()]
    assert VoteMatrix.load("votes.npz") == VoteMatrix.load("run_votes.npz")
    assert isinstance(weaklabel.load_model("run_model.npz"), LabelModel)


def test_run_keeps_columns_and_can_write_csv(work, call):
    done(
        call, "run", "rules.py", "rows.csv", "--out", "l.csv", "--keep", "text", "--keep", "key"
    )  # fmt: skip
    frame = pd.read_csv("l.csv")
    assert frame["text"].tolist() == [r["text"] for r in rows()]
    assert frame["key"].tolist() == [r["key"] for r in rows()]


def test_gold_is_hidden_and_changes_no_label(work, call):
    done(call, "run", "rules.py", "rows.csv", "--out", "a.parquet")
    done(call, "run", "rules.py", "rows.csv", "--out", "b.parquet", "--gold", "truth")
    pd.testing.assert_frame_equal(pd.read_parquet("a.parquet"), pd.read_parquet("b.parquet"))


def test_run_trains_an_end_model_without_the_gold_column(work, call):
    done(
        call, "run", "rules.py", "rows.csv", "--out", "l.csv", "--id", "key", "--gold", "truth",
        "--train", "end.npz",
    )  # fmt: skip
    model = EndModel.load("end.npz")
    assert set(model.feature_names_in_) == {"text", "length"}


@pytest.mark.parametrize("model", ["auto", "majority", "dawid-skene"])
def test_run_with_each_model(work, call, model):
    done(call, "run", "rules.py", "rows.csv", "--out", "labels.parquet", "--model", model)
    assert SoftLabels.read("labels.parquet").n_items == N_ROWS


def test_run_from_parquet_and_in_two_processes_is_the_same(work, call):
    pd.DataFrame(rows()).to_parquet("rows.parquet")
    done(call, "run", "rules.py", "rows.csv", "--out", "a.parquet")
    done(call, "run", "rules.py", "rows.parquet", "--out", "b.parquet", "--jobs", "2")
    pd.testing.assert_frame_equal(pd.read_parquet("a.parquet"), pd.read_parquet("b.parquet"))


def test_json_is_one_object_and_the_rest_goes_to_stderr(work, call):
    called = done(
        call, "run", "rules.py", "rows.csv", "--out", "l.csv", "--gold", "truth", "--json"
    )  # fmt: skip
    result = called.json
    assert result["n_items"] == N_ROWS
    assert result["classes"] == ["ham", "spam"]
    assert [lf["name"] for lf in result["summary"]["lfs"]] == [
        "prize",
        "money",
        "greeting",
        "short",
    ]
    assert 0 <= result["quality"]["accuracy_all"] <= 1
    assert result["written"] == {"soft labels": "l.csv"}
    assert "labeling function" in called.err


def test_analyze_shows_the_table_of_the_votes(made, call):
    called = done(call, "analyze", "votes.npz", "--json")
    votes = VoteMatrix.load("votes.npz")
    assert called.json == json.loads(json.dumps(lf_summary(votes).to_dict()))
    assert "accuracy" not in done(call, "analyze", "votes.npz").out


def test_analyze_with_gold_matches_rows_by_id(made, call):
    shuffled = rows()[::-1]
    write_csv(made / "shuffled.csv", shuffled)
    gold = ("--gold", "truth", "--id", "key")
    called = done(call, "analyze", "votes.npz", "--data", "shuffled.csv", *gold, "--json")
    votes = VoteMatrix.load("votes.npz")
    expected = lf_summary(votes, [r["truth"] for r in rows()])
    assert called.json["lfs"] == expected.to_dict()["lfs"]
    assert "accuracy" in done(call, "analyze", "votes.npz", "--data", "rows.csv", *gold).out


def test_fit_learns_from_gold_where_there_is_some(made, call):
    done(
        call, "fit", "votes.npz", "--gold", "truth", "--data", "rows.csv", "--id", "key",
        "--model", "dawid-skene", "--out", "gold.npz",
    )  # fmt: skip
    done(call, "fit", "votes.npz", "--model", "dawid-skene", "--out", "plain.npz")
    votes = VoteMatrix.load("votes.npz")
    with_gold, plain = weaklabel.load_model("gold.npz"), weaklabel.load_model("plain.npz")
    assert not np.array_equal(with_gold.predict_proba(votes), plain.predict_proba(votes))


def test_votes_as_parquet_do_the_same(made, call):
    done(call, "apply", "rules.py", "rows.csv", "--id", "key", "--out", "votes.parquet")
    done(call, "label", "model.npz", "votes.parquet", "--out", "again.parquet")
    pd.testing.assert_frame_equal(
        pd.read_parquet("labels.parquet"), pd.read_parquet("again.parquet")
    )


def test_train_and_predict_match_rows_by_id(made, call):
    write_csv(made / "shuffled.csv", rows()[::-1])
    common = ("--id", "key", "--text", "text")
    done(call, "train", "labels.parquet", "rows.csv", "--out", "a.npz", *common)
    done(call, "train", "labels.parquet", "shuffled.csv", "--out", "b.npz", *common)
    for model, out in (("a.npz", "a.csv"), ("b.npz", "b.csv")):
        done(
            call, "predict", model, "rows.csv", "--id", "key", "--keep", "truth", "--out", out
        )  # fmt: skip
    a, b = pd.read_csv("a.csv"), pd.read_csv("b.csv")
    pd.testing.assert_frame_equal(a, b)
    assert list(a.columns) == ["id", "p_ham", "p_spam", "label", "confidence", "truth"]
    assert a["id"].tolist() == [r["key"] for r in rows()]
    np.testing.assert_allclose(a["p_ham"] + a["p_spam"], 1)


def test_predict_with_a_model_that_was_fitted_on_texts(work, call):
    table = pd.DataFrame(rows())
    model = EndModel().fit(table["text"].tolist(), table["truth"].tolist())
    model.save("texts.npz")
    called = call("predict", "texts.npz", "rows.csv", "--out", "p.csv")
    assert called.code == 1
    assert "say which column holds the texts (--text COLUMN" in called.err
    done(call, "predict", "texts.npz", "rows.csv", "--text", "text", "--out", "p.csv")
    assert pd.read_csv("p.csv")["label"].tolist() == model.predict(table["text"].tolist()).tolist()


def test_train_warns_about_a_column_that_holds_the_answers(made, call):
    called = done(call, "train", "labels.parquet", "rows.csv", "--id", "key", "--out", "a.npz")
    assert "warning: the column 'truth' of rows.csv holds the names of the classes" in called.err
    assert "--drop truth" in called.err
    called = done(
        call, "train", "labels.parquet", "rows.csv", "--id", "key", "--drop", "truth",
        "--out", "b.npz",
    )  # fmt: skip
    assert "warning: the column" not in called.err


def crowd(path: Path) -> Path:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 60)
    answers = [
        {"task": f"t{i}", "worker": f"w{j}", "answer": "abc"[t if rng.random() < 0.8 else j % 3]}
        for i, t in enumerate(truth)
        for j in rng.choice(9, 4, replace=False)
    ]
    return write_csv(path, answers)


def test_aggregate_settles_the_answers_of_a_crowd(work, call):
    crowd(work / "answers.csv")
    called = done(
        call, "aggregate", "answers.csv", "--item", "task", "--source", "worker", "--label",
        "answer", "--out", "settled.csv",
    )  # fmt: skip
    assert "240 answers of 9 sources on 60 items" in called.out
    settled = pd.read_csv("settled.csv")
    assert settled["id"].tolist() == [f"t{i}" for i in range(60)]
    assert set(settled["label"].dropna()) <= set("abc")
    assert settled["n_votes"].tolist() == [4] * 60


def test_aggregate_takes_the_first_or_last_of_two_answers_when_told(work, call):
    write_csv(
        work / "answers.csv",
        [
            {"item": 1, "source": "ann", "label": "a"},
            {"item": 1, "source": "ann", "label": "b"},
            {"item": 2, "source": "bob", "label": "a"},
            {"item": 3, "source": "bob", "label": "b"},
        ],
    )
    for policy, label in (("first", "a"), ("last", "b")):
        out = f"{policy}.csv"
        done(
            call, "aggregate", "answers.csv", "--on-duplicate", policy, "--model", "majority",
            "--out", out,
        )  # fmt: skip
        assert pd.read_csv(out)["label"].tolist() == [label, "a", "b"]


def test_answers_of_true_and_false_are_classes_of_that_name(work, call):
    (work / "answers.csv").write_text(
        "item,source,label\n1,ann,True\n1,bob,True\n2,ann,False\n2,bob,False\n"
    )
    done(call, "aggregate", "answers.csv", "--out", "out.parquet")
    assert pd.read_parquet("out.parquet")["label"].tolist() == ["true", "false"]


def test_labels_are_kept_when_the_training_fails(work, call):
    rule = "from weaklabel import labeling_function\nLABELS = ['a', 'b']\n\n"
    body = "@labeling_function\ndef one(x):\n    return 'a' if x['length'] < 20 else 'b'\n"
    (work / "rules.py").write_text(rule + body)
    write_csv(work / "rows.csv", [{**r, "same": 1} for r in rows()])
    called = call(
        "run", "rules.py", "rows.csv", "--out", "l.csv", "--train", "m.npz", "--features", "same"
    )
    assert called.code == 1
    assert "the soft labels were written to l.csv all the same" in called.err
    assert SoftLabels.read("l.csv").n_items == N_ROWS
    assert not (work / "m.npz").exists()


def test_every_command_has_a_result_for_machines(made, call):
    crowd(made / "answers.csv")
    columns = ("--item", "task", "--source", "worker", "--label", "answer")
    calls = {
        "run": ("rules.py", "rows.csv", "--out", "r.csv"),
        "apply": ("rules.py", "rows.csv", "--out", "v.npz"),
        "analyze": ("votes.npz",),
        "fit": ("votes.npz", "--out", "f.npz"),
        "label": ("model.npz", "votes.npz", "--out", "l.csv"),
        "aggregate": ("answers.csv", "--out", "a.csv", *columns),
        "train": ("labels.parquet", "rows.csv", "--id", "key", "--out", "e.npz"),
        "predict": ("e.npz", "rows.csv", "--out", "p.csv"),
    }
    results = {
        name: done(call, name, *arguments, "--json").json for name, arguments in calls.items()
    }
    assert all(isinstance(result, dict) for result in results.values())
    assert results["label"]["counts"].keys() == {"ham", "spam"}
    assert results["label"]["n_items"] == results["predict"]["n_items"] == N_ROWS
    assert results["aggregate"]["n_sources"] == 9
    assert "rows" in results["train"]["status"]


def test_a_narrow_terminal_folds_names_and_keeps_numbers_whole(made, call, monkeypatch):
    monkeypatch.setenv("COLUMNS", "50")
    lines = done(call, "analyze", "votes.npz").out.splitlines()
    whole = lf_summary(VoteMatrix.load("votes.npz"))
    for value in whole.coverage:
        assert sum(f" {100 * value:.1f}%" in line for line in lines) >= 1
    assert max(map(len, lines[: lines.index("")])) <= 56
