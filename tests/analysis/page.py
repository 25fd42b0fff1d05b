"""The commands of docs/analysis.md, and what they print.

``python -m tests.analysis.page`` runs the shell blocks of the page in an empty folder and writes
what they print into the block of text below each. The block of Python runs on the YouTube comments,
if their folder is given: ``python -m tests.analysis.page FOLDER``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "analysis.md"
_PAIRS = re.compile(r"```(sh|python)\n(.*?)```\n(?:\n```text\n(.*?)```)?", flags=re.DOTALL)


def blocks(text: str) -> Iterator[re.Match[str]]:
    """The blocks of code: language, code, and the output that stands below, if any."""
    yield from _PAIRS.finditer(text)


def printed(kind: str, code: str, folder: Path, data: Path | None) -> str:
    """What a block prints in the folder; blank lines and the demonstration's own words left out."""
    if kind == "python":
        if data is None or "DATA_DIR" not in code:
            return ""
        command = [sys.executable, "-c", code.replace("DATA_DIR", str(data))]
    else:
        command = ["bash", "-euo", "pipefail", "-c", code]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "COLUMNS": "80", "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{code}\nended with {done.returncode}:\n{done.stderr}")
    return done.stdout


def outputs(folder: Path, data: Path | None = None) -> list[tuple[str, str, str]]:
    """Of each block that has an output on the page: code, output on the page, output now."""
    found = []
    for match in blocks(PAGE.read_text(encoding="utf-8")):
        kind, code, shown = match.groups()
        where = folder / "weaklabel-demo"
        now = printed(kind, code, where if where.exists() else folder, data)
        if shown is not None:
            found.append((code, shown, _last(now, code)))
    return found


def _last(output: str, code: str) -> str:
    """The part of an output that is about the option asked for: tables that come again are cut."""
    for option, title in TITLES.items():
        if option in code and title in output:
            return output[output.index(title) :]
    if "diff" in code:
        start = re.search(r"^(\d+ of [\d,]+ rows|no difference)", output, flags=re.MULTILINE)
        return output[start.start() :] if start else output
    return output


TITLES = {
    "--table fixes": "Labeling functions to fix first",
    "--table conflicts": "Rows most in conflict",
    "--table errors": "Errors in buckets",
    "--table calibration": "Calibration of the labels",
    "--slice": "Slices by",
}


def main() -> None:
    """Write what the commands print into the page."""
    data = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory() as folder:
        fresh = outputs(Path(folder), data)
    text = PAGE.read_text(encoding="utf-8")
    for code, shown, now in fresh:
        if now:
            old = f"{code}```\n\n```text\n{shown}```"
            text = text.replace(old, f"{code}```\n\n```text\n{now.rstrip()}\n```")
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
