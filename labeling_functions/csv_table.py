"""Tables that rules are made of: CSV, TSV and Parquet files."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labeling_functions.building import SettingError
from weaklabel.errors import DataError


def read_columns(
    name: str, file: Any, wanted: Sequence[str] | None, least: int = 2
) -> list[Sequence[Any]]:
    """Columns of a table, None where empty; the first ``least`` ones if none are named.

    Raises
    ------
    SettingError
        If the table has no such columns.
    DataError
        If it cannot be read.
    """
    if not isinstance(file, str | Path):
        raise SettingError(name, "file", f"must be the path of a table, found {file!r}")
    path = Path(file)
    try:
        header, columns = _parquet(path) if path.suffix == ".parquet" else _text(path)
    except OSError as error:
        raise DataError(
            f"file of labeling function {name!r}: cannot read {path}: {error.strerror or error}"
        ) from error
    except (ValueError, csv.Error) as error:  # not UTF-8, or not Parquet
        raise DataError(
            f"file of labeling function {name!r}: cannot read {path}: {error}"
        ) from error
    if wanted is None:
        if len(header) < least:
            count = "two columns" if least == 2 else f"{least} columns"
            raise SettingError(name, "file", f"must have {count}, found {header} in {path}")
        wanted = header[:least]
    for column in wanted:
        if column not in header:
            raise SettingError(
                name, "file", f"must have a column {column!r}; {path} has {', '.join(header)}"
            )
    return [columns[header.index(column)] for column in wanted]


def _parquet(path: Path) -> tuple[list[str], list[Sequence[Any]]]:
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    return table.column_names, [column.to_pylist() for column in table.columns]


def _text(path: Path) -> tuple[list[str], list[Sequence[Any]]]:
    delimiter = "\t" if path.suffix == ".tsv" else ","
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = [row for row in csv.reader(stream, delimiter=delimiter, strict=True) if row]
    if not rows:
        raise ValueError("it is empty")
    header = rows[0]
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            raise ValueError(f"record {number} has {len(row)} values for {len(header)} columns")
    return header, [
        [value or None for value in column] for column in zip(*rows[1:], strict=True)
    ] or [[] for _ in header]
