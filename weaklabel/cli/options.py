"""Arguments and options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class ModelName(StrEnum):
    """Label models by name."""

    auto = "auto"
    majority = "majority"
    dawid_skene = "dawid-skene"


class Head(StrEnum):
    """Last layers of an end model."""

    linear = "linear"
    mlp = "mlp"


class OnError(StrEnum):
    """What happens when a labeling function fails."""

    stop = "raise"
    abstain = "abstain"


Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing output files.")]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="Seed of everything random.")]
Model = Annotated[
    ModelName,
    typer.Option("--model", metavar="NAME", help="The label model: auto, majority or dawid-skene."),
]
Jobs = Annotated[
    int,
    typer.Option(
        "--jobs", metavar="N", help="Processes that run labeling functions; -1 for all cores."
    ),
]
OnErrorOption = Annotated[
    OnError,
    typer.Option(
        "--on-error",
        metavar="POLICY",
        help="When a labeling function fails: raise, or count the fault and abstain.",
    ),
]
Cache = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        metavar="FOLDER",
        help="Keep votes here; what was asked in an earlier run is not asked again.",
    ),
]
IdColumn = Annotated[
    str | None,
    typer.Option(
        "--id", metavar="COLUMN", help="Column of unique row ids; without it, rows are numbered."
    ),
]
Keep = Annotated[
    list[str] | None,
    typer.Option(
        "--keep", metavar="COLUMN", help="Data column to copy into the output; may be repeated."
    ),
]
Text = Annotated[
    str | None,
    typer.Option(
        "--text",
        metavar="COLUMN",
        rich_help_panel="End model",
        help="The column of text to learn from.",
    ),
]
Features = Annotated[
    list[str] | None,
    typer.Option(
        "--features",
        metavar="COLUMN",
        rich_help_panel="End model",
        help="A column to learn from; may be repeated. Default: all that are useful.",
    ),
]
Drop = Annotated[
    list[str] | None,
    typer.Option(
        "--drop",
        metavar="COLUMN",
        rich_help_panel="End model",
        help="A column not to learn from, such as the class; may be repeated.",
    ),
]
HeadOption = Annotated[
    Head,
    typer.Option(
        "--head",
        metavar="HEAD",
        rich_help_panel="End model",
        help="What is trained on the features: linear or mlp.",
    ),
]

PackArgument = Annotated[
    str,
    typer.Argument(
        metavar="PACK",
        help="File of labeling functions (.py) or rules (.toml, .yaml), or a module.",
    ),
]
DataArgument = Annotated[
    Path, typer.Argument(metavar="DATA", help="Rows of data: .csv or .parquet.")
]
VotesArgument = Annotated[
    Path, typer.Argument(metavar="VOTES", help="Votes written by apply: .npz or .parquet.")
]
LabelsOut = Annotated[
    Path, typer.Option("--out", metavar="LABELS", help="Labels to write: .parquet or .csv.")
]
GoldData = Annotated[
    Path | None,
    typer.Option("--data", metavar="DATA", help="Rows with the gold column: .csv or .parquet."),
]
