"""Which labeling functions to fix first: does the list made without gold find them?

``python -m tests.bench.fixes [DATA]`` prints, for each real set, the rank correlation over
its labeling functions between what gold says they cost (``lfs_to_fix`` judged by gold) and what can
be known without gold, and how much of the whole cost the first five of each list make up.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.bench.choice import spearman
from tests.bench.sets import CROWDS, RULES, RealSet, read_sets
from weaklabel import LabelModel
from weaklabel.analysis import lf_summary, lfs_to_fix

FIRST = 5
LEAST_LFS = 5


def lists_of(data: RealSet) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """What each labeling function costs by gold, and what each list says of it without."""
    votes = data.test
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = LabelModel().fit(data.fit)
    summary = lf_summary(votes, model=model)
    by_gold = {lf.name: lf for lf in lfs_to_fix(votes, model, data.gold, summary=summary).lfs}
    alone = {lf.name: lf for lf in lfs_to_fix(votes, model, summary=summary).lfs}
    found = [alone[name] for name in votes.lf_names]
    assert summary.learned is not None
    return np.array([by_gold[name].expected_gain for name in votes.lf_names]), {
        "lfs_to_fix": np.array([lf.expected_gain for lf in found]),
        "rows decided": np.array([lf.n_decided for lf in found]),
        "wrong votes": np.array([lf.expected_wrong for lf in found]),
        "conflicts": summary.conflict,
        "low accuracy": -np.nan_to_num(summary.learned.accuracy, nan=1.0),
    }


def scored(data: RealSet) -> Iterator[tuple[str, float, float]]:
    """Of each list: its name, rank correlation with the cost, share of the cost in its first."""
    cost, lists = lists_of(data)
    for name, values in lists.items():
        first = np.argsort(-values, kind="stable")[:FIRST]
        yield name, spearman(values, cost), float(cost[first].sum() / max(cost.sum(), 1e-9))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    options = parser.parse_args(arguments)
    rows: dict[str, list[tuple[float, float]]] = {}
    for data in read_sets(options.data, [*RULES, *CROWDS]):
        if data.test.n_lfs < LEAST_LFS:
            continue
        line = []
        for name, correlation, share in scored(data):
            rows.setdefault(name, []).append((correlation, share))
            line.append(f"{name} {correlation:5.2f} {share:4.0%}")
        print(f"{data.name:22} {data.test.n_lfs:4}  {'  '.join(line)}", flush=True)
    print(f"\nmean over {len(next(iter(rows.values())))} sets")
    for name, values in rows.items():
        correlation, share = np.nanmean(values, axis=0)
        print(f"{name:14} correlation {correlation:5.2f}, cost in the first {FIRST} {share:4.0%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
