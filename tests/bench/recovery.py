"""How often intervals hold the truth, and whether planted dependencies are found.

    python -m tests.bench.recovery

Planted votes throughout. Coverage: 10 LFs, 3,000 rows, 60 draws. Dependencies: 20 LFs, 10,000 rows,
of which five copy another with some probability; F1 over pairs, the lowest of five draws.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np

from weaklabel.models import (
    ClassConditionalAccuracy,
    DawidSkene,
    LabelModel,
    LabelModelBase,
    OneCoin,
    accuracy_intervals,
    learn_dependencies,
)
from weaklabel.votes.synthetic import planted_votes

KINDS: dict[str, dict] = {
    "2 classes, even": {},
    "2 classes, 80/20": {"class_balance": (0.8, 0.2)},
    "3 classes": {"class_balance": (0.5, 0.3, 0.2)},
    "2 classes, 20 % coverage": {"propensity": 0.2},
}


def coverage(
    make: Callable[[], LabelModelBase], settings: dict, draws: int = 60, n_draws: int = 100
) -> float:
    """Share of 90 % intervals that hold the planted accuracy."""
    hits = []
    for seed in range(draws):
        accuracy = np.random.default_rng(seed).uniform(0.55, 0.9, 10)
        votes = planted_votes(3000, accuracy=accuracy, seed=seed, **settings).votes
        found = accuracy_intervals(make().fit(votes), level=0.9, n_draws=n_draws)
        hits.append((found.low < accuracy) & (accuracy < found.high))
    return float(np.mean(hits))


def f1_of_pairs(share: float, seed: int) -> float:
    """F1 of the pairs found, where LFs 0 to 4 are copied with a probability."""
    copies = [(i, share) for i in range(5)]
    accuracy = np.random.default_rng(seed).uniform(0.6, 0.85, 15)
    votes = planted_votes(10_000, accuracy=accuracy, copies=copies, seed=seed).votes
    found = {frozenset(pair) for pair in learn_dependencies(votes).names}
    true = {frozenset((votes.lf_names[i], votes.lf_names[15 + i])) for i in range(5)}
    return 2.0 * len(found & true) / (len(found) + len(true))


def main() -> None:
    """Print both tables."""
    warnings.simplefilter("ignore")
    print("90 % intervals that hold the accuracy")
    for make in (DawidSkene, OneCoin, ClassConditionalAccuracy):
        shares = ", ".join(f"{name} {100 * coverage(make, s):.1f}" for name, s in KINDS.items())
        print(f"  {make.__name__}: {shares}")
    print(f"  LabelModel: 2 classes, even {100 * coverage(LabelModel, {}, 6, 50):.0f} (6 draws)")
    for share in (0.15, 0.2, 0.3, 0.5, 0.9):
        lowest = min(f1_of_pairs(share, seed) for seed in range(5))
        print(f"copying probability {share}: lowest F1 of 5 draws {lowest:.2f}")
    independent = [
        len(
            learn_dependencies(
                planted_votes(
                    10_000, accuracy=np.random.default_rng(s).uniform(0.6, 0.85, 20), seed=s
                ).votes
            )
        )
        for s in range(20)
    ]
    print(f"20 draws of independent LFs: pairs found in {sum(n > 0 for n in independent)}")


if __name__ == "__main__":
    main()
