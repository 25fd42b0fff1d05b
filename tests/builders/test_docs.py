"""The page about builders runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import labeling_functions
from labeling_functions.kinds import KINDS
from labeling_functions.packs import PACKS
from weaklabel import load_pack

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "builders.md").read_text("utf-8")


def test_the_snippets_print_what_the_page_says(tmp_path):
    found = re.findall(r"```python\n(.*?)```\n\n```\n(.*?)```", PAGE, flags=re.DOTALL)
    assert len(found) == PAGE.count("```python")
    for code, printed in found:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", code],
            cwd=tmp_path, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert done.stdout == printed


def test_the_file_of_rules_says_the_same_as_the_code(tmp_path):
    text = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)[0]
    path = tmp_path / "rules.toml"
    path.write_text(text)
    pack = load_pack(path)
    row = {"text": "You have  WON! Call 08712345678", "messages_before": 0}
    assert [lf(row) for lf in pack] == [1, 1, None]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_the_file_of_models_runs(tmp_path):
    text = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)[1]
    (tmp_path / "rules.toml").write_text(text)
    (tmp_path / "gold.csv").write_text("text,label\nthe striker scored,sports\nprofits,business\n")
    row = {"text": "a goal by the team's best player in the match"}
    assert [lf(row) for lf in load_pack(tmp_path / "rules.toml")] == [0, 0]
    assert (tmp_path / "embeddings.memo").is_file()


def test_every_kind_and_pack_is_on_the_page():
    for name in [*KINDS, *PACKS]:
        assert f"`{name}`" in PAGE


def test_every_kind_is_a_public_name():
    for name, builder in KINDS.items():
        assert getattr(labeling_functions, name) is builder
    assert set(KINDS) <= set(labeling_functions.__all__)
