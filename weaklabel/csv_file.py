"""CSV files, read in blocks, after a first pass that has seen the whole file.

The first pass parses every row, so that a damaged file is refused before any work has been done,
and finds the type of each column from all its values: whole numbers, numbers, true/false, or
text. Numbers that would not survive the conversion (leading zeros, 19 digits and more) stay text.
An empty cell is missing; ``NA``, ``NaN`` and ``null`` are missing in a column that is otherwise
numeric, and ordinary words in a text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from weaklabel.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

Kind: TypeAlias = Literal["int", "float", "bool", "text"]

BLOCK_BYTES: Final = 1 << 22  # Arrow reads up to 32 blocks ahead of a slow consumer
LARGEST_BLOCK: Final = 1 << 30  # a single row may not be larger
NOT_AVAILABLE: Final = ("NA", "N/A", "#N/A", "n/a", "NaN", "nan", "NULL", "null")
_PATTERNS: Final[dict[Kind, str]] = {  # narrowest first
    "bool": r"^(true|false|True|False|TRUE|FALSE)$",
    "int": r"^-?(0|[1-9][0-9]{0,17})$",
    "float": r"^-?((0|[1-9][0-9]{0,17})?(\.[0-9]+)|(0|[1-9][0-9]{0,17})\.?)([eE][+-]?[0-9]+)?$",
}


class CsvFile:
    """A CSV file whose every row has been seen once.

    Parameters
    ----------
    path : Path
    delimiter : str

    Raises
    ------
    DataError
        If the file is empty, is not UTF-8, or its rows do not have the same number of cells.
    """

    def __init__(self, path: Path, delimiter: str = ",") -> None:
        self.path = path
        self._delimiter = delimiter
        self._block_bytes = BLOCK_BYTES
        self.columns = self._read_header()
        self.n_rows = 0
        self._possible: dict[str, list[Kind]] = {}
        self._seen: set[str] = set()
        while not self._scan():
            self._block_bytes *= 8
        self.kinds: dict[str, Kind] = {
            name: kinds[0] if kinds and name in self._seen else "text"
            for name, kinds in self._possible.items()
        }

    def blocks(self) -> Iterator[pa.RecordBatch]:
        """The file in stretches of rows, in order; every cell is text, or null where it is empty.

        Raises
        ------
        DataError
            If the file cannot be read.
        """
        import pyarrow as pa

        try:
            yield from self._open(self.columns)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise self._damaged(error) from error

    def table(self) -> pa.Table:
        """The whole file, its columns converted."""
        import pyarrow as pa

        blocks = [
            pa.table({n: converted(b.column(n), self.kinds[n]) for n in self.columns})
            for b in self.blocks()
        ]
        return pa.concat_tables(blocks) if blocks else pa.table({n: [] for n in self.columns})

    def _scan(self) -> bool:
        """Look at every row; False if one is larger than a block."""
        self.n_rows = 0
        self._possible = {name: list(_PATTERNS) for name in self.columns}
        try:
            for block in self.blocks():
                self.n_rows += block.num_rows
                for name in self.columns:
                    self._narrow(name, block.column(name))
        except DataError as error:
            if "straddling" in str(error) and self._block_bytes < LARGEST_BLOCK:
                return False
            raise
        return True

    def _narrow(self, name: str, column: pa.Array) -> None:
        """Strike out the types that the values of a block rule out."""
        import pyarrow.compute as pc

        if not self._possible[name]:
            return
        values = _without_na_words(column).drop_null()
        if len(values) == 0:
            return
        self._seen.add(name)
        self._possible[name] = [
            kind
            for kind in self._possible[name]
            if pc.all(pc.match_substring_regex(values, _PATTERNS[kind])).as_py()
        ]

    def _read_header(self) -> tuple[str, ...]:
        try:
            names = tuple(self._open(None).schema.names)
        except Exception as error:
            raise self._damaged(error) from error
        for position, name in enumerate(names):
            if name in names[:position]:
                raise DataError(f"{self.path} has two columns named {name!r}; rename one")
        return names

    def _open(self, columns: Sequence[str] | None) -> Any:
        import pyarrow as pa
        from pyarrow import csv

        types = None if columns is None else dict.fromkeys(columns, pa.string())
        return csv.open_csv(
            str(self.path),
            read_options=csv.ReadOptions(block_size=self._block_bytes),
            parse_options=csv.ParseOptions(delimiter=self._delimiter, newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types=types,
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )

    def _damaged(self, error: Exception) -> DataError:
        text = str(error)
        if "Empty CSV" in text:
            return DataError(f"{self.path} is empty; a CSV file starts with a line of column names")
        if "UTF8" in text or "UTF-8" in text:
            return DataError(f"{self.path} is not UTF-8 ({text}); convert it to UTF-8 first")
        return DataError(f"{self.path} cannot be read as CSV: {text}")


def converted(column: Any, kind: Kind) -> Any:
    """A column of text (an Arrow array) as the kind of all its values."""
    import pyarrow as pa

    if kind == "text":
        return column
    types = {"int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}
    return _without_na_words(column).cast(types[kind])


def _without_na_words(column: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    words = pc.is_in(column, value_set=pa.array(NOT_AVAILABLE))
    if not pc.any(words).as_py():
        return column
    return pc.if_else(words, pa.scalar(None, pa.string()), column)
