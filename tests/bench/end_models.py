"""End models on real soft labels: ``python -m tests.bench.end_models``.

Every set is fitted on its votes by ``LabelModel()``; its soft labels train the end model. Gold is
used for the printed scores and for nothing else. Scores are means over seeds: F1 of class 1 for sms
and census, accuracy elsewhere. Parts:

``sets``        the default, its parts switched off one by one, the label model it learned from, and
                with ``--variants`` the other strategies
``embeddings``  sentence embeddings as features (youtube)
``targets``     the four target modes of Barsoum et al. 2016 on votes of a crowd (labelme)
``speed``       one epoch of a linear head on 1M rows x 2**18 features against SGDClassifier
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.bench.score import expected_accuracy, expected_f1, log_loss
from weaklabel import EndModel, LabelModel, MajorityVote, VoteMatrix
from weaklabel.endmodel import Embeddings
from weaklabel.endmodel.strategies import STRATEGIES, WeaSEL
from weaklabel.soft_labels import SoftLabels

SETS = {
    "youtube": ("wrench/youtube", "train", "test"),
    "trec": ("wrench/trec", "train", "test"),
    "agnews": ("text/agnews_full7600", "test", "test"),  # 80 % to fit, 20 % to score
    "imdb": ("text/imdb_cosine", "valid", "test"),
    "sms": ("wrench/sms", "train", "test"),
    "census": ("wrench/census", "train", "test"),
}
F1_OF_ONE = ("sms", "census")
BAR_AVERAGE, BAR_BELOW = 74.5, 3.0
Make = Callable[[int, "Task"], EndModel]


def _strategy(name: str) -> Make:
    return lambda seed, task: EndModel(
        strategy=WeaSEL(task.votes) if name == "weasel" else name, random_state=seed
    )


WITHOUT_GOLD = sorted(set(STRATEGIES) - {"plain", "imprecise", "meta_correction"})
VARIANTS: dict[str, Make] = {
    "default": lambda s, _: EndModel(random_state=s),
    "plain": lambda s, _: EndModel(strategy="plain", match_shares=False, random_state=s),
    "shares": lambda s, _: EndModel(strategy="plain", random_state=s),
    "majority": lambda s, _: EndModel(targets="majority", match_shares=False, random_state=s),
    "mlp": lambda s, _: EndModel(head="mlp", random_state=s),
    **{name: _strategy(name) for name in WITHOUT_GOLD},
}
USUAL = ("default", "plain", "shares", "majority", "mlp")


@dataclass(frozen=True, eq=False)
class Task:
    """Rows, soft labels and gold of one set."""

    name: str
    rows: Any
    labels: SoftLabels
    votes: VoteMatrix
    test_rows: Any
    gold: np.ndarray
    label_model: float

    def score(self, probabilities: np.ndarray) -> float:
        """The metric of the set, in percent."""
        is_f1 = self.name in F1_OF_ONE
        return (expected_f1 if is_f1 else expected_accuracy)(probabilities, self.gold)


def read_task(root: Path, name: str) -> Task:
    """Rows and votes of a set, and the soft labels of the default label model."""
    folder, fitted, scored = SETS[name]
    rows, votes, gold = _read_split(root / folder, fitted)
    test_rows, test_votes, test_gold = _read_split(root / folder, scored)
    if fitted == scored:
        order = np.random.default_rng(0).permutation(len(gold))
        fit, held = (np.sort(part) for part in np.split(order, [int(0.8 * len(gold))]))
        test_rows, test_votes, test_gold = _take(test_rows, held), votes[held], gold[held]
        rows, votes = _take(rows, fit), votes[fit]
    n_classes = int(max(votes.max(), test_gold.max())) + 1
    matrix, test = (VoteMatrix.from_dense(v, labels=range(n_classes)) for v in (votes, test_votes))
    model = LabelModel().fit(matrix)
    task = Task(name, rows, model.label(matrix), matrix, test_rows, test_gold, 0.0)
    reached = task.score(model.predict_proba(test))
    return Task(name, rows, task.labels, matrix, test_rows, test_gold, reached)


def _read_split(folder: Path, split: str) -> tuple[Any, np.ndarray, np.ndarray]:
    table = pd.read_parquet(folder / f"data_{split}.parquet")
    with np.load(folder / f"votes_{split}.npz") as archive:
        votes, gold = archive["L"].astype(np.int64), archive["Y"].astype(np.int64)
    is_text = "text" in table
    rows = table["text"].tolist() if is_text else np.stack(table["feature"]).astype(float)
    return rows, votes, gold


def _take(rows: Any, positions: np.ndarray) -> Any:
    return [rows[i] for i in positions] if isinstance(rows, list) else rows[positions]


def run_sets(root: Path, names: list[str], variants: list[str], seeds: int) -> None:
    """Print the score of every variant on every set, and the bars."""
    table: dict[str, list[float]] = {variant: [] for variant in ["label model", *variants]}
    losses: dict[str, list[float]] = {variant: [] for variant in variants}
    head = "".join(f" {variant[:12]:>12}" for variant in table)
    print(f"{'set':10}{head}{'seconds':>10}")
    for name in names:
        task = read_task(root, name)
        table["label model"].append(task.label_model)
        start = time.perf_counter()
        for variant in variants:
            models = (VARIANTS[variant](seed, task) for seed in range(seeds))
            found = [m.fit(task.rows, task.labels).predict_proba(task.test_rows) for m in models]
            table[variant].append(float(np.mean([task.score(p) for p in found])))
            losses[variant].append(float(np.mean([log_loss(p, task.gold) for p in found])))
        cells = "".join(f"{column[-1]:13.1f}" for column in table.values())
        print(f"{name:10}{cells}{time.perf_counter() - start:10.1f}", flush=True)
    means = "".join(f"{np.mean(column):13.2f}" for column in table.values())
    print(f"{'average':10}{means}")
    worst = [min(np.subtract(column, table["label model"])) for column in table.values()]
    print(f"{'worst':10}" + "".join(f"{w:+13.1f}" for w in worst) + "   against the label model")
    means = "".join(f"{np.mean(column):13.3f}" for column in losses.values())
    print(f"{'log loss':10}{'':13}{means}")
    print(f"bars: average >= {BAR_AVERAGE}; worst >= {-BAR_BELOW:+.1f}\n")


def run_embeddings(root: Path, seeds: int) -> None:
    """Print accuracy with sentence embeddings on youtube."""
    task = read_task(root, "youtube")
    for words in (True, False):
        start = time.perf_counter()
        features = Embeddings(words=words)
        found = [
            task.score(
                EndModel(features, random_state=seed)
                .fit(task.rows, task.labels)
                .predict_proba(task.test_rows)
            )
            for seed in range(seeds)
        ]
        seconds = time.perf_counter() - start
        beside = "beside words (default)" if words else "alone"
        print(f"youtube, embeddings {beside}: {np.mean(found):.1f} ({seconds:.0f} s)", flush=True)
    print("bar: 92\n")


def run_targets(root: Path, seeds: int) -> None:
    """Print accuracy and log loss of the target modes on labelme, from vote shares of a crowd."""
    rows, labels, test_rows, gold = read_labelme(root / "crowd" / "labelme")
    print(f"{'targets':12}{'accuracy':>10}{'log loss':>10}")
    for mode in ("majority", "soft", "draw", "multilabel"):
        found = [
            EndModel(
                targets=mode,  # type: ignore[arg-type]
                match_shares=False,
                optimizer="adamw",
                random_state=seed,
            )
            .fit(rows, labels)
            .predict_proba(test_rows)
            for seed in range(seeds)
        ]
        accuracy = np.mean([expected_accuracy(p, gold) for p in found])
        print(f"{mode:12}{accuracy:10.1f}{np.mean([log_loss(p, gold) for p in found]):10.3f}")
    print("bar: soft or draw below majority in log loss\n")


def read_labelme(folder: Path) -> tuple[np.ndarray, SoftLabels, np.ndarray, np.ndarray]:
    """Features (VGG-16, 512 numbers) and shares of the crowd's votes; gold of the test part."""
    with np.load(folder / "features_train.npz") as archive:
        rows = archive[_features_of(archive)].astype(float)
    with np.load(folder / "features_test.npz") as archive:
        test_rows = archive[_features_of(archive)].astype(float)
        gold = archive["Y"].astype(np.int64)
    votes = pd.read_parquet(folder / "votes.parquet")
    dense = np.full((len(rows), votes["worker"].nunique()), -1)
    worker = votes["worker"].astype("category").cat.codes.to_numpy()
    dense[votes["task"].astype(int), worker] = votes["label"].astype(int)
    matrix = VoteMatrix.from_dense(dense, labels=range(8))
    shares = np.stack([(dense == k).sum(axis=1) for k in range(8)], axis=1)
    labels = MajorityVote().fit(matrix).label(matrix)
    shares = shares / shares.sum(axis=1, keepdims=True)
    return rows, SoftLabels(shares, labels.labels, labels.n_votes), test_rows, gold


def _features_of(archive: Any) -> str:
    return next(name for name in archive.files if archive[name].ndim == 2)


def run_speed(n_rows: int, n_features: int, per_row: int) -> None:
    """Print seconds of one epoch over a sparse matrix, ours and scikit-learn's."""
    import scipy.sparse as sp
    from sklearn.linear_model import SGDClassifier

    rng = np.random.default_rng(0)
    indices = rng.integers(n_features, size=n_rows * per_row, dtype=np.int32)
    data = np.full(n_rows * per_row, 1.0 / np.sqrt(per_row), dtype=np.float32)
    indptr = np.arange(0, n_rows * per_row + 1, per_row)
    X = sp.csr_matrix((data, indices, indptr), shape=(n_rows, n_features))
    X.sum_duplicates()
    y = (X @ rng.normal(size=n_features).astype(np.float32) > 0).astype(int)
    settings: dict[str, Any] = {"optimizer": "adamw", "max_epochs": 1, "weight_decay": 0.0}
    seconds = {"EndModel": [], "SGDClassifier": []}  # type: ignore[var-annotated]
    for _ in range(3):
        for name, make in (
            ("EndModel", lambda: EndModel(**settings, holdout=0.0)),
            ("SGDClassifier", lambda: SGDClassifier(loss="log_loss", max_iter=1, tol=None)),
        ):
            start = time.perf_counter()
            model = make().fit(X, y)
            seconds[name].append(time.perf_counter() - start)
            accuracy = (model.predict(X[:10_000]) == y[:10_000]).mean()
            print(f"{name:15}{seconds[name][-1]:8.2f} s, accuracy {accuracy:.3f}", flush=True)
    ratio = min(seconds["EndModel"]) / min(seconds["SGDClassifier"])
    print(f"{n_rows:,} rows x {n_features:,} features: ratio {ratio:.2f}; bar 2\n")


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, run, print."""
    parts = ("sets", "embeddings", "targets", "speed")
    parser = argparse.ArgumentParser(prog="python -m tests.bench.end_models")
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--parts", nargs="+", choices=parts, default=list(parts))
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--variants", nargs="+", choices=list(VARIANTS), default=USUAL)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the part speed")
    given = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    if "sets" in given.parts:
        run_sets(given.data, given.sets, given.variants, given.seeds)
    if "embeddings" in given.parts:
        run_embeddings(given.data, given.seeds)
    if "targets" in given.parts:
        run_targets(given.data, given.seeds)
    if "speed" in given.parts:
        run_speed(given.rows, 2**18, 40)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
