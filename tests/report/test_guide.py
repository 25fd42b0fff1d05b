"""The page about the report: its snippet runs, and it names what there is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from weaklabel.analysis.report import write_report

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "report.md").read_text("utf-8")


def test_the_snippet_prints_what_the_page_says(tmp_path):
    found = re.findall(r"```python\n(.*?)```\n\n```\n(.*?)```", GUIDE, flags=re.DOTALL)
    assert len(found) == GUIDE.count("```python") == 1
    code, printed = found[0]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == printed
    page = (tmp_path / "report.html").read_text("utf-8")
    for part in re.findall(r"^- \*\*(.*?)\.\*\*", GUIDE, flags=re.MULTILINE):
        if part != "The table of functions":
            assert f">{part}</h" in page, part


def test_the_command_on_the_page_has_options_that_exist():
    from weaklabel.cli import report_page

    command = re.search(r"```\n(weaklabel report .*?)```", GUIDE, flags=re.DOTALL)
    assert command is not None
    source = Path(report_page.__file__).read_text("utf-8") + "--id --overwrite"
    for option in re.findall(r"(?<![-|])--[a-z][a-z-]*", GUIDE):
        assert option in source, option
    assert "max_rows" in (write_report.__doc__ or "")
