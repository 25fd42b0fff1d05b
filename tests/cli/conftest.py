"""A folder with a pack and rows, and a way to call the command line in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from weaklabel.cli import app

RULES = '''
"""Rules for messages: spam or not."""

from weaklabel import labeling_function

LABELS = ["ham", "spam"]


@labeling_function
def prize(x):
    return "spam" if "prize" in x["text"] else None


@labeling_function
def money(x):
    return "spam" if "money" in x["text"] else None


@labeling_function
def greeting(x):
    return "ham" if x["text"].startswith("hello") else None


@labeling_function
def short(x):
    return "ham" if x["length"] < 20 else None
'''

TEXTS = (
    ("hello, how are you", "ham"),
    ("win a prize and money today, now", "spam"),
    ("hello, see you there", "ham"),
    ("money, money and a prize for everybody", "spam"),
    ("a long message without any of the words", "ham"),
    ("your money is waiting", "spam"),
    ("hello, your prize is here", "spam"),
)
N_ROWS = 70


def rows() -> list[dict[str, Any]]:
    picked = [TEXTS[i % len(TEXTS)] for i in range(N_ROWS)]
    return [
        {
            "key": f"row-{i:02d}",
            "text": f"{text} {i % 5}",
            "length": len(text),
            "truth": truth,
        }
        for i, (text, truth) in enumerate(picked)
    ]


def write_csv(path: Path, table: list[dict[str, Any]]) -> Path:
    import pandas as pd

    pd.DataFrame(table).to_csv(path, index=False)
    return path


class Called:
    """What a call of the command line left behind."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def __repr__(self) -> str:
        return f"exit code {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


Call = Callable[..., Called]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> Call:
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments: object) -> Called:
        result = CliRunner().invoke(app, [str(a) for a in arguments])
        return Called(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in: rules.py and rows.csv."""
    (tmp_path / "rules.py").write_text(RULES)
    write_csv(tmp_path / "rows.csv", rows())
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def made(work: Path, call: Call) -> Path:
    """The folder after votes, label model and labels were made, with ids."""
    for arguments in (
        ("apply", "rules.py", "rows.csv", "--id", "key", "--out", "votes.npz"),
        ("fit", "votes.npz", "--out", "model.npz"),
        ("label", "model.npz", "votes.npz", "--out", "labels.parquet"),
    ):
        called = call(*arguments)
        assert called.code == 0, called
    return work
