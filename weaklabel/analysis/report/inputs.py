"""What a report is made of, checked once: votes, labels, gold and data of the same rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from weaklabel.analysis.gold import check_same_rows, gold_codes
from weaklabel.errors import ConfigError, DataError
from weaklabel.models import LabelModelBase
from weaklabel.soft_labels import SoftLabels
from weaklabel.votes import VoteMatrix

QUOTED: Final = 5


@dataclass(frozen=True, eq=False)
class Inputs:
    """Parts of a report that are of the same rows, in the order of the votes.

    Attributes
    ----------
    votes : VoteMatrix
    model : label model, or None
    labels : SoftLabels, or None
        Given, or made by the model.
    labels_given : bool
    gold : array of int64, shape (n_items,), or None
        Class codes, -1 where unknown.
    rows : RowTable or None
    """

    votes: VoteMatrix
    model: LabelModelBase | None
    labels: SoftLabels | None
    labels_given: bool
    gold: npt.NDArray[np.int64] | None
    rows: RowTable | None


class RowTable:
    """The data of rows, of which only those shown are read.

    Parameters
    ----------
    rows : pandas DataFrame, pyarrow Table, or sequence of mappings or other values
    n_items : int

    Raises
    ------
    DataError
        If there is not one row per item.
    """

    def __init__(self, rows: Any, n_items: int) -> None:
        self._rows: Any = rows if hasattr(rows, "__len__") else list(rows)
        if len(self._rows) != n_items:
            raise DataError(
                f"there must be one row of data per row of votes, in the same order: found "
                f"{len(self._rows):,} for {n_items:,}"
            )

    def take(self, positions: npt.NDArray[np.int64]) -> list[dict[str, Any]]:
        """The rows at some positions, each as a mapping of column to value."""
        if hasattr(self._rows, "iloc"):
            return _records_of_frame(self._rows.iloc[positions])
        if hasattr(self._rows, "to_pylist"):
            return list(self._rows.take(positions).to_pylist())
        return [_record(self._rows[i]) for i in positions.tolist()]


def check_inputs(
    votes: VoteMatrix | npt.ArrayLike,
    model: LabelModelBase | None = None,
    labels: SoftLabels | None = None,
    gold: Any = None,
    rows: Any = None,
) -> Inputs:
    """The parts of a report, checked against each other.

    Raises
    ------
    ConfigError
        If there are no rows or no labeling functions.
    DataError
        If labels, gold or rows are not of the rows of the votes.
    LabelError
        If a gold value is not a label.
    VotesError, FitError
        If the model is of other labeling functions or classes, or not fitted.
    """
    matrix = votes if isinstance(votes, VoteMatrix) else VoteMatrix.from_dense(votes)
    if not matrix.n_items or not matrix.n_lfs:
        raise ConfigError(
            "a report needs at least one row and one labeling function, "
            f"found {matrix.n_items} rows and {matrix.n_lfs} labeling functions"
        )
    if model is not None:
        model._votes(matrix)
    aligned = None if labels is None else _aligned(labels, matrix)
    codes = None if gold is None else gold_codes(matrix.labels, gold, matrix.n_items)
    if codes is not None and not (codes >= 0).any():
        raise DataError("no row has a gold label; leave gold out, or give at least one")
    return Inputs(
        votes=matrix,
        model=model,
        labels=model.label(matrix) if aligned is None and model is not None else aligned,
        labels_given=labels is not None,
        gold=codes,
        rows=None if rows is None else RowTable(rows, matrix.n_items),
    )


def _aligned(labels: SoftLabels, votes: VoteMatrix) -> SoftLabels:
    """The labels in the order of the votes."""
    order = _order(labels.ids, votes) if labels.n_items == votes.n_items else None
    if order is not None:
        labels = SoftLabels(
            labels.probabilities[order],
            labels.labels,
            labels.n_votes[order],
            votes.row_ids,
            labels.provenance,
        )
    check_same_rows(votes, labels)
    same_lfs = labels.provenance.get("lf_names") == list(votes.lf_names)
    if same_lfs and not np.array_equal(labels.n_votes, votes.n_votes_per_item):
        row = int(np.flatnonzero(labels.n_votes != votes.n_votes_per_item)[0])
        raise DataError(
            f"the labels were made from other votes: row {votes.ids[row]} was labelled from "
            f"{labels.n_votes[row]} votes and has {votes.n_votes_per_item[row]} here; "
            "give the labels of these rows"
        )
    return labels


def _order(ids: npt.NDArray[Any] | None, votes: VoteMatrix) -> npt.NDArray[np.int64] | None:
    """Position in the labels of each row of the votes; None if they are in the same order.

    Ids are compared as text: a CSV file turns text into numbers.
    """
    found = np.arange(votes.n_items) if ids is None else ids
    wanted = votes.ids
    if np.array_equal(found, wanted):
        return None
    where = {str(key): position for position, key in enumerate(found.tolist())}
    order = [where.get(str(key), -1) for key in wanted.tolist()]
    if -1 in order:
        missing = [repr(k) for k, at in zip(wanted.tolist(), order, strict=True) if at < 0]
        raise DataError(
            f"the labels are of other rows: {len(missing):,} of {votes.n_items:,} ids of the votes "
            f"have no label: {', '.join(missing[:QUOTED])}{' ...' if len(missing) > QUOTED else ''}"
        )
    return np.asarray(order, dtype=np.int64)


def _records_of_frame(frame: Any) -> list[dict[str, Any]]:
    if not hasattr(frame, "columns"):  # a Series
        return [{str(frame.name or "value"): value} for value in frame.tolist()]
    names = [str(c) for c in frame.columns]
    columns = [frame.iloc[:, j].tolist() for j in range(len(names))]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _record(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return {str(key): cell for key, cell in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return {str(position): cell for position, cell in enumerate(value)}
    return {"value": value}
