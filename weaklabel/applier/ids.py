"""Row ids: what identifies a row in the vote matrix and everything made from it.

An ``id_column`` if one is named; else the index of a DataFrame, unless it is the plain ``0 .. n-1``
that pandas makes up; else none, and rows are known by their position. Whole numbers stay whole
numbers; if any id is something else, all ids become strings.
"""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from weaklabel.applier.batch import first_duplicate, is_null, series_values
from weaklabel.errors import DataError
from weaklabel.lf.row import MISSING

if TYPE_CHECKING:
    import pandas as pd

Ids: TypeAlias = "npt.NDArray[np.int64] | npt.NDArray[np.object_]"

MAX_LISTED = 20  # columns named in an error message


def make_ids(values: Sequence[Any], what: str, remedy: str) -> Ids:
    """Row ids from the values of a column or an index.

    Parameters
    ----------
    values : sequence, shape (n_rows,)
    what : str
        What the values are, for the error message, such as ``"the column 'id'"``.
    remedy : str
        What to do about it.

    Raises
    ------
    DataError
        If a value is missing or occurs twice; the message names the first one.
    """
    missing = next(
        (i for i, value in enumerate(values) if value is MISSING or is_null(value)), None
    )
    if missing is not None:
        raise DataError(f"row ids must not be missing; {what} is empty in row {missing}; {remedy}")
    ids = _as_array(values)
    twice = first_duplicate(ids.tolist())
    if twice is not None:
        first, again = twice
        raise DataError(
            f"row ids must be unique; {what} holds {ids.tolist()[first]!r} in row {first} "
            f"and again in row {again}; {remedy}"
        )
    return ids


def _as_array(values: Sequence[Any]) -> Ids:
    if all(_is_whole(kind) for kind in set(map(type, values))):
        try:
            return np.array([int(value) for value in values], dtype=np.int64)
        except OverflowError:
            pass
    ids = np.empty(len(values), dtype=object)
    ids[:] = [str(value) for value in values]
    return ids


def _is_whole(kind: type) -> bool:
    return issubclass(kind, numbers.Integral) and not issubclass(kind, bool)


def index_ids(index: pd.Index[Any]) -> Ids | None:
    """The index of a DataFrame as row ids; None for the plain ``0 .. n-1``.

    Raises
    ------
    DataError
        As :func:`make_ids`.
    """
    import pandas as pd

    if isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1:
        return None
    values = list(index) if isinstance(index, pd.MultiIndex) else series_values(index.to_series())
    return make_ids(
        values,
        "the index of the DataFrame",
        "pass id_column=..., or number the rows anew with reset_index(drop=True)",
    )


def no_such_column(name: Any, columns: Sequence[Any], where: str) -> DataError:
    """The error for an id column that is not there."""
    more = f", ... {len(columns) - MAX_LISTED} more" if len(columns) > MAX_LISTED else ""
    listed = ", ".join(map(repr, columns[:MAX_LISTED])) or "none"
    return DataError(
        f"there is no column {name!r} for the row ids in {where}; the columns are {listed}{more}"
    )
