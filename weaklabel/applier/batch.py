"""Batches: a stretch of consecutive rows, from which a row view takes the columns it needs.

Every kind of input becomes one kind of batch: an Arrow table, a DataFrame, a list of dicts, a list
of objects, a row group of a Parquet file, a block of a CSV file. Columns become Python lists only
when a labeling function touches them. Missing values (null, None, NaN, NaT, pandas' NA) become
``None`` in all of them, numbers included, so that a DataFrame and the file written from it are
labelled alike. Objects that are not dicts are handed over untouched.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias

import numpy as np

from weaklabel.errors import DataError
from weaklabel.lf.formats import Format, from_arrow, objects_as
from weaklabel.lf.row import MISSING

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Types: TypeAlias = "dict[Any, pa.DataType | None]"  # of whole columns; None: no common type

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

    def arrow(self, name: Any) -> pa.Array | None:
        """A column as Arrow, null where missing; None: no such column, or no common type."""
        return None

    def settle(self, names: Iterable[Any]) -> None:  # noqa: B027
        """Decide on the Arrow type of columns, which are to have one type in all batches."""

    # What the vote cache knows rows by; see weaklabel.lf.content.

    kind: ClassVar[str] = "arrow"  # batches of one kind hand equal content over as equal values

    def all_fields(self) -> list[Any]:
        """Names under which :meth:`content` is to be asked for."""
        return list(self.fields(0)) if self.n_rows else []

    def field_orders(self) -> list[tuple[Any, ...]]:
        """The orders of the fields in the rows, where rows have their own."""
        return []

    def content(self, name: Any) -> Any:
        """The values of a column as Arrow, NumPy or a list, in one way only; None: no such."""
        return self.arrow(name)

    def type_name(self, name: Any) -> str:
        """The type of a column, where :meth:`content` does not carry it."""
        return ""

    def settled(self, name: Any) -> str:
        """The Arrow type settled on for the whole column, where it depends on all values."""
        return ""

    def formatted(self, name: Any, form: Format) -> Any:
        """A column in one of the forms of :mod:`weaklabel.lf.formats`; None: no such column."""
        array = None if form == "list" else self.arrow(name)
        if array is not None:
            return from_arrow(array, form)
        values = self._values(name)
        if values is None or form == "list":
            return values
        return objects_as(values, form, name)

    def _values(self, name: Any) -> list[Any] | None:
        values = self.column(name)
        return None if values is None else [None if v is MISSING else v for v in values]


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

    def arrow(self, name: Any) -> pa.Array | None:
        """As :meth:`Batch.arrow`."""
        if not isinstance(name, str) or name not in self._table.column_names:
            return None
        return one_array(self._table.column(name))

    def fields(self, position: int) -> tuple[Any, ...]:
        """As :meth:`Batch.fields`."""
        return tuple(self._table.column_names)

    def slice(self, start: int, stop: int) -> TableBatch:
        """As :meth:`Batch.slice`."""
        return TableBatch(self._table.slice(start, stop - start))


def one_array(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """An Arrow column in one piece, null for NaN."""
    import pyarrow as pa
    import pyarrow.compute as pc

    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):  # larger than one array can be
        raise DataError("a batch of this column is too large for one Arrow array; pass batch_size")
    if pa.types.is_floating(array.type):
        nan = pc.is_nan(array).fill_null(False)
        if pc.any(nan).as_py():
            return pc.if_else(nan, pa.scalar(None, array.type), array)
    return array


def arrow_of(values: Any, name: Any, types: Types) -> pa.Array | None:
    """Python values or a Series as Arrow, of the type settled on; None if there is none."""
    import pyarrow as pa

    if name in types and types[name] is None:
        return None
    kind = types.get(name)
    if kind is None and isinstance(values, list) and all(map(is_null, values)):
        kind = pa.string()  # nothing says what it is, and text it is most often
    try:
        return one_array(pa.array(values, kind, from_pandas=True))
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return None


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
