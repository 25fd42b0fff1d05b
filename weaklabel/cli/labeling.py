"""Commands from rows to votes: ``run``, ``apply``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from weaklabel.cli import options as opt
from weaklabel.cli.command import command
from weaklabel.cli.reports import show_labels, show_quality, show_summary
from weaklabel.cli.screen import Screen


@command
def run(
    screen: Screen,
    pack: opt.PackArgument,
    data: opt.DataArgument,
    out: opt.LabelsOut,
    gold: Annotated[
        str | None,
        typer.Option(
            "--gold",
            metavar="COLUMN",
            help="Column of gold labels, for scores only: hidden from functions and models.",
        ),
    ] = None,
    train: Annotated[
        Path | None,
        typer.Option("--train", metavar="MODEL", help="Train an end model and write it here."),
    ] = None,
    id_column: opt.IdColumn = None,
    keep: opt.Keep = None,
    model: opt.Model = opt.ModelName.auto,
    votes: Annotated[
        Path | None,
        typer.Option("--votes", metavar="VOTES", help="Also write the votes: .npz or .parquet."),
    ] = None,
    label_model: Annotated[
        Path | None,
        typer.Option("--label-model", metavar="MODEL", help="Also write the label model: .npz."),
    ] = None,
    text: opt.Text = None,
    features: opt.Features = None,
    drop: opt.Drop = None,
    head: opt.HeadOption = opt.Head.linear,
    jobs: opt.Jobs = 1,
    on_error: opt.OnErrorOption = opt.OnError.stop,
    cache: opt.Cache = None,
    overwrite: opt.Overwrite = False,
    seed: opt.Seed = 0,
) -> None:
    """From rows to labels: votes, label model, soft labels and, if asked, an end model.

    Example: weaklabel run my_rules.py rows.csv --out labels.parquet --gold answer --drop url
    """
    from weaklabel.pipeline import run as run_pipeline

    result = run_pipeline(
        pack,
        data,
        out,
        gold=gold,
        train=train,
        votes_out=votes,
        model_out=label_model,
        model=model.value,
        id_column=id_column,
        keep=keep or (),
        text=text,
        features=features or (),
        drop=drop or (),
        head=head.value,
        n_jobs=jobs,
        on_error=on_error.value,
        cache=cache,
        overwrite=overwrite,
        seed=seed,
        on_step=lambda step: screen.note(f"{step} ..."),
    )
    show_summary(screen, result.summary)
    show_labels(screen, result.labels)
    if result.quality is not None and result.baseline is not None:
        show_quality(screen, {"these labels": result.quality, "majority vote": result.baseline})
    if result.end_model is not None:
        screen.say()
        screen.say(f"end model: {result.end_model.status_}")
    for what, path in result.written.items():
        screen.say(f"wrote {path} ({what})")
    if result.cache is not None:
        screen.say(f"{result.cache.folder}: {result.cache.summary()}")
    screen.result(result.to_dict())


@command
def apply(
    screen: Screen,
    pack: opt.PackArgument,
    data: opt.DataArgument,
    out: Annotated[
        Path, typer.Option("--out", metavar="VOTES", help="Votes to write: .npz or .parquet.")
    ],
    id_column: opt.IdColumn = None,
    jobs: opt.Jobs = 1,
    on_error: opt.OnErrorOption = opt.OnError.stop,
    cache: opt.Cache = None,
    timing: Annotated[
        Path | None,
        typer.Option(
            "--timing", metavar="TIMES", help="Also write how long each function took: .json."
        ),
    ] = None,
    overwrite: opt.Overwrite = False,
) -> None:
    """Let the labeling functions of a pack vote on rows, and write the votes.

    Example: weaklabel apply my_rules.py rows.csv --out votes.npz --jobs 4
    """
    from weaklabel.analysis import lf_summary
    from weaklabel.applier import Timing, VoteCache
    from weaklabel.applier import apply as apply_lfs
    from weaklabel.lf import load_pack
    from weaklabel.pipeline import check_votes_target
    from weaklabel.storage import check_target

    check_votes_target(out, overwrite=overwrite)
    if timing is not None:
        check_target(timing, overwrite=overwrite)
    kept = None if cache is None else VoteCache(cache)
    times = Timing()
    votes = apply_lfs(
        load_pack(pack),
        data,
        id_column=id_column,
        n_jobs=jobs,
        on_error=on_error.value,
        cache=kept,
        timing=times,
    )
    votes.save(out, overwrite=overwrite)
    summary = lf_summary(votes, timing=times)
    show_summary(screen, summary)
    screen.say(f"wrote {out} (votes)")
    if timing is not None:
        times.save(timing, overwrite=overwrite)
        screen.say(f"wrote {timing} (times)")
    if kept is not None:
        screen.say(f"{kept.folder}: {kept.summary()}")
    about = None if kept is None else kept.to_dict()
    screen.result({"votes": out, "summary": summary.to_dict(), "cache": about})
