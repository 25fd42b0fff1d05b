"""Intervals on learned accuracies.

The accuracy of an LF is the mean posterior of what it votes,

    accuracy_j = (1 / N_j) sum_{i : j votes} P(y_i = v_ij | v_i),

whatever the model. Its sampling error has two sources: the rows are a sample, and the posterior
itself was estimated from them. Both are in its influence function. With the score s_i of a row (the
gradient of its log-likelihood in the parameters) and I = sum_i s_i s_i' the observed information,

    influence_i = (P(v_ij | v_i) - accuracy_j) / N_j  +  G_j' I^-1 s_i,

where G_j is the gradient of accuracy_j in the parameters, and the variance is the sum of squares of
the influence (method ``"information"``). Where parameters are too many, silence is evidence, LFs
are joined to cliques, or the model is no table model, rows are drawn anew with replacement and the
model is fitted again (``"bootstrap"``).

The interval is symmetric in the log-odds of the accuracy. It speaks of the error of estimation if
the model is right. On planted independent votes 90 % intervals of the models on tables were
measured to cover 88 to 91 % by either method. What is not in it is bias: dependence between LFs
that the model does not know of, and the caution of models that shrink towards the votes. The
intervals of :class:`~weaklabel.models.LabelModel` say how much its estimates vary, and cover the
accuracy only 23 % of the time there; to know how good an LF is, ask a model on tables.

References
----------
Louis, "Finding the observed information matrix when using the EM algorithm", 1982.
Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 6.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from weaklabel.errors import ConfigError, FitError, WeakLabelWarning
from weaklabel.inference.rows import FloatArray, IntArray
from weaklabel.models.base import LabelModelBase
from weaklabel.models.checks import Votes
from weaklabel.models.one_coin import OneCoin
from weaklabel.models.statistics import PatternTable, summed
from weaklabel.models.table_model import TableLabelModel

if TYPE_CHECKING:
    import pandas as pd

Method = Literal["auto", "information", "bootstrap"]

MAX_PARAMETERS = 2000
CHUNK_CELLS = 1 << 22


@dataclass(frozen=True, eq=False)
class AccuracyIntervals:
    """How often each LF is right, and how well that is known.

    Attributes
    ----------
    lf_names : tuple of str
    accuracy, low, high : array, shape (n_lfs,)
        Estimate and the ends of its interval, in [0, 1]; NaN for an LF without votes.
    n_votes : array, shape (n_lfs,)
    level : float
        Probability with which an interval covers the accuracy if the model is right and unbiased.
    method : {"information", "bootstrap"}
    """

    lf_names: tuple[str, ...]
    accuracy: FloatArray
    low: FloatArray
    high: FloatArray
    n_votes: FloatArray
    level: float
    method: str

    def to_pandas(self) -> pd.DataFrame:
        """One line per LF: lf, accuracy, low, high, n_votes."""
        import pandas as pd

        columns: dict[str, Any] = {
            "lf": list(self.lf_names),
            "accuracy": self.accuracy,
            "low": self.low,
            "high": self.high,
            "n_votes": self.n_votes,
        }
        return pd.DataFrame(columns)


def accuracy_intervals(
    model: LabelModelBase,
    votes: Votes | None = None,
    *,
    level: float = 0.9,
    method: Method = "auto",
    n_draws: int = 100,
    random_state: int = 0,
) -> AccuracyIntervals:
    """Estimated accuracy of each labeling function with an interval; no gold needed.

    Parameters
    ----------
    model : label model
        Fitted.
    votes : VoteMatrix or array, optional
        The votes it was fitted on; not needed if it still has its statistics.
    level : float, default 0.9
        In (0, 1).
    method : {"auto", "information", "bootstrap"}, default "auto"
        Observed information where it applies (models on tables with at most 2,000 parameters, no
        cliques, ``abstain="ignore"``, plain votes, no gold), else the bootstrap.
    n_draws : int, default 100
        Refits of the bootstrap.
    random_state : int, default 0
        For the bootstrap.

    Returns
    -------
    AccuracyIntervals

    Raises
    ------
    ConfigError
        If a setting is out of range, or the information is asked for where it does not apply.
    FitError
        If the model is not fitted, or neither it nor the caller has the votes.

    Notes
    -----
    Information: O(n_patterns * n_parameters^2). Bootstrap: ``n_draws`` fits, for models on tables
    from where the last one ended.

    Examples
    --------
    >>> from weaklabel import DawidSkene
    >>> from weaklabel.votes.synthetic import planted_votes
    >>> planted = planted_votes(2000, accuracy=[0.9, 0.8, 0.7, 0.8])
    >>> found = accuracy_intervals(DawidSkene().fit(planted.votes))
    >>> bool(found.low[2] < 0.7 < found.high[2])
    True
    """
    if not isinstance(level, float) or not 0.0 < level < 1.0:
        raise ConfigError(f"level must be a number in (0, 1), found {level!r}")
    if method not in get_args(Method):
        raise ConfigError(
            f"method must be one of {', '.join(map(repr, get_args(Method)))}, found {method!r}"
        )
    table = _statistics(model, votes)
    reason = _no_information(model, table)
    if method == "information" and reason:
        raise ConfigError(f"the information does not apply: {reason}; use method='bootstrap'")
    if reason is None and method != "bootstrap" and isinstance(model, TableLabelModel):
        accuracy, error = _by_information(model, table)
        used = "information"
    else:
        if n_draws < 2:
            raise ConfigError(f"n_draws must be at least 2, found {n_draws}")
        accuracy, error = _by_bootstrap(model, table, n_draws, random_state)
        used = "bootstrap"
    low, high = _interval(accuracy, error, level)
    return AccuracyIntervals(table.lf_names, accuracy, low, high, table.lf_weight, level, used)


def _statistics(model: LabelModelBase, votes: Votes | None) -> PatternTable:
    model._check_fitted()
    if votes is not None:
        return PatternTable.of(model._votes(votes))
    if model.statistics_ is None:
        raise FitError(
            "this model was saved without the distinct vote rows; pass the votes it was fitted on"
        )
    return model.statistics_


def _no_information(model: LabelModelBase, table: PatternTable) -> str | None:
    """Why the observed information cannot be used; None if it can."""
    if not isinstance(model, TableLabelModel):
        return f"a {type(model).__name__} has no likelihood"
    if model.cliques_.groups:
        return "LFs are joined to cliques"
    if model.abstain != "ignore":
        return "silence is evidence in this model"
    if not table.alphabet.is_plain:
        return "votes name more than single classes"
    if len(table.gold_weight) or model.fixed_accuracy or model.strong:
        return "gold or given tables take part in the fit"
    n_parameters = model.layout_.n_rows * table.n_classes
    if n_parameters > MAX_PARAMETERS:
        return f"there are {n_parameters:,} parameters, more than {MAX_PARAMETERS:,}"
    return None


def _interval(
    accuracy: FloatArray, error: FloatArray, level: float
) -> tuple[FloatArray, FloatArray]:
    from scipy.special import expit, logit, ndtri

    inside = np.clip(accuracy, 1e-9, 1.0 - 1e-9)
    half = ndtri(0.5 + 0.5 * level) * error / (inside * (1.0 - inside))
    return expit(logit(inside) - half), expit(logit(inside) + half)


def mean_posterior_of_votes(table: PatternTable, posterior: FloatArray) -> FloatArray:
    """The accuracy of each LF under given posteriors, shape (n_lfs,); NaN without votes.

    Parameters
    ----------
    table : PatternTable
    posterior : array, shape (n_patterns, n_classes)
    """
    member = table.symbols.membership >= 1.0
    pattern = np.repeat(np.arange(table.n_patterns), np.diff(table.indptr))
    right = (posterior[pattern] * member[table.symbol]).sum(axis=1)
    weight = table.pattern_weight[pattern]
    total = summed(table.lf_index, weight, table.n_lfs)
    hits = summed(table.lf_index, weight * right, table.n_lfs)
    out = np.full(table.n_lfs, np.nan)
    np.divide(hits, total, out=out, where=total > 0)
    return out


# -- bootstrap -----------------------------------------------------------------------------------


def _by_bootstrap(
    model: LabelModelBase, table: PatternTable, n_draws: int, random_state: int
) -> tuple[FloatArray, FloatArray]:
    from scipy.special import expit, logit

    rng = np.random.default_rng(random_state)
    balance = model._balance_given
    refit = copy.copy(model)
    if isinstance(refit, TableLabelModel):
        groups = [[table.lf_names[j] for j in group] for group in refit.cliques_.groups]
        refit.set_params(warm_start=True, n_init=1, dependencies=groups or None)
    matrix = table._matrix()
    estimate = mean_posterior_of_votes(table, model._predict_proba(matrix))
    draws = np.full((n_draws, table.n_lfs), np.nan)
    for draw in range(n_draws):
        again = replace(
            table,
            weight=_redrawn(table.weight, rng),
            gold_weight=_redrawn(table.gold_weight, rng),
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", WeakLabelWarning)
            fitted = copy.copy(refit)._fit_statistics(again, balance, None)
        draws[draw] = mean_posterior_of_votes(again, fitted._predict_proba(matrix))
    spread = np.nanstd(logit(np.clip(draws, 1e-6, 1 - 1e-6)), axis=0, ddof=1)
    inside = expit(logit(np.clip(estimate, 1e-6, 1 - 1e-6)))
    return estimate, spread * inside * (1.0 - inside)


def _redrawn(weight: FloatArray, rng: np.random.Generator) -> FloatArray:
    """As many rows drawn with replacement, in expectation: Poisson weights."""
    whole = np.rint(weight)
    if np.allclose(weight, whole):
        return rng.poisson(whole).astype(np.float64)
    return weight * rng.exponential(size=len(weight))  # the Bayesian bootstrap


# -- information ---------------------------------------------------------------------------------


def _by_information(model: TableLabelModel, table: PatternTable) -> tuple[FloatArray, FloatArray]:
    posterior = model._predict_proba(table._matrix())
    accuracy = mean_posterior_of_votes(table, posterior)
    sums = _Sums(table.n_lfs)
    for part in _parts(table, model.layout_.n_rows):
        sums.add(
            _features(model, table, part),
            posterior[part],
            _said(table, part),
            accuracy,
            table.pattern_weight[part],
        )
    n_votes = np.maximum(table.lf_weight, 1e-300)
    information = sums.information + 1e-3 * np.eye(len(sums.information))
    slope = np.linalg.solve(information, sums.gradient.T / n_votes).T  # (n_lfs, n_parameters)
    variance = sums.squares / n_votes**2
    variance += 2.0 * (slope * sums.cross).sum(axis=1) / n_votes
    variance += np.einsum("jp,pq,jq->j", slope, sums.information, slope)
    error = np.sqrt(np.maximum(variance, 0.0))
    return accuracy, np.where(table.lf_weight > 0, error, np.nan)


class _Sums:
    """Sums over rows that the variance is made of."""

    def __init__(self, n_lfs: int) -> None:
        self.n_lfs = n_lfs
        self.information: Any = 0.0
        self.gradient: Any = 0.0
        self.cross: Any = 0.0
        self.squares: Any = 0.0

    def add(
        self,
        features: list[FloatArray],
        posterior: FloatArray,
        said: IntArray,
        accuracy: FloatArray,
        weight: FloatArray,
    ) -> None:
        """``features[y]`` is the gradient of log P(votes, y), shape (n, n_parameters)."""
        score = np.zeros_like(features[0])
        for y, feature in enumerate(features):
            score += posterior[:, [y]] * feature
        votes = said >= 0
        right = np.where(votes, np.take_along_axis(posterior, np.maximum(said, 0), axis=1), 0.0)
        off = np.where(votes, right - np.where(votes, accuracy, 0.0), 0.0)
        self.information = self.information + score.T @ (weight[:, None] * score)
        self.cross = self.cross + (weight[:, None] * off).T @ score
        self.squares = self.squares + weight @ off**2
        for y, feature in enumerate(features):
            # d P(v | row) / d parameters = P(v | row) (gradient at v - mean gradient)
            change = weight[:, None] * right * ((said == y) - posterior[:, [y]])
            self.gradient = self.gradient + np.where(votes, change, 0.0).T @ feature


def _parts(table: PatternTable, n_rows: int) -> Iterator[slice]:
    step = max(CHUNK_CELLS // max(n_rows * table.n_classes**2, 1), 1)
    for start in range(0, table.n_patterns, step):
        yield slice(start, min(start + step, table.n_patterns))


def _said(table: PatternTable, part: slice) -> IntArray:
    """Dense votes of some patterns, -1 for silence."""
    first, last = int(table.indptr[part.start]), int(table.indptr[part.stop])
    lengths = np.diff(table.indptr[part.start : part.stop + 1])
    said = np.full((len(lengths), table.n_lfs), -1, dtype=np.int64)
    row = np.repeat(np.arange(len(lengths)), lengths)
    said[row, table.lf_index[first:last]] = table.symbol[first:last]
    return said


def _features(model: TableLabelModel, table: PatternTable, part: slice) -> list[FloatArray]:
    """Gradient of log P(votes, y) for each class y in log-odds of tables and class balance."""
    said, n_classes = _said(table, part), table.n_classes
    votes = said >= 0
    if isinstance(model, OneCoin):
        accuracy = np.nan_to_num(model.lf_accuracy_)
        per_class = [np.where(votes, (said == y) - accuracy, 0.0) for y in range(n_classes)]
        blocks = per_class
    else:
        layout = model.layout_
        theta = np.exp(model.log_table_)
        lf, symbol = layout.row_lf, layout.row_symbol
        blocks = []
        for y in range(n_classes):
            mine = np.where(votes[:, lf], (said[:, lf] == symbol) - theta[:, y], 0.0)
            wide = np.zeros((len(said), layout.n_rows * n_classes))
            wide[:, y * layout.n_rows : (y + 1) * layout.n_rows] = mine
            blocks.append(wide)
    if model._balance_given is not None:
        return blocks
    balance = model.class_balance_
    return [
        np.hstack([block, np.broadcast_to(np.eye(n_classes)[y] - balance, (len(said), n_classes))])
        for y, block in enumerate(blocks)
    ]
