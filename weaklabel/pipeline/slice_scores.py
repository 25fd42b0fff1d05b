"""End model and labels on parts of the rows: a value of a column, or rows that a mask names."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from weaklabel.analysis.numbers import decisions, plain
from weaklabel.analysis.paired import paired_difference
from weaklabel.analysis.slices import read_masks, slices_of
from weaklabel.analysis.text import Cells, percent
from weaklabel.soft_labels import SoftLabels

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SliceScore:
    """One slice.

    Attributes
    ----------
    name : str
    n_items : int
    coverage : float
        Share of its rows with a vote.
    confidence : float
        Mean of the end model.
    agreement : float
        Of end model and labels on its covered rows; NaN where there are none.
    n_gold : int
    end_model, labels : float
        Accuracies on its gold rows; NaN where there are none.
    difference : tuple of float
        95 % interval of the end model's accuracy less that of the labels.
    """

    name: str
    n_items: int
    coverage: float
    confidence: float
    agreement: float
    n_gold: int
    end_model: float
    labels: float
    difference: tuple[float, float]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        found = {name: plain(value) for name, value in vars(self).items()}
        return found | {"difference": [plain(end) for end in self.difference]}


def masks_of(slices: Any, n_items: int, what: str) -> dict[str, npt.NDArray[np.bool_]]:
    """A column of values, or masks by name, as masks of shape (n_items,).

    Values and errors as in :func:`weaklabel.analysis.slice_summary`; none if ``slices`` is None.
    """
    if slices is None:
        return {}
    if isinstance(slices, Mapping):
        return read_masks(slices, n_items)
    names, of_row = slices_of(slices, n_items, what=what)
    return {name: of_row == k for k, name in enumerate(names)}


def slice_scores(
    masks: Mapping[str, npt.NDArray[np.bool_]],
    labels: SoftLabels,
    answers: FloatArray,
    gold: IntArray | None,
) -> tuple[SliceScore, ...]:
    """Look at the answers slice by slice.

    Parameters
    ----------
    masks : mapping of str to array of bool, shape (n_items,)
    labels : SoftLabels
    answers : array, shape (n_items, n_classes)
    gold : array of int, shape (n_items,), optional
    """
    codes = np.full(labels.n_items, -1) if gold is None else gold
    at, right = np.arange(labels.n_items), np.maximum(codes, 0)
    end, given = decisions(answers), decisions(labels.probabilities)
    columns = {
        "coverage": labels.covered.astype(np.float64),
        "confidence": answers.max(axis=1, initial=0.0),
        "agreement": np.where(labels.covered, (end * given).sum(axis=1), np.nan),
        "end_model": np.where(codes >= 0, end[at, right], np.nan),
        "labels": np.where(codes >= 0, given[at, right], np.nan),
    }
    return tuple(
        _one(name, {key: values[mask] for key, values in columns.items()})
        for name, mask in masks.items()
    )


def _one(name: str, columns: Mapping[str, FloatArray]) -> SliceScore:
    known = ~np.isnan(columns["labels"])
    end, given = columns["end_model"][known], columns["labels"][known]
    return SliceScore(
        name=name,
        n_items=len(known),
        n_gold=int(known.sum()),
        difference=paired_difference(end, given) if known.any() else (math.nan, math.nan),
        **{key: _mean(values) for key, values in columns.items()},
    )


def _mean(values: FloatArray) -> float:
    present = values[~np.isnan(values)]
    return float(present.mean()) if len(present) else math.nan


def slice_cells(slices: tuple[SliceScore, ...], what: str) -> Cells:
    """One line per slice; accuracies where some row has gold."""
    header = [what, "rows", "covered", "confid.", "agrees"]
    rows = [
        [s.name, f"{s.n_items:,}", percent(s.coverage), percent(s.confidence), percent(s.agreement)]
        for s in slices
    ]
    if any(s.n_gold for s in slices):
        header += ["gold", "labels", "model", "difference"]
        for row, s in zip(rows, slices, strict=True):
            row += [f"{s.n_gold:,}", percent(s.labels), percent(s.end_model), _interval(s)]
    numeric = (False, *[True] * (len(header) - 1))
    return Cells(tuple(header), tuple(map(tuple, rows)), numeric)


def _interval(score: SliceScore) -> str:
    low, high = score.difference
    return "-" if math.isnan(low) else f"{100 * low:+.0f} to {100 * high:+.0f}"
