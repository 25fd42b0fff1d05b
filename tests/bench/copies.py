"""What near-copies of an LF cost, and what discounting dependent LFs would cost.

    python -m tests.bench.copies [DATA_DIR] [--draws N]

First table: one LF of every set of rules is copied; each copy loses a share of its votes at random.
Falls of the average score. Second: every LF of a cluster that ``learn_dependencies`` finds weighs
what the cluster is worth over its size, in the default, which does no such thing.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from unittest.mock import patch

import numpy as np

from tests.bench.accuracy import measures
from tests.bench.sets import CROWDS, RULES, RealSet, read_sets
from weaklabel import VoteMatrix
from weaklabel.inference import preweights
from weaklabel.models import LabelModel, LabelModelBase, MajorityVote, learn_dependencies

KEPT = (1.0, 0.95, 0.9, 0.8, 0.7)
COPIES = (5, 15)
MOST_ROWS = 1500  # for many LFs


def score(model: LabelModelBase, data: RealSet) -> float:
    """The metric of a model on a set."""
    return measures(model.fit(data.fit).predict_proba(data.test), data)["metric"]


def copied(data: RealSet, kept: float, n_copies: int, draw: int) -> RealSet:
    """The set with copies of one LF that keep a share of its votes."""
    lf = int(np.random.default_rng([draw, 9]).integers(data.test.n_lfs))

    def grown(votes: VoteMatrix, which: int) -> VoteMatrix:
        rng, dense = np.random.default_rng([draw, which]), votes.to_dense()
        copies = np.repeat(dense[:, [lf]], n_copies, axis=1)
        copies[rng.random(copies.shape) >= kept] = -1
        return VoteMatrix.from_dense(np.column_stack([dense, copies]), labels=votes.labels)

    test = grown(data.test, 1)
    fit = test if data.fit is data.test else grown(data.fit, 0)
    return RealSet(data.name, fit, test, data.fit_gold, data.gold, data.is_f1)


def discounted(data: RealSet) -> float:
    """The metric of the default if it discounted clusters of dependent LFs."""
    votes = data.fit
    if votes.n_lfs > 40 and votes.n_items > MOST_ROWS:
        votes = votes[np.sort(np.random.default_rng(0).permutation(votes.n_items)[:MOST_ROWS])]
    found = learn_dependencies(votes)
    factor, place = np.ones(votes.n_lfs), {name: j for j, name in enumerate(votes.lf_names)}
    for names, worth in zip(found.clusters, found.effective_votes, strict=True):
        factor[[place[name] for name in names]] = worth / len(names)
    original = preweights._duplicate

    def both(rows, layout, votes):
        duplicate, near = original(rows, layout, votes)
        return np.minimum(duplicate, factor[layout.row_lf]), near

    with patch.object(preweights, "_duplicate", both):
        return score(LabelModel(), data)


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, run, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.copies")
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--draws", type=int, default=2)
    given = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    rules = list(read_sets(given.data, list(RULES)))
    models = (MajorityVote, LabelModel)
    before = np.array([[score(make(), d) for make in models] for d in rules])
    print("votes kept  copies  majority falls  default falls")
    for kept in KEPT:
        for n_copies in COPIES:
            sets = [copied(d, kept, n_copies, draw) for draw in range(given.draws) for d in rules]
            after = np.array([[score(make(), d) for make in models] for d in sets])
            falls = before.mean(axis=0) - after.mean(axis=0)
            print(f"{kept:10.0%} {n_copies:7} {falls[0]:15.2f} {falls[1]:14.2f}")
    for title, sets in (("rules", rules), ("crowds", list(read_sets(given.data, list(CROWDS))))):
        now = np.mean([score(LabelModel(), d) for d in sets])
        then = np.mean([discounted(d) for d in sets])
        print(f"{title}: default {now:.2f}, with clusters discounted {then:.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
