"""The report on 100,000 rows: seconds to write it, its size, seconds to open and to sort it.

``python -m tests.bench.report [--rows 100000] [--lfs 20 50]`` writes each page in a fresh process,
with model, labels, gold and texts, then opens it in headless Chromium (the extra ``slow``). Opening
is from the request to the moment both tables are drawn; sorting, searching and filtering are from
the click to the next frame that the browser paints. It prints the bars beside what was measured.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.bench.keywords import make_texts, make_words
from tests.bench.measure import Table, make_votes

WRITE_BAR, OPEN_BAR, SORT_BAR, SIZE_BAR = 20.0, 1.0, 1.0, 10.0
REPEATS = 5

# Waits for the frame after the one in which the change was made.
PAINTED = """async (change) => {
  const start = performance.now();
  new Function(change)();
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  return performance.now() - start;
}"""
CHANGES = {
    "sort rows by confidence": "document.querySelectorAll('#row-table thead button')[3].click()",
    "sort rows by text": "document.querySelectorAll('#row-table thead button')[1].click()",
    "sort rows, all on one page": (
        "const s = document.querySelector('#row-table .pager select'); s.value = 0;"
        "s.dispatchEvent(new Event('change'));"
        "document.querySelectorAll('#row-table thead button')[3].click()"
    ),
    "sort functions by conflict": (
        "document.querySelectorAll('#function-table thead button')[5].click()"
    ),
    "search rows, all on one page": (
        "const s = document.querySelector('#row-table input'); s.value = 'a';"
        "s.dispatchEvent(new Event('input'))"
    ),
    "change the colours": "document.getElementById('theme').click()",
}


def write(folder: Path, n_rows: int, n_lfs: int) -> dict[str, float]:
    """Write a page as a child process does: from files, everything loaded anew."""
    start = time.perf_counter()
    from weaklabel import load_model
    from weaklabel.analysis.report import write_report
    from weaklabel.soft_labels import SoftLabels
    from weaklabel.votes import VoteMatrix

    votes = VoteMatrix.load(folder / "votes.npz")
    rows = pd.read_parquet(folder / "rows.parquet")
    path = write_report(
        folder / f"report-{n_lfs}.html",
        votes,
        load_model(folder / "model.npz"),
        SoftLabels.read(folder / "labels.parquet"),
        gold=rows["gold"].to_numpy(),
        rows=rows[["text", "number"]],
        overwrite=True,
    )
    seconds = time.perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "seconds": seconds,
        "processor": time.process_time(),
        "megabytes": path.stat().st_size / 1e6,
        "memory": memory,
    }


def prepare(folder: Path, n_rows: int, n_lfs: int) -> None:
    """Votes, model, labels and rows as files."""
    from weaklabel import LabelModel

    votes = make_votes(n_rows, n_lfs, 4)
    model = LabelModel().fit(votes)
    labels = model.label(votes)
    rng = np.random.default_rng(0)
    rows = make_texts(make_words(5000), n_rows)
    rows["number"] = rng.random(n_rows)
    gold = labels.probabilities.argmax(axis=1)
    wrong = rng.random(n_rows) < 0.1
    rows["gold"] = np.where(wrong, (gold + 1) % 4, gold)
    for path in folder.iterdir():
        if path.suffix != ".html":
            path.unlink()
    votes.save(folder / "votes.npz")
    model.save(folder / "model.npz")
    labels.to_parquet(folder / "labels.parquet")
    rows.to_parquet(folder / "rows.parquet")


def look(path: Path) -> dict[str, float]:
    """Seconds to open the page and to change what it shows, the median of five."""
    from playwright.sync_api import sync_playwright

    seconds: dict[str, list[float]] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        browser.new_page().goto("about:blank")  # what starting the browser costs is not the page's
        for _ in range(REPEATS):
            # Changes are measured by injected code, which the policy of the page would refuse.
            page = browser.new_page(bypass_csp=True, viewport={"width": 1280, "height": 900})
            start = time.perf_counter()
            page.goto(path.as_uri())
            page.wait_for_selector("#row-table tr.line")
            seconds.setdefault("open", []).append(time.perf_counter() - start)
            for name, change in CHANGES.items():
                seconds.setdefault(name, []).append(page.evaluate(PAINTED, change) / 1000)
            page.close()
        browser.close()
    return {name: float(np.median(values)) for name, values in seconds.items()}


def in_child(folder: Path, n_rows: int, n_lfs: int) -> dict[str, Any]:
    """:func:`write` in a fresh process."""
    arguments = ["--child", str(folder), "--rows", str(n_rows), "--lfs", str(n_lfs)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.report", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the child process failed:\n{done.stderr[-2000:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def measure(n_rows: int, n_lfs: int, folder: Path) -> bool:
    """Print what one size costs; whether all bars are kept."""
    prepare(folder, n_rows, n_lfs)
    written = in_child(folder, n_rows, n_lfs)
    seen = look(folder / f"report-{n_lfs}.html")
    table = Table(f"{n_rows:,} rows x {n_lfs} labeling functions, 4 classes, texts and gold")
    kept = []

    def line(what: str, value: float, bar: float, unit: str) -> None:
        kept.append(value < bar)
        verdict = "kept" if kept[-1] else "NOT kept"
        table.line(what, f"{value:.2f} {unit}", f"bar {bar:g} {unit}: {verdict}")

    line("write, in a fresh process", written["seconds"], WRITE_BAR, "s")
    table.line("  of which the processor worked", f"{written['processor']:.2f} s")
    line("size of the file", written["megabytes"], SIZE_BAR, "MB")
    line("open in the browser", seen.pop("open"), OPEN_BAR, "s")
    for name, seconds in seen.items():
        line(name, seconds, SORT_BAR, "s")
    table.line("peak of memory while writing", f"{written['memory']:.0f} MB")
    return all(kept)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--lfs", type=int, nargs="+", default=[20, 50])
    parser.add_argument("--child", type=Path)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(write(options.child, options.rows, options.lfs[0])))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        kept = [measure(options.rows, n, Path(folder)) for n in options.lfs]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
