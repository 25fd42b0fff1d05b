"""The command ``ask``: the prompts of a pack, put to a language model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weaklabel.cli import options as opt
from weaklabel.cli.command import command
from weaklabel.cli.screen import Screen
from weaklabel.errors import ConfigError

if TYPE_CHECKING:
    from weaklabel.lf import Pack
    from weaklabel.llm import AskResult, Prompt


@command
def ask(
    screen: Screen,
    pack: opt.PackArgument,
    data: opt.DataArgument,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="VOTES", help="Votes to write: .npz or .parquet."),
    ] = None,
    only_plan: Annotated[
        bool, typer.Option("--plan", help="Say what would be asked and cost; ask nothing.")
    ] = False,
    cache: Annotated[
        Path | None,
        typer.Option("--cache", metavar="FILE", help="Keep every answer here; paid for once."),
    ] = None,
    prices: Annotated[
        Path | None,
        typer.Option("--prices", metavar="FILE", help="Prices per million tokens: .toml, .json."),
    ] = None,
    max_cost: Annotated[
        float | None,
        typer.Option("--max-cost", metavar="AMOUNT", help="Never spend more; needs --prices."),
    ] = None,
    max_calls: Annotated[
        int | None, typer.Option("--max-calls", metavar="N", help="Never send more requests.")
    ] = None,
    concurrency: Annotated[
        int, typer.Option("--concurrency", metavar="N", help="Requests on their way at a time.")
    ] = 16,
    failures: Annotated[
        Path | None,
        typer.Option("--failures", metavar="CSV", help="Rows without an answer, and why."),
    ] = None,
    id_column: opt.IdColumn = None,
    overwrite: opt.Overwrite = False,
) -> None:
    """Put the prompts of a pack to a language model, and write the votes.

    Stopped by a budget, an error or Ctrl-C, it writes the votes there are; with --cache the next
    run goes on from there.

    Example: weaklabel ask my_rules.toml rows.csv --plan --prices prices.toml
    """
    from weaklabel.applier import read_table
    from weaklabel.lf import load_pack
    from weaklabel.llm import InterruptedAsking, StoppedAsking, plan
    from weaklabel.llm import ask as ask_model
    from weaklabel.pipeline import check_votes_target

    if not only_plan:
        if out is None:
            raise ConfigError("there is nowhere to write the votes; pass --out, or --plan")
        check_votes_target(out, overwrite=overwrite)
    loaded = load_pack(pack)
    prompts = _prompts_of(loaded)
    table = read_table(data)
    ids = id_column or loaded.id_column
    if only_plan:
        found = plan(
            prompts, table, labels=loaded.labels, id_column=ids, cache=cache, prices=prices
        )
        screen.say(str(found))
        screen.result(found.to_dict())
        return
    assert out is not None
    stopped: Any = None
    try:
        result = ask_model(
            prompts, table, labels=loaded.labels, id_column=ids, cache=cache, prices=prices,
            max_cost=max_cost, max_calls=max_calls, concurrency=concurrency,
        )  # fmt: skip
    except (StoppedAsking, InterruptedAsking) as error:
        result, stopped = error.result, error
    _write(screen, result, out, failures, overwrite)
    if stopped is not None:
        raise stopped


def _prompts_of(pack: Pack) -> list[Prompt]:
    """The prompts among the labeling functions of a pack."""
    from weaklabel.llm import Prompt

    # By what they hold: the library does not know the ready-made kinds.
    held = [getattr(lf.function, "prompt", None) for lf in pack]
    prompts = [prompt for prompt in held if isinstance(prompt, Prompt)]
    if not prompts:
        names = ", ".join(lf.name for lf in pack)
        raise ConfigError(
            f"pack {pack.name} has no prompts, only {names}; add a rule of kind prompt "
            "(labeling_functions.prompts), or use: weaklabel apply"
        )
    return prompts


def _write(
    screen: Screen, result: AskResult, out: Path, failures: Path | None, overwrite: bool
) -> None:
    result.votes.save(out, overwrite=overwrite)
    screen.say(str(result.report))
    screen.say(f"wrote {out} (votes)")
    if failures is not None:
        result.failures_table().to_csv(failures, index=False)
        screen.say(f"wrote {failures} ({len(result.failures)} failures)")
    screen.result({"votes": out, "report": result.report.to_dict()})
