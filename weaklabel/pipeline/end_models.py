"""End models on files: which columns to learn from, training, predictions as a table."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np

from weaklabel.config import HeadChoice
from weaklabel.errors import ConfigError, DataError, WeakLabelWarning
from weaklabel.labels import LabelSpace
from weaklabel.pipeline.rows import need_columns, read_rows
from weaklabel.pipeline.steps import check_label_target
from weaklabel.soft_labels import PROBABILITY_PREFIX, SoftLabels, file_format
from weaklabel.storage import atomic_path

if TYPE_CHECKING:
    import pyarrow as pa

    from weaklabel.endmodel import EndModel

ROWS_AT_ONCE: Final = 65_536
"""Rows of a Parquet file predicted at a time."""


@dataclass(frozen=True)
class EndModelSettings:
    """What an end model learns from, and how.

    Attributes
    ----------
    id_column : str, optional
        Never learned from.
    text : str, optional
        Learned from, as text.
    features : tuple of str
        Learned from, beside the text; if there are neither, all columns are but those to drop.
    drop : tuple of str
        Not learned from.
    head : {"linear", "mlp"}
    seed : int
    """

    id_column: str | None = None
    text: str | None = None
    features: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    head: HeadChoice = "linear"
    seed: int = 0


def end_model_columns(
    rows: pa.Table, settings: EndModelSettings, where: object = "the data"
) -> list[str]:
    """The columns an end model sees.

    Parameters
    ----------
    rows : pyarrow.Table
    settings : EndModelSettings
    where : object
        What the rows are called in errors.

    Raises
    ------
    DataError
        If a column does not exist or none is left.
    ConfigError
        If a column is both to be used and not.
    """
    text, features, unseen = settings.text, settings.features, {*settings.drop, settings.id_column}
    need_columns([text, *features, *settings.drop], rows.column_names, where)
    chosen = [*([text] if text is not None else []), *(f for f in features if f != text)]
    clash = [name for name in chosen if name in unseen]
    if clash:
        raise ConfigError(
            f"the columns {clash} cannot be learned from: they are to be dropped, or the id"
        )
    columns = chosen or [c for c in rows.column_names if c not in unseen]
    if not columns:
        raise DataError(f"no column of {where} is left to train on; drop fewer")
    return columns


def train_end_model(
    labels: SoftLabels, rows: pa.Table, settings: EndModelSettings, where: object = "the data"
) -> EndModel:
    """An end model fitted on soft labels and their rows.

    Parameters
    ----------
    labels : SoftLabels
    rows : pyarrow.Table
        One row per label, in the same order.
    settings : EndModelSettings
    where : object
        What the rows are called in errors.

    Raises
    ------
    DataError, ConfigError, FitError
        If columns or labels cannot be used.

    Warns
    -----
    WeakLabelWarning
        If a column holds the names of the classes: most likely it is the answer itself.
    """
    from weaklabel.endmodel import EndModel

    seen = rows.select(end_model_columns(rows, settings, where))
    _warn_about_answers(seen, labels.labels, where)
    roles = {settings.text: "text"} if settings.text is not None else None
    model = EndModel(head=settings.head, columns=roles, random_state=settings.seed)
    return model.fit(seen, labels)


def _warn_about_answers(rows: pa.Table, labels: LabelSpace, where: object) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    for name in rows.column_names:
        column = rows.column(name)
        if not pa.types.is_string(column.type) and not pa.types.is_large_string(column.type):
            continue
        values = pc.unique(column).drop_null()
        if len(values) == len(labels) and set(values.to_pylist()) == set(labels):
            warnings.warn(
                f"the column {name!r} of {where} holds the names of the classes and the end model "
                f"learns from it; if it is the answer, leave it out (--drop {name})",
                WeakLabelWarning,
                stacklevel=3,
            )


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
    those kept. A Parquet file is read, predicted and written in pieces of 65,536 rows, so it may
    be larger than the memory.

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
        If a column is missing.
    """
    from weaklabel.endmodel import EndModel

    target = check_label_target(Path(out), overwrite=overwrite)
    fitted = EndModel.load(model)
    names = [str(c) for c in fitted.classes_]
    counts = np.zeros(len(names), dtype=np.int64)
    with (
        atomic_path(target, overwrite=overwrite) as temporary,
        _TableWriter(temporary, file_format(target)) as writer,
    ):
        start = 0
        for table in _parts(data):
            need_columns([id_column, *keep], table.column_names, data)
            probabilities = np.asarray(fitted.predict_proba(_inputs(fitted, table, text, data)))
            writer.add(_prediction_table(table, probabilities, names, id_column, keep, start))
            counts += np.bincount(probabilities.argmax(axis=1), minlength=len(names))
            start += table.num_rows
    return dict(zip(names, counts.tolist(), strict=True))


def _parts(data: Any) -> Iterator[pa.Table]:
    """The rows in pieces: a Parquet file is never read as a whole."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if isinstance(data, str | Path) and str(data).endswith(".parquet") and Path(data).is_file():
        try:
            file = pq.ParquetFile(data)
        except (OSError, pa.ArrowException):
            file = None  # read_rows says what is wrong with it
        if file is not None and file.metadata.num_rows > ROWS_AT_ONCE:
            with file:
                for batch in file.iter_batches(batch_size=ROWS_AT_ONCE):
                    yield pa.Table.from_batches([batch])
            return
    yield read_rows(data)


def _inputs(model: EndModel, rows: pa.Table, text: str | None, where: object) -> Any:
    """What of the rows the model was fitted on: columns of a table, or texts."""
    if hasattr(model, "feature_names_in_"):
        columns = [str(name) for name in model.feature_names_in_]
        need_columns(columns, rows.column_names, where)
        return rows.select(columns)
    if text is None:
        raise ConfigError(
            "the model was fitted on texts and not on columns of a table; "
            "say which column holds the texts (--text COLUMN on the command line)"
        )
    need_columns([text], rows.column_names, where)
    return rows.column(text)


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
    clash = [name for name in keep if name in columns]
    if clash:
        raise ConfigError(
            f"kept columns must not be named like a column of the predictions, found {clash}; "
            "rename them in the data or leave them out"
        )
    columns |= {name: rows.column(name) for name in keep}
    return pa.table(columns)


@final
class _TableWriter:
    """Writes a table piece by piece, as CSV or Parquet.

    Parameters
    ----------
    path : Path
    form : {"csv", "parquet"}
    """

    def __init__(self, path: Path, form: str) -> None:
        self.path = path
        self.form = form
        self._parquet: Any = None
        self._is_first = True

    def __enter__(self) -> _TableWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._parquet is not None:
            self._parquet.close()

    def add(self, table: pa.Table) -> None:
        """Write the next piece."""
        if self.form == "csv":
            mode = "w" if self._is_first else "a"
            table.to_pandas().to_csv(self.path, index=False, header=self._is_first, mode=mode)
        else:
            import pyarrow.parquet as pq

            if self._parquet is None:
                self._parquet = pq.ParquetWriter(self.path, table.schema)
            self._parquet.write_table(table)
        self._is_first = False
