"""What may be given as rows, and how each becomes batches.

=====================================  =====================================================
a list of dicts                        ``x.text`` and ``x["text"]``; keys may differ by row
a list of other objects                handed to the labeling functions as they are
a pandas DataFrame                     values as pandas gives them, missing ones as None
a pandas Series                        its values, as they are
an Arrow table, or what exports one    (polars, DuckDB) as Arrow gives them
a path .csv, .tsv, .parquet, .pq       read in stretches, after one check of the whole file
=====================================  =====================================================
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from weaklabel.applier.batch import Batch, TableBatch, series_values
from weaklabel.applier.ids import Ids, index_ids, make_ids, no_such_column
from weaklabel.applier.memory_batches import DictBatch, FrameBatch, ObjectBatch
from weaklabel.errors import DataError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from weaklabel.applier.csv_rows import CsvRows
    from weaklabel.applier.parquet_file import ParquetFile

SUFFIXES: Final = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet", ".pq")

RowsLike: TypeAlias = (
    "str | os.PathLike[str] | pd.DataFrame | pd.Series[Any] | pa.Table | Iterable[Any]"
)


@dataclass(frozen=True)
class Source:
    """Rows, ready to be read in stretches.

    Attributes
    ----------
    name : str
        What the rows are, for messages.
    n_rows : int
    ids : array, shape (n_rows,), optional
        None where rows are known by position.
    stretches : callable
        Gives an iterator over batches of any size, in row order.
    settle : callable
        Decides on the Arrow types of columns by all their values; see :meth:`Batch.settle`.
    """

    name: str
    n_rows: int
    ids: Ids | None
    stretches: Callable[[], Iterator[Batch]]
    settle: Callable[[Iterable[Any]], None] = lambda names: None

    def batches(self, size: Callable[[], int]) -> Iterator[Batch]:
        """Batches in row order; ``size()`` is asked for the rows of each."""
        for stretch in self.stretches():
            start = 0
            while start < stretch.n_rows:
                stop = min(start + size(), stretch.n_rows)
                yield stretch.slice(start, stop)
                start = stop


def open_rows(rows: RowsLike, id_column: str | None = None) -> Source:
    """Rows of any accepted kind, checked before work starts.

    Parameters
    ----------
    rows : see the module's table
    id_column : str, optional
        The column (key, attribute) that identifies a row.

    Raises
    ------
    DataError
        If there are no rows, the rows are of a kind that is not accepted, a file is missing or
        damaged, the id column does not exist, or the ids are not unique.
    """
    source = _open(rows, id_column)
    if source.n_rows == 0:
        raise DataError(f"there are no rows to label: {source.name} is empty")
    return source


def read_table(path: str | os.PathLike[str]) -> pa.Table:
    """A CSV, TSV or Parquet file as an Arrow table, typed and checked as :func:`open_rows` does.

    Raises
    ------
    DataError
        If the file is missing, damaged or of another kind.
    """
    return _open_file(path).table()


def _open(rows: Any, id_column: str | None) -> Source:
    if isinstance(rows, str | os.PathLike):
        return _from_file(rows, id_column)
    if isinstance(rows, Mapping):
        raise DataError(
            "rows must be a list of rows, found a single dict; "
            "write [row], or make a table of columns with pandas.DataFrame(columns)"
        )
    if isinstance(rows, bytes):
        raise DataError("rows must be a list of rows, found a single bytes object; write [row]")
    kind = f"{type(rows).__module__.partition('.')[0]}.{type(rows).__name__}"
    if kind == "pandas.DataFrame":
        return _from_frame(rows, id_column)
    if kind == "pandas.Series":
        return _from_series(rows, id_column)
    if hasattr(rows, "__arrow_c_stream__"):
        return _from_arrow(rows, id_column)
    if not isinstance(rows, Iterable):
        raise DataError(
            f"rows must be a list of dicts or objects, a DataFrame, an Arrow table or a path, "
            f"found {type(rows).__name__}"
        )
    return _from_list(rows if isinstance(rows, list | tuple) else list(rows), id_column)


def _from_frame(frame: pd.DataFrame, id_column: str | None) -> Source:
    if not frame.columns.is_unique:
        name = frame.columns[frame.columns.duplicated()][0]
        raise DataError(f"the DataFrame has two columns named {name!r}; rename one")
    whole = FrameBatch(frame)
    ids = index_ids(frame.index) if id_column is None else None
    return _in_memory(whole, "the DataFrame", id_column, ids)


def _from_series(series: pd.Series[Any], id_column: str | None) -> Source:
    ids = index_ids(series.index) if id_column is None else None
    return _in_memory(ObjectBatch(series_values(series)), "the Series", id_column, ids)


def _from_arrow(rows: Any, id_column: str | None) -> Source:
    import pyarrow as pa

    table = rows if isinstance(rows, pa.Table) else pa.table(rows)
    for position, name in enumerate(table.column_names):
        if name in table.column_names[:position]:
            raise DataError(f"the table has two columns named {name!r}; rename one")
    return _in_memory(TableBatch(table), "the table", id_column, None)


def _from_list(rows: Sequence[Any], id_column: str | None) -> Source:
    kinds = set(map(type, rows))
    mappings = {kind for kind in kinds if issubclass(kind, Mapping)}
    if mappings and mappings != kinds:
        position = next(i for i, row in enumerate(rows) if type(row) not in mappings)
        raise DataError(
            f"rows must be all dicts or all objects, found a {type(rows[position]).__name__} "
            f"at position {position} among dicts"
        )
    whole: Batch = DictBatch(rows) if mappings else ObjectBatch(rows)
    return _in_memory(whole, "the list of rows", id_column, None)


def _in_memory(whole: Batch, name: str, id_column: str | None, ids: Ids | None) -> Source:
    if id_column is not None and whole.n_rows:
        values = whole.column(id_column)
        if values is None:
            raise no_such_column(id_column, whole.fields(0), name)
        ids = _ids_of_column(id_column, values)
    return Source(name, whole.n_rows, ids, lambda: iter((whole,)), whole.settle)


def _ids_of_column(name: str, values: Sequence[Any]) -> Ids:
    return make_ids(values, f"the column {name!r}", "choose another column or correct the data")


def _from_file(given: str | os.PathLike[str], id_column: str | None) -> Source:
    file = _open_file(given)
    ids: Ids | None = None
    if id_column is not None:
        if id_column not in file.columns:
            raise no_such_column(id_column, file.columns, str(file.path))
        ids = _ids_of_column(id_column, file.column(id_column))
    return Source(str(file.path), file.n_rows, ids, file.batches)


def _open_file(given: str | os.PathLike[str]) -> CsvRows | ParquetFile:
    path = Path(given)
    name = path.name.lower()
    if not name.endswith(SUFFIXES):
        if not path.exists() and isinstance(given, str):
            raise DataError(
                f"rows must be a list of rows or the path of a file, found the string "
                f"{given[:60]!r}, which is neither; write [row] for a single row"
            )
        raise DataError(f"{path} is of an unknown kind; the kinds read are {', '.join(SUFFIXES)}")
    if path.is_dir():
        raise DataError(f"{path} is a folder; give the path of one file")
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    if name.endswith((".parquet", ".pq")):
        from weaklabel.applier.parquet_file import ParquetFile

        return ParquetFile(path)
    from weaklabel.applier.csv_rows import CsvRows

    return CsvRows(path, "\t" if ".tsv" in name else ",")
