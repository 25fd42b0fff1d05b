"""``weaklabel ask``."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from tests.llm.conftest import texts
from weaklabel import VoteMatrix
from weaklabel.cli import app

PACK = """
from labeling_functions.prompts import prompt
from weaklabel import labeling_function
from weaklabel.llm import CallableModel, QuestionError

LABELS = ["ham", "spam"]

def answer(text):
    if "row 2 " in text:
        raise QuestionError("refused", "not this one")
    return "yes" if "free" in text else "no"

is_spam = prompt("is_spam", "{text}", {"yes": "spam", "no": "ham"}, CallableModel(answer, "m"))

@labeling_function
def song(x):
    return "ham" if "song" in x.text else None
"""
PRICES = "[models.m]\ninput = 1.0\noutput = 2.0\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pack.py").write_text(PACK)
    (tmp_path / "prices.toml").write_text(PRICES)
    pd.DataFrame(texts(9)).to_csv("rows.csv", index=False)
    return tmp_path


def call(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["ask", "pack.py", "rows.csv", *arguments])
    return done.exit_code, done.stdout, done.stderr


def test_a_plan_writes_nothing(folder: Path):
    code, out, _ = call("--plan", "--prices", "prices.toml", "--json")
    assert code == 0
    found = json.loads(out)
    assert (found["calls"], found["prompts"][0]["name"]) == (9, "is_spam")
    assert 0 < found["cost"] < found["most"]
    assert sorted(p.name for p in folder.iterdir()) == ["pack.py", "prices.toml", "rows.csv"]
    assert "9 calls, about" in call("--plan", "--prices", "prices.toml")[1]


def test_votes_report_and_failures(folder: Path):
    code, out, err = call("--out", "votes.npz", "--failures", "lost.csv", "--cache", "answers")
    assert code == 0, err
    assert "complete: 9 calls" in out
    votes = VoteMatrix.load("votes.npz")
    assert votes.to_dense()[:, 0].tolist() == [1, 0, -1, 1, 0, 0, 1, 0, 0]
    lost = pd.read_csv("lost.csv")
    assert lost[["row", "lf", "kind", "message"]].to_numpy().tolist() == [
        [2, "is_spam", "refused", "not this one"]
    ]
    code, out, _ = call("--out", "votes.npz", "--cache", "answers", "--overwrite", "--json")
    assert code == 0
    assert json.loads(out)["report"]["calls"] == 1  # the one that failed


def test_a_budget_keeps_the_votes_there_are(folder: Path):
    code, out, _ = call("--out", "votes.npz", "--max-calls", "2", "--concurrency", "1")
    assert code == 0
    assert "stopped at max_calls=2" in out
    assert VoteMatrix.load("votes.npz").n_votes == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "there is nowhere to write the votes; pass --out, or --plan"),
        (["--out", "v.npz", "--max-calls", "0"], "max_calls must be a whole number >= 1"),
        (["--out", "v.npz", "--max-cost", "1"], "max_cost needs prices="),
        (["--out", "v.npz", "--prices", "no.toml"], "cannot read the price table no.toml"),
    ],
)
def test_wrong_usage(folder: Path, arguments: list[str], message: str):
    code, _, err = call(*arguments)
    assert code == 1
    assert message in err.replace("\n", " ")


def test_a_pack_without_prompts(folder: Path):
    (folder / "pack.py").write_text(PACK.replace("is_spam = ", "is_spam = None and "))
    code, _, err = call("--plan")
    assert code == 1
    assert "pack pack has no prompts, only song; add a rule of kind prompt" in err.replace(
        "\n", " "
    )


def test_an_endpoint_that_refuses(folder: Path):
    text = PACK.replace('QuestionError("refused", "not this one")', 'EndpointError("no quota")')
    (folder / "pack.py").write_text(text.replace("QuestionError\n", "EndpointError\n"))
    code, _, err = call("--out", "votes.npz", "--concurrency", "1")
    assert code == 1
    assert "no quota" in err
    assert VoteMatrix.load("votes.npz").n_votes >= 2


def test_an_endpoint_that_refuses_at_once_leaves_no_file(folder: Path):
    text = PACK.replace('if "row 2 " in text:', "if True:")
    text = text.replace('QuestionError("refused", "not this one")', 'EndpointError("no quota")')
    (folder / "pack.py").write_text(text.replace("QuestionError\n", "EndpointError\n"))
    code, _, err = call("--out", "votes.npz")
    assert (code, "no quota" in err) == (1, True)
    assert not (folder / "votes.npz").exists()


def with_settings(folder: Path, *settings: str) -> None:
    """A pack with a prompt for each text of settings."""
    head = PACK.partition("is_spam = ")[0].replace("row 2 ", "row 99")
    (folder / "pack.py").write_text(
        head
        + "".join(
            f'p{k} = prompt("p{k}", "{k} {{text}}", ["ham", "spam"], '
            f"CallableModel(answer, 'm'), {given})\n"
            for k, given in enumerate(settings)
        )
    )


def test_the_settings_of_a_prompt_hold(folder: Path):
    with_settings(folder, "cache='kept', max_calls=4, concurrency=1")
    for n_cached in (0, 4, 8):
        assert f" {n_cached} " in call("--plan")[1].splitlines()[-2]
        code, out, err = call("--out", "votes.npz", "--overwrite")
        assert code == 0, err
    assert "complete: 1 calls" in out
    with_settings(folder, "cache='kept', max_calls=4")
    assert "complete: 9 calls" in call("--out", "w.npz", "--max-calls", "50", "--cache", "other")[1]


@pytest.mark.parametrize(
    ("settings", "option", "message"),
    [
        (("cache='a'", "cache='b'"), "--cache", "the prompts name different caches (a, b); pass"),
        (("max_calls=5", ""), "--max-calls", "max_calls is a setting of single prompts (p0: 5)"),
    ],
)
def test_settings_that_differ(folder: Path, settings: tuple[str, ...], option: str, message: str):
    with_settings(folder, *settings)
    code, _, err = call("--out", "votes.npz")
    assert code == 1
    assert message in err.replace("\n", " ")
    assert call("--out", "votes.npz", option, "9")[0] == 0
