"""What a label model makes of each labeling function.

- *learned accuracy*: the mean posterior of what it votes, whatever the model. It is what the model
  believes, not what was checked.
- its *interval*: the error of estimation if the model is right. Given only where it was measured to
  cover what it says, for the models on tables (:mod:`weaklabel.models.intervals`); elsewhere
  ``no_interval`` says why there is none.
- *weight*: the log-odds that a vote of it adds, on average, for what it votes.
- *effective votes*: what one vote of it counts after the discount for copies, 1 for an LF that
  repeats nobody; ``clusters`` are the LFs that nearly repeat each other.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from weaklabel.analysis.text import Cells, number, percent
from weaklabel.analysis.wilson import in_words
from weaklabel.errors import ConfigError, WeakLabelWarning
from weaklabel.models import LabelModel, LabelModelBase, accuracy_intervals
from weaklabel.models.explain import lf_weights
from weaklabel.models.intervals import mean_posterior_of_votes
from weaklabel.models.statistics import PatternTable
from weaklabel.models.table_model import TableLabelModel
from weaklabel.votes import VoteMatrix

FloatArray = npt.NDArray[np.float64]

LEVEL = 0.9
MAX_PATTERNS = 20_000  # distinct rows of votes looked at for the weights
MAX_WORK = 1e11  # multiplications for the intervals


@dataclass(frozen=True)
class CopyCluster:
    """Labeling functions that nearly repeat each other.

    Attributes
    ----------
    lf_names : tuple of str
    effective_votes : float
        How many independent ones they count as.
    """

    lf_names: tuple[str, ...]
    effective_votes: float


@dataclass(frozen=True, eq=False)
class LearnedLFs:
    """One entry per labeling function, in the order of the votes.

    Attributes
    ----------
    model : str
        What kind it is.
    lf_names : tuple of str
    accuracy : array, shape (n_lfs,)
        Mean posterior of its votes; NaN without votes.
    low, high : array, shape (n_lfs,), or None
    level : float
        Of the intervals.
    no_interval : str or None
        Why there are none.
    weight : array, shape (n_lfs,)
        Log-odds a vote of it adds for what it votes; NaN where the model has no such thing.
    effective_votes : array, shape (n_lfs,), or None
        In [0, 1]; None where the model does not discount copies, or was not fitted on these votes.
    clusters : tuple of CopyCluster
    """

    model: str
    lf_names: tuple[str, ...]
    accuracy: FloatArray
    low: FloatArray | None
    high: FloatArray | None
    level: float
    no_interval: str | None
    weight: FloatArray
    effective_votes: FloatArray | None
    clusters: tuple[CopyCluster, ...]

    def columns(self) -> dict[str, FloatArray]:
        """The columns there are, by name."""
        columns = {"learned_accuracy": self.accuracy}
        if self.low is not None and self.high is not None:
            columns |= {"learned_low": self.low, "learned_high": self.high}
        if not np.isnan(self.weight).all():
            columns["weight"] = self.weight
        if self.effective_votes is not None:
            columns["effective_votes"] = self.effective_votes
        return columns

    def cells(self) -> Cells:
        """The table as text cells."""
        columns: list[tuple[str, list[str], bool]] = [
            ("labeling function", list(self.lf_names), False),
            ("learned accuracy", [percent(v) for v in self.accuracy], True),
        ]
        if self.low is not None and self.high is not None:
            ends = zip(self.low, self.high, strict=True)
            columns.append((f"{self.level:.0%} interval", [in_words(*e) for e in ends], True))
        if not np.isnan(self.weight).all():
            columns.append(("a vote adds", [_signed(v) for v in self.weight], True))
        if self.effective_votes is not None:
            columns.append(("counts as", [number(v, 2) for v in self.effective_votes], True))
        header, bodies, numeric = zip(*columns, strict=True)
        return Cells(header, tuple(zip(*bodies, strict=True)), numeric)

    def notes(self) -> list[str]:
        """Sentences that go below the table."""
        lines = [f"learned accuracy: what {self.model} believes; only the votes were asked"]
        if not np.isnan(self.weight).all():
            lines.append("a vote adds: to the log-odds of what it votes, on average")
        if self.effective_votes is not None:
            lines.append("counts as: 1 for one that repeats nobody, less for copies")
        if self.no_interval:
            lines.append(f"no intervals: {self.no_interval}")
        lines += [
            f"nearly the same votes, counted as {c.effective_votes:.1f}: {', '.join(c.lf_names)}"
            for c in self.clusters
        ]
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Plain values about the whole; the columns are those of the LF table."""
        return {
            "model": self.model,
            "level": self.level,
            "no_interval": self.no_interval,
            "clusters": [
                {"lfs": list(c.lf_names), "effective_votes": c.effective_votes}
                for c in self.clusters
            ],
        }


def learned_lfs(model: LabelModelBase, votes: VoteMatrix, *, level: float = LEVEL) -> LearnedLFs:
    """What a fitted model makes of the labeling functions of these votes.

    Parameters
    ----------
    model : label model
        Fitted on these LFs; intervals and copies are shown if it was fitted on these very votes.
    votes : VoteMatrix
    level : float, default 0.9
        Of the intervals.

    Raises
    ------
    FitError
        If the model is not fitted.
    VotesError
        If LFs or classes are not those of the fit; the message names the difference.

    Notes
    -----
    One grouping of equal rows and one prediction of the distinct ones; weights from at most 20,000
    of these, evenly spaced. A model that was saved without its statistics is fitted again, to see
    whether these are its votes.
    """
    model._votes(votes[:0])  # names what differs before any work
    table = PatternTable.of(votes)
    matrix = table._matrix()
    accuracy = mean_posterior_of_votes(table, model.predict_proba(matrix))
    step = -(-max(table.n_patterns, 1) // MAX_PATTERNS)
    weight = lf_weights(model, matrix[::step], table.pattern_weight[::step])
    fitted = with_statistics(model, votes)
    low, high, why = _intervals(fitted, model, votes, level)
    worth, clusters = _copies(fitted, votes.lf_names)
    return LearnedLFs(
        type(model).__name__, votes.lf_names, accuracy, low, high, level, why, weight, worth,
        clusters,
    )  # fmt: skip


def with_statistics(model: LabelModelBase, votes: VoteMatrix) -> LabelModelBase | None:
    """The model with the votes of its fit, where these are they.

    A fit is a function of the votes to the last bit, so fitting again tells.
    """
    if not isinstance(model, LabelModel | TableLabelModel):
        return None
    if model.statistics_ is not None:
        return model
    if model.n_items_ != votes.n_items:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", WeakLabelWarning)
        again = type(model)(**model.get_params()).fit(
            votes.select_lfs(model.lf_names_), class_balance=model._balance_given
        )
    return again if again.parameters_hash() == model.parameters_hash() else None


def _intervals(
    fitted: LabelModelBase | None, model: LabelModelBase, votes: VoteMatrix, level: float
) -> tuple[FloatArray | None, FloatArray | None, str | None]:
    if not isinstance(model, TableLabelModel):
        return (
            None,
            None,
            (
                f"those of {type(model).__name__} do not cover the accuracy as often as they say; "
                "fit a DawidSkene, OneCoin or ClassConditionalAccuracy to see some"
            ),
        )
    if fitted is None:
        return None, None, "the model was not fitted on these votes alone"
    table = fitted.statistics_
    n_parameters = model.layout_.n_rows * len(model.labels_)
    if table is not None and table.n_patterns * float(n_parameters) ** 2 > MAX_WORK:
        return None, None, "they would take minutes here; call accuracy_intervals to have them"
    try:
        found = accuracy_intervals(fitted, level=level, method="information")
    except ConfigError as error:  # it does not apply here, and says why
        return None, None, str(error)
    order = [found.lf_names.index(name) for name in votes.lf_names]
    return found.low[order], found.high[order], None


def _copies(
    fitted: LabelModelBase | None, lf_names: tuple[str, ...]
) -> tuple[FloatArray | None, tuple[CopyCluster, ...]]:
    if not isinstance(fitted, LabelModel):
        return None, ()
    report = fitted.report_
    worth = {lf.name: lf.as_copy for lf in report.lfs}
    clusters = tuple(CopyCluster(c.lf_names, c.effective_votes) for c in report.clusters)
    return np.array([worth[name] for name in lf_names]), clusters


def _signed(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:+.2f}"
