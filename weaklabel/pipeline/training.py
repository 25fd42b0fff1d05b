"""An end model from files: soft labels and rows in, a model, a report and rows to look at out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from weaklabel.errors import ConfigError, DataError, WeakLabelError
from weaklabel.pipeline.cross_fit import FOLDS
from weaklabel.pipeline.end_models import EndModelSettings, end_model_columns, train_end_model
from weaklabel.pipeline.relabeling import SURE
from weaklabel.pipeline.reporting import FEW_GOLD, EndModelReport, end_model_report
from weaklabel.pipeline.rows import gold_codes, need_columns, positions_of, read_rows
from weaklabel.pipeline.steps import check_label_target
from weaklabel.soft_labels import SoftLabels
from weaklabel.storage import check_target
from weaklabel.votes import VoteMatrix

if TYPE_CHECKING:
    from weaklabel.endmodel import EndModel


@dataclass(frozen=True, eq=False)
class TrainResult:
    """What a training made.

    Attributes
    ----------
    model : EndModel
    labels : SoftLabels
    report : EndModelReport, optional
        None with ``folds=0``, or where nothing was asked of the report and it could not be made.
    no_report : str
        Why there is none.
    is_calibrated : bool
    """

    model: EndModel
    labels: SoftLabels
    report: EndModelReport | None
    no_report: str
    is_calibrated: bool


def train_files(
    labels: str | Path,
    data: Any,
    out: str | Path,
    settings: EndModelSettings,
    *,
    votes: str | Path | None = None,
    gold: str | None = None,
    slices: str | None = None,
    relabel: str | Path | None = None,
    calibrate: bool = False,
    folds: int = FOLDS,
    sure: float = SURE,
    overwrite: bool = False,
    on_step: Callable[[str], None] = lambda step: None,
) -> TrainResult:
    """Train an end model on soft labels of rows, write it, and say whether it helped.

    Parameters
    ----------
    labels : path
        Soft labels.
    data : path or table
        Rows, matched by the id column of the settings, or by position.
    out : path
        Where the model goes.
    settings : EndModelSettings
    votes : path, optional
        What the labels were made from; adds the majority vote to the report.
    gold : str, optional
        Column of gold labels: for scores and ``calibrate``, never learned from.
    slices : str, optional
        Column to report by.
    relabel : path, optional
        Where the rows to relabel go.
    calibrate : bool, default False
        Whether to choose the temperature on gold; it is kept only where it lowers the log loss of
        gold rows that it was not chosen on.
    folds, sure
        As :func:`end_model_report`; no report with ``folds=0``.
    overwrite : bool, default False
    on_step : callable
        Told what starts.

    Raises
    ------
    WeakLabelError
        For files, columns and settings that cannot be used, found before the training starts.
    """
    _check_asked(gold, slices, relabel, votes, calibrate=calibrate, folds=folds)
    check_target(out, overwrite=overwrite)
    if relabel is not None:
        check_label_target(Path(relabel), overwrite=overwrite)
        if Path(relabel).resolve() == Path(out).resolve():
            raise ConfigError(f"the model and the rows to relabel must be different files, {out}")
    soft = SoftLabels.read(labels)
    _check_labels(soft, labels)
    table = read_rows(data)
    need_columns([gold, slices], table.column_names, data)
    rows = table.take(positions_of(soft.ids, soft.n_items, table, settings.id_column, data))
    codes = None if gold is None else gold_codes(rows.column(gold), soft.labels, gold)
    matrix = None if votes is None else _votes_of(votes, soft)
    settings = _without_gold(settings, gold)
    if calibrate and codes is not None and (codes >= 0).sum() < FEW_GOLD:
        raise DataError(
            f"to calibrate, at least {FEW_GOLD} rows need gold, found {int((codes >= 0).sum())}"
        )
    seen = rows.select(end_model_columns(rows, settings, data))
    on_step(f"training on {soft.n_items:,} rows")
    model = train_end_model(soft, rows, settings, data)
    report, why = None, "it was not asked for (0 folds)"
    is_asked = calibrate or any(v is not None for v in (votes, gold, slices, relabel))
    try:
        if folds:
            on_step(f"training {folds} models more, for held-out answers")
            report = end_model_report(
                settings.model(), seen, soft, votes=matrix, gold=codes,
                slices=None if slices is None else rows.column(slices),
                what=slices or "slice", folds=folds, sure=sure, seed=settings.seed,
            )  # fmt: skip
    except WeakLabelError as error:
        if is_asked:
            model.save(out, overwrite=overwrite)
            error.add_note(f"the end model was written to {out} all the same, without a report")
            raise
        why = str(error)
    found = None if report is None else report.temperature
    is_calibrated = calibrate and found is not None and found.helps
    if is_calibrated and found is not None:
        model.set_temperature(found.value)
    model.save(out, overwrite=overwrite)
    if relabel is not None and report is not None:
        report.relabel.write(relabel, overwrite=overwrite)
    return TrainResult(model, soft, report, why, is_calibrated)


def _check_asked(
    gold: str | None, slices: Any, relabel: Any, votes: Any, *, calibrate: bool, folds: int
) -> None:
    if folds < 0 or folds == 1:
        raise ConfigError(f"folds must be 0 (no report) or at least 2, found {folds}")
    if calibrate and gold is None:
        raise ConfigError(
            "a temperature is chosen on gold; say which column holds it (--gold COLUMN). Soft "
            "labels were measured to give temperatures that do not help"
        )
    asked = {"gold": gold, "slices": slices, "relabel": relabel, "votes": votes}
    needs = [name for name, value in asked.items() if value is not None]
    if needs and not folds:
        raise ConfigError(
            f"{' and '.join(needs)} are for the report, and with 0 folds there is none; give at "
            "least 2 folds"
        )


def _check_labels(labels: SoftLabels, where: object) -> None:
    if labels.n_items == 0:
        raise DataError(f"there are no labels: {where} is empty")
    if labels.ids is None:
        return
    keys: npt.NDArray[Any] = np.asarray([str(key) for key in labels.ids.tolist()])
    _, first, counts = np.unique(keys, return_index=True, return_counts=True)
    if (counts > 1).any():
        key = keys[first[counts > 1].min()]
        rows = np.flatnonzero(keys == key)[:2].tolist()
        raise DataError(
            f"ids must be unique, found {str(key)!r} in rows {rows[0]} and {rows[1]} of {where}"
        )


def _votes_of(path: str | Path, labels: SoftLabels) -> VoteMatrix:
    from weaklabel.analysis.gold import check_same_rows

    votes = VoteMatrix.load(path)
    check_same_rows(votes, labels)
    return votes


def _without_gold(settings: EndModelSettings, gold: str | None) -> EndModelSettings:
    if gold is None:
        return settings
    if gold in (settings.text, *settings.features):
        raise ConfigError(
            f"the gold column {gold!r} is for scores and must not be learned from; leave it out "
            "of the text and the features"
        )
    return replace(settings, drop=tuple(dict.fromkeys((*settings.drop, gold))))
