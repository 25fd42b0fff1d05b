"""Data, clocks, memory and tables for the benchmarks."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from weaklabel import LabelSpace, VoteMatrix


def make_votes(
    n_items: int, n_lfs: int, n_classes: int, density: float = 0.28, seed: int = 0
) -> VoteMatrix:
    """LFs that vote on a share of the items and are right 60 to 90 % of the time.

    Cells are drawn by their gaps, so the cost follows the votes and not items x LFs.
    """
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, n_classes, n_items).astype(np.uint16)
    accuracy = rng.uniform(0.6, 0.9, n_lfs)
    n_cells = n_items * n_lfs
    n_drawn = int(n_cells * density + 6 * np.sqrt(n_cells * density) + 10)
    cells = np.cumsum(rng.geometric(density, n_drawn).astype(np.int64)) - 1
    cells = cells[: np.searchsorted(cells, n_cells)]
    lf = (cells % n_lfs).astype(np.min_scalar_type(n_lfs - 1))
    item = cells // n_lfs
    del cells
    indptr = np.searchsorted(item, np.arange(n_items + 1)).astype(np.int32)
    symbol = truth[item]
    del item
    wrong = np.flatnonzero(rng.random(len(lf)) >= accuracy[lf])
    shift = rng.integers(1, n_classes, len(wrong)) if n_classes > 1 else 0
    symbol[wrong] = (symbol[wrong] + shift) % n_classes
    symbol = symbol.astype(np.min_scalar_type(n_classes - 1))
    names = [f"lf{j}" for j in range(n_lfs)]
    return VoteMatrix(indptr, lf, symbol, LabelSpace([str(k) for k in range(n_classes)]), names)


def size_of(votes: VoteMatrix) -> int:
    """Bytes of the arrays of a vote matrix."""
    return int(votes.indptr.nbytes + votes.lf_index.nbytes + votes.symbol.nbytes)


def best_of(repeat: int, work: Callable[[], Any]) -> tuple[float, Any]:
    """Shortest time of several runs, in seconds, and the last result."""
    best, result = float("inf"), None
    for _ in range(repeat):
        start = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - start)
    return best, result


def copy_bandwidth() -> float:
    """Bytes read and written per second by a copy of 512 MB on all cores."""
    from concurrent.futures import ThreadPoolExecutor

    n = os.cpu_count() or 1
    size = (512 << 20) // n
    pairs = [(np.ones(size, np.uint8), np.empty(size, np.uint8)) for _ in range(n)]
    with ThreadPoolExecutor(n) as pool:

        def copy() -> None:
            list(pool.map(lambda pair: np.copyto(pair[1], pair[0]), pairs))

        seconds, _ = best_of(5, copy)
    return 2 * n * size / seconds


def memory_now() -> dict[str, int]:
    """Resident bytes now and at the peak (``VmRSS``, ``VmHWM``; Linux)."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {key: int(fields[key].split()[0]) * 1024 for key in ("VmRSS", "VmHWM")}


def trim() -> None:
    """Give freed memory back to the system, so that it does not hide in what was resident."""
    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)


def reset_peak() -> None:
    """Make the peak what is resident now."""
    Path("/proc/self/clear_refs").write_text("5")


def in_child(task: str, **arguments: Any) -> dict[str, Any]:
    """Run a task of ``tests.bench.label_models`` in a fresh process and return what it prints."""
    command = [sys.executable, "-m", "tests.bench.label_models", "--child", task]
    done = subprocess.run(
        [*command, json.dumps(arguments)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"the child process failed:\n{done.stderr[-2000:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


class Table:
    """Printed lines: what, seconds, how it compares, the bar."""

    def __init__(self, title: str) -> None:
        print(f"\n{title}")

    def line(self, what: str, value: str, note: str = "") -> None:
        """One line."""
        print(f"  {what:<58} {value:>12}  {note}", flush=True)

    def seconds(self, what: str, seconds: float, note: str = "") -> None:
        """A line with a time."""
        self.line(what, f"{seconds:.3f} s" if seconds < 100 else f"{seconds:.0f} s", note)

    def ratio(self, what: str, ratio: float, bar: float) -> None:
        """A line with a speed-up and its bar."""
        verdict = "reached" if ratio >= bar else "NOT reached"
        self.line(what, f"{ratio:.1f} x", f"bar {bar:g} x: {verdict}")
