"""The settings of a run, checked before any work starts.

A :class:`RunConfig` says everything about one pipeline run in plain values. Whatever can be known
to be wrong without reading data is found here, with the setting's name and what was given.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from weaklabel.errors import ConfigError

ModelChoice = Literal["auto", "majority", "dawid-skene"]
OnErrorChoice = Literal["raise", "abstain"]
HeadChoice = Literal["linear", "mlp"]

Columns = tuple[str, ...]
ColumnName = Annotated[str, Field(min_length=1)]


class RunConfig(BaseModel):
    """Settings of one run of the pipeline: rows to soft labels, and to an end model if asked.

    Attributes
    ----------
    pack : str
        Path of a Python file of labeling functions, or the name of a module.
    out : Path
        Where the soft labels go: ``.parquet`` or ``.csv``.
    votes_out, model_out : Path, optional
        Where the vote matrix (``.npz`` or ``.parquet``) and the label model (``.npz``) go, if kept.
    train : Path, optional
        Where the end model goes, if one is trained.
    gold : str, optional
        Column of gold labels: for scores only, hidden from labeling functions and models.
    id_column : str, optional
        Column of unique row ids.
    keep : tuple of str
        Data columns copied into the soft labels.
    model : {"auto", "majority", "dawid-skene"}
        The label model.
    text : str, optional
        For the end model: the column of text. With neither text nor features, they are found.
    features, drop : tuple of str
        For the end model: the columns to use, or those to leave out.
    head : {"linear", "mlp"}
        For the end model: its last layers.
    n_jobs : int
        Processes that run labeling functions; -1 for one per core.
    on_error : {"raise", "abstain"}
        What happens when a labeling function fails.
    cache : Path, optional
        Folder in which votes are kept for later runs.
    overwrite : bool
        Whether existing output files may be replaced.
    seed : int
        Seed of everything random.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    pack: Annotated[str, Field(min_length=1)]
    out: Path
    votes_out: Path | None = None
    model_out: Path | None = None
    train: Path | None = None
    gold: ColumnName | None = None
    id_column: ColumnName | None = None
    keep: tuple[ColumnName, ...] = ()
    model: ModelChoice = "auto"
    text: ColumnName | None = None
    features: tuple[ColumnName, ...] = ()
    drop: tuple[ColumnName, ...] = ()
    head: HeadChoice = "linear"
    n_jobs: Annotated[int, Field(ge=-1)] = 1
    on_error: OnErrorChoice = "raise"
    cache: Path | None = None
    overwrite: bool = False
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

    @model_validator(mode="after")
    def _agree(self) -> RunConfig:
        if self.n_jobs == 0:
            raise ValueError("n_jobs must be 1 or more, or -1 for one per core, found 0")
        if self.gold is not None:
            for name, columns in (
                ("keep", self.keep),
                ("features", self.features),
                ("text", (self.text,)),
                ("id_column", (self.id_column,)),
            ):
                if self.gold in columns:
                    raise ValueError(
                        f"the gold column {self.gold!r} is for scores only and must not be in "
                        f"{name}; leave it out there"
                    )
        clash = sorted(set(self.features) & set(self.drop))
        if clash:
            raise ValueError(f"a column cannot be both in features and in drop, found {clash}")
        self._check_targets_differ()
        return self

    def _check_targets_differ(self) -> None:
        seen: dict[Path, str] = {}
        for name in ("out", "votes_out", "model_out", "train"):
            path = getattr(self, name)
            if path is None:
                continue
            other = seen.setdefault(path.resolve(), name)
            if other != name:
                raise ValueError(f"{other} and {name} must be different files, both are {path}")

    @property
    def targets(self) -> list[Path]:
        """Every file the run writes."""
        return [p for p in (self.out, self.votes_out, self.model_out, self.train) if p is not None]


def run_config(**settings: Any) -> RunConfig:
    """A :class:`RunConfig` from keyword settings.

    Raises
    ------
    ConfigError
        If a setting is unknown, out of its range, or contradicts another; the message names it and
        what was found.
    """
    try:
        return RunConfig(**settings)
    except ValidationError as error:
        raise ConfigError(_describe(error)) from None


def _describe(error: ValidationError) -> str:
    return "; ".join(_describe_one(e["loc"], e["msg"], e.get("input")) for e in error.errors())


def _describe_one(where: Sequence[Any], message: str, found: Any) -> str:
    if not where:  # one of our own sentences
        return message.removeprefix("Value error, ")
    name = str(where[0])
    wanted = message[0].lower() + message[1:]
    return f"{name}: {wanted}, found {found!r}"
