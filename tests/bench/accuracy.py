"""How right are label models on real votes? One table over all sets of a folder.

    python -m tests.bench.accuracy [DATA_DIR] [--sets NAME ...] [--models NAME ...] [--json]

Scores are percent: F1 of class 1 on imbalanced binary sets, accuracy elsewhere, ties and rows
without votes as a random break expects. Columns of supervised models are left out of sets that have
one.

``default+50`` and ``default+100`` have that many random gold rows, half of the rows at most, in the
mean of ``--draws`` draws. Gold rows are drawn from the rows to fit on, and where those are the rows
that are scored, the drawn ones are not: no row is ever scored whose own label was seen. A set
without gold among its rows to fit on (tennis_flyingsquid) stays as it is. ``default+400``,
``isotonic+400``, the same with 1000, and ``f1+100`` (decided for the F1 of class 1) run if asked
for by ``--models``. ``--same-split`` scores the rows to fit on, less those drawn, where they have
gold.

Peers that are not installed are named and left out. Snorkel and crowd-kit come with the extra
``bench``; the others by ``pip install hyperlm`` and ``pip install flyingsquid "pgmpy<1"``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.bench.peer_posteriors import (
    crowd_kit_posterior,
    flyingsquid_posterior,
    hyperlm_posterior,
    snorkel_posterior,
)
from tests.bench.peers import missing
from tests.bench.score import calibration_error, expected_accuracy, expected_f1, log_loss
from tests.bench.sets import CROWDS, RULES, RealSet, SetError, find_sets, read_set
from tests.bench.triplet_reference import flyingsquid_model
from weaklabel.errors import WeakLabelError
from weaklabel.models import (
    ClassConditionalAccuracy,
    DawidSkene,
    LabelModel,
    LabelModelBase,
    MajorityVote,
    MatrixCompletion,
    OneCoin,
    Triplets,
)

WITH_GOLD: dict[str, tuple[int, Callable[[], LabelModel]]] = {
    "default+50": (50, LabelModel),
    "default+100": (100, LabelModel),
}
IF_ASKED: dict[str, tuple[int, Callable[[], LabelModel]]] = {
    "default+400": (400, LabelModel),
    "isotonic+400": (400, lambda: LabelModel(calibration="isotonic")),
    "f1+100": (100, lambda: LabelModel(metric="f1", positive=1)),
    "default+1000": (1000, LabelModel),
    "isotonic+1000": (1000, lambda: LabelModel(calibration="isotonic")),
}
MEASURES = ("metric", "accuracy", "log_loss", "ece")

Posterior = Callable[[RealSet], np.ndarray]


def measures(p: np.ndarray, data: RealSet, rows: np.ndarray | None = None) -> dict[str, float]:
    """Metric, accuracy, log loss and calibration error on the rows with gold."""
    keep = data.gold >= 0
    if rows is not None:
        keep = keep & rows
    p, gold = p[keep], data.gold[keep]
    accuracy = expected_accuracy(p, gold)
    return {
        "metric": expected_f1(p, gold) if data.is_f1 else accuracy,
        "accuracy": accuracy,
        "log_loss": log_loss(p, gold),
        "ece": calibration_error(p, gold),
    }


def gold_rows(data: RealSet, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Gold for ``n`` random rows of the votes to fit on, and which scored rows stay unseen."""
    gold = np.full(len(data.fit_gold), -1)
    known = np.flatnonzero(data.fit_gold >= 0)
    chosen = np.random.default_rng(seed).choice(known, min(n, len(known) // 2), replace=False)
    gold[chosen] = data.fit_gold[chosen]
    unseen = gold < 0 if data.fit is data.test else np.ones(len(data.gold), dtype=bool)
    return gold, unseen


def with_gold(
    data: RealSet, n: int, make: Callable[[], LabelModel], draws: int
) -> dict[str, float]:
    """The default with gold, in the mean over draws."""
    found = []
    for seed in range(draws):
        gold, unseen = gold_rows(data, n, seed)
        model = make() if (gold >= 0).any() else LabelModel()
        p = model.fit(data.fit, gold).predict_proba(data.test)
        p = p * np.exp(model.decision_tilt_)  # what ``predict`` decides by
        p /= p.sum(axis=1, keepdims=True)
        found.append(measures(p, data, unseen))
    return {key: float(np.mean([f[key] for f in found])) for key in MEASURES}


def ours(make: Callable[[], LabelModelBase]) -> Posterior:
    """Fit on the votes to fit on; posteriors of those that are scored."""
    return lambda data: make().fit(data.fit).predict_proba(data.test)


MODELS: dict[str, Posterior] = {
    "majority": ours(MajorityVote),
    "DawidSkene": ours(DawidSkene),
    "OneCoin": ours(OneCoin),
    "PerClass": ours(ClassConditionalAccuracy),
    "Completion": ours(MatrixCompletion),
    "Triplets": ours(Triplets),
    "default": ours(LabelModel),
}
PEERS: dict[str, tuple[str, Posterior]] = {
    "Snorkel": ("snorkel", lambda d: snorkel_posterior(d.fit, d.test)),
    "crowd-kit DS": ("crowdkit", lambda d: crowd_kit_posterior("DawidSkene", d.fit, d.test)),
    "crowd-kit MACE": ("crowdkit", lambda d: crowd_kit_posterior("MACE", d.fit, d.test)),
    "FlyingSquid": ("flyingsquid", lambda d: flyingsquid_posterior(d.fit, d.test)),
    "HyperLM": ("hyperlm", lambda d: hyperlm_posterior(d.fit, d.test)),
}


def why_not(name: str) -> str | None:
    """Why a peer cannot be run here, or None."""
    if name == "FlyingSquid":
        return None if flyingsquid_model(3) else "not installed here, or not with its pgmpy below 1"
    return missing(PEERS[name][0])


def run(sets: list[RealSet], models: list[str], draws: int) -> list[dict]:
    """One record per set and model."""
    records = []
    for data in sets:
        for name in models:
            start = time.perf_counter()
            try:
                if name in WITH_GOLD or name in IF_ASKED:
                    found = with_gold(data, *(WITH_GOLD | IF_ASKED)[name], draws)
                else:
                    p = MODELS[name] if name in MODELS else PEERS[name][1]
                    found = measures(p(data), data)
            except Exception as error:
                # a peer that breaks on a set is a result, and a model of ours that declines one;
                # anything else of ours is a bug
                if name not in PEERS and not isinstance(error, WeakLabelError):
                    raise
                print(f"{name} on {data.name}: {type(error).__name__}: {error}", file=sys.stderr)
                found = dict.fromkeys(MEASURES, float("nan"))
            seconds = time.perf_counter() - start
            records.append({"set": data.name, "model": name, "seconds": seconds, **found})
    return records


def group_of(name: str) -> str:
    """The shared sets are rules and crowds; others go by the folder they lie in."""
    if name in RULES or name in CROWDS:
        return "rules" if name in RULES else "crowds"
    return name.split("/")[0] if "/" in name else "sets"


def table(
    title: str, records: list[dict], sets: list[str], models: list[str], each: bool = True
) -> str:
    """The metric of every model on every set, then averages, regret and seconds."""
    by = {(r["set"], r["model"]): r for r in records}
    lines = [f"{title:22}" + "".join(f"{m:>15}" for m in models)]
    lines += [
        f"{name:22}" + "".join(f"{by[name, m]['metric']:15.1f}" for m in models)
        for name in (sets if each else [])
    ]

    def line(label: str, cells: list[float], form: str = "15.2f") -> None:
        lines.append(f"{label:22}" + "".join(f"{c:{form}}" for c in cells))

    def column(model: str, key: str) -> np.ndarray:
        return np.array([r[key] for r in records if r["model"] == model])

    for label, key in zip(("average", "accuracy", "log loss", "ECE %"), MEASURES, strict=True):
        line(label, [float(np.nanmean(column(m, key))) for m in models])
    if "majority" in models:
        base = column("majority", "metric")
        worst = [float(np.nanmin(column(m, "metric") - base)) for m in models]
        line("worst vs majority", worst, "+15.1f")
    line("seconds", [float(column(m, "seconds").sum()) for m in models])
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, run, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.accuracy")
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--sets", nargs="+", help="folders under DATA_DIR; default: all")
    parser.add_argument("--models", nargs="+", choices=[*MODELS, *WITH_GOLD, *IF_ASKED, *PEERS])
    parser.add_argument("--draws", type=int, default=5, help="of gold rows")
    parser.add_argument("--same-split", action="store_true", help="score the rows to fit on")
    parser.add_argument("--json", action="store_true", help="print records instead of tables")
    given = parser.parse_args(arguments)
    names = given.sets or find_sets(given.data)
    models = given.models or [*MODELS, *WITH_GOLD, *PEERS]
    for name in [m for m in models if m in PEERS]:
        if reason := why_not(name):
            print(f"{name}: {reason}", file=sys.stderr)
            models.remove(name)
    groups: dict[str, list[RealSet]] = {}
    for name in names:
        try:
            data = read_set(given.data / name)
        except (SetError, OSError) as error:
            print(f"left out: {error}", file=sys.stderr)
            continue
        if data is not None and given.same_split:
            data = replace(data, test=data.fit, gold=data.fit_gold)
        if data is not None and (data.gold >= 0).any():
            groups.setdefault(group_of(name), []).append(data)
    if not groups:
        print(
            f"no sets that can be scored under {given.data}: a set is a folder with a meta.json "
            "and votes_<split>.npz, or votes.parquet and gold.parquet",
            file=sys.stderr,
        )
        return 1
    everything = []
    warnings.simplefilter("ignore")
    first = next(iter(groups.values()))[0]
    LabelModel().fit(first.fit).predict_proba(first.test)  # the first call loads what is lazy
    for group, sets in groups.items():
        records = run(sets, models, given.draws)
        everything += [{"group": group, **record} for record in records]
        if not given.json:
            print(table(f"{group} ({len(sets)})", records, [d.name for d in sets], models), "\n")
    if given.json:
        print(json.dumps(everything, indent=1))
    elif len(groups) > 1:
        sets = [data.name for each in groups.values() for data in each]
        print(table(f"all ({len(sets)})", everything, sets, models, each=False))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
