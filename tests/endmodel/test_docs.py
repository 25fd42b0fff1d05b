"""The page about end models runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "end_models.md").read_text("utf-8")


def test_the_snippets_print_what_the_page_says(tmp_path: Path) -> None:
    found = re.findall(r"```python\n(.*?)```\n\n```\n(.*?)```", PAGE, flags=re.DOTALL)
    assert len(found) == PAGE.count("```python") == 2
    for code, printed in found:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", code],
            cwd=tmp_path, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert done.stdout == printed
