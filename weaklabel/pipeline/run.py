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

from weaklabel.analysis import LabelQuality, LFSummary, label_quality, lf_summary
from weaklabel.config import HeadChoice, ModelChoice, OnErrorChoice, RunConfig, run_config
from weaklabel.pipeline.end_models import end_model_columns, train_end_model
from weaklabel.pipeline.rows import name_of, need_columns, read_rows, without
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
    """

    votes: VoteMatrix
    model: LabelModelBase
    labels: SoftLabels
    summary: LFSummary
    quality: LabelQuality | None
    baseline: LabelQuality | None
    end_model: EndModel | None
    written: Mapping[str, Path]

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
    overwrite: bool = False,
    seed: int = 0,
    progress: bool = False,
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
    n_jobs, on_error
        As in :func:`weaklabel.apply`.
    overwrite : bool, default False
        Whether existing outputs may be replaced.
    seed : int
    progress : bool
        Show a progress bar while labeling functions run.
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
    from weaklabel.applier import apply
    from weaklabel.lf import load_pack

    config = run_config(
        pack=str(pack), out=out, gold=gold, train=train, votes_out=votes_out, model_out=model_out,
        model=model, id_column=id_column, keep=keep, text=text, features=features, drop=drop,
        head=head, n_jobs=n_jobs, on_error=on_error, overwrite=overwrite, seed=seed,
    )  # fmt: skip
    tell = on_step or (lambda step: None)
    _check_targets(config)
    loaded = load_pack(config.pack)
    table = read_rows(data)
    id_name = config.id_column or loaded.id_column
    _check_columns(config, loaded, table, name_of(data))
    gold_values = None if config.gold is None else table.column(config.gold)
    rows = without(table, [config.gold])
    if gold_values is not None and loaded.labels is not None:
        loaded.labels.encode(gold_values, what=f"value of the gold column {config.gold!r}")

    tell(f"applying {len(loaded.lfs)} labeling functions to {rows.num_rows:,} rows")
    votes = apply(
        loaded,
        rows,
        id_column=id_name,
        n_jobs=config.n_jobs,
        on_error=config.on_error,
        progress=progress,
    )
    summary = lf_summary(votes, gold_values)
    check_votes(votes)
    tell("fitting the label model")
    label_model = make_model(config.model, config.seed).fit(votes)
    labels = label_model.label(votes)
    check_kept_columns(config.keep, labels.labels)
    quality = baseline = None
    if gold_values is not None:
        quality = label_quality(labels, gold_values)
        majority = make_model("majority").fit(votes)
        baseline = label_quality(majority.label(votes), gold_values)

    written: dict[str, Path] = {}
    kept = rows.select(list(config.keep)) if config.keep else None
    written["soft labels"] = labels.write(config.out, kept, overwrite=config.overwrite)
    if config.votes_out is not None:
        written["votes"] = votes.save(config.votes_out, overwrite=config.overwrite)
    if config.model_out is not None:
        label_model.save(config.model_out, overwrite=config.overwrite)
        written["label model"] = config.model_out
    end_model = None
    if config.train is not None:
        tell("training the end model")
        end_model = train_end_model(
            labels,
            rows,
            id_column=id_name,
            text=config.text,
            features=config.features,
            drop=config.drop,
            head=config.head,
            seed=config.seed,
            where=name_of(data),
        )
        end_model.save(config.train, overwrite=config.overwrite)
        written["end model"] = config.train
    return RunResult(votes, label_model, labels, summary, quality, baseline, end_model, written)


def _check_targets(config: RunConfig) -> None:
    check_label_target(config.out, overwrite=config.overwrite)
    if config.votes_out is not None:
        check_votes_target(config.votes_out, overwrite=config.overwrite)
    if config.model_out is not None:
        check_target(config.model_out, overwrite=config.overwrite)
    if config.train is not None:
        check_target(config.train, overwrite=config.overwrite)


def _check_columns(config: RunConfig, pack: Pack, table: pa.Table, where: str) -> None:
    columns = table.column_names
    need_columns([config.gold, config.id_column, *config.keep, *config.drop], columns, where)
    check_kept_columns(config.keep, pack.labels)
    if config.train is not None:
        end_model_columns(
            without(table, [config.gold]),
            id_column=config.id_column or pack.id_column,
            text=config.text,
            features=config.features,
            drop=config.drop,
            where=where,
        )
