"""Predictions of an end model on a file, in pieces of bounded size.

A Parquet file is read by row groups, a CSV file by blocks; of a Parquet file only the columns in
use are read. The output appears under its name when it is complete, with a row for each row of the
data, in the same order.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
import numpy.typing as npt

from weaklabel.errors import ConfigError, DataError
from weaklabel.pipeline.rows import name_of, need_columns, read_rows
from weaklabel.pipeline.steps import check_label_target, join_words
from weaklabel.pipeline.table_writer import TableWriter
from weaklabel.soft_labels import PROBABILITY_PREFIX, file_format
from weaklabel.storage import atomic_path

if TYPE_CHECKING:
    import pyarrow as pa

    from weaklabel.endmodel import EndModel

ROWS_AT_ONCE: Final = 65_536
"""Rows of a file predicted at a time."""


def predict_file(
    model: str | Path,
    data: Any,
    out: str | Path,
    *,
    id_column: str | None = None,
    text: str | None = None,
    keep: Sequence[str] = (),
    overwrite: bool = False,
) -> dict[str, int]:
    """Predict the classes of rows and write them as a table.

    The table has the columns ``id`` (or the position), ``p_<class>``, ``label``, ``confidence`` and
    those kept; it has the rows of the data in their order. A file is read, predicted and written
    in pieces of at most 65,536 rows, so it may be larger than the memory; of ids, 8 bytes a row are
    kept to find one that comes twice.

    Parameters
    ----------
    model : path
        An end model.
    data : path, pyarrow.Table or pandas.DataFrame
    out : path
        ``.parquet`` or ``.csv``.
    id_column : str, optional
    text : str, optional
        The column of texts, for a model that was fitted on a list of texts.
    keep : sequence of str
        Columns of the data to copy.
    overwrite : bool, default False

    Returns
    -------
    dict of str to int
        Rows of each class.

    Raises
    ------
    ArtifactError
        If the model cannot be read or the table not be written.
    DataError
        If a column or an id is missing, an id comes twice, or there are no rows.
    ConfigError
        If ``text`` is missing or not wanted, or a kept column has a name that is taken.
    """
    from weaklabel.endmodel import EndModel

    target = check_label_target(Path(out), overwrite=overwrite)
    fitted = EndModel.load(model)
    names = [str(c) for c in fitted.classes_]
    _check_kept(keep, names)
    read, is_table = _columns_read(fitted, text), hasattr(fitted, "feature_names_in_")
    counts = np.zeros(len(names), dtype=np.int64)
    ids = _Ids(id_column, data)
    with (
        atomic_path(target, overwrite=overwrite) as temporary,
        TableWriter(temporary, file_format(target)) as writer,
    ):
        start = 0
        for table in pieces_of(data, [*read, *([id_column] if id_column else []), *keep]):
            rows = table.select(read) if is_table else table.column(read[0])
            probabilities = np.asarray(fitted.predict_proba(rows))
            ids.add(table)
            writer.add(_prediction_table(table, probabilities, names, id_column, keep, start))
            counts += np.bincount(probabilities.argmax(axis=1), minlength=len(names))
            start += table.num_rows
        ids.check()
    return dict(zip(names, counts.tolist(), strict=True))


def pieces_of(data: Any, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Some columns of the rows, in order, in pieces of at most 65,536 rows.

    Raises
    ------
    DataError
        If a column is missing, the file is missing or damaged, or there are no rows.
    """
    wanted = list(dict.fromkeys(columns))
    if isinstance(data, str | os.PathLike):
        parts = _parquet_pieces if _is_parquet(data) else _text_pieces
        yield from parts(data, wanted)
        return
    table = read_rows(data)
    need_columns(wanted, table.column_names, name_of(data))
    for start in range(0, table.num_rows, ROWS_AT_ONCE):
        yield table.select(wanted).slice(start, ROWS_AT_ONCE)


def _is_parquet(path: str | os.PathLike[str]) -> bool:
    return Path(path).suffix.lower() in (".parquet", ".pq") and Path(path).is_file()


def _parquet_pieces(path: Any, wanted: list[str]) -> Iterator[pa.Table]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            need_columns(wanted, file.schema_arrow.names, path)
            if file.metadata.num_rows == 0:
                raise DataError(f"there are no rows: {path} is empty")
            # A name with dots would be taken for a path into a struct.
            chosen = None if any("." in name for name in wanted) else wanted
            for batch in file.iter_batches(batch_size=ROWS_AT_ONCE, columns=chosen):
                yield pa.Table.from_batches([batch]).select(wanted)
    except (OSError, pa.ArrowException) as error:
        text = " ".join(str(error).split())
        raise DataError(
            f"{path} is damaged, half-written or not a Parquet file ({text}); write it again"
        ) from error


def _text_pieces(path: Any, wanted: list[str]) -> Iterator[pa.Table]:
    import pyarrow as pa

    from weaklabel.applier.sources import open_rows

    source = open_rows(path)  # has seen the whole file, and knows the types of its columns
    first = True
    for batch in source.batches(lambda: ROWS_AT_ONCE):
        if first:
            need_columns(wanted, [str(name) for name in batch.fields(0)], path)
            first = False
        yield pa.table({name: batch.arrow(name) for name in wanted})


def _columns_read(model: EndModel, text: str | None) -> list[str]:
    """The columns that the model reads: those of the table it was fitted on, or that of texts."""
    if hasattr(model, "feature_names_in_"):
        names = [str(name) for name in model.feature_names_in_]
        if text is not None and text not in names:
            raise ConfigError(
                f"the model was fitted on the columns {join_words(names)} and finds them itself; "
                f"leave out the column of texts, found {text!r}"
            )
        return names
    if text is None:
        raise ConfigError(
            "the model was fitted on texts and not on columns of a table; "
            "say which column holds the texts (--text COLUMN on the command line)"
        )
    return [text]


@final
class _Ids:
    """Ids seen so far, as 8 bytes each: a missing one or one that comes twice is an error."""

    def __init__(self, column: str | None, where: object) -> None:
        self.column = column
        self.where = where
        self._seen: list[npt.NDArray[np.uint64]] = []
        self._n_rows = 0

    def add(self, table: pa.Table) -> None:
        """Note the ids of a piece."""
        import pandas as pd

        if self.column is None:
            return
        ids = table.column(self.column)
        if ids.null_count:
            row = self._n_rows + ids.is_null().to_pylist().index(True)
            raise DataError(f"the column {self.column!r} of {self.where} has no id in row {row}")
        self._n_rows += len(ids)
        self._seen.append(pd.util.hash_array(ids.to_pandas().to_numpy()))

    def check(self) -> None:
        """Raise DataError if an id came twice."""
        seen = np.concatenate(self._seen) if self._seen else np.empty(0, dtype=np.uint64)
        found, first, counts = np.unique(seen, return_index=True, return_counts=True)
        if len(found) == len(seen):
            return
        key = found[counts > 1][np.argmin(first[counts > 1])]
        rows = np.flatnonzero(seen == key)[:2].tolist()
        raise DataError(
            f"ids must be unique, found one id in rows {rows[0]} and {rows[1]} of the column "
            f"{self.column!r} of {self.where}; choose another column or leave it out"
        )


def _check_kept(keep: Sequence[str], names: Sequence[str]) -> None:
    taken = {"id", "label", "confidence", *(PROBABILITY_PREFIX + name for name in names)}
    clash = [name for name in keep if name in taken]
    if clash:
        raise ConfigError(
            f"kept columns must not be named like a column of the predictions, found {clash}; "
            "rename them in the data or leave them out"
        )


def _prediction_table(
    rows: pa.Table,
    probabilities: Any,
    names: Sequence[str],
    id_column: str | None,
    keep: Sequence[str],
    start: int,
) -> pa.Table:
    import pyarrow as pa

    positions = np.arange(start, start + rows.num_rows)
    ids = pa.array(positions) if id_column is None else rows.column(id_column)
    columns: dict[str, Any] = {"id": ids}
    for k, name in enumerate(names):
        columns[PROBABILITY_PREFIX + name] = pa.array(probabilities[:, k])
    columns["label"] = pa.array([names[k] for k in probabilities.argmax(axis=1).tolist()])
    columns["confidence"] = pa.array(probabilities.max(axis=1))
    columns |= {name: rows.column(name) for name in keep}
    return pa.table(columns)
