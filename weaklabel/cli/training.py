"""Commands for end models: ``train`` and ``predict``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from weaklabel.cli import options as opt
from weaklabel.cli.command import command
from weaklabel.cli.screen import Screen

REPORT = "Report"
FOLDS = 5


@command
def train(
    screen: Screen,
    labels: Annotated[
        Path, typer.Argument(metavar="LABELS", help="Soft labels: .parquet or .csv.")
    ],
    data: opt.DataArgument,
    out: Annotated[Path, typer.Option("--out", metavar="MODEL", help="End model to write.")],
    id_column: opt.IdColumn = None,
    text: opt.Text = None,
    features: opt.Features = None,
    drop: opt.Drop = None,
    head: opt.HeadOption = opt.Head.linear,
    loss: Annotated[
        str | None,
        typer.Option(
            "--loss", metavar="NAME", rich_help_panel="End model", help="What is minimised."
        ),
    ] = None,
    strategy: Annotated[
        str | None,
        typer.Option(
            "--strategy",
            metavar="NAME",
            rich_help_panel="End model",
            help="What is done against noise in the labels.",
        ),
    ] = None,
    votes: Annotated[
        Path | None,
        typer.Option(
            "--votes",
            metavar="VOTES",
            rich_help_panel=REPORT,
            help="What the labels were made from; adds the majority vote.",
        ),
    ] = None,
    gold: Annotated[
        str | None,
        typer.Option(
            "--gold",
            metavar="COLUMN",
            rich_help_panel=REPORT,
            help="Column of gold labels, for scores: never learned from.",
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            "--slice", metavar="COLUMN", rich_help_panel=REPORT, help="Also report by its values."
        ),
    ] = None,
    relabel: Annotated[
        Path | None,
        typer.Option(
            "--relabel",
            metavar="FILE",
            rich_help_panel=REPORT,
            help="Write the rows it would relabel: .csv or .parquet.",
        ),
    ] = None,
    sure: Annotated[
        float,
        typer.Option(
            "--sure",
            metavar="P",
            rich_help_panel=REPORT,
            help="Probability from which it would relabel.",
        ),
    ] = 0.8,
    calibrate: Annotated[
        bool,
        typer.Option(
            "--calibrate",
            rich_help_panel=REPORT,
            help="Scale the confidence of the model on the gold rows, where that helps.",
        ),
    ] = False,
    folds: Annotated[
        int,
        typer.Option(
            "--folds",
            metavar="N",
            rich_help_panel=REPORT,
            help="Models trained to answer rows they did not see; 0 for no report.",
        ),
    ] = FOLDS,
    overwrite: opt.Overwrite = False,
    seed: opt.Seed = 0,
) -> None:
    """Train an end model on soft labels and their rows, and say whether it helped.

    Rows are matched by --id, or by position if the labels have no ids.

    Example: weaklabel train labels.parquet rows.csv --id id --drop answer --out classifier.model
    """
    from weaklabel.pipeline import EndModelSettings, train_files

    settings = EndModelSettings(
        id_column, text, tuple(features or ()), tuple(drop or ()), head.value, seed, loss, strategy
    )
    result = train_files(
        labels,
        data,
        out,
        settings,
        votes=votes,
        gold=gold,
        slices=by,
        relabel=relabel,
        calibrate=calibrate,
        folds=folds,
        sure=sure,
        overwrite=overwrite,
        on_step=lambda step: screen.note(f"{step} ..."),
    )
    model, report = result.model, result.report
    screen.say(f"end model: {model.status_}")
    screen.say()
    if report is not None:
        screen.say(report.to_text(screen.width))
    else:
        screen.say(f"no report: {result.no_report}")
    screen.say()
    if calibrate:
        scaled = f"temperature {model.temperature_:.2f}" if result.is_calibrated else "not scaled"
        screen.say(f"confidence: {scaled}")
    screen.say(f"wrote {out} (end model)")
    if relabel is not None:
        screen.say(f"wrote {relabel} (rows to relabel)")
    screen.result(
        {
            "model": out,
            "classes": list(result.labels.labels),
            "status": model.status_,
            "temperature": model.temperature_,
            "relabel": relabel,
            "report": None if report is None else report.to_dict(),
        }
    )


@command
def predict(
    screen: Screen,
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="End model written by train.")],
    data: opt.DataArgument,
    out: Annotated[
        Path, typer.Option("--out", metavar="PREDICTIONS", help="Table to write: .parquet or .csv.")
    ],
    id_column: opt.IdColumn = None,
    text: Annotated[
        str | None,
        typer.Option(
            "--text", metavar="COLUMN", help="For a model fitted on plain texts: their column."
        ),
    ] = None,
    keep: opt.Keep = None,
    overwrite: opt.Overwrite = False,
) -> None:
    """Predict the classes of rows with an end model.

    Example: weaklabel predict classifier.model new_rows.csv --out predictions.csv
    """
    from weaklabel.pipeline import predict_file

    counts = predict_file(
        model, data, out, id_column=id_column, text=text, keep=keep or (), overwrite=overwrite
    )
    total = sum(counts.values())
    shown = ", ".join(f"{name}: {n:,}" for name, n in counts.items())
    screen.say(f"predictions for {total:,} rows: {shown}")
    screen.say(f"wrote {out} (predictions)")
    screen.result({"predictions": out, "n_items": total, "counts": counts})
