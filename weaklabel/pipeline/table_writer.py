"""Tables written piece by piece, as CSV or Parquet."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, final

from weaklabel.soft_labels import file_format
from weaklabel.storage import atomic_path

if TYPE_CHECKING:
    import pyarrow as pa


@final
class TableWriter:
    """Writes a table piece by piece; all pieces have the columns of the first.

    Parameters
    ----------
    path : Path
    form : {"csv", "parquet"}
    """

    def __init__(self, path: Path, form: Literal["csv", "parquet"]) -> None:
        self.path = path
        self.form = form
        self._writer: Any = None

    def __enter__(self) -> TableWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._writer is not None:
            self._writer.close()

    def add(self, table: pa.Table) -> None:
        """Write the next piece."""
        if self.form == "csv":  # pandas writes numbers so that they read back to the same bits
            is_first = self._writer is None
            if is_first:
                self._writer = self.path.open("w", encoding="utf-8", newline="")
            frame = table.to_pandas(integer_object_nulls=True)  # 3, not 3.0, beside a missing one
            frame.to_csv(self._writer, index=False, header=is_first)
            return
        import pyarrow.parquet as pq

        if self._writer is None:
            self._writer = pq.ParquetWriter(self.path, table.schema)
        self._writer.write_table(table)


def write_table(table: pa.Table, path: Path, *, overwrite: bool = False) -> Path:
    """Write a whole table by the suffix of its name; errors as :func:`atomic_path`."""
    with (
        atomic_path(path, overwrite=overwrite) as temporary,
        TableWriter(temporary, file_format(path)) as writer,
    ):
        writer.add(table)
    return path
