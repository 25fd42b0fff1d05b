"""Does a temperature help end models? ``python -m tests.bench.end_model_temperature``.

Every set of :mod:`tests.bench.end_models`; the default end model on labels of ``LabelModel()``.
Log loss and calibration error (percent) on the scored rows as they are, and at temperatures chosen

``soft``    on held-out soft labels (three folds; no gold)
``hard``    on the held-out likeliest classes of the soft labels (no gold)
``50, 100`` on that many gold rows, scored on the others; means of 20 draws
``best``    on all scored rows: what no way of choosing can better
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np

from tests.bench.end_models import SETS, Task, read_task
from tests.bench.score import calibration_error, log_loss
from weaklabel import EndModel
from weaklabel.endmodel.temperature import at_temperature, fit_temperature
from weaklabel.pipeline.cross_fit import cross_fit

FOLDS, DRAWS = 3, 20
CHOSEN = ("raw", "soft", "hard", "50", "100", "best")
Scores = dict[str, tuple[float, float, float]]


def scores_of(task: Task) -> Scores:
    """Temperature, log loss and calibration error for each way of choosing."""
    covered, labels = task.labels.covered, task.labels.probabilities
    one_hot = np.eye(labels.shape[1])
    held_out = cross_fit(EndModel(), task.rows, task.labels, folds=FOLDS).probabilities[covered]
    answers = EndModel().fit(task.rows, task.labels).predict_proba(task.test_rows)
    gold = task.gold
    found = {
        "raw": 1.0,
        "soft": fit_temperature(held_out, labels[covered]),
        "hard": fit_temperature(held_out, one_hot[labels[covered].argmax(axis=1)]),
        "best": fit_temperature(answers, one_hot[gold]),
    }
    scores = {name: _scored(answers, gold, t) for name, t in found.items()}
    rng = np.random.default_rng(0)
    for n_gold in (50, 100):
        draws = []
        for _ in range(DRAWS):
            few, rest = np.split(rng.permutation(len(gold)), [n_gold])
            t = fit_temperature(answers[few], one_hot[gold[few]])
            draws.append(_scored(answers[rest], gold[rest], t))
        mean = np.mean(draws, axis=0).tolist()
        scores[str(n_gold)] = (mean[0], mean[1], mean[2])
    return scores


def _scored(answers: np.ndarray, gold: np.ndarray, t: float) -> tuple[float, float, float]:
    scaled = at_temperature(answers, t)
    return t, log_loss(scaled, gold), calibration_error(scaled, gold)


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, run, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.end_model_temperature")
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    given = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    table = {name: scores_of(read_task(given.data, name)) for name in given.sets}
    for position, what in enumerate(("temperature", "log loss", "calibration error, %")):
        print(f"{what:22}" + "".join(f"{name:>9}" for name in CHOSEN))
        digits = 1 if position == 2 else 3
        for name, scores in table.items():
            cells = "".join(f"{scores[c][position]:9.{digits}f}" for c in CHOSEN)
            print(f"{name:22}{cells}")
        means = [np.mean([s[c][position] for s in table.values()]) for c in CHOSEN]
        print(f"{'mean':22}" + "".join(f"{m:9.{digits}f}" for m in means) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
