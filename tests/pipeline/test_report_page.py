"""docs/end_model_report.md: its commands run, in order, and print what it shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.analysis.page import blocks, printed

PAGE = Path(__file__).resolve().parents[2] / "docs" / "end_model_report.md"


def shape(text: str) -> list[str]:
    """The lines without their numbers, which follow the models."""
    return sorted({re.sub(r"[-\d.,% +]+", "", line) for line in text.splitlines() if "  " in line})


@pytest.mark.slow
def test_the_commands_run_and_print_the_same_lines(tmp_path):
    n_shown = 0
    for match in blocks(PAGE.read_text(encoding="utf-8")):
        kind, code, shown = match.groups()
        folder = tmp_path / "weaklabel-demo"
        now = printed(kind, code, folder if folder.exists() else tmp_path, None)
        if shown is not None:
            n_shown += 1
            assert set(shape(shown)) <= set(shape(now)), code
    assert n_shown == 3
    assert (tmp_path / "weaklabel-demo" / "look.csv").is_file()
