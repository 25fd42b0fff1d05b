"""Rows of a CSV file, converted column by column as labeling functions ask for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from weaklabel.applier.batch import Batch, arrow_values, one_array
from weaklabel.csv_file import CsvFile, Kind, converted

if TYPE_CHECKING:
    import pyarrow as pa


class CsvRows(CsvFile):
    """A CSV file as batches of rows."""

    def batches(self) -> Iterator[CsvBatch]:
        """The blocks of the file, in order."""
        import pyarrow as pa

        for block in self.blocks():
            yield CsvBatch(pa.Table.from_batches([block]), self.kinds)

    def column(self, name: str) -> list[Any]:
        """All values of one column."""
        return [value for batch in self.batches() for value in batch.column(name) or ()]


class CsvBatch(Batch):
    """Rows of a CSV file as text, converted column by column when touched."""

    def __init__(self, table: pa.Table, kinds: dict[str, Kind]) -> None:
        super().__init__(table.num_rows)
        self._table = table
        self._kinds = kinds

    def column(self, name: Any) -> Sequence[Any] | None:
        """As :meth:`Batch.column`."""
        if name not in self._kinds:
            return None
        return arrow_values(converted(self._table.column(name), self._kinds[name]))

    def arrow(self, name: Any) -> pa.Array | None:
        """As :meth:`Batch.arrow`."""
        if name not in self._kinds:
            return None
        return one_array(converted(self._table.column(name), self._kinds[name]))

    def fields(self, position: int) -> tuple[Any, ...]:
        """As :meth:`Batch.fields`."""
        return tuple(self._kinds)

    def slice(self, start: int, stop: int) -> CsvBatch:
        """As :meth:`Batch.slice`."""
        return CsvBatch(self._table.slice(start, stop - start), self._kinds)
