"""Commands from votes to labels and on to end models.

``fit``, ``label`` and ``aggregate`` make soft labels of votes; ``train`` and ``predict`` use them.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from weaklabel.cli import options as opt
from weaklabel.cli.command import command
from weaklabel.cli.reports import counted, show_labels
from weaklabel.cli.screen import Screen


class OnDuplicate(StrEnum):
    """Which of several answers of one source on one item counts."""

    error = "error"
    first = "first"
    last = "last"


@command
def fit(
    screen: Screen,
    votes: opt.VotesArgument,
    out: Annotated[
        Path, typer.Option("--out", metavar="MODEL", help="Label model to write: .npz.")
    ],
    model: opt.Model = opt.ModelName.auto,
    data: opt.GoldData = None,
    gold: Annotated[
        str | None,
        typer.Option(
            "--gold", metavar="COLUMN", help="Column of gold labels in --data, to learn from."
        ),
    ] = None,
    id_column: opt.IdColumn = None,
    overwrite: opt.Overwrite = False,
    seed: opt.Seed = 0,
) -> None:
    """Fit a label model to votes: how far each labeling function can be trusted. No gold needed.

    Example: weaklabel fit votes.npz --out model.npz
    """
    from weaklabel.pipeline import check_votes, make_model, read_gold
    from weaklabel.storage import check_target
    from weaklabel.votes import VoteMatrix

    check_target(out, overwrite=overwrite)
    matrix = check_votes(VoteMatrix.load(votes))
    fitted = make_model(model.value, seed).fit(
        matrix, gold=read_gold(matrix, data, gold, id_column)
    )
    fitted.save(out, overwrite=overwrite)
    balance = dict(zip(fitted.labels_.names, fitted.class_balance_.tolist(), strict=True))
    screen.say(f"{type(fitted).__name__} of {matrix!r}")
    screen.say(f"{fitted.status_}")
    screen.say(f"wrote {out} (label model)")
    screen.result(
        {
            "model": out,
            "kind": type(fitted).__name__,
            "class_balance": balance,
            "status": fitted.status_,
        }
    )


@command
def label(
    screen: Screen,
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="Label model written by fit: .npz.")
    ],
    votes: opt.VotesArgument,
    out: opt.LabelsOut,
    overwrite: opt.Overwrite = False,
) -> None:
    """Turn votes into soft labels with a fitted label model.

    Example: weaklabel label model.npz votes.npz --out labels.parquet
    """
    from weaklabel.export import load_model
    from weaklabel.pipeline import check_label_target
    from weaklabel.votes import VoteMatrix

    check_label_target(out, overwrite=overwrite)
    labels = load_model(model).label(VoteMatrix.load(votes))
    labels.write(out, overwrite=overwrite)
    show_labels(screen, labels)
    screen.say(f"wrote {out} (soft labels)")
    screen.result({"labels": out, **counted(labels)})


@command
def aggregate(
    screen: Screen,
    votes: Annotated[
        Path,
        typer.Argument(metavar="ANSWERS", help="Table of one answer a row: .csv or .parquet."),
    ],
    out: opt.LabelsOut,
    item: Annotated[
        str, typer.Option("--item", metavar="COLUMN", help="Column of what was asked about.")
    ] = "item",
    source: Annotated[
        str, typer.Option("--source", metavar="COLUMN", help="Column of who answered.")
    ] = "source",
    answer: Annotated[
        str, typer.Option("--label", metavar="COLUMN", help="Column of the answers.")
    ] = "label",
    model: opt.Model = opt.ModelName.auto,
    on_duplicate: Annotated[
        OnDuplicate,
        typer.Option(
            "--on-duplicate",
            metavar="POLICY",
            help="Several answers of one source on one item: error, first or last.",
        ),
    ] = OnDuplicate.error,
    overwrite: opt.Overwrite = False,
    seed: opt.Seed = 0,
) -> None:
    """Settle the answers of a crowd or a panel of judges; no labeling functions needed.

    Example: weaklabel aggregate answers.csv --item task --source worker --label answer
    --out labels.csv
    """
    from weaklabel.pipeline import (
        check_label_target,
        check_votes,
        make_model,
        need_columns,
        read_rows,
        with_text_for_bools,
    )
    from weaklabel.votes import VoteMatrix

    check_label_target(out, overwrite=overwrite)
    table = read_rows(votes)
    need_columns([item, source, answer], table.column_names, votes)
    table = with_text_for_bools(table, answer)
    matrix = check_votes(
        VoteMatrix.from_long(table, item, source, answer, on_duplicate=on_duplicate.value),
        voter="source",
    )
    labels = make_model(model.value, seed).fit(matrix).label(matrix)
    labels.write(out, overwrite=overwrite)
    screen.say(
        f"{matrix.n_votes:,} answers of {matrix.n_lfs:,} sources on {matrix.n_items:,} items"
    )
    show_labels(screen, labels)
    screen.say(f"wrote {out} (soft labels)")
    screen.result(
        {
            "labels": out,
            **counted(labels),
            "n_sources": matrix.n_lfs,
            "n_answers": matrix.n_votes,
        }
    )


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
    overwrite: opt.Overwrite = False,
    seed: opt.Seed = 0,
) -> None:
    """Train an end model on soft labels and the rows they belong to.

    Rows are matched by --id, or by position if the labels have no ids.

    Example: weaklabel train labels.parquet rows.csv --id id --drop answer --out classifier.model
    """
    from weaklabel.pipeline import EndModelSettings, positions_of, read_rows, train_end_model
    from weaklabel.soft_labels import SoftLabels
    from weaklabel.storage import check_target

    check_target(out, overwrite=overwrite)
    soft = SoftLabels.read(labels)
    table = read_rows(data)
    rows = table.take(positions_of(soft.ids, soft.n_items, table, id_column, data))
    settings = EndModelSettings(
        id_column, text, tuple(features or ()), tuple(drop or ()), head.value, seed
    )
    model = train_end_model(soft, rows, settings, data)
    model.save(out, overwrite=overwrite)
    screen.say(f"end model: {model.status_}")
    screen.say(f"wrote {out} (end model)")
    screen.result({"model": out, "classes": list(soft.labels), "status": model.status_})


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
