"""Soft against hard votes of prompts whose confidence is not what it says.

``python -m tests.bench.soft_votes`` plants a calibration: each prompt sees the class through noise,
and states a confidence that is too high by a factor of its own and leans to one class. The label
model never sees gold. Printed are the Brier score (the squared error of P(class 1), less is better)
and the accuracy of the label model on hard votes (the more probable class) and on soft ones (the
same with its confidence, in bins of equal mass), in the mean over seeds; and the Brier score of
believing what the prompts state (the mean of their probabilities).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from weaklabel import DawidSkene, LabelModel, VoteMatrix
from weaklabel.llm.soft_votes import N_BINS, soft_vote_matrix

SEEDS = 10
Scores = tuple[float, float]


def planted(n: int, seed: int, n_prompts: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Stated P(class 1) of each prompt, shape (n, n_prompts), and the classes."""
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, 2, n)
    stated = []
    for _ in range(n_prompts):
        seen = rng.uniform(0.5, 1.2) * (2 * gold - 1) + rng.normal(0.0, 1.1, n)
        sharper, leaning = rng.uniform(2.0, 6.0), rng.uniform(-1.0, 1.0)
        stated.append(1.0 / (1.0 + np.exp(-(sharper * seen + leaning))))
    return np.stack(stated, axis=1), gold


def brier_and_accuracy(
    make: Callable[[], LabelModel], stated: np.ndarray, gold: np.ndarray, n_bins: int = N_BINS
) -> tuple[Scores, Scores]:
    """Brier score and accuracy on hard and on soft votes."""
    hard = VoteMatrix.from_dense((stated > 0.5).astype(int), labels=["0", "1"])
    both = np.stack([1.0 - stated, stated], axis=2)
    soft = soft_vote_matrix(both, ["0", "1"], n_bins=n_bins)
    found = []
    for votes in (hard, soft):
        p = make().fit(votes).predict_proba(votes)[:, 1]
        found.append((float(((p - gold) ** 2).mean()), float(((p > 0.5) == gold).mean())))
    return found[0], found[1]


def main() -> None:
    """Print the table."""
    data = [planted(4000, seed) for seed in range(SEEDS)]
    believed = np.mean([((p.mean(axis=1) - y) ** 2).mean() for p, y in data])
    print(f"stated probabilities, averaged: Brier {believed:.4f}")
    print(f"{'':14} {'Brier hard':>11} {'soft':>8} {'accuracy hard':>14} {'soft':>7}")
    for make in (LabelModel, DawidSkene):
        found = np.array([brier_and_accuracy(make, p, y) for p, y in data]).mean(axis=0)
        (hard_brier, hard), (soft_brier, soft) = found
        print(
            f"{make.__name__:14} {hard_brier:>11.4f} {soft_brier:>8.4f} {100 * hard:>14.2f} "
            f"{100 * soft:>7.2f}"
        )
    for n_bins in (2, 3, 4, 6, 8, 12):
        found = np.array([brier_and_accuracy(LabelModel, p, y, n_bins) for p, y in data])
        brier, accuracy = found[:, 1].mean(axis=0)
        print(f"LabelModel, {n_bins:>2} bins: Brier {brier:.4f}, accuracy {100 * accuracy:.2f}")


if __name__ == "__main__":
    main()
