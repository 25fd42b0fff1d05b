"""End models on files: which columns to learn from, training, predictions as a table."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from weaklabel.config import HeadChoice
from weaklabel.errors import ConfigError, DataError, WeakLabelWarning
from weaklabel.labels import LabelSpace
from weaklabel.pipeline.rows import need_columns
from weaklabel.soft_labels import SoftLabels

if TYPE_CHECKING:
    import pyarrow as pa

    from weaklabel.endmodel import EndModel


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
    loss, strategy : str, optional
        Names; those of :class:`weaklabel.EndModel` if None.
    """

    id_column: str | None = None
    text: str | None = None
    features: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    head: HeadChoice = "linear"
    seed: int = 0
    loss: str | None = None
    strategy: str | None = None

    def model(self) -> EndModel:
        """The model, unfitted."""
        from weaklabel.endmodel import EndModel

        columns = {self.text: "text"} if self.text is not None else None
        model = EndModel(head=self.head, columns=columns, random_state=self.seed)
        named = {"loss": self.loss, "strategy": self.strategy}
        model.set_params(**{name: value for name, value in named.items() if value is not None})
        return model


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
    seen = rows.select(end_model_columns(rows, settings, where))
    _warn_about_answers(seen, labels.labels, where)
    return settings.model().fit(seen, labels)


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
