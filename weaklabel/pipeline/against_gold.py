"""End model, label model and majority vote on the same gold rows, with intervals.

Accuracies have Wilson's interval; macro F1 and its differences a bootstrap over rows; differences
of accuracy the interval of Bonett and Price for paired data; differences of log loss, which are
means over rows, a normal one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from weaklabel.analysis import label_quality, reliability
from weaklabel.analysis.numbers import decisions, plain
from weaklabel.analysis.paired import paired_difference
from weaklabel.analysis.text import Cells, number, percent
from weaklabel.analysis.wilson import in_words, wilson_interval
from weaklabel.soft_labels import SoftLabels

FloatArray = npt.NDArray[np.float64]
Interval = tuple[float, float]

N_BOOTSTRAP: Final = 1000
SMALLEST: Final = float(np.finfo(np.float64).eps)  # as label_quality: a 0 costs 36 nats
Z: Final = 1.959963984540054


@dataclass(frozen=True)
class Score:
    """How one answerer does on gold rows.

    Attributes
    ----------
    accuracy, macro_f1 : float
        With their 95 % intervals.
    log_loss : float
        In nats.
    brier : float
        In [0, 2].
    ece : float
        Expected calibration error of the answers, in [0, 1].
    """

    accuracy: float
    accuracy_interval: Interval
    macro_f1: float
    macro_f1_interval: Interval
    log_loss: float
    brier: float
    ece: float


@dataclass(frozen=True)
class Difference:
    """End model less another answerer on the same rows, each with a 95 % interval.

    Attributes
    ----------
    accuracy, macro_f1, log_loss : float
        Of log loss, less is better.
    """

    accuracy: float
    accuracy_interval: Interval
    macro_f1: float
    macro_f1_interval: Interval
    log_loss: float
    log_loss_interval: Interval

    @property
    def verdict(self) -> str:
        """``"better"``, ``"worse"`` or ``"not told apart"``, by accuracy."""
        low, high = self.accuracy_interval
        return "better" if low > 0 else "worse" if high < 0 else "not told apart"


@dataclass(frozen=True)
class GoldScores:
    """Scores on some gold rows.

    Attributes
    ----------
    n_gold : int
    scores : mapping of answerer to Score
    differences : mapping of answerer to Difference
        Of the end model to each of the others.
    """

    n_gold: int
    scores: Mapping[str, Score]
    differences: Mapping[str, Difference]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        differences = {
            name: {**asdict(d), "verdict": d.verdict} for name, d in self.differences.items()
        }
        scores = {name: asdict(score) for name, score in self.scores.items()}
        return {
            "n_gold": self.n_gold,
            "scores": _plain_tree(scores),
            "end_model_less": _plain_tree(differences),
        }

    def cells(self) -> Cells:
        """One line per answerer."""
        rows = tuple(
            (
                name,
                percent(s.accuracy),
                in_words(*s.accuracy_interval),
                percent(s.macro_f1),
                in_words(*s.macro_f1_interval),
                number(s.log_loss),
                number(s.brier),
                percent(s.ece),
            )
            for name, s in self.scores.items()
        )
        header = ("", "accuracy", "95%", "F1", "95%", "log loss", "Brier", "ECE")
        return Cells(header, rows, (False, *[True] * 7))

    def sentences(self) -> list[str]:
        """Whether the end model helped."""
        return [
            f"end model less {name}: accuracy {_signed(d.accuracy, d.accuracy_interval)} points, "
            f"F1 {_signed(d.macro_f1, d.macro_f1_interval)}: {d.verdict}"
            for name, d in self.differences.items()
        ]


def _signed(value: float, interval: Interval) -> str:
    low, high = (100 * end for end in interval)
    return f"{100 * value:+.1f} ({low:+.1f} to {high:+.1f})"


def gold_scores(
    answers: Mapping[str, SoftLabels], gold: npt.NDArray[np.int64], *, seed: int = 0
) -> GoldScores | None:
    """Score answers on the rows with gold; None if there is none.

    Parameters
    ----------
    answers : mapping of str to SoftLabels
        The first one is compared with the others.
    gold : array of int, shape (n_items,)
        Class codes, -1 where unknown or not to be counted.
    seed : int
        Of the bootstrap.

    Notes
    -----
    O(n_gold * n_classes), and per bootstrap sample the number of different combinations of gold and
    answers.
    """
    known = gold >= 0
    if not known.any():
        return None
    codes = gold[known]
    at = np.arange(len(codes))
    decided = {n: decisions(a.probabilities[known]) for n, a in answers.items()}
    right = {n: d[at, codes] for n, d in decided.items()}
    of_gold = {n: a.probabilities[known][at, codes] for n, a in answers.items()}
    loss = {n: -np.log(np.maximum(p, SMALLEST)) for n, p in of_gold.items()}
    f1 = _bootstrap_f1(codes, list(decided.values()), seed)
    spread = dict(zip(answers, f1, strict=True))
    first, *others = answers
    scores = {}
    for name, given in answers.items():
        quality = label_quality(given, gold)
        low, high = wilson_interval(right[name].sum(), len(codes))
        scores[name] = Score(
            accuracy=quality.accuracy_all,
            accuracy_interval=(float(low), float(high)),
            macro_f1=quality.macro_f1,
            macro_f1_interval=_middle(spread[name]),
            log_loss=quality.log_loss,
            brier=quality.brier,
            ece=reliability(given, gold).ece,
        )
    differences = {
        name: Difference(
            accuracy=scores[first].accuracy - scores[name].accuracy,
            accuracy_interval=paired_difference(right[first], right[name]),
            macro_f1=scores[first].macro_f1 - scores[name].macro_f1,
            macro_f1_interval=_middle(spread[first] - spread[name]),
            log_loss=float((loss[first] - loss[name]).mean()),
            log_loss_interval=_normal(loss[first] - loss[name]),
        )
        for name in others
    }
    return GoldScores(len(codes), scores, differences)


def _bootstrap_f1(
    codes: npt.NDArray[np.int64], decided: list[FloatArray], seed: int
) -> list[FloatArray]:
    """Macro F1 of each answerer in each bootstrap sample; the samples are the same for all.

    Rows with the same gold and the same answers are counted together, so that a sample is one draw
    from a multinomial distribution.
    """
    together = np.column_stack([codes, *decided])
    kinds, counts = np.unique(together, axis=0, return_counts=True)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(codes), counts / len(codes), size=N_BOOTSTRAP).astype(np.float64)
    n_classes = decided[0].shape[1]
    truth = np.eye(n_classes)[kinds[:, 0].astype(np.int64)]
    found = []
    for j in range(len(decided)):
        answer = kinds[:, 1 + j * n_classes : 1 + (j + 1) * n_classes]
        hits, of_gold, of_answer = (drawn @ part for part in (truth * answer, truth, answer))
        total = of_gold + of_answer
        f1 = np.divide(2.0 * hits, total, out=np.full_like(hits, np.nan), where=total > 0)
        found.append(np.nanmean(f1, axis=1))
    return found


def _middle(samples: FloatArray) -> Interval:
    low, high = np.quantile(samples, (0.025, 0.975))
    return float(low), float(high)


def _normal(values: FloatArray) -> Interval:
    if len(values) < 2:
        return math.nan, math.nan
    half = Z * float(values.std(ddof=1)) / math.sqrt(len(values))
    return float(values.mean()) - half, float(values.mean()) + half


def _plain_tree(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain_tree(part) for key, part in value.items()}
    if isinstance(value, tuple):
        return [plain(part) for part in value]
    return plain(value)
