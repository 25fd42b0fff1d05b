"""Gold and soft labels of the rows that are measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from weaklabel.errors import DataError
from weaklabel.labels import LabelSpace
from weaklabel.soft_labels import SoftLabels
from weaklabel.votes import VoteMatrix


def gold_codes(labels: LabelSpace, gold: Any, n_items: int) -> npt.NDArray[np.int64]:
    """Class codes of gold labels, shape (n_items,), -1 where unknown.

    Raises
    ------
    LabelError
        If one is not a label.
    DataError
        If there is not one per row.
    """
    codes = labels.encode(gold, what="gold label")
    if len(codes) != n_items:
        raise DataError(
            f"there must be one gold label per row: found {len(codes)} for {n_items} rows"
        )
    return codes


def check_same_rows(votes: VoteMatrix, labels: SoftLabels) -> None:
    """Raise unless soft labels are of the rows and classes of these votes.

    Raises
    ------
    DataError
        Naming the first difference.
    """
    if labels.n_items != votes.n_items:
        raise DataError(
            f"votes and labels must be of the same rows: found {votes.n_items} rows of votes and "
            f"{labels.n_items} of labels; label these votes first"
        )
    if labels.labels != votes.labels:
        raise DataError(
            f"votes and labels must have the same classes: found {', '.join(votes.labels.names)} "
            f"in the votes and {', '.join(labels.labels.names)} in the labels"
        )
    if labels.ids is None and votes.row_ids is None:
        return
    ours, theirs = votes.ids, np.arange(labels.n_items) if labels.ids is None else labels.ids
    if ours.dtype.kind != theirs.dtype.kind:  # a CSV file does not know numbers from words
        ours, theirs = (np.array([*map(str, x.tolist())], dtype=object) for x in (ours, theirs))
    differs = np.flatnonzero(np.asarray(ours != theirs))
    if len(differs):
        at = int(differs[0])
        raise DataError(
            f"votes and labels must be of the same rows in the same order: row {at} is "
            f"{ours[at]!r} in the votes and {theirs[at]!r} in the labels ({len(differs)} differ)"
        )
