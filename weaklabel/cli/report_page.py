"""The command that draws: ``report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from weaklabel.cli import options as opt
from weaklabel.cli.command import command
from weaklabel.cli.screen import Screen

if TYPE_CHECKING:
    import pyarrow as pa

    from weaklabel.votes import VoteMatrix


@command
def report(
    screen: Screen,
    votes: opt.VotesArgument,
    out: Annotated[
        Path, typer.Option("--out", metavar="PAGE", help="Page to write: one .html file.")
    ],
    model: Annotated[
        Path | None,
        typer.Option("--model", metavar="MODEL", help="Label model written by fit: .npz."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option("--labels", metavar="LABELS", help="Labels of these rows: .parquet or .csv."),
    ] = None,
    rows: Annotated[
        Path | None,
        typer.Option(
            "--rows", "--data", metavar="ROWS", help="The rows themselves: .csv or .parquet."
        ),
    ] = None,
    gold: Annotated[
        str | None,
        typer.Option("--gold", metavar="COLUMN", help="Column of gold labels in the rows."),
    ] = None,
    id_column: opt.IdColumn = None,
    show: Annotated[
        list[str] | None,
        typer.Option(
            "--show", metavar="COLUMN", help="Column of the rows to show; may be repeated."
        ),
    ] = None,
    timing: Annotated[
        Path | None,
        typer.Option("--timing", metavar="TIMES", help="Times of the functions: .json."),
    ] = None,
    title: Annotated[
        str | None, typer.Option("--title", metavar="TEXT", help="Heading of the page.")
    ] = None,
    made: Annotated[
        str | None,
        typer.Option("--made", metavar="TEXT", help="When or by whom, for the head of the page."),
    ] = None,
    max_rows: Annotated[
        int, typer.Option("--max-rows", metavar="N", help="Rows shown one by one.")
    ] = 2000,
    overwrite: opt.Overwrite = False,
) -> None:
    """Draw votes and labels as one HTML page: charts, and tables to sort and search.

    Example: weaklabel report votes.npz --model model.npz --out report.html
    """
    from weaklabel.analysis.report import write_report
    from weaklabel.applier import Timing
    from weaklabel.export import load_model
    from weaklabel.pipeline import read_gold
    from weaklabel.soft_labels import SoftLabels
    from weaklabel.storage import check_target
    from weaklabel.votes import VoteMatrix

    check_target(out, overwrite=overwrite)
    matrix = VoteMatrix.load(votes)
    table = None if rows is None else _rows_of(matrix, rows, gold, id_column, show)
    sources = {"votes": votes, "model": model, "labels": labels, "rows": rows}
    about = {"From": ", ".join(f"{k} {v.name}" for k, v in sources.items() if v is not None)}
    if made is not None:
        about["Made"] = made
    page = write_report(
        out,
        matrix,
        None if model is None else load_model(model),
        None if labels is None else SoftLabels.read(labels),
        read_gold(matrix, rows, gold, id_column) if gold is not None else None,
        table,
        timing=None if timing is None else Timing.load(timing),
        title=title,
        about=about,
        max_rows=max_rows,
        overwrite=overwrite,
    )
    size = page.stat().st_size
    screen.say(f"wrote {page} ({size / 1e6:.1f} MB); open it in a browser")
    screen.result({"page": page, "bytes": size})


def _rows_of(
    votes: VoteMatrix,
    source: Path,
    gold: str | None,
    id_column: str | None,
    show: list[str] | None,
) -> pa.Table:
    """The rows in the order of the votes; without the columns that the page shows otherwise."""
    from weaklabel.pipeline import need_columns, positions_of, read_rows

    table = read_rows(source)
    need_columns(show or (), table.column_names, source)
    kept = show or [name for name in table.column_names if name not in (gold, id_column)]
    positions = positions_of(votes.row_ids, votes.n_items, table, id_column, source)
    return table.select(kept).take(positions)
