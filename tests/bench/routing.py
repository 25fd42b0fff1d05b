"""What budgeted routing reaches, on recorded votes of prompts.

``python -m tests.bench.routing ../shared/data`` takes the rules of ``wrench/<name>`` as the free
votes and the prompts of ``llm/prompted_<name>`` as the paid ones. The two folders hold the same
texts in the same splits and the same order; this is checked row by row before anything else. All
rows of the three splits are to be labelled, and are scored. A call is one prompt on one row,
whether it votes or abstains. Gold is only used to score.

Routing weighs the rows in its fits; ``plain`` is a plain fit on the same votes, of random rows.

``--panels`` takes the panels of language models instead: a random half of the judges is free, the
other half is paid, at 30 % of the calls.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

import numpy as np

from tests.bench.score import expected_accuracy, expected_f1
from weaklabel import LabelModel, VoteMatrix
from weaklabel.llm.paid_votes import RecordedVotes
from weaklabel.llm.routing import Strategy, route

SPLITS = ("train", "valid", "test")
NAMES = ("youtube", "sms")
PANELS = ("css_emotion", "css_ibc", "css_mrf")
SHARES = (0.1, 0.2, 0.3)


def read_pair(root: Path, name: str) -> tuple[VoteMatrix, VoteMatrix, np.ndarray]:
    """Free votes, paid votes and gold of all rows.

    Raises
    ------
    ValueError
        If the rows of the two sets are not the same texts in the same order.
    """
    import pandas as pd

    parts: dict[str, list[np.ndarray]] = {"free": [], "paid": [], "gold": []}
    for split in SPLITS:
        folders = (root / "wrench" / name, root / "llm" / f"prompted_{name}")
        texts = [pd.read_parquet(f / f"data_{split}.parquet")["text"].tolist() for f in folders]
        free, paid = (np.load(f / f"votes_{split}.npz") for f in folders)
        if texts[0] != texts[1] or not np.array_equal(free["Y"], paid["Y"]):
            raise ValueError(f"the rows of {name}/{split} are not those of prompted_{name}/{split}")
        parts["free"].append(free["L"])
        parts["paid"].append(paid["L"])
        parts["gold"].append(free["Y"])
    free, paid, gold = (np.concatenate(parts[key]) for key in ("free", "paid", "gold"))
    free_names = [f"rule_{j}" for j in range(free.shape[1])]
    paid_names = [f"prompt_{j}" for j in range(paid.shape[1])]
    classes = ["ham", "spam"]
    return (
        VoteMatrix.from_dense(free, labels=classes, lf_names=free_names),
        VoteMatrix.from_dense(paid, labels=classes, lf_names=paid_names),
        gold,
    )


def scores(probabilities: np.ndarray, gold: np.ndarray) -> tuple[float, float]:
    """Accuracy and F1 of spam, in percent."""
    return expected_accuracy(probabilities, gold), expected_f1(probabilities, gold)


def at_share(
    free: VoteMatrix, paid: VoteMatrix, gold: np.ndarray, share: float, strategy: Strategy, n: int
) -> dict[str, np.ndarray]:
    """Scores at a share of all calls, one line for each of n seeds, by what they are of."""
    budget = share * free.n_items * paid.n_lfs
    found: dict[str, list[tuple[float, float]]] = {strategy: []}
    for seed in range(n):
        result = route(
            free, RecordedVotes(paid), LabelModel(), budget=budget, strategy=strategy, seed=seed
        )
        found[strategy].append(scores(result.probabilities, gold))
        if strategy == "random":
            plain = LabelModel().fit(result.votes).predict_proba(result.votes)
            found.setdefault("plain", []).append(scores(plain, gold))
    return {name: np.array(lines) for name, lines in found.items()}


def panel_scores(folder: Path, n_halves: int, n_seeds: int) -> dict[str, list[float]]:
    """Accuracies on a panel whose judges are free and paid in halves, by strategy."""
    content = np.load(folder / "votes_test.npz")
    dense, gold = content["L"], content["Y"]
    classes = [f"class_{c}" for c in range(int(gold.max()) + 1)]
    found: dict[str, list[float]] = {}
    for half in range(n_halves):
        order = np.random.default_rng(half).permutation(dense.shape[1])
        free, paid = (
            VoteMatrix.from_dense(dense[:, own], labels=classes, lf_names=[f"j{j}" for j in own])
            for own in np.split(order, [dense.shape[1] // 2])
        )
        without = LabelModel().fit(free).predict_proba(free)
        found.setdefault("free", []).append(expected_accuracy(without, gold))
        for strategy in get_args(Strategy):
            budget = None if strategy == "all" else 0.3 * len(gold) * paid.n_lfs
            for seed in range(1 if strategy == "all" else n_seeds):
                done = route(
                    free, RecordedVotes(paid), LabelModel(), budget=budget, strategy=strategy,
                    seed=seed,
                )  # fmt: skip
                score = expected_accuracy(done.probabilities, gold)
                found.setdefault(strategy, []).append(score)
    return found


def print_panels(root: Path) -> None:
    """Print accuracies on panels of language models."""
    for name in PANELS:
        found = panel_scores(root / "llm" / name, 4, 3)
        print(name, *(f"{kind} {np.mean(values):.1f}" for kind, values in found.items()), sep="  ")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--panels", action="store_true")
    given = parser.parse_args()
    if given.panels:
        print_panels(given.root)
        return
    for name in NAMES:
        free, paid, gold = read_pair(given.root, name)
        print(f"\n{name}: {free.n_items:,} rows, {free.n_lfs} rules, {paid.n_lfs} prompts")
        print(f"{'':8} {'calls':>6} {'accuracy':>17} {'F1 of spam':>18}")
        nothing = LabelModel().fit(free).predict_proba(free)
        _print("free", 0.0, np.array([scores(nothing, gold)]))
        for strategy in get_args(Strategy)[:3]:
            by_share = [at_share(free, paid, gold, s, strategy, given.seeds) for s in SHARES]
            for kind in by_share[0]:
                for share, found in zip(SHARES, by_share, strict=True):
                    _print(kind, share, found[kind])
        everything = route(free, RecordedVotes(paid), LabelModel(), strategy="all")
        _print("all", 1.0, np.array([scores(everything.probabilities, gold)]))


def _print(name: str, share: float, found: np.ndarray) -> None:
    (accuracy, f1), (spread, f1_spread) = found.mean(axis=0), found.std(axis=0)
    print(
        f"{name:8} {share:>6.0%} {accuracy:>10.1f} +- {spread:3.1f} {f1:>11.1f} +- {f1_spread:3.1f}"
    )


if __name__ == "__main__":
    main()
