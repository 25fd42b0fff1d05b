"""Rows that an end model would label otherwise, surest first.

A row is listed where its labels decide one class, and the held-out answer of the end model is
another class, with a probability of at least ``sure``. Reading the first of these rows is the
quickest way to find a wrong labeling function; where gold is known it is counted who is right.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from weaklabel.labels import LabelSpace
from weaklabel.pipeline.table_writer import write_table
from weaklabel.soft_labels import SoftLabels, argmax_with_ties

if TYPE_CHECKING:
    import pyarrow as pa

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

SURE: Final = 0.8
"""Probability from which an answer counts as sure."""


@dataclass(frozen=True, eq=False)
class Relabeling:
    """Rows to look at, the surest contradiction first.

    Attributes
    ----------
    sure : float
        The least confidence of the end model.
    rows : array of int, shape (n_rows,)
        Positions.
    ids : array, shape (n_rows,)
    given, answered : array of int, shape (n_rows,)
        Class codes of the labels and of the end model.
    given_confidence, answered_confidence : array, shape (n_rows,)
    gold : array of int, shape (n_rows,), or None
        Class codes, -1 where unknown; None if no gold was given.
    labels : LabelSpace
    """

    sure: float
    rows: IntArray
    ids: npt.NDArray[Any]
    given: IntArray
    given_confidence: FloatArray
    answered: IntArray
    answered_confidence: FloatArray
    gold: IntArray | None
    labels: LabelSpace

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def judged(self) -> dict[str, int] | None:
        """Of the rows with gold: how often the end model is right, the labels are, neither is."""
        if self.gold is None:
            return None
        n_end = int((self.gold == self.answered).sum())
        n_given = int((self.gold == self.given).sum())
        n_known = int((self.gold >= 0).sum())
        return {"end_model": n_end, "labels": n_given, "neither": n_known - n_end - n_given}

    def to_arrow(self) -> pa.Table:
        """The columns id, row, label, label_confidence, end_model, end_confidence (and gold)."""
        import pyarrow as pa

        names = self.labels.names
        columns: dict[str, Any] = {
            "id": pa.array(self.ids.tolist() if self.ids.dtype == object else self.ids),
            "row": pa.array(self.rows),
            "label": _named(self.given, names),
            "label_confidence": pa.array(self.given_confidence),
            "end_model": _named(self.answered, names),
            "end_confidence": pa.array(self.answered_confidence),
        }
        if self.gold is not None:
            columns["gold"] = _named(self.gold, names)
        return pa.table(columns)

    def write(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write the rows as CSV or Parquet.

        Raises
        ------
        ArtifactError
            If the file exists and ``overwrite`` is false, or cannot be written.
        """
        return write_table(self.to_arrow(), Path(path), overwrite=overwrite)

    def sentence(self) -> str:
        """How many rows, and what gold says of them."""
        text = (
            f"{len(self):,} rows that the end model would relabel (labels of one class, the "
            f"held-out answer another one with at least {self.sure:g})"
        )
        judged = self.judged
        if judged is None or not sum(judged.values()):
            return text
        return (
            f"{text}; by gold the end model is right on {judged['end_model']:,} of them, the "
            f"labels on {judged['labels']:,}, neither on {judged['neither']:,}"
        )


def _named(codes: IntArray, names: tuple[str, ...]) -> Any:
    import pyarrow as pa

    return pa.array([None if c < 0 else names[c] for c in codes.tolist()], type=pa.string())


def rows_to_relabel(
    labels: SoftLabels, answers: FloatArray, gold: IntArray | None = None, *, sure: float = SURE
) -> Relabeling:
    """The rows on which held-out answers surely contradict the labels.

    Parameters
    ----------
    labels : SoftLabels
    answers : array, shape (n_items, n_classes)
    gold : array of int, shape (n_items,), optional
    sure : float, default 0.8
    """
    given = labels.harden()
    answered = argmax_with_ties(answers, "abstain", 0)
    confidence = answers.max(axis=1, initial=0.0)
    differs = (given >= 0) & (answered >= 0) & (given != answered) & (confidence >= sure)
    rows = np.flatnonzero(differs)
    rows = rows[np.lexsort((labels.confidence[rows], -confidence[rows]))]
    ids = np.arange(labels.n_items) if labels.ids is None else labels.ids
    return Relabeling(
        sure=sure,
        rows=rows,
        ids=ids[rows],
        given=given[rows],
        given_confidence=labels.confidence[rows],
        answered=answered[rows],
        answered_confidence=confidence[rows],
        gold=None if gold is None else gold[rows],
        labels=labels.labels,
    )
