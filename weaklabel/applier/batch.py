"""Batches: a stretch of consecutive rows, from which a row view takes the columns it needs.

Every kind of input becomes one kind of batch: an Arrow table, a DataFrame, a list of dicts, a list
of objects, a row group of a Parquet file, a block of a CSV file. Columns become Python lists only
when a labeling function touches them. Missing values (null, None, NaN, NaT, pandas' NA) become
``None`` in all of them, numbers included, so that a DataFrame and the file written from it are
labelled alike. Objects that are not dicts are handed over untouched.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from weaklabel.lf.row import MISSING

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_PANDAS_NULLS: Final = frozenset({"NAType", "NaTType"})  # by name: pandas is not imported for them


class Batch(ABC):
    """Consecutive rows; satisfies :class:`weaklabel.lf.row.Columns`. Can be pickled.

    Parameters
    ----------
    n_rows : int
    """

    def __init__(self, n_rows: int) -> None:
        self._n_rows = n_rows

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return self._n_rows

    @abstractmethod
    def column(self, name: Any) -> Sequence[Any] | None:
        """Python values of a column, shape (n_rows,), None where missing; None: no such column."""

    @abstractmethod
    def fields(self, position: int) -> tuple[Any, ...]:
        """Names of the fields of one row."""

    @abstractmethod
    def slice(self, start: int, stop: int) -> Batch:
        """Rows ``start .. stop-1``, without a copy of the values where that is possible."""

    def objects(self) -> list[Any] | None:
        """The rows themselves where labeling functions get them as they are, else None."""
        return None


class TableBatch(Batch):
    """Rows of an Arrow table."""

    def __init__(self, table: pa.Table) -> None:
        super().__init__(table.num_rows)
        self._table = table

    def column(self, name: Any) -> Sequence[Any] | None:
        """As :meth:`Batch.column`."""
        if not isinstance(name, str) or name not in self._table.column_names:
            return None
        return arrow_values(self._table.column(name))

    def fields(self, position: int) -> tuple[Any, ...]:
        """As :meth:`Batch.fields`."""
        return tuple(self._table.column_names)

    def slice(self, start: int, stop: int) -> TableBatch:
        """As :meth:`Batch.slice`."""
        return TableBatch(self._table.slice(start, stop - start))


class FrameBatch(Batch):
    """Rows of a pandas DataFrame; values are those that pandas gives."""

    def __init__(self, frame: pd.DataFrame) -> None:
        super().__init__(len(frame))
        self._frame = frame

    def column(self, name: Any) -> Sequence[Any] | None:
        """As :meth:`Batch.column`."""
        try:
            series = self._frame[name]
        except (KeyError, TypeError, ValueError):
            return None
        return series_values(series)

    def fields(self, position: int) -> tuple[Any, ...]:
        """As :meth:`Batch.fields`."""
        return tuple(self._frame.columns)

    def slice(self, start: int, stop: int) -> FrameBatch:
        """As :meth:`Batch.slice`."""
        return FrameBatch(self._frame.iloc[start:stop])


class DictBatch(Batch):
    """Rows given as mappings; they need not have the same keys."""

    def __init__(self, rows: Sequence[Mapping[Any, Any]]) -> None:
        super().__init__(len(rows))
        self._rows = rows

    def column(self, name: Any) -> Sequence[Any] | None:
        """As :meth:`Batch.column`."""
        values = [row.get(name, MISSING) for row in self._rows]
        if set(map(type, values)) == {type(MISSING)}:
            return None
        return without_nan(values)

    def fields(self, position: int) -> tuple[Any, ...]:
        """As :meth:`Batch.fields`."""
        return tuple(self._rows[position])

    def slice(self, start: int, stop: int) -> DictBatch:
        """As :meth:`Batch.slice`."""
        return DictBatch(self._rows[start:stop])


class ObjectBatch(Batch):
    """Rows that are objects of any kind; labeling functions get them as they are."""

    def __init__(self, rows: Sequence[Any]) -> None:
        super().__init__(len(rows))
        self._rows = rows

    def column(self, name: Any) -> Sequence[Any] | None:
        """As :meth:`Batch.column`."""
        if not isinstance(name, str) or not all(hasattr(row, name) for row in self._rows):
            return None
        return [getattr(row, name) for row in self._rows]

    def fields(self, position: int) -> tuple[Any, ...]:
        """As :meth:`Batch.fields`."""
        row = self._rows[position]
        return tuple(getattr(row, "__dict__", ()) or getattr(type(row), "__slots__", ()))

    def slice(self, start: int, stop: int) -> ObjectBatch:
        """As :meth:`Batch.slice`."""
        return ObjectBatch(self._rows[start:stop])

    def objects(self) -> list[Any] | None:
        """As :meth:`Batch.objects`."""
        return list(self._rows)


def arrow_values(column: pa.ChunkedArray | pa.Array) -> list[Any]:
    """Python values of an Arrow column, None for null and NaN."""
    import pyarrow as pa

    values: list[Any] = column.to_pylist()
    return without_nan(values) if pa.types.is_floating(column.type) else values


def series_values(series: pd.Series[Any]) -> list[Any]:
    """Python values of a pandas column, None wherever pandas sees a missing value."""
    values: list[Any] = series.tolist()
    missing = series.isna().to_numpy()
    if missing.any():
        for position in np.flatnonzero(missing).tolist():
            values[position] = None
    return values


def without_nan(values: list[Any]) -> list[Any]:
    """The values with None in place of NaN, NaT and NA."""
    if not any(map(_may_be_null, set(map(type, values)))):
        return values
    return [None if is_null(value) else value for value in values]


def is_null(value: Any) -> bool:
    """Whether a single value is None, NaN, NaT or NA."""
    if value is None:
        return True
    kind = type(value)
    if issubclass(kind, float | np.floating):
        return bool(value != value)
    return kind.__name__ in _PANDAS_NULLS


def _may_be_null(kind: type) -> bool:
    return issubclass(kind, float | np.floating) or kind.__name__ in _PANDAS_NULLS


def first_duplicate(values: Iterable[Any]) -> tuple[int, int] | None:
    """Positions of the first value that occurs a second time, and of its first occurrence."""
    seen: dict[Any, int] = {}
    for position, value in enumerate(values):
        first = seen.setdefault(value, position)
        if first != position:
            return first, position
    return None
