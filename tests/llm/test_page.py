"""The code of docs/language_models.md runs, top to bottom, in an empty folder."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from weaklabel import load_pack
from weaklabel.llm.protocol import FailureKind

PAGE = Path(__file__).resolve().parents[2] / "docs" / "language_models.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_the_code_of_the_page_runs(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
    assert len(blocks) >= 4
    script = tmp_path / "page.py"
    script.write_text("\n".join(blocks), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", "page.py"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "complete: 3 calls" in done.stdout


def test_every_kind_of_failure_is_on_the_page() -> None:
    for kind in FailureKind.__args__:
        assert f"`{kind}`" in TEXT or kind == "unsupported"  # healed before it is seen


@pytest.mark.slow
def test_the_file_of_rules_on_the_page_loads(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", TEXT, flags=re.DOTALL)
    path = tmp_path / "rules.toml"
    path.write_text(text)
    (lf,) = load_pack(path)
    assert (lf.name, lf.columns) == ("is_advert", ("text",))
