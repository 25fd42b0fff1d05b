"""Programs that misbehave, run for real."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from weaklabel.errors import ConfigError
from weaklabel.llm.program_rules import Program
from weaklabel.llm.sandbox import ProgramLimits, run_program

ROWS = [{"text": "free money", "n": 1}, {"text": None, "n": 2}]
LABELS = ["ham", "spam"]
SHORT = ProgramLimits(cpu_seconds=1, wall_seconds=1.0, memory_megabytes=256)


def run(body: str, head: str = "", limits: ProgramLimits = SHORT):
    return run_program(Program("f", f"{head}\ndef f(row):\n    {body}\n"), ROWS, LABELS, limits)


def test_votes_of_a_program_that_behaves():
    found = run(
        "return 'spam' if row['text'] and re.search('free', row.text) else None", "import re"
    )
    assert found.votes == ["spam", None]
    assert found.problem == ""


def test_rows_it_gets_are_copies():
    run("row['text'] = 'changed'; return None")
    assert ROWS[0]["text"] == "free money"


def test_an_endless_loop_ends():
    start = time.perf_counter()
    found = run("while True: pass")
    assert found.votes is None
    assert "took longer" in found.problem or "processor time" in found.problem
    assert time.perf_counter() - start < 4.0


@pytest.mark.parametrize("body", ["x = [0] * (10**10 // 8)", "x = 'a'\n    while True: x += x"])
def test_ten_gigabytes_are_not_to_be_had(body):
    found = run(body)
    assert found.votes is None
    assert found.problem == "used more than 256 MB of memory"


@pytest.mark.parametrize("module", ["os", "socket", "subprocess", "ctypes", "sys"])
def test_modules_that_are_not_listed_do_not_load_even_if_nobody_checked_the_program(module):
    found = run("return None", f"import {module}")
    assert found.problem == f"ImportError: import of '{module}' is not allowed"


@pytest.mark.parametrize("name", ["open", "exec", "eval", "getattr", "type", "print"])
def test_built_in_functions_that_are_not_listed_are_not_there(name):
    assert run(f"return {name}").problem == f"NameError: name '{name}' is not defined"


# What a program could do that got past the rules: it gets at the real modules by way of re.
ESCAPE = "os = re.enum.sys.modules['os']"


def test_behind_the_rules_no_file_can_be_written(tmp_path: Path):
    target = tmp_path / "written"
    found = run(
        f"{ESCAPE}; h = os.open('{target}', os.O_CREAT | os.O_WRONLY); os.write(h, b'x')\n"
        "    return None",
        "import re",
    )
    assert found.votes is None
    assert not target.exists() or target.read_bytes() == b""


def test_behind_the_rules_there_is_no_environment_and_the_folder_is_empty(monkeypatch):
    monkeypatch.setenv("WEAKLABEL_TEST_KEY", "secret")
    found = run(f"{ESCAPE}; return str((dict(os.environ), os.listdir('.')))", "import re")
    assert "WEAKLABEL_TEST_KEY" not in found.problem
    assert "[]" in found.problem


def test_a_vote_that_is_no_class_and_an_error_are_reported():
    assert "row 0: returned 'eggs', which is no class" in run("return 'eggs'").problem
    assert "which is no class" in run("return 1").problem
    assert run("return row['text'].lower() and None").problem.startswith("AttributeError")
    assert run("return f(row)").problem == "calls itself too deep"
    assert run("return row.missing").problem == "AttributeError: missing"


def test_a_process_that_dies_is_reported():
    assert "died" in run(f"{ESCAPE}; os._exit(3)", "import re").problem


def test_a_lone_surrogate_in_a_row_arrives():
    program = Program("f", "def f(row):\n    return 'spam' if len(row['text']) == 1 else None\n")
    assert run_program(program, [{"text": "\ud800"}], LABELS, SHORT).votes == ["spam"]


def test_limits_must_be_more_than_nothing():
    with pytest.raises(ConfigError, match="cpu_seconds must be more than 0, found 0"):
        ProgramLimits(cpu_seconds=0)
