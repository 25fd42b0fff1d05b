"""One run of the pipeline, from a pack and a table to labels and an end model.

Whatever can be wrong is looked for before the long work starts: settings, output files, the pack,
the columns of the data, the gold labels. The soft labels are written before the end model is
trained, so a training that fails loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from weaklabel.analysis import LabelQuality, LFSummary, label_quality, lf_summary
from weaklabel.config import HeadChoice, ModelChoice, OnErrorChoice, RunConfig, run_config
from weaklabel.errors import WeakLabelError
from weaklabel.labels import LabelSpace
from weaklabel.pipeline.end_models import EndModelSettings, end_model_columns, train_end_model
from weaklabel.pipeline.rows import gold_codes, name_of, need_columns, read_rows, without
from weaklabel.pipeline.steps import (
    check_kept_columns,
    check_label_target,
    check_votes,
    check_votes_target,
    make_model,
)
from weaklabel.soft_labels import SoftLabels
from weaklabel.storage import check_target
from weaklabel.votes import VoteMatrix

if TYPE_CHECKING:
    import pyarrow as pa

    from weaklabel.applier import VoteCache
    from weaklabel.endmodel import EndModel
    from weaklabel.lf import Pack
    from weaklabel.models.base import LabelModelBase


@dataclass(frozen=True, eq=False)
class RunResult:
    """What a run made.

    Attributes
    ----------
    votes : VoteMatrix
    model : fitted label model
    labels : SoftLabels
    summary : LFSummary
        With accuracies if gold was given.
    quality, baseline : LabelQuality, optional
        Scores of these labels and of a plain majority vote, if gold was given.
    end_model : EndModel, optional
    written : mapping of str to Path
        What was written where.
    cache : VoteCache, optional
        Says what was reused.
    """

    votes: VoteMatrix
    model: LabelModelBase
    labels: SoftLabels
    summary: LFSummary
    quality: LabelQuality | None
    baseline: LabelQuality | None
    end_model: EndModel | None
    written: Mapping[str, Path]
    cache: VoteCache | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "n_items": self.labels.n_items,
            "n_covered": int(self.labels.covered.sum()),
            "classes": list(self.labels.labels),
            "model": type(self.model).__name__,
            "summary": self.summary.to_dict(),
            "quality": None if self.quality is None else self.quality.to_dict(),
            "majority_vote": None if self.baseline is None else self.baseline.to_dict(),
            "written": {what: str(path) for what, path in self.written.items()},
            "cache": None if self.cache is None else self.cache.to_dict(),
        }


def run(
    pack: str | Path,
    data: Any,
    out: str | Path,
    *,
    gold: str | None = None,
    train: str | Path | None = None,
    votes_out: str | Path | None = None,
    model_out: str | Path | None = None,
    model: ModelChoice = "auto",
    id_column: str | None = None,
    keep: Sequence[str] = (),
    text: str | None = None,
    features: Sequence[str] = (),
    drop: Sequence[str] = (),
    head: HeadChoice = "linear",
    n_jobs: int = 1,
    on_error: OnErrorChoice = "raise",
    cache: str | Path | None = None,
    overwrite: bool = False,
    seed: int = 0,
    progress: bool | None = None,
    on_step: Callable[[str], None] | None = None,
) -> RunResult:
    """Label the rows of a table with a pack of labeling functions and write the labels.

    Parameters
    ----------
    pack : path or str
        A Python file of labeling functions, or the name of a module.
    data : path, pyarrow.Table or pandas.DataFrame
        Rows; a path ends in ``.csv`` or ``.parquet``.
    out : path
        Soft labels to write, ``.parquet`` or ``.csv``.
    gold : str, optional
        Column of gold labels. It is used for scores and hidden from the labeling functions, the
        label model and the end model.
    train : path, optional
        End model to train and write.
    votes_out, model_out : path, optional
        Also write the votes and the label model.
    model : {"auto", "majority", "dawid-skene"}
    id_column : str, optional
        Column of unique row ids; the pack's own, or positions, if None.
    keep : sequence of str
        Columns copied into the labels.
    text, features, drop, head
        For the end model; see :class:`weaklabel.config.RunConfig`.
    n_jobs, on_error, cache
        As in :func:`weaklabel.apply`.
    overwrite : bool, default False
        Whether existing outputs may be replaced.
    seed : int
    progress : bool, optional
        Show a bar while labeling functions run; if None, on a terminal when it takes longer.
    on_step : callable, optional
        Told what starts, in a few words.

    Returns
    -------
    RunResult

    Raises
    ------
    WeakLabelError
        For settings, files, rows, votes and labels that cannot be used. Nothing is written before
        the labels are complete.
    """
    from weaklabel.applier import VoteCache, apply

    config = run_config(
        pack=str(pack), out=out, gold=gold, train=train, votes_out=votes_out, model_out=model_out,
        model=model, id_column=id_column, keep=keep, text=text, features=features, drop=drop,
        head=head, n_jobs=n_jobs, on_error=on_error, cache=cache, overwrite=overwrite, seed=seed,
    )  # fmt: skip
    tell = on_step or (lambda step: None)
    job = _prepare(config, data)
    kept = None if config.cache is None else VoteCache(config.cache)
    tell(f"applying {len(job.pack)} labeling functions to {job.rows.num_rows:,} rows")
    votes = check_votes(
        apply(
            job.pack,
            job.rows,
            id_column=job.id_column,
            n_jobs=config.n_jobs,
            on_error=config.on_error,
            progress=progress,
            cache=kept,
        )
    )
    gold_known = job.gold_codes(votes.labels)
    tell("fitting the label model")
    label_model = make_model(config.model, config.seed).fit(votes)
    labels = label_model.label(votes)
    check_kept_columns(config.keep, labels.labels)
    written = _write(job, votes, label_model, labels)
    end_model = None
    if config.train is not None:
        tell("training the end model")
        end_model = _train(job, labels)
        end_model.save(config.train, overwrite=config.overwrite)
        written["end model"] = config.train
    return RunResult(
        votes=votes,
        model=label_model,
        labels=labels,
        summary=lf_summary(votes, gold_known),
        quality=None if gold_known is None else label_quality(labels, gold_known),
        baseline=None if gold_known is None else _majority_quality(votes, gold_known),
        end_model=end_model,
        written=written,
        cache=kept,
    )


@dataclass(frozen=True, eq=False)
class _Job:
    """A run that was found possible: settings, pack, rows without gold, gold."""

    config: RunConfig
    pack: Pack
    rows: pa.Table
    gold: pa.ChunkedArray | None
    where: str

    @property
    def id_column(self) -> str | None:
        return self.config.id_column or self.pack.id_column

    def gold_codes(self, labels: LabelSpace) -> npt.NDArray[np.int64] | None:
        if self.gold is None or self.config.gold is None:
            return None
        return gold_codes(self.gold, labels, self.config.gold)

    def end_model_settings(self) -> EndModelSettings:
        config = self.config
        return EndModelSettings(
            self.id_column, config.text, config.features, config.drop, config.head, config.seed
        )


def _prepare(config: RunConfig, data: Any) -> _Job:
    """Load the pack and read the rows, and find what is wrong before the long work starts."""
    from weaklabel.lf import load_pack

    check_label_target(config.out, overwrite=config.overwrite)
    if config.votes_out is not None:
        check_votes_target(config.votes_out, overwrite=config.overwrite)
    for target in (config.model_out, config.train):
        if target is not None:
            check_target(target, overwrite=config.overwrite)
    pack = load_pack(config.pack)
    table, where = read_rows(data), name_of(data)
    wanted = [config.gold, config.id_column, *config.keep, *config.drop]
    need_columns(wanted, table.column_names, where)
    check_kept_columns(config.keep, pack.labels)
    gold = None if config.gold is None else table.column(config.gold)
    job = _Job(config, pack, without(table, [config.gold]), gold, where)
    if pack.labels is not None:
        job.gold_codes(pack.labels)  # without LABELS, only the votes will tell the classes
    if config.train is not None:
        end_model_columns(job.rows, job.end_model_settings(), where)
    return job


def _write(
    job: _Job, votes: VoteMatrix, model: LabelModelBase, labels: SoftLabels
) -> dict[str, Path]:
    config = job.config
    kept = job.rows.select(list(config.keep)) if config.keep else None
    written = {"soft labels": labels.write(config.out, kept, overwrite=config.overwrite)}
    if config.votes_out is not None:
        written["votes"] = votes.save(config.votes_out, overwrite=config.overwrite)
    if config.model_out is not None:
        model.save(config.model_out, overwrite=config.overwrite)
        written["label model"] = config.model_out
    return written


def _train(job: _Job, labels: SoftLabels) -> EndModel:
    try:
        return train_end_model(labels, job.rows, job.end_model_settings(), job.where)
    except WeakLabelError as error:
        error.add_note(f"the soft labels were written to {job.config.out} all the same")
        raise


def _majority_quality(votes: VoteMatrix, gold: npt.NDArray[np.int64]) -> LabelQuality:
    return label_quality(make_model("majority").fit(votes).label(votes), gold)
