"""Batches of rows that Python holds: a DataFrame, a list of dicts, a list of objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklabel.applier.batch import Batch, Types, arrow_of, series_values, without_nan
from weaklabel.lf.formats import Format
from weaklabel.lf.row import MISSING

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


class FrameBatch(Batch):
    """Rows of a pandas DataFrame; values are those that pandas gives."""

    kind = "pandas"

    def __init__(self, frame: pd.DataFrame, types: Types | None = None) -> None:
        super().__init__(len(frame))
        self._frame = frame
        self._types: Types = {} if types is None else types

    def column(self, name: Any) -> Sequence[Any] | None:
        """As :meth:`Batch.column`."""
        try:
            series = self._frame[name]
        except (KeyError, TypeError, ValueError):
            return None
        return series_values(series)

    def arrow(self, name: Any) -> pa.Array | None:
        """As :meth:`Batch.arrow`."""
        try:
            series = self._frame[name]
        except (KeyError, TypeError, ValueError):
            return None
        return arrow_of(series, name, self._types)

    def settle(self, names: Iterable[Any]) -> None:
        """As :meth:`Batch.settle`."""
        for name in names:
            array = self.arrow(name)
            self._types[name] = None if array is None else array.type

    def content(self, name: Any) -> Any:
        """As :meth:`Batch.content`."""
        try:
            series = self._frame[name]
        except (KeyError, TypeError, ValueError):
            return None
        if isinstance(series.dtype, np.dtype) and series.dtype.kind in "iufbmM":
            return np.ascontiguousarray(series.to_numpy())
        if str(series.dtype) in ("str", "string"):
            return arrow_of(series, None, {})
        return series_values(series)

    def type_name(self, name: Any) -> str:
        """As :meth:`Batch.type_name`."""
        return str(self._frame[name].dtype) if name in self._frame.columns else ""

    def settled(self, name: Any) -> str:
        """As :meth:`Batch.settled`."""
        return str(self._types.get(name, ""))

    def formatted(self, name: Any, form: Format) -> Any:
        """As :meth:`Batch.formatted`; a Series comes as it is in the DataFrame."""
        if form != "pandas":
            return super().formatted(name, form)
        try:
            series = self._frame[name].reset_index(drop=True)
        except (KeyError, TypeError, ValueError):
            return None
        return series.where(series.notna(), None) if series.dtype == object else series

    def fields(self, position: int) -> tuple[Any, ...]:
        """As :meth:`Batch.fields`."""
        return tuple(self._frame.columns)

    def slice(self, start: int, stop: int) -> FrameBatch:
        """As :meth:`Batch.slice`."""
        return FrameBatch(self._frame.iloc[start:stop], self._types)


class DictBatch(Batch):
    """Rows given as mappings; they need not have the same keys."""

    kind = "dicts"

    def __init__(self, rows: Sequence[Mapping[Any, Any]], types: Types | None = None) -> None:
        super().__init__(len(rows))
        self._rows = rows
        self._types: Types = {} if types is None else types

    def column(self, name: Any) -> Sequence[Any] | None:
        """As :meth:`Batch.column`."""
        values = [row.get(name, MISSING) for row in self._rows]
        if set(map(type, values)) == {type(MISSING)}:
            return None
        return without_nan(values)

    def arrow(self, name: Any) -> pa.Array | None:
        """As :meth:`Batch.arrow`."""
        known = name in self._types
        if not known and not any(name in row for row in self._rows):
            return None
        return arrow_of([row.get(name) for row in self._rows], name, self._types)

    def settle(self, names: Iterable[Any]) -> None:
        """As :meth:`Batch.settle`."""
        for name in names:
            if any(name in row for row in self._rows):
                array = self.arrow(name)
                self._types[name] = None if array is None else array.type

    def _values(self, name: Any) -> list[Any] | None:
        if name in self._types:  # some row has it, if not in this batch
            return list(without_nan([row.get(name) for row in self._rows]))
        return super()._values(name)

    def all_fields(self) -> list[Any]:
        """As :meth:`Batch.all_fields`."""
        return sorted({name for names in self.field_orders() for name in names}, key=repr)

    def field_orders(self) -> list[tuple[Any, ...]]:
        """As :meth:`Batch.field_orders`: one for all, or one for each row."""
        orders = list(map(tuple, self._rows))
        return orders[:1] if len(set(orders)) == 1 else orders

    def content(self, name: Any) -> Any:
        """As :meth:`Batch.content`."""
        return [row.get(name, MISSING) for row in self._rows]

    def settled(self, name: Any) -> str:
        """As :meth:`Batch.settled`."""
        return str(self._types.get(name, ""))

    def fields(self, position: int) -> tuple[Any, ...]:
        """As :meth:`Batch.fields`."""
        return tuple(self._rows[position])

    def slice(self, start: int, stop: int) -> DictBatch:
        """As :meth:`Batch.slice`."""
        return DictBatch(self._rows[start:stop], self._types)


class ObjectBatch(Batch):
    """Rows that are objects of any kind; labeling functions get them as they are."""

    kind = "objects"

    def __init__(self, rows: Sequence[Any], types: Types | None = None) -> None:
        super().__init__(len(rows))
        self._rows = rows
        self._types: Types = {} if types is None else types

    def column(self, name: Any) -> Sequence[Any] | None:
        """As :meth:`Batch.column`."""
        if not isinstance(name, str) or not all(hasattr(row, name) for row in self._rows):
            return None
        return [getattr(row, name) for row in self._rows]

    def arrow(self, name: Any) -> pa.Array | None:
        """As :meth:`Batch.arrow`."""
        values = self.column(name)
        return None if values is None else arrow_of(values, name, self._types)

    def settle(self, names: Iterable[Any]) -> None:
        """As :meth:`Batch.settle`."""
        for name in names:
            array = self.arrow(name)
            self._types[name] = None if array is None else array.type

    def fields(self, position: int) -> tuple[Any, ...]:
        """As :meth:`Batch.fields`."""
        row = self._rows[position]
        return tuple(getattr(row, "__dict__", ()) or getattr(type(row), "__slots__", ()))

    def all_fields(self) -> list[Any]:
        """As :meth:`Batch.all_fields`: None stands for the rows themselves."""
        return [None]

    def content(self, name: Any) -> Any:
        """As :meth:`Batch.content`."""
        return list(self._rows) if name is None else self.column(name)

    def settled(self, name: Any) -> str:
        """As :meth:`Batch.settled`."""
        return str(self._types.get(name, ""))

    def slice(self, start: int, stop: int) -> ObjectBatch:
        """As :meth:`Batch.slice`."""
        return ObjectBatch(self._rows[start:stop], self._types)

    def objects(self) -> list[Any] | None:
        """As :meth:`Batch.objects`."""
        return list(self._rows)
