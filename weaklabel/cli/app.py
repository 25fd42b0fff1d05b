"""The ``weaklabel`` command: its sub-commands and its way in."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import Annotated

import typer

from weaklabel.cli import (
    analyzing,
    asking,
    comparing,
    labeling,
    models,
    packs,
    report_page,
    starting,
    training,
)
from weaklabel.version import __version__

HELP = """
Labels from rules, prompts and crowds: labeling functions vote on rows, a label model turns the
votes into soft labels without gold, and an end model learns from them.

[bold]Start here[/bold]

  weaklabel demo

[bold]Your own rules, from rows to labels and a classifier[/bold]

  weaklabel run my_rules.py rows.csv --out labels.parquet --train model.npz

[bold]The same, step by step[/bold]

  weaklabel apply my_rules.py rows.csv --out votes.npz
  weaklabel analyze votes.npz
  weaklabel fit votes.npz --out model.npz
  weaklabel label model.npz votes.npz --out labels.parquet
  weaklabel diff old_votes.npz votes.npz
  weaklabel report votes.npz --model model.npz --rows rows.csv --out report.html

[bold]A classifier, and whether it helped[/bold]

  weaklabel train labels.parquet rows.csv --out model.npz --relabel look.csv
  weaklabel predict model.npz new_rows.parquet --out predictions.parquet

[bold]Labels from a crowd or a panel of judges[/bold]

  weaklabel aggregate answers.csv --out labels.csv

Exit codes: 0 fine, 1 an error in what was given, 2 wrong usage, 70 a bug, 130 interrupted.
"""

app = typer.Typer(
    name="weaklabel",
    help=HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

for function in (
    starting.demo,
    labeling.run,
    labeling.apply,
    asking.ask,
    analyzing.analyze,
    comparing.diff,
    models.fit,
    models.label,
    models.aggregate,
    training.train,
    training.predict,
    report_page.report,
    packs.packs,
):
    app.command(no_args_is_help=function not in (starting.demo, packs.packs))(function)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"weaklabel {__version__}")
        raise typer.Exit()


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line of this process and exit with its code."""
    signal.signal(signal.SIGTERM, _terminate)
    app()


def _terminate(number: int, frame: FrameType | None) -> None:
    # Raised as an exception so that half-written temporary files are removed on the way out.
    sys.exit(128 + number)
