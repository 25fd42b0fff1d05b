"""The command that looks: ``analyze``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from weaklabel.cli import options as opt
from weaklabel.cli.command import command
from weaklabel.cli.reports import show_summary
from weaklabel.cli.screen import Screen
from weaklabel.errors import ConfigError

if TYPE_CHECKING:
    import pyarrow as pa

    from weaklabel.analysis import LFSummary
    from weaklabel.models import LabelModelBase
    from weaklabel.soft_labels import SoftLabels
    from weaklabel.votes import VoteMatrix


class TableName(StrEnum):
    """What can be shown below the table of labeling functions."""

    fixes = "fixes"
    conflicts = "conflicts"
    errors = "errors"
    calibration = "calibration"
    pairs = "pairs"
    all = "all"


N_CONFLICTS = 5  # rows in a terminal; the library and the report page show more

TITLES = {
    TableName.fixes: "Labeling functions to fix first",
    TableName.conflicts: "Rows most in conflict",
    TableName.errors: "Errors in buckets",
    TableName.calibration: "Calibration of the labels",
    TableName.pairs: "Labeling functions two by two",
}


class _Table(Protocol):
    def to_text(self, width: int = 80) -> str: ...

    def to_dict(self) -> dict[str, Any]: ...


@command
def analyze(
    screen: Screen,
    votes: opt.VotesArgument,
    model: Annotated[
        Path | None,
        typer.Option(
            "--model",
            metavar="MODEL",
            help="Label model written by fit: .npz; adds what it learned of each function.",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", "--rows", metavar="DATA", help="Rows of these votes: .csv or .parquet."
        ),
    ] = None,
    gold: Annotated[
        str | None,
        typer.Option("--gold", metavar="COLUMN", help="Column of gold labels in --data."),
    ] = None,
    id_column: opt.IdColumn = None,
    slices: Annotated[
        list[str] | None,
        typer.Option(
            "--slice",
            metavar="COLUMN",
            help="Column of --data to look at value by value; may be repeated.",
        ),
    ] = None,
    table: Annotated[
        list[TableName] | None,
        typer.Option(
            "--table",
            metavar="TABLE",
            help="Also show: fixes, conflicts, errors, calibration, pairs, or all that can be; "
            "may be repeated.",
        ),
    ] = None,
    timing: Annotated[
        Path | None,
        typer.Option("--timing", metavar="TIMES", help="Times written by apply --timing: .json."),
    ] = None,
) -> None:
    """Show what each labeling function does; with gold labels, how often it is right.

    Coverage is the share of rows a function votes on, overlap the share where another votes too,
    conflict the share where another disagrees.

    Example: weaklabel analyze votes.npz --model model.npz --table fixes
    --data rows.csv --gold answer --slice source
    """
    from weaklabel.analysis import lf_summary, slice_summary
    from weaklabel.applier import Timing
    from weaklabel.export import load_model
    from weaklabel.votes import VoteMatrix

    seen = _Seen(
        VoteMatrix.load(votes),
        None if model is None else load_model(model),
        data,
        gold,
        id_column,
    )
    wanted = _wanted(table or [], seen)
    columns = {name: seen.column(name) for name in slices or ()}
    times = None if timing is None else Timing.load(timing)
    summary = lf_summary(seen.votes, seen.gold, model=seen.model, timing=times)
    show_summary(screen, summary, full=True)
    result = summary.to_dict()
    for name, values in columns.items():
        found = slice_summary(seen.votes, values, labels=seen.labels, gold=seen.gold, what=name)
        screen.say(f"\nSlices by {name}\n", style="bold")
        screen.say(found.to_text(screen.width))
        result.setdefault("slices", []).append(found.to_dict())
    for kind in wanted:
        made = _MAKERS[kind](seen, summary)
        screen.say(f"\n{TITLES[kind]}\n", style="bold")
        screen.say(made.to_text(screen.width))
        result[kind.value] = made.to_dict()
    screen.result(result)


@dataclass(frozen=True)
class _Seen:
    """What was given, read when first asked for."""

    votes: VoteMatrix
    model: LabelModelBase | None
    data: Path | None
    gold_column: str | None
    id_column: str | None

    @cached_property
    def gold(self) -> Any:
        """Gold codes, or None; asks for --data where --gold is given."""
        from weaklabel.pipeline import read_gold

        if self.gold_column is None:
            return None
        return read_gold(self.votes, self.data, self.gold_column, self.id_column)

    @cached_property
    def labels(self) -> SoftLabels | None:
        """What the model makes of the votes."""
        return None if self.model is None else self.model.label(self.votes)

    def column(self, name: str) -> Any:
        """A column of the rows, in the order of the votes."""
        from weaklabel.pipeline import need_columns

        if self.data is None:
            raise ConfigError(f"the slices by {name!r} need the rows; give --data DATA")
        need_columns([name], self._rows.column_names, self.data)
        return self._rows.column(name)

    @cached_property
    def _rows(self) -> pa.Table:
        from weaklabel.pipeline import positions_of, read_rows

        table = read_rows(self.data)
        votes = self.votes
        at = positions_of(votes.row_ids, votes.n_items, table, self.id_column, self.data)
        return table.take(at)


_NEEDS = {
    TableName.fixes: ("model",),
    TableName.errors: ("model", "gold"),
    TableName.calibration: ("model", "gold"),
}


def _wanted(asked: list[TableName], seen: _Seen) -> list[TableName]:
    """The tables to show; an error for one that lacks what it needs, unless all were asked for."""
    missing = {
        name: [f"--{what}" for what in needs if getattr(seen, what) is None]
        for name, needs in _NEEDS.items()
    }
    if TableName.all in asked:
        return [name for name in TITLES if not missing.get(name)]
    for name in asked:
        if missing.get(name):
            raise ConfigError(
                f"the table {name.value} needs {' and '.join(missing[name])}; give "
                f"{'it' if len(missing[name]) == 1 else 'them'} or leave out --table {name.value}"
            )
    return list(dict.fromkeys(asked))


def _fixes(seen: _Seen, summary: LFSummary) -> _Table:
    from weaklabel.analysis import lfs_to_fix

    assert seen.model is not None
    return lfs_to_fix(seen.votes, seen.model, seen.gold, summary=summary)


def _conflicts(seen: _Seen, summary: LFSummary) -> _Table:
    from weaklabel.analysis import rows_in_conflict

    return rows_in_conflict(seen.votes, seen.labels, n=N_CONFLICTS)


def _errors(seen: _Seen, summary: LFSummary) -> _Table:
    from weaklabel.analysis import error_buckets

    assert seen.labels is not None
    return error_buckets(seen.votes, seen.labels, seen.gold)


def _calibration(seen: _Seen, summary: LFSummary) -> _Table:
    from weaklabel.analysis import reliability

    assert seen.labels is not None
    return reliability(seen.labels, seen.gold)


def _pairs(seen: _Seen, summary: LFSummary) -> _Table:
    from weaklabel.analysis import lf_pairs

    return lf_pairs(seen.votes, dependence=int((summary.n_votes > 0).sum()) >= 3)


_MAKERS: dict[TableName, Callable[[_Seen, LFSummary], _Table]] = {
    TableName.fixes: _fixes,
    TableName.conflicts: _conflicts,
    TableName.errors: _errors,
    TableName.calibration: _calibration,
    TableName.pairs: _pairs,
}
