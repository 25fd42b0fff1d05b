"""The installed command in processes of its own: speed of --help, streams, signals, the demo."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from weaklabel.endmodel import EndModel
from weaklabel.soft_labels import SoftLabels

COMMAND = (sys.executable, "-c", "from weaklabel.cli import main; main()")


def started(*arguments: object, cwd: Path | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "COLUMNS": "80"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(*arguments: object, cwd: Path | None = None) -> tuple[int, str, str]:
    process = started(*arguments, cwd=cwd)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def test_help_loads_nothing_heavy():
    code = (
        "import sys, weaklabel.cli; "
        "heavy = {'torch', 'numba', 'pandas', 'sklearn', 'pyarrow', 'numpy', 'pydantic'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_run_in_a_process(work):
    code, out, err = finished(
        "run", "rules.py", "rows.csv", "--out", "labels.parquet", "--json", cwd=work
    )
    assert code == 0, err
    assert json.loads(out)["n_items"] == SoftLabels.read(work / "labels.parquet").n_items
    assert "Traceback" not in err


def test_an_error_in_a_process(work):
    code, out, err = finished("run", "gone.py", "rows.csv", "--out", "labels.parquet", cwd=work)
    assert (code, out) == (1, "")
    assert err.startswith("error: there is no file gone.py")
    assert len(err.splitlines()) == 1


def test_a_reader_that_goes_away_is_no_traceback(work):
    process = started("--help", cwd=work)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()
    process.wait(timeout=60)


SLOW_RULES = """
import pathlib, time
from weaklabel import labeling_function
LABELS = ["ham", "spam"]

@labeling_function
def slow(x):
    pathlib.Path("started").touch()
    time.sleep(60)
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_nothing_behind(work, number, code):
    (work / "slow.py").write_text(SLOW_RULES)
    before = {p.name for p in work.iterdir()} | {"started", "__pycache__"}
    process = started("run", "slow.py", "rows.csv", "--out", "labels.parquet", cwd=work)
    deadline = time.monotonic() + 60
    while not (work / "started").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert "Traceback" not in out + err
    assert {p.name for p in work.iterdir()} <= before


@pytest.mark.slow
def test_demo_runs_from_anywhere_in_under_a_minute(tmp_path):
    begin = time.monotonic()
    code, out, err = finished("demo", cwd=tmp_path)
    assert code == 0, err
    assert time.monotonic() - begin < 60
    assert max(map(len, out.splitlines())) <= 82
    for words in ("labeling function", "majority vote", "trained on the soft labels", "What next"):
        assert words in out
    folder = tmp_path / "weaklabel-demo"
    labels = SoftLabels.read(folder / "labels.parquet")
    assert labels.n_items == len(pd.read_csv(folder / "train.csv"))
    held_out = pd.read_csv(folder / "held_out.csv")
    model = EndModel.load(folder / "end_model.npz")
    features = held_out[list(model.feature_names_in_)]
    right = (model.predict(features) == held_out["diagnosis"]).mean()
    assert right >= 0.85
    assert f"{right:.1%} right" in out


@pytest.mark.slow
def test_a_second_demo_touches_nothing_of_the_first(tmp_path):
    assert finished("demo", "--json", cwd=tmp_path)[0] == 0
    first = {p: p.read_bytes() for p in (tmp_path / "weaklabel-demo").iterdir()}
    code, out, _ = finished("demo", "--json", cwd=tmp_path)
    assert code == 0
    assert json.loads(out)["folder"] == "weaklabel-demo-2"
    assert {p: p.read_bytes() for p in (tmp_path / "weaklabel-demo").iterdir()} == first
    again = (tmp_path / "weaklabel-demo-2" / "train.csv").read_bytes()
    assert again == (tmp_path / "weaklabel-demo" / "train.csv").read_bytes()
