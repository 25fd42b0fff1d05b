"""Commands from votes to labels: ``fit``, ``label`` and ``aggregate``."""

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
