"""The rows that prompts are about, by columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from weaklabel.errors import DataError
from weaklabel.votes.matrix import check_row_ids, quoted


class Table:
    """Columns of Python values, None where missing; each is read when it is first asked for.

    Attributes
    ----------
    n_rows : int
    names : tuple of str
        Of the columns.
    ids : array, shape (n_rows,), optional
    """

    def __init__(
        self,
        n_rows: int,
        names: Iterable[Any],
        read: Any,
        ids: npt.NDArray[Any] | None = None,
    ) -> None:
        self.n_rows = n_rows
        self.names = tuple(names)
        self.ids = ids
        self._read = read
        self._columns: dict[Any, list[Any]] = {}

    def column(self, name: Any) -> list[Any]:
        """The values of a column that is there."""
        if name not in self._columns:
            self._columns[name] = [None if _is_missing(v) else v for v in self._read(name)]
        return self._columns[name]

    def rows(self, fields: Sequence[Any], positions: Sequence[int]) -> list[dict[Any, Any]]:
        """Some rows as dicts of some columns."""
        columns = [(name, self.column(name)) for name in fields]
        return [{name: values[i] for name, values in columns} for i in positions]

    def row_id(self, position: int) -> Any:
        """What identifies a row."""
        if self.ids is None:
            return position
        value = self.ids[position]
        return value.item() if isinstance(value, np.generic) else value


def table_of(rows: Any, id_column: str | None = None) -> Table:
    """Rows as a table.

    Parameters
    ----------
    rows : list of dicts, DataFrame, Arrow table or what exports one, or Table
        For a file: ``weaklabel.applier.read_table(path)``.
    id_column : str, optional
        Identifies a row; else the index of a DataFrame that is not ``0 .. n-1``, else positions.

    Raises
    ------
    DataError
        If there are no rows, they are of another kind, or the id column is not there.
    VotesError
        If an id is missing or occurs twice.
    """
    table = rows if isinstance(rows, Table) else _table(rows)
    if table.n_rows == 0:
        raise DataError("there are no rows to ask about; give at least one")
    if id_column is not None:
        if id_column not in table.names:
            raise DataError(
                f"there is no column {id_column!r} for the row ids; "
                f"the columns are {quoted(table.names)}"
            )
        table.ids = check_row_ids(_objects(table.column(id_column)), table.n_rows)
    return table


def _table(rows: Any) -> Table:
    kind = f"{type(rows).__module__.partition('.')[0]}.{type(rows).__name__}"
    if kind == "pandas.DataFrame":
        return _from_frame(rows)
    if hasattr(rows, "__arrow_c_stream__"):
        import pyarrow as pa

        table = rows if isinstance(rows, pa.Table) else pa.table(rows)
        return Table(
            table.num_rows, table.column_names, lambda name: table.column(name).to_pylist()
        )
    if isinstance(rows, str | bytes | Mapping) or not isinstance(rows, Iterable):
        raise DataError(
            "rows must be a list of dicts, a DataFrame or an Arrow table, found "
            f"{type(rows).__name__}; read a file with weaklabel.applier.read_table(path)"
        )
    listed = list(rows)
    for position, row in enumerate(listed):
        if not isinstance(row, Mapping):
            raise DataError(
                f"rows must be dicts, found a {type(row).__name__} at position {position}; "
                "write {'text': value}"
            )
    names = dict.fromkeys(name for row in listed for name in row)
    return Table(len(listed), names, lambda name: [row.get(name) for row in listed])


def _from_frame(frame: Any) -> Table:
    import pandas as pd

    index = frame.index
    plain = isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1
    ids = None if plain else check_row_ids(_objects(index.tolist()), len(frame))
    return Table(len(frame), frame.columns, lambda name: frame[name].tolist(), ids)


def _objects(values: Sequence[Any]) -> npt.NDArray[Any]:
    if all(type(v) is int for v in values):
        return np.array(values)
    out = np.empty(len(values), dtype=object)
    out[:] = [v if v is None or isinstance(v, str) else str(v) for v in values]
    return out


def _is_missing(value: Any) -> bool:
    """None, NaN, NaT and NA."""
    if value is None:
        return True
    if isinstance(value, float | np.floating):
        return bool(value != value)
    return type(value).__name__ in ("NAType", "NaTType")
