"""Parquet files, read one row group and one column at a time, as labeling functions ask for them.

The file is decoded once before the first labeling function runs, so that a damaged or half-written
one is refused while nothing is lost yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weaklabel.applier.batch import Batch, arrow_values, one_array
from weaklabel.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa


class ParquetFile:
    """A Parquet file that has been decoded once.

    Parameters
    ----------
    path : Path

    Raises
    ------
    DataError
        If the file is not Parquet, is cut off or damaged, or names a column twice.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        reader = _reader(path)
        self.columns: tuple[str, ...] = tuple(reader.schema_arrow.names)
        for position, name in enumerate(self.columns):
            if name in self.columns[:position]:
                raise DataError(f"{path} has two columns named {name!r}; rename one")
        self.n_rows = 0
        try:
            for batch in reader.iter_batches():
                self.n_rows += batch.num_rows
        except _errors() as error:
            raise _damaged(path, error) from error
        self._n_groups = int(reader.num_row_groups)
        reader.close()

    def batches(self) -> Iterator[GroupBatch]:
        """The row groups of the file, in order."""
        for number in range(self._n_groups):
            group = RowGroup(str(self.path), number)
            yield GroupBatch(group, 0, group.n_rows)

    def column(self, name: str) -> list[Any]:
        """All values of one column."""
        return [value for batch in self.batches() for value in batch.column(name) or ()]

    def table(self) -> pa.Table:
        """The whole file."""
        return _reader(self.path).read()


class RowGroup:
    """One row group; the columns read from it so far are kept."""

    def __init__(self, path: str, number: int) -> None:
        self._path = path
        self._number = number
        self._file = _reader(Path(path))
        self._columns: dict[str, pa.ChunkedArray] = {}
        self.names: tuple[str, ...] = tuple(self._file.schema_arrow.names)
        self.n_rows = int(self._file.metadata.row_group(number).num_rows)

    def __reduce__(self) -> tuple[Any, ...]:
        return _row_group, (self._path, self._number)  # a worker process reads for itself

    def column(self, name: str) -> pa.ChunkedArray:
        """One column of the group."""
        if name not in self._columns:
            try:
                # A name with dots would be taken for a path into a struct; those are read whole.
                table = self._file.read_row_group(self._number, columns=[name])
                if name not in table.column_names:
                    table = self._file.read_row_group(self._number)
                self._columns[name] = table.column(name)
            except _errors() as error:
                raise _damaged(Path(self._path), error) from error
        return self._columns[name]


@lru_cache(maxsize=2)
def _row_group(path: str, number: int) -> RowGroup:
    return RowGroup(path, number)


class GroupBatch(Batch):
    """Rows of a row group."""

    def __init__(self, group: RowGroup, start: int, stop: int) -> None:
        super().__init__(stop - start)
        self._group = group
        self._start = start

    def column(self, name: Any) -> Sequence[Any] | None:
        """As :meth:`Batch.column`."""
        if name not in self._group.names:
            return None
        return arrow_values(self._group.column(name).slice(self._start, self.n_rows))

    def arrow(self, name: Any) -> pa.Array | None:
        """As :meth:`Batch.arrow`."""
        if name not in self._group.names:
            return None
        return one_array(self._group.column(name).slice(self._start, self.n_rows))

    def fields(self, position: int) -> tuple[Any, ...]:
        """As :meth:`Batch.fields`."""
        return self._group.names

    def slice(self, start: int, stop: int) -> GroupBatch:
        """As :meth:`Batch.slice`."""
        return GroupBatch(self._group, self._start + start, self._start + stop)


def _reader(path: Path) -> Any:
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(str(path))
    except _errors() as error:
        raise _damaged(path, error) from error


def _errors() -> tuple[type[Exception], ...]:
    import pyarrow as pa

    return (pa.ArrowException, OSError, ValueError)


def _damaged(path: Path, error: Exception) -> DataError:
    text = " ".join(str(error).split())
    return DataError(
        f"{path} is damaged, half-written or not a Parquet file ({text}); write it again"
    )
