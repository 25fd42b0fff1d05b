"""The README runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_quickstart_runs_in_an_empty_folder(tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 20
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "['spam' 'ham']"
    assert (tmp_path / "labels.parquet").is_file()


@pytest.mark.parametrize("name", ["demo", "test"])
def test_the_two_commands_are_one_line_each_and_marked_for_ci(name):
    found = re.search(rf"<!-- ci: {name} -->\n```sh\n(.*?)\n```", README, flags=re.DOTALL)
    assert found is not None
    assert "\n" not in found.group(1)
    assert "-c constraints.txt" in found.group(1)


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))])
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
