"""What looking at votes costs: every table of ``weaklabel.analysis`` on many rows.

``python -m tests.bench.analysis [--rows 1000000] [--lfs 50]`` prints, for each table, seconds and
the memory at its peak beyond what was there before (Linux).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.bench.measure import Table, best_of, memory_now, reset_peak, trim
from weaklabel import LabelModel, VoteMatrix
from weaklabel.analysis import (
    diff_labels,
    diff_votes,
    error_buckets,
    lf_pairs,
    lf_summary,
    lfs_to_fix,
    reliability,
    rows_in_conflict,
    slice_summary,
)
from weaklabel.votes.synthetic import planted_votes


def edited(votes: VoteMatrix) -> VoteMatrix:
    """The votes of another run: one labeling function turned one vote in ten around."""
    symbol = votes.symbol.copy()
    mine = np.flatnonzero(votes.lf_index == 0)[::10]
    symbol[mine] = 1 - symbol[mine]
    return VoteMatrix(votes.indptr, votes.lf_index, symbol, votes.alphabet, votes.lf_names)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--lfs", type=int, default=50)
    options = parser.parse_args()
    accuracy = np.linspace(0.6, 0.9, options.lfs)
    planted = planted_votes(options.rows, accuracy=accuracy, propensity=0.2)
    votes, gold = planted.votes, planted.truth
    model = LabelModel().fit(votes)
    labels = model.label(votes)
    months = np.arange(options.rows) % 12
    other = edited(votes)
    relabelled = model.label(other)
    tables: dict[str, Callable[[], Any]] = {
        "lf_summary, votes alone": lambda: lf_summary(votes),
        "lf_summary, gold": lambda: lf_summary(votes, gold),
        "lf_summary, gold and model": lambda: lf_summary(votes, gold, model=model),
        "lf_pairs": lambda: lf_pairs(votes),
        "lf_pairs, dependence": lambda: lf_pairs(votes, dependence=True),
        "slice_summary, 12 slices": lambda: slice_summary(votes, months, labels=labels, gold=gold),
        "error_buckets": lambda: error_buckets(votes, labels, gold),
        "rows_in_conflict": lambda: rows_in_conflict(votes, labels),
        "lfs_to_fix": lambda: lfs_to_fix(votes, model, gold),
        "reliability": lambda: reliability(labels, gold, per_class=True),
        "diff_votes": lambda: diff_votes(votes, other),
        "diff_labels": lambda: diff_labels(labels, relabelled, votes=(votes, other)),
    }
    shown = Table(f"{votes!r}, {votes.nbytes / 1e6:.0f} MB")
    for name, look in tables.items():
        trim()
        reset_peak()
        before = memory_now()["VmRSS"]
        seconds, _ = best_of(1, look)
        peak = (memory_now()["VmHWM"] - before) / 1e9
        shown.seconds(name, seconds, f"{peak:.2f} GB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
