"""How good soft labels are, measured against gold they were not made from.

Hard decisions are the most probable class. Where several classes tie, each of them is taken to be
decided with equal weight, so the scores are the expected scores of a random tie-break and need no
seed. Rows without a vote carry the class balance and count as such in all "all rows" scores.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from weaklabel.analysis.gold import gold_codes
from weaklabel.analysis.numbers import decisions, plain, ratio
from weaklabel.analysis.text import Cells, number, percent
from weaklabel.errors import DataError
from weaklabel.labels import LabelSpace
from weaklabel.soft_labels import SoftLabels

FloatArray = npt.NDArray[np.float64]

SMALLEST = float(np.finfo(np.float64).eps)  # a probability of 0 for the gold class costs 36 nats


@dataclass(frozen=True, eq=False)
class LabelQuality:
    """Scores of soft labels against gold.

    Attributes
    ----------
    n_items, n_gold, n_covered : int
        Rows; rows with gold; rows with gold and at least one vote.
    coverage : float
        ``n_covered / n_gold``.
    accuracy_covered, accuracy_all : float
        Share decided right, on the covered rows (NaN if there are none) and on all rows with gold.
    macro_f1 : float
        Mean F1 over the classes that occur in the gold or the decisions, on all rows with gold.
    log_loss : float
        Mean ``-log p[gold]`` in nats, on all rows with gold.
    brier : float
        Mean squared distance ``sum_k (p_k - [k = gold])^2``, in [0, 2], on all rows with gold.
    labels : LabelSpace
    confusion : array, shape (n_classes, n_classes)
        ``confusion[g, k]``: rows with gold g decided k; ties count in parts. Sums to ``n_gold``.
    """

    n_items: int
    n_gold: int
    n_covered: int
    coverage: float
    accuracy_covered: float
    accuracy_all: float
    macro_f1: float
    log_loss: float
    brier: float
    labels: LabelSpace
    confusion: FloatArray

    @property
    def support(self) -> FloatArray:
        """Rows of each class in the gold, shape (n_classes,)."""
        return np.asarray(self.confusion.sum(axis=1))

    @property
    def precision(self) -> FloatArray:
        """Per class, the share of its decisions that are right; NaN if never decided."""
        return ratio(np.diagonal(self.confusion), self.confusion.sum(axis=0))

    @property
    def recall(self) -> FloatArray:
        """Per class, the share of its gold rows decided right; NaN if it has none."""
        return ratio(np.diagonal(self.confusion), self.confusion.sum(axis=1))

    @property
    def f1(self) -> FloatArray:
        """Per class, the harmonic mean of precision and recall; NaN if it occurs nowhere."""
        return _f1(self.confusion)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, ready for JSON; what is not defined is None."""
        scores = {name: plain(getattr(self, name)) for name in _SCORES}
        classes = {
            name: {
                "precision": plain(self.precision[k]),
                "recall": plain(self.recall[k]),
                "f1": plain(self.f1[k]),
                "support": int(self.support[k].round()),
            }
            for k, name in enumerate(self.labels)
        }
        counts = {"n_items": self.n_items, "n_gold": self.n_gold, "n_covered": self.n_covered}
        return {**counts, **scores, "classes": classes}

    def class_cells(self) -> Cells:
        """The scores of each class as text cells."""
        rows = tuple(
            (
                name,
                percent(self.precision[k]),
                percent(self.recall[k]),
                percent(self.f1[k]),
                f"{self.support[k]:.0f}",
            )
            for k, name in enumerate(self.labels)
        )
        header = ("class", "precision", "recall", "F1", "gold")
        return Cells(header, rows, (False, True, True, True, True))

    def to_text(self, width: int = 80) -> str:
        """The scores as lines of text.

        Parameters
        ----------
        width : int, default 80
            Characters a line.
        """
        lines = [
            f"rows with gold          {self.n_gold} of {self.n_items}",
            f"covered by a vote       {percent(self.coverage)}",
            f"accuracy, covered rows  {percent(self.accuracy_covered)}",
            f"accuracy, all rows      {percent(self.accuracy_all)}",
            f"macro F1                {number(self.macro_f1)}",
            f"log loss (nats)         {number(self.log_loss)}",
            f"Brier score             {number(self.brier)}",
            "",
            self.class_cells().to_text(width),
        ]
        return "\n".join(lines)


_SCORES = ("coverage", "accuracy_covered", "accuracy_all", "macro_f1", "log_loss", "brier")


def label_quality(soft_labels: SoftLabels, gold: Any) -> LabelQuality:
    """Score soft labels against gold.

    Parameters
    ----------
    soft_labels : SoftLabels
    gold : sequence, shape (n_items,)
        Class names or codes; None, NaN or -1 where unknown. Rows are matched by position.

    Returns
    -------
    LabelQuality

    Raises
    ------
    DataError
        If gold has another length than the labels have rows, or no row has gold.
    LabelError
        If a gold value is not a label.

    Notes
    -----
    Cost O(n_items x n_classes).

    Examples
    --------
    >>> import numpy as np
    >>> labels = SoftLabels(
    ...     np.array([[0.9, 0.1], [0.5, 0.5]]), LabelSpace(["a", "b"]), n_votes=np.array([1, 0])
    ... )
    >>> quality = label_quality(labels, ["a", "b"])
    >>> quality.accuracy_covered, quality.accuracy_all
    (1.0, 0.75)
    """
    space = soft_labels.labels
    codes = gold_codes(space, gold, soft_labels.n_items)
    known = codes >= 0
    n_gold = int(known.sum())
    if n_gold == 0:
        raise DataError("no row has a gold label; at least one is needed to measure quality")
    probabilities, codes = soft_labels.probabilities[known], codes[known]
    covered = soft_labels.covered[known]
    decided = decisions(probabilities)
    right = decided[np.arange(n_gold), codes]
    of_gold = probabilities[np.arange(n_gold), codes]
    confusion = np.zeros((len(space), len(space)))
    np.add.at(confusion, codes, decided)
    return LabelQuality(
        n_items=soft_labels.n_items,
        n_gold=n_gold,
        n_covered=int(covered.sum()),
        coverage=float(covered.mean()),
        accuracy_covered=float(right[covered].mean()) if covered.any() else math.nan,
        accuracy_all=float(right.mean()),
        macro_f1=float(np.nanmean(_f1(confusion))),
        log_loss=float(-np.log(np.maximum(of_gold, SMALLEST)).mean()),
        # sum_k (p_k - [k = g])^2 = sum_k p_k^2 - 2 p_g + 1
        brier=float(((probabilities**2).sum(axis=1) - 2.0 * of_gold + 1.0).mean()),
        labels=space,
        confusion=confusion,
    )


def quality_table(scores: Mapping[str, LabelQuality]) -> Cells:
    """The scores of several labels on the same gold, one line each.

    Parameters
    ----------
    scores : mapping of str to LabelQuality
        What each is called, and its scores.

    Returns
    -------
    Cells
    """
    header = ("", "coverage", "accuracy", "covered", "macro F1", "log loss", "Brier")
    rows = tuple(
        (
            name,
            percent(q.coverage),
            percent(q.accuracy_all),
            percent(q.accuracy_covered),
            number(q.macro_f1),
            number(q.log_loss),
            number(q.brier),
        )
        for name, q in scores.items()
    )
    return Cells(header, rows, (False, *[True] * 6))


def _f1(confusion: FloatArray) -> FloatArray:
    total = confusion.sum(axis=0) + confusion.sum(axis=1)
    return ratio(2.0 * np.diagonal(confusion), total)
