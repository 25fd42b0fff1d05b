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
    from weaklabel.llm import AskResult


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
        typer.Option(
            "--cache",
            metavar="FILE",
            help="Keep every answer here; paid for once. Default: the cache of the prompts.",
        ),
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
        int | None,
        typer.Option(
            "--max-calls",
            metavar="N",
            help="Never send more requests. Default: that of the prompt.",
        ),
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(
            "--concurrency",
            metavar="N",
            help="Requests on their way at a time. Default: the least of the prompts'.",
        ),
    ] = None,
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
    rules = _rules_of(loaded)
    prompts = [rule.prompt for rule in rules]
    cache = _cache_of(rules) if cache is None else cache
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
    max_calls = _max_calls_of(rules) if max_calls is None else max_calls
    if concurrency is None:
        concurrency = min(getattr(rule, "concurrency", 16) for rule in rules)
    stopped: Any = None
    try:
        result = ask_model(
            prompts, table, labels=loaded.labels, id_column=ids, cache=cache, prices=prices,
            max_cost=max_cost, max_calls=max_calls, concurrency=concurrency,
        )  # fmt: skip
    except (StoppedAsking, InterruptedAsking) as error:
        result, stopped = error.result, error
    if stopped is None or result.answered.any():  # an empty file would be in the way next time
        _write(screen, result, out, failures, overwrite)
    if stopped is not None:
        raise stopped


def _rules_of(pack: Pack) -> list[Any]:
    """What holds the prompts of a pack: a function with the attribute ``prompt``, and settings."""
    from weaklabel.llm import Prompt

    # By what they hold: the library does not know the ready-made kinds.
    rules = [lf.function for lf in pack if isinstance(getattr(lf.function, "prompt", None), Prompt)]
    if not rules:
        names = ", ".join(lf.name for lf in pack)
        raise ConfigError(
            f"pack {pack.name} has no prompts, only {names}; add a rule of kind prompt "
            "(labeling_functions.prompts), or use: weaklabel apply"
        )
    return rules


def _cache_of(rules: list[Any]) -> Path | None:
    """The cache that the prompts name."""
    named = dict.fromkeys(c for rule in rules if (c := getattr(rule, "cache", None)) is not None)
    if len(named) > 1:
        listed = ", ".join(map(str, named))
        raise ConfigError(f"the prompts name different caches ({listed}); pass --cache")
    return next(iter(named), None)


def _max_calls_of(rules: list[Any]) -> int | None:
    """The limit of the one prompt; limits of several are of each alone, so the user has to say."""
    limits = {rule.prompt.name: getattr(rule, "max_calls", None) for rule in rules}
    given = [f"{name}: {limit}" for name, limit in limits.items() if limit is not None]
    if given and len(rules) > 1:
        raise ConfigError(
            f"max_calls is a setting of single prompts ({', '.join(given)}), and here one holds "
            "for all of them together; pass --max-calls"
        )
    return next(iter(limits.values()))


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
