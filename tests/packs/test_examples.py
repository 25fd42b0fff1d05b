"""The example scripts run, and on the real comments they reach what they promise."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="module")
def youtube_example():
    return runpy.run_path(str(EXAMPLES / "youtube_spam.py"))


def run_script(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_youtube_example_without_its_data_says_what_it_needs(youtube_example, tmp_path):
    read_comments = youtube_example["read_comments"]
    with pytest.raises(FileNotFoundError, match=r"must be a folder, found no folder at .*nowhere"):
        read_comments(tmp_path / "nowhere")
    (tmp_path / "one.csv").write_text("CONTENT,CLASS\nhi,0\n")
    with pytest.raises(FileNotFoundError, match=r"must hold the 5 CSV files .*: one\.csv$"):
        read_comments(tmp_path)
    for name in ("two", "three", "four", "five"):
        (tmp_path / f"{name}.csv").write_text("CONTENT\nhi\n")
    with pytest.raises(ValueError, match="no column CLASS; it has"):
        read_comments(tmp_path)
    (tmp_path / "five.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"cannot read .*five\.csv: "):
        read_comments(tmp_path)


def test_youtube_example_keeps_class_apart(youtube_example, tmp_path):
    for name in "abcde":
        (tmp_path / f"{name}.csv").write_text("COMMENT_ID,CONTENT,CLASS\n1,hi,0\n1,hi,1\n")
    comments, gold = youtube_example["read_comments"](tmp_path)
    assert list(comments.columns) == ["COMMENT_ID", "CONTENT", "file"]
    assert len(comments) == 10  # reposts and repeated ids stay
    assert gold.tolist() == [0, 1] * 5


def test_youtube_script_ends_with_a_message_not_a_traceback(tmp_path):
    done = run_script(EXAMPLES / "youtube_spam.py", tmp_path / "nowhere")
    assert done.returncode == 2
    assert "found no folder at" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_youtube_example_reaches_its_bars(youtube_example, shared_data):
    table = youtube_example["leave_one_file_out"](shared_data / "raw" / "youtube_spam_collection")
    assert isinstance(table, pd.DataFrame)
    assert table.shape[0] == 6
    average = table.loc["average"]
    assert average["coverage"] > 0.95
    assert average["label model"] >= 0.93
    assert average["label model (new)"] >= 0.93
    assert average["end model (new)"] >= 0.90


@pytest.mark.slow
def test_breast_cancer_script_runs():
    done = run_script(EXAMPLES / "breast_cancer.py")
    assert done.returncode == 0, done.stderr
    assert "nucleus_size" in done.stdout
    assert float(done.stdout.rsplit(":", 1)[1]) > 0.9
