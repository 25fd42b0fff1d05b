"""Speed and memory of the label models, with peers in the same run.

``python -m tests.bench.label_models [--quick] [--only NAME ...]`` prints sizes, seconds, ratios and
bars. ``--quick`` takes a tenth of the rows. Peers come with the ``bench`` extra; one that is
missing is named and left out. Every EM takes the same number of steps on the same votes.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.bench import peers
from tests.bench.measure import (
    Table,
    best_of,
    copy_bandwidth,
    in_child,
    make_votes,
    memory_now,
    reset_peak,
    size_of,
    trim,
)
from weaklabel import DawidSkene, VoteMatrix
from weaklabel.errors import ConvergenceWarning
from weaklabel.inference.backends import Backend, VoteRows, make_backend
from weaklabel.inference.pairs import index_pairs

N_STEPS = 20


def our_fit(votes: VoteMatrix, n_steps: int = N_STEPS, **settings: Any) -> DawidSkene:
    """The public model, plain EM, a fixed number of steps."""
    chosen = {"accelerate": False, "max_iter": n_steps, "tol": 0.0, **settings}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return DawidSkene(**chosen).fit(votes)


def backend_of(votes: VoteMatrix, **settings: Any) -> Backend:
    """The bare E-step over the rows as they are, a table row for every pair that occurs."""
    pairs, table_row = index_pairs(votes.lf_index, votes.symbol, votes.n_lfs, votes.n_classes)
    lf = pairs // votes.n_classes
    rows = VoteRows(votes.indptr, table_row, None, len(pairs), votes.n_classes, lf)
    return make_backend(rows, **settings)


def backend_em(votes: VoteMatrix, n_steps: int = N_STEPS, **settings: Any) -> tuple[Backend, float]:
    """EM on the bare backend, with the M-step of the SciPy peer."""
    backend = backend_of(votes, **settings)
    n_lfs, n_classes = votes.n_lfs, votes.n_classes
    table = peers.start_table(n_lfs, n_classes)
    prior = np.full(n_classes, -np.log(n_classes))
    found = backend.e_step(table, prior)
    for _ in range(n_steps - 1):
        table, prior = peers.m_step(found.counts, found.class_counts, n_lfs)
        found = backend.e_step(table, prior)
    return backend, found.log_likelihood


def describe(votes: VoteMatrix) -> str:
    """The size of a problem."""
    return (
        f"{votes.n_items:,} items x {votes.n_lfs} LFs, {votes.n_classes} classes, "
        f"{votes.n_votes:,} votes ({size_of(votes) / 1e6:.0f} MB)"
    )


def compare_em(
    n_items: int, n_lfs: int, n_classes: int, bar_crowd_kit: float | None, bar_scipy: float
) -> None:
    """The same number of plain EM steps: ours, the bare backend, SciPy, crowd-kit."""
    votes = make_votes(n_items, n_lfs, n_classes)
    table = Table(f"{N_STEPS} EM steps on {describe(votes)}")
    our_fit(votes, 2)  # compile
    ours, _ = best_of(3, lambda: our_fit(votes))
    table.seconds("DawidSkene.fit", ours, "from the vote matrix")
    backend_em(votes, 2)
    raw, (backend, log_likelihood) = best_of(3, lambda: backend_em(votes))
    table.seconds("bare backend, coding included", raw, backend.plan)
    coding, _ = best_of(3, lambda: backend_of(votes))
    table.seconds("  of which coding", coding)
    scipy, (_, other) = best_of(1 + (n_items <= 200_000), lambda: peers.scipy_em(votes, N_STEPS))
    agreement = abs(other / log_likelihood - 1)
    table.seconds("EM by sparse products in SciPy", scipy, f"likelihood differs by {agreement:.0e}")
    table.ratio("DawidSkene against SciPy", scipy / ours, bar_scipy)
    if bar_crowd_kit is None:
        return
    absent = peers.missing("crowdkit.aggregation")
    if absent:
        table.line("crowd-kit DawidSkene", "left out", absent)
        return
    long = peers.long_table(votes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        crowd_kit, _ = best_of(1, lambda: peers.crowd_kit_em(long, N_STEPS))
    table.seconds("crowd-kit DawidSkene", crowd_kit)
    table.ratio("DawidSkene against crowd-kit", crowd_kit / ours, bar_crowd_kit)


def bench_snorkel(scale: float) -> None:
    """fit + predict_proba at default settings against Snorkel's LabelModel."""
    votes = make_votes(int(1_000_000 * scale), 20, 2)
    table = Table(f"fit + predict_proba, default settings, on {describe(votes)}")

    def ours() -> np.ndarray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return DawidSkene().fit(votes).predict_proba(votes)

    ours()
    seconds, _ = best_of(3, ours)
    model = DawidSkene().fit(votes)
    table.seconds("DawidSkene", seconds, model.status_)
    absent = peers.missing("snorkel.labeling.model")
    if absent:
        table.line("Snorkel LabelModel", "left out", absent)
        return
    dense = votes.to_dense().astype(np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        snorkel, _ = best_of(1, lambda: peers.snorkel_model(dense, 2))
    table.seconds("Snorkel LabelModel, 100 epochs", snorkel)
    table.ratio("DawidSkene against Snorkel", snorkel / seconds, 10)


def bench_acceleration(scale: float) -> None:
    """Steps to the same objective, accelerated and plain."""
    for n_lfs, n_classes, density in ((10, 4, 0.15), (20, 2, 0.1), (15, 8, 0.2)):
        votes = make_votes(int(100_000 * scale), n_lfs, n_classes, density)
        table = Table(f"acceleration on {describe(votes)}")
        traces = {}
        for accelerate in (False, True):
            trace: list[float] = []
            settings: dict[str, Any] = {"max_iter": 3000, "tol": 1e-10}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                DawidSkene(accelerate=accelerate, **settings).fit(
                    votes, progress=lambda _n, value, trace=trace: trace.append(value)
                )
            traces[accelerate] = np.maximum.accumulate(trace)
        target = min(traces[False][-1], traces[True][-1]) - 1e-9
        plain, fast = (int(np.argmax(traces[a] >= target)) + 1 for a in (False, True))
        table.line("plain EM", f"{plain} steps", f"objective per item {traces[False][-1]:.9f}")
        table.line("accelerated", f"{fast} steps", f"objective per item {traces[True][-1]:.9f}")
        table.ratio("plain / accelerated", plain / fast, 3)


def bench_memory(scale: float) -> None:
    """Peak memory of fit and of predict beyond the votes, in a child process."""
    table = Table("peak memory beyond the vote matrix (child process, compiled code loaded before)")
    for n_classes in (2, 10):
        size = {"n_items": int(1_000_000 * scale), "n_lfs": 20, "n_classes": n_classes}
        for what in ("fit", "predict_proba", "bare backend, 3 steps"):
            found = in_child("memory", what=what, **size)
            ratio = (found["peak"] - found["output"]) / found["votes"]
            verdict = "reached" if ratio <= 2 else "NOT reached"
            table.line(
                f"{what}, {n_classes} classes, votes of {found['votes'] / 1e6:.0f} MB",
                f"{found['peak'] / 1e6:.0f} MB",
                f"output {found['output'] / 1e6:.0f} MB, the rest {ratio:.1f} x the votes; "
                f"bar 2 x: {verdict}",
            )


def bench_large(scale: float) -> None:
    """10M rows x 200 LFs x 20 classes, 2 % voted."""
    found = in_child("large", n_items=int(10_000_000 * scale), n_lfs=200, n_classes=20)
    table = Table(f"{found['what']}, in a child process")
    table.seconds("DawidSkene.fit, 20 EM steps", found["fit_s"])
    table.seconds("predict_proba", found["predict_s"])
    verdict = "reached" if found["peak"] < 4e9 else "NOT reached"
    table.line("peak resident memory", f"{found['peak'] / 1e9:.2f} GB", f"bar 4 GB: {verdict}")


def bench_growth(scale: float) -> None:
    """Time per row as rows grow."""
    table = Table("growth: 20 LFs, 2 classes, 20 EM steps")
    for n_items in (100_000, 1_000_000, 10_000_000):
        votes = make_votes(int(n_items * scale), 20, 2)
        our_fit(votes, 2)
        seconds, _ = best_of(3 if n_items < 10_000_000 else 2, lambda v=votes: our_fit(v))
        raw, _ = best_of(3, lambda v=votes: backend_em(v))
        per_row = seconds / votes.n_items * 1e9
        table.seconds(
            f"{votes.n_items:,} items",
            seconds,
            f"{per_row:.0f} ns a row; bare backend {raw / votes.n_items * 1e9:.0f} ns",
        )


def bench_limit(scale: float) -> None:
    """How far an E-step lies from reading its codes once at copy bandwidth."""
    bandwidth = copy_bandwidth()
    table = Table(f"the machine's limit: a copy moves {bandwidth / 1e9:.1f} GB/s (read + written)")
    for n_lfs, n_classes in ((20, 2), (20, 10), (100, 5)):
        votes = make_votes(int(1_000_000 * scale), n_lfs, n_classes)
        backend: Any = backend_of(votes, kind="numba")
        log_table = peers.start_table(n_lfs, n_classes)
        prior = np.full(n_classes, -np.log(n_classes))
        backend.e_step(log_table, prior)
        seconds, _ = best_of(7, lambda b=backend, t=log_table, p=prior: b.e_step(t, p))
        read = backend.bytes_per_step
        limit = read / bandwidth
        table.line(
            f"E-step, {describe(votes)}",
            f"{seconds * 1e3:.1f} ms",
            f"reads {read / 1e6:.0f} MB once: {limit * 1e3:.2f} ms at copy speed, "
            f"{seconds / limit:.0f} x that",
        )


def child_memory(what: str, n_items: int, n_lfs: int, n_classes: int) -> dict[str, Any]:
    """Peak resident memory of one call over what was resident before it."""
    small = make_votes(60_000, n_lfs, n_classes)
    our_fit(small, 2, backend="numba").predict_proba(small)  # load libraries and compiled code
    backend_em(small, 2, kind="numba")
    votes = make_votes(n_items, n_lfs, n_classes)
    result: Any
    if what == "fit":
        before = _settled()
        result = our_fit(votes, 3)
    elif what == "predict_proba":
        model = our_fit(votes, 3)
        before = _settled()
        result = model.predict_proba(votes)
    else:
        before = _settled()
        result = backend_em(votes, 3)
    output = result.nbytes if isinstance(result, np.ndarray) else 0
    peak = memory_now()["VmHWM"] - before
    return {"votes": size_of(votes), "peak": peak, "output": output}


def child_large(n_items: int, n_lfs: int, n_classes: int) -> dict[str, Any]:
    """Times and the peak with everything resident."""
    small = make_votes(60_000, n_lfs, n_classes, 0.02)
    our_fit(small, 2, backend="numba").predict_proba(small)
    votes = make_votes(n_items, n_lfs, n_classes, 0.02)
    _settled()
    start = time.perf_counter()
    model = our_fit(votes)
    fitted = time.perf_counter()
    model.predict_proba(votes)
    return {
        "what": describe(votes),
        "fit_s": fitted - start,
        "predict_s": time.perf_counter() - fitted,
        "peak": memory_now()["VmHWM"],
    }


def _settled() -> int:
    gc.collect()
    trim()
    reset_peak()
    return memory_now()["VmRSS"]


BENCHMARKS: dict[str, Callable[[float], None]] = {
    "binary": lambda scale: compare_em(int(1_000_000 * scale), 20, 2, 100, 5),
    "ten": lambda scale: compare_em(int(1_000_000 * scale), 20, 10, 30, 2),
    "wide": lambda scale: compare_em(int(1_000_000 * scale), 100, 5, None, 2),
    "snorkel": bench_snorkel,
    "acceleration": bench_acceleration,
    "memory": bench_memory,
    "large": bench_large,
    "growth": bench_growth,
    "limit": bench_limit,
}
CHILDREN: dict[str, Callable[..., dict[str, Any]]] = {
    "memory": child_memory,
    "large": child_large,
}


def main() -> None:
    """Run the benchmarks named on the command line, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    parser.add_argument("--only", nargs="+", choices=list(BENCHMARKS), default=list(BENCHMARKS))
    parser.add_argument("--child", nargs=2, metavar=("TASK", "JSON"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        task, arguments = options.child
        print(json.dumps(CHILDREN[task](**json.loads(arguments))))
        return
    print(f"Python {sys.version.split()[0]}, NumPy {np.__version__}")
    for name in options.only:
        BENCHMARKS[name](0.1 if options.quick else 1.0)


if __name__ == "__main__":
    main()
