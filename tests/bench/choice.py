"""What do the numbers that need no gold say about real accuracy? One table over all sets.

    python -m tests.bench.choice [DATA_DIR] [--sets NAME ...] [--json]

On every set, each model is fitted without gold and measured twice: by what needs no gold
(predictive likelihood of held-out votes, agreement with majority vote, what a majority vote would
lose if the model were right) and by its metric. Then: how well do the former rank the models, how
good is the model each would choose, and does the certificate foretell what majority vote loses?

Last, choosing with a little gold: the model with the highest accuracy on 50 or 100 random rows of
those to fit on, and the default unless these rows say it is surely not the best; the score is the
mean over 20 draws, and rows that were drawn count in it too where they are the rows scored.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from pathlib import Path

import numpy as np

from tests.bench.accuracy import gold_rows, measures
from tests.bench.score import shares
from tests.bench.sets import RealSet, find_sets, read_sets
from weaklabel.analysis import compare, mv_certificate
from weaklabel.analysis.paired import may_be_best
from weaklabel.models import DawidSkene, LabelModel, MajorityVote, OneCoin

MODELS = {
    "majority": MajorityVote,
    "OneCoin": OneCoin,
    "DawidSkene": DawidSkene,
    "DS informative": lambda: DawidSkene(abstain="informative"),
    "DS learned deps": lambda: DawidSkene(dependencies="learn"),
    "DS inf + learned": lambda: DawidSkene(abstain="informative", dependencies="learn"),
    "default": LabelModel,
}
CHOICES = ("predictive", "agreement", "excess_error")
GOLD_ROWS, DRAWS = (50, 100), 20


def measured(data: RealSet) -> list[dict]:
    """One record per model."""
    made = {name: make() for name, make in MODELS.items()}
    blind = compare(made, data.fit)
    records = []
    fit = {name: model.fit(data.fit) for name, model in made.items()}
    by_gold = chosen_by_gold(data, [m.predict_proba(data.fit) for m in fit.values()])
    for position, (name, fitted) in enumerate(fit.items()):
        found = measures(fitted.predict_proba(data.test), data)
        certificate = mv_certificate(data.test, fitted)
        records.append(
            {
                "set": data.name,
                "model": name,
                "metric": found["metric"],
                "accuracy": found["accuracy"],
                "predictive": float(blind.predictive[position]),
                "agreement": float(blind.agreement[position]),
                "excess_error": 100 * certificate.excess_error,
                "optimal_share": 100 * certificate.optimal_share,
                **{key: float(share[position]) for key, share in by_gold.items()},
            }
        )
    return records


def chosen_by_gold(data: RealSet, posteriors: list[np.ndarray]) -> dict[str, np.ndarray]:
    """In which share of the draws of gold rows each model is chosen, by each of two rules."""
    found, default = {}, list(MODELS).index("default")
    for n in GOLD_ROWS:
        best, careful = np.zeros(len(MODELS)), np.zeros(len(MODELS))
        for seed in range(DRAWS):
            gold, _ = gold_rows(data, n, seed)
            known = np.flatnonzero(gold >= 0)
            right = np.array(
                [shares(p[known])[np.arange(len(known)), gold[known]] for p in posteriors]
            )
            first = default if len(known) == 0 else int(right.mean(axis=1).argmax())
            best[first] += 1.0 / DRAWS
            careful[default if may_be_best(right)[default] else first] += 1.0 / DRAWS
        found[f"best on {n} gold rows"], found[f"default unless {n} say no"] = best, careful
    return found


def ranks(values: np.ndarray) -> np.ndarray:
    """Ranks with ties shared."""
    order = np.argsort(np.argsort(values, kind="stable"), kind="stable").astype(float)
    for value in np.unique(values):
        order[values == value] = order[values == value].mean()
    return order


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Rank correlation; NaN where one is constant."""
    a, b = ranks(a), ranks(b)
    if a.std() == 0 or b.std() == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def report(records: list[dict]) -> str:
    """The tables as text."""
    sets = list(dict.fromkeys(r["set"] for r in records))
    names = list(MODELS)
    by = {(r["set"], r["model"]): r for r in records}

    def column(name: str, key: str) -> np.ndarray:
        return np.array([by[s, name][key] for s in sets])

    lines = [f"{'metric':22}" + "".join(f"{n:>17}" for n in names) + f"{'chosen':>17}"]
    for s in sets:
        best = max(names, key=lambda n: by[s, n]["predictive"])
        lines.append(
            f"{s:22}" + "".join(f"{by[s, n]['metric']:17.1f}" for n in names) + f"{best:>17}"
        )
    lines.append(f"{'average':22}" + "".join(f"{column(n, 'metric').mean():17.2f}" for n in names))
    lines += ["", "'chosen': the model with the highest predictive likelihood", ""]
    lines.append(f"{'choosing by':28}{'metric':>10}{'worst':>10}{'spearman':>10}")
    base = column("majority", "metric")
    for key in CHOICES:
        sign = -1.0 if key == "excess_error" else 1.0
        picked, correlation = [], []
        for s in sets:
            score = np.array([sign * by[s, n][key] for n in names])
            metric = np.array([by[s, n]["metric"] for n in names])
            rest = np.arange(1, len(names)) if key != "predictive" else np.arange(len(names))
            picked.append(metric[rest][np.argmax(score[rest])])
            correlation.append(spearman(score[rest], metric[rest]))
        worst = (np.array(picked) - base).min()
        lines.append(
            f"{key:28}{np.mean(picked):10.2f}{worst:+10.1f}{np.nanmean(correlation):10.2f}"
        )
    by_gold = [key for key in records[0] if "gold rows" in key or "say no" in key]
    for label, metric in (
        *((key, sum(column(n, key) * column(n, "metric") for n in names)) for key in by_gold),
        ("always majority", base),
        ("always the default", column("default", "metric")),
        ("gold (best of all)", np.max([column(n, "metric") for n in names], axis=0)),
    ):
        lines.append(f"{label:28}{metric.mean():10.2f}{(metric - base).min():+10.1f}")
    lines += ["", "does the certificate foretell what a majority vote loses (accuracy)?"]
    lines.append(f"{'model':22}{'foretold':>10}{'found':>10}{'spearman':>10}{'signs':>10}")
    for n in names[1:]:
        foretold = column(n, "excess_error")
        found = column(n, "accuracy") - column("majority", "accuracy")
        lines.append(
            f"{n:22}{foretold.mean():10.2f}{found.mean():10.2f}{spearman(foretold, found):10.2f}"
            f"{100 * (found > 0).mean():9.0f}%"
        )
    lines += ["", f"{'set':22}{'foretold':>10}{'found':>10}{'optimal on':>12}   (default)"]
    for s in sets:
        one = by[s, "default"]
        found = one["accuracy"] - by[s, "majority"]["accuracy"]
        lines.append(f"{s:22}{one['excess_error']:10.2f}{found:10.2f}{one['optimal_share']:11.1f}%")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, run, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.choice")
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--sets", nargs="+", help="folders under DATA_DIR; default: all")
    parser.add_argument("--json", action="store_true", help="print records instead of tables")
    given = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    records = []
    for data in read_sets(given.data, given.sets or find_sets(given.data)):
        print(data.name, data.fit, file=sys.stderr)
        records += measured(data)
    if not records:
        print(f"no sets of votes under {given.data}", file=sys.stderr)
        return 1
    print(json.dumps(records, indent=1) if given.json else report(records))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
