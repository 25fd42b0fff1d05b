"""Rows of data beside votes and labels: reading them, and finding the row of an id.

Votes and labels know their rows by id, or by position where there were no ids. Here the rows of a
data file are matched to them, and whatever does not match is an error that names the first ids.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from weaklabel.errors import ConfigError, DataError
from weaklabel.labels import LabelSpace
from weaklabel.pipeline.steps import join_words
from weaklabel.votes import VoteMatrix

if TYPE_CHECKING:
    import pyarrow as pa


def read_rows(source: Any) -> pa.Table:
    """The rows of a CSV or Parquet file, or of a table in memory, as an Arrow table.

    Raises
    ------
    DataError
        If a file is missing, damaged, or neither CSV nor Parquet, or there are no rows.
    """
    import pyarrow as pa

    from weaklabel.applier import read_table

    if isinstance(source, str | os.PathLike):
        table = read_table(source)
    elif isinstance(source, pa.Table):
        table = source
    else:
        table = pa.Table.from_pandas(source, preserve_index=False)
    if table.num_rows == 0:
        raise DataError(f"there are no rows: {name_of(source)} is empty")
    return table


def name_of(source: Any) -> str:
    """What to call the rows in a message: their file, or "the data"."""
    return str(source) if isinstance(source, str | os.PathLike) else "the data"


def read_gold(
    votes: VoteMatrix, data: Any, column: str | None, id_column: str | None
) -> npt.NDArray[np.int64] | None:
    """Gold labels of the rows of a vote matrix, read from a column of a table.

    Parameters
    ----------
    votes : VoteMatrix
    data : path or table, optional
    column : str, optional
        Column of gold labels; class names or codes.
    id_column : str, optional
        Column of ids, where the votes have ids.

    Returns
    -------
    array of int64, shape (n_items,), or None
        Class codes, -1 where unknown; None if neither data nor column was given.

    Raises
    ------
    ConfigError
        If only one of data and column was given.
    DataError, LabelError
        If rows do not match or a value is not a label.
    """
    if data is None and column is None:
        return None
    if data is None or column is None:
        missing = "--data DATA" if data is None else "--gold COLUMN"
        raise ConfigError(f"gold labels need both --gold COLUMN and --data DATA; give {missing}")
    table = read_rows(data)
    need_columns([column], table.column_names, name_of(data))
    rows = positions_of(votes.row_ids, votes.n_items, table, id_column, name_of(data))
    return gold_codes(table.column(column), votes.labels, column)[rows]


def need_columns(names: Iterable[str | None], available: Sequence[str], where: object) -> None:
    """Raise DataError unless all the named columns exist; None is no column."""
    missing = [name for name in names if name is not None and name not in available]
    if missing:
        raise DataError(
            f"there is no column {', '.join(map(repr, missing))} in {where}; "
            f"its columns are {join_words(available)}"
        )


def without(table: pa.Table, columns: Iterable[str | None]) -> pa.Table:
    """The table without the named columns, where it has them."""
    return table.drop_columns([c for c in columns if c is not None and c in table.column_names])


def with_text_for_bools(table: pa.Table, column: str) -> pa.Table:
    """The table with a column of booleans as the words ``true`` and ``false``: names of classes."""
    position = table.column_names.index(column)
    return table.set_column(position, column, _as_text_if_bool(table.column(column)))


def _as_text_if_bool(values: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa

    return values.cast(pa.string()) if pa.types.is_boolean(values.type) else values


def gold_codes(values: pa.ChunkedArray, labels: LabelSpace, column: str) -> npt.NDArray[np.int64]:
    """Class codes of a gold column, shape (n_rows,), -1 where unknown.

    Raises
    ------
    LabelError
        If a value is not a label.
    DataError
        If no row has a gold label.
    """
    codes = labels.encode(_as_text_if_bool(values), what=f"gold label (column {column!r})")
    if not (codes >= 0).any():
        raise DataError(f"no row has a gold label: the column {column!r} is empty")
    return codes


def positions_of(
    ids: npt.NDArray[Any] | None,
    n_items: int,
    table: pa.Table,
    id_column: str | None,
    where: object = "the data",
) -> npt.NDArray[np.int64]:
    """The row of the table that belongs to each item.

    Parameters
    ----------
    ids : array, shape (n_items,), optional
        Ids of the items; None if they are known by position.
    n_items : int
    table : pyarrow.Table
    id_column : str, optional
        The table's column of ids. Rows are matched by position where there is none or the items
        have no ids. Items with ids and a table without are refused: another order of the rows
        would go unnoticed.
    where : object
        What the table is called in errors.

    Returns
    -------
    array of int64, shape (n_items,)

    Raises
    ------
    DataError
        If counts differ, ids are missing in the table or stand there twice, or only one side has
        ids.
    """
    if ids is None or id_column is None:
        _check_by_position(ids, n_items, table, where)
        return np.arange(n_items)
    need_columns([id_column], table.column_names, where)
    where_is = _index(table.column(id_column).to_pylist(), id_column, where)
    wanted = ids.tolist()
    found = [where_is.get(str(key), -1) for key in wanted]
    missing = [repr(key) for key, at in zip(wanted, found, strict=True) if at < 0]
    if missing:
        raise DataError(
            f"{len(missing)} of {n_items} ids are not in the column {id_column!r} of {where}: "
            f"{join_words(missing)}"
        )
    return np.asarray(found, dtype=np.int64)


def _check_by_position(
    ids: npt.NDArray[Any] | None, n_items: int, table: pa.Table, where: object
) -> None:
    # Ids 0, 1, 2, ... are what rows without ids carry in a file.
    if ids is not None and not np.array_equal(ids, np.arange(n_items)):
        raise DataError(
            f"the rows have ids (the first is {ids.tolist()[0]!r}); say which column of {where} "
            "holds them (--id COLUMN on the command line)"
        )
    if table.num_rows != n_items:
        raise DataError(
            f"without ids, rows are matched by position and their numbers must agree; "
            f"found {n_items} rows and {table.num_rows} in {where}"
        )


def _index(keys: Sequence[Any], id_column: str, where: object) -> dict[str, int]:
    """Position of each id. Ids are compared as text: a CSV file turns text into numbers."""
    index: dict[str, int] = {}
    for position, key in enumerate(keys):
        if key is None:
            raise DataError(f"the column {id_column!r} of {where} has no id in row {position}")
        first = index.setdefault(str(key), position)
        if first != position:
            raise DataError(
                f"ids must be unique, found {key!r} in rows {first} and {position} of the column "
                f"{id_column!r} of {where}"
            )
    return index
