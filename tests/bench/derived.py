"""Does the default hold on votes its constants were not chosen on? Derived and planted sets.

    python -m tests.bench.derived [DATA_DIR] [--draws N] [--models NAME ...] [--losses]

Every real set is taken apart: fewer LFs, fewer classes, another class balance (drawn with the gold
of the rows that are scored). Three families are planted: panels of judges with abilities, biases,
lures that many fall for and siblings (two ways of drawing them), and one-sided rules in correlated
blocks over skewed classes. One line per family and model: average score, worst loss against
majority vote, and how many sets lose more than 3 points. ``recipe`` is what the default started
from. Derived sets are related to the sets they come from; planted ones are as real as their author
could make them. Where a change helps on both, it may help elsewhere.
"""

from __future__ import annotations

import argparse
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.bench.accuracy import MODELS, Posterior, measures
from tests.bench.plain_recipe import recipe_posterior
from tests.bench.sets import CROWDS, RARE, RULES, RealSet, find_sets, read_sets
from weaklabel import VoteMatrix

MOST_ROWS = 4000
LOSS = -3.0
PANELS = ("css_mrf", "css_ibc", "css_emotion")
ALL: dict[str, Posterior] = {**MODELS, "recipe": lambda d: recipe_posterior(d.fit, d.test)}
SHOWN = ("majority", "recipe", "DawidSkene", "Triplets", "default")


def derived(data: RealSet, draw: int) -> Iterator[RealSet]:
    """Versions of one set with fewer LFs, fewer classes, or another class balance."""
    rng = np.random.default_rng([draw, zlib.crc32(data.name.encode())])
    parts = _Parts(data, rng)
    yield parts.version("lfs70", 0.7)
    yield parts.version("lfs45", 0.45)
    for k in range(2, min(data.n_classes, 5)):
        chosen = np.sort(rng.permutation(data.n_classes)[:k])
        yield parts.version(f"classes{k}", 0.8, classes=chosen)
    if data.n_classes == 2 or data.name in PANELS or data.fit is data.test:
        balance = rng.dirichlet(np.full(data.n_classes, 2.0))
        yield parts.version("balance", 0.8, balance=balance)


class _Parts:
    def __init__(self, data: RealSet, rng: np.random.Generator) -> None:
        self.data, self.rng, self.together = data, rng, data.fit is data.test
        self.fit, self.test = data.fit.to_dense(), data.test.to_dense()

    def version(
        self,
        what: str,
        share: float,
        classes: np.ndarray | None = None,
        balance: np.ndarray | None = None,
    ) -> RealSet:
        n_lfs, n_classes = self.fit.shape[1], self.data.n_classes
        n_kept = max(5 if self.data.name in PANELS else 3, round(share * n_lfs))
        lfs = np.sort(self.rng.permutation(n_lfs)[:n_kept])
        known = self.data.gold >= 0
        fit, test, gold = self.fit[:, lfs], self.test[known][:, lfs], self.data.gold[known]
        together = self.together
        if classes is not None:
            code = np.full(n_classes + 1, -1)
            code[classes] = np.arange(len(classes))
            kept, n_classes = np.isin(gold, classes), len(classes)
            fit, test, gold = code[fit], code[test[kept]], code[gold[kept]]
            fit = fit[(fit >= 0).any(axis=1)]
        if balance is not None:
            chosen, together = self._drawn(gold, balance), True
            test, gold = test[chosen], gold[chosen]
        test, gold = self._fewer(test, gold)
        fit, fit_gold = (test, gold) if together else self._fewer(fit, np.full(len(fit), -1))
        is_f1 = self.data.is_f1 or (n_classes == 2 and bool((gold == 1).mean() <= RARE))
        name = f"{self.data.name}/{what}"
        return _set(name, fit, test, fit_gold, gold, n_classes, is_f1)

    def _drawn(self, gold: np.ndarray, balance: np.ndarray) -> np.ndarray:
        """Rows with the balance, as many as there are."""
        there = np.bincount(gold, minlength=len(balance))
        n = (there / np.maximum(balance, 1e-9)).min()
        rows = [
            self.rng.permutation(np.flatnonzero(gold == c))[: max(2, int(n * balance[c]))]
            for c in range(len(balance))
        ]
        return np.sort(np.concatenate(rows))

    def _fewer(self, votes: np.ndarray, gold: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if len(votes) <= MOST_ROWS:
            return votes, gold
        rows = np.sort(self.rng.permutation(len(votes))[:MOST_ROWS])
        return votes[rows], gold[rows]


def scored_panel(seed: int) -> RealSet:
    """Judges that score classes: ability, bias shared and own, hard items, lures, siblings."""
    rng = np.random.default_rng([77, seed])
    k = int(rng.choice([2, 2, 3, 3, 4, 5, 6, 8, 12]))
    m, n = int(rng.integers(6, 15)), int(rng.choice([300, 500, 500, 900]))
    gold = np.arange(n) % k
    ability = np.maximum(rng.uniform(-0.5, 2.8, m) * rng.uniform(0.6, 1.2), 0.0)
    hard = rng.normal(0, rng.uniform(0.3, 1.5), n) + rng.normal(0, rng.uniform(0, 0.8), k)[gold]
    mistaken = rng.dirichlet(np.full(k, 0.6), k) * np.where(np.eye(k), 0.2, 1.0)
    lure = _draw(rng, (mistaken / mistaken.sum(axis=1, keepdims=True))[gold])
    shared = rng.normal(0, rng.uniform(0, 1.0), k)
    votes = np.full((n, m), -1)
    items = np.arange(n)
    for j in range(m):
        width = rng.uniform(0.2, 1.6) * (1.6 if ability[j] < 0.6 else 0.6)
        bias = shared * rng.uniform(0, 1.3) + rng.normal(0, width, k)
        score = bias + rng.gumbel(size=(n, k))
        score[items, gold] += ability[j] * 1.3 - hard * min(ability[j], 1.0)
        score[items, lure] += ability[j] * rng.uniform(0.2, 1.0)
        votes[:, j] = score.argmax(axis=1)
        if rng.random() < 0.25:
            votes[rng.random(n) < rng.uniform(0, 0.3), j] = -1
    for _ in range(rng.integers(0, 3)):
        a, b = rng.permutation(m)[:2]
        same = rng.random(n) < rng.uniform(0.3, 0.7)
        votes[same, a] = votes[same, b]
    return _set(f"scored {seed}", votes, votes, gold, gold, k, False)


def knowing_panel(seed: int) -> RealSet:
    """Judges that know, follow a lure, or answer from habit; most of them weak."""
    rng = np.random.default_rng([91, seed])
    k = int(rng.choice([2, 2, 3, 3, 4, 5, 7, 10]))
    m, n = int(rng.integers(5, 14)), int(rng.choice([200, 400, 500, 1000]))
    even = rng.random() < 0.7
    gold = rng.choice(k, n, p=np.full(k, 1.0 / k) if even else rng.dirichlet(np.full(k, 4.0)))
    a, b = rng.uniform(0.7, 3, 2)
    easy, easy_class = rng.beta(a, b, n), rng.beta(4, 1.5, k)
    lure = (gold + rng.integers(1, k, n)) % k
    favourite = rng.dirichlet(np.full(k, 0.8))
    votes = np.empty((n, m), int)
    for j in range(m):
        skill, habit = rng.beta(1.3, 1.1), rng.dirichlet(np.full(k, rng.choice([0.3, 1.0, 4.0])))
        if rng.random() < 0.5:
            habit = 0.5 * habit + 0.5 * favourite
        knows = rng.random(n) < skill * (0.35 + 0.65 * easy) * easy_class[gold]
        lured = rng.random(n) < (1 - easy) * skill * 0.5
        guess = rng.choice(k, n, p=habit)
        votes[:, j] = np.where(knows, gold, np.where(lured, lure, guess))
        if rng.random() < 0.2:
            votes[rng.random(n) < rng.uniform(0, 0.4), j] = -1
    return _set(f"knowing {seed}", votes, votes, gold, gold, k, False)


def blocks_of_rules(seed: int) -> RealSet:
    """One-sided rules in correlated blocks over skewed classes, now and then a classifier."""
    rng = np.random.default_rng([78, seed])
    k, n = int(rng.choice([2, 2, 2, 3, 4, 6])), 3000
    balance = np.maximum(rng.dirichlet(np.full(k, rng.choice([1.5, 5.0]))), 0.04)
    balance = np.sort(balance / balance.sum())[::-1] if k == 2 else balance / balance.sum()
    gold = rng.choice(k, n, p=balance)
    favoured, columns = rng.dirichlet(np.full(k, 2.0)), []
    n_blocks = int(rng.integers(2 * k, 6 * k))
    for b in range(n_blocks):
        c = b if b < k else int(rng.choice(k, p=favoured))
        odds = np.ones(k)
        odds[c] = np.exp(rng.normal(1.2, 0.9))
        if rng.random() < 0.3:
            odds[rng.integers(k)] *= np.exp(rng.normal(0.5, 0.7))
        rate = np.minimum(10 ** rng.uniform(-2.2, -0.5) * odds / (balance @ odds), 0.95)[gold]
        fired = rng.random(n) < rate
        for _ in range(int(rng.choice([1, 1, 1, 2, 3, 5, 8])) if n_blocks < 20 else 1):
            kept = fired & (rng.random(n) < rng.uniform(0.3, 0.9))
            own = (rng.random(n) < 0.1) & (rng.random(n) < rate)
            columns.append(np.where(kept | own, c, -1))
    for _ in range(int(rng.integers(1, 6)) if rng.random() < 0.35 else 0):
        right = rng.random(n) < rng.uniform(1 / k, 0.9)
        column = np.where(right, gold, rng.integers(0, k, n))
        columns.append(np.where(rng.random(n) < rng.uniform(0.05, 0.8), column, -1))
    votes = np.column_stack(columns)[:, rng.permutation(len(columns))]
    return _set(f"rules {seed}", votes, votes, gold, gold, k, k == 2 and (gold == 1).mean() <= RARE)


PLANTED = {
    "planted panels, scored": scored_panel,
    "planted panels, knowing": knowing_panel,
    "planted rules": blocks_of_rules,
}


def _draw(rng: np.random.Generator, rows: np.ndarray) -> np.ndarray:
    return np.asarray((rng.random(len(rows))[:, None] > rows.cumsum(axis=1)[:, :-1]).sum(axis=1))


def _set(
    name: str,
    fit: np.ndarray,
    test: np.ndarray,
    fit_gold: np.ndarray,
    gold: np.ndarray,
    n_classes: int,
    is_f1: bool,
) -> RealSet:
    votes = VoteMatrix.from_dense(test, labels=range(n_classes))
    seen = votes if fit is test else VoteMatrix.from_dense(fit, labels=range(n_classes))
    return RealSet(name, seen, votes, fit_gold, gold, is_f1)


def families(root: Path, draws: int) -> Iterator[tuple[str, list[RealSet]]]:
    """Names and sets of all families."""
    out: dict[str, list[RealSet]] = {}
    for name in find_sets(root):
        for data in read_sets(root, [name]):
            kind = "panels" if data.name in PANELS else "rules" if name in RULES else "crowds"
            if kind == "crowds" and name not in CROWDS and data.fit.n_items > 10 * MOST_ROWS:
                continue
            for draw in range(draws):
                out.setdefault(f"derived {kind}", []).extend(derived(data, draw))
    yield from out.items()
    for title, make in PLANTED.items():
        yield title, [make(seed) for seed in range(25 * draws)]


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, run, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.derived")
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--draws", type=int, default=4, help="versions of each set")
    parser.add_argument("--models", nargs="+", choices=list(ALL), default=list(SHOWN))
    parser.add_argument("--losses", action="store_true", help="name the sets the default loses on")
    given = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    for title, sets in families(given.data, given.draws):
        names = list(dict.fromkeys(["majority", *given.models]))
        found = np.array([[measures(ALL[m](d), d)["metric"] for m in names] for d in sets])
        gain = found - found[:, :1]
        print(f"{title} ({len(sets)})")
        for i, name in enumerate(names):
            bad = int((gain[:, i] < LOSS).sum())
            print(f"  {name:12} {found[:, i].mean():6.2f}  worst {gain[:, i].min():+6.1f}  {bad:3}")
        if given.losses and "default" in names:
            for row in np.flatnonzero(gain[:, names.index("default")] < LOSS):
                print(f"    {sets[row].name}: {gain[row, names.index('default')]:+.1f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
