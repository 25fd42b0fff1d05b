"""The front door: a label model that is safe to use without settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from weaklabel.errors import ConfigError, FitError
from weaklabel.inference.anchored import (
    Anchored,
    AnchoredParameters,
    Members,
    anchored_contributions,
    anchored_posterior,
    fit_anchored,
    literal_odds,
)
from weaklabel.inference.backends import Backend, make_backend
from weaklabel.inference.calibration import best_f1_threshold, empty_tilt
from weaklabel.inference.em import Progress
from weaklabel.inference.gold_calibration import fit_calibration
from weaklabel.inference.isotonic import IsotonicMap, fit_isotonic
from weaklabel.inference.layout import TableLayout
from weaklabel.inference.preweights import take_rows
from weaklabel.inference.rows import Expected, FloatArray, IntArray
from weaklabel.models.base import LabelModelBase
from weaklabel.models.checks import Votes, check_choice
from weaklabel.models.findings import ENOUGH, too_few, warn
from weaklabel.models.statistics import PatternTable, symbols_of
from weaklabel.models.symbols import recoded
from weaklabel.soft_labels import OnTie, SoftLabels, Uncovered
from weaklabel.votes import VoteMatrix

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from weaklabel.models.report import ModelReport

BLOCK_CELLS = 1 << 23
_ARRAYS = (
    *("vote_weight", "share_weight", "evidence", "silence", "silence_alone", "confusion_prior"),
    *("many", "tilt", "correction", "empty_tilt"),
)
_ISOTONIC = ("probability", "share", "start")

Metric: TypeAlias = Literal["accuracy", "f1"]
CalibrationMethod: TypeAlias = Literal["logistic", "isotonic"]


class LabelModel(LabelModelBase):
    """The recommended label model: careful, deterministic, no settings that must be chosen.

    It never wanders far from the votes: the average of the vote share, a vote share in which
    classes that many LFs vote for count less, one step of evidence from there, and, where LFs vote
    for several classes, a few steps of confusion-matrix EM
    (:mod:`weaklabel.inference.anchored`). How much each weighs is read off the votes. A class
    balance given to ``fit`` tilts the result towards it; gold rows count in the evidence, calibrate
    the result and say which votes deserve more weight. Maximum likelihood, the textbook choice, is
    worse than a majority vote on most real labeling functions. ``report_`` says what was found and
    done.

    Parameters
    ----------
    metric : {"accuracy", "f1"}, default "accuracy"
        What ``predict`` decides for: the most probable class, or, with two classes, the threshold
        with the highest expected F1 of ``positive``. Probabilities are the same.
    positive : str or int, optional
        The class of ``"f1"``, by name or code; the rarer one by default.
    calibration : {"logistic", "isotonic"}, default "logistic"
        What gold does to the probabilities: a temperature, a tilt and weights of votes; or an
        isotonic fit on top of these, for 200 gold rows or more. No choice without gold.

    Examples
    --------
    >>> from weaklabel import LabelModel
    >>> votes = [[0, 0, 1], [1, 1, -1], [0, -1, 0], [-1, -1, -1]]
    >>> LabelModel().fit(votes).predict(votes).tolist()
    [0, 1, 0, -1]
    """

    _file_version = 2  # 1 had no array ``correction``: gold did not weigh votes

    layout_: TableLayout
    parameters_: AnchoredParameters
    decision_tilt_: FloatArray

    _found: Anchored | None = None
    _report: ModelReport | None = None

    def __init__(
        self,
        *,
        metric: Metric = "accuracy",
        positive: str | int | None = None,
        calibration: CalibrationMethod = "logistic",
    ) -> None:
        self.metric = metric
        self.positive = positive
        self.calibration = calibration

    def _check_settings(self) -> None:
        check_choice("metric", self.metric, get_args(Metric))
        check_choice("calibration", self.calibration, get_args(CalibrationMethod))

    def _fit(
        self, table: PatternTable, balance: FloatArray | None, progress: Progress | None
    ) -> None:
        layout, backend, gold = _inputs(table)
        if gold is None and len(layout.lfs) < ENOUGH:
            warn([too_few(len(layout.lfs))], stacklevel=4)
        found = fit_anchored(backend, layout, balance, gold)
        parameters = found.parameters
        self.layout_ = layout
        self.class_balance_ = parameters.class_balance
        if gold is not None:
            if balance is None:
                self.class_balance_ = _gold_balance(table)
            parameters = _calibrated(parameters, backend, layout, table, self.class_balance_)
        if self.calibration == "isotonic":
            parameters = _isotonic(parameters, backend, layout, table)
        self.parameters_, self._found, self._report = parameters, found, None
        self.decision_tilt_ = self._decision_tilt(table, backend)
        self.n_iter_ = 1
        self.objective_trace_ = np.zeros(0)
        self.status_ = "one step of evidence from the vote share; nothing is iterated to an optimum"

    def _decision_tilt(self, table: PatternTable, backend: Backend) -> FloatArray:
        """Added to the log posterior before ``predict`` takes the largest, shape (n_classes,)."""
        tilt = np.zeros(table.n_classes)
        if self.metric != "f1":
            return tilt
        if table.n_classes != 2:
            raise ConfigError(
                f'metric="f1" is that of one class of two, found {table.n_classes} classes; '
                'use metric="accuracy", or set thresholds on predict_proba'
            )
        average = anchored_posterior(self.parameters_, backend, self.layout_).average
        weight = table.pattern_weight * (table.n_votes_per_pattern > 0)
        if self.positive is None:
            positive = int(np.argmin(weight @ average))
        else:
            positive = _class_code(self.positive, table)
        threshold = best_f1_threshold(average[:, positive], weight)
        threshold = min(max(threshold, 1e-6), 1.0 - 1e-6)
        tilt[positive] = np.log1p(-threshold) - np.log(threshold)
        return tilt

    @property
    def report_(self) -> ModelReport:
        """What the model found in the votes and did with them, as data and in words.

        Raises
        ------
        FitError
            If the model is not fitted, or was saved without its statistics.
        """
        from weaklabel.models.report import make_report

        table = self._statistics()
        if self._report is None:
            found = self._found
            if found is None:  # loaded from a file
                layout, backend, gold = _inputs(table)
                found = fit_anchored(backend, layout, self._balance_given, gold)
            self._report = make_report(table, found, self.parameters_, self._balance_given)
        return self._report

    def predict(
        self,
        votes: Votes,
        on_tie: OnTie = "abstain",
        uncovered: Uncovered = "abstain",
        random_state: int = 0,
    ) -> npt.NDArray[np.int64]:
        """Hard labels as class codes, decided for ``metric``; see the base class."""
        soft = self.label(votes)
        if self.decision_tilt_.any():
            tilted = soft.probabilities * np.exp(self.decision_tilt_)
            tilted /= tilted.sum(axis=1, keepdims=True)
            soft = SoftLabels(tilted, soft.labels, soft.n_votes, soft.ids, soft.provenance)
        return soft.harden(on_tie, uncovered, random_state)

    def members(self, votes: Votes) -> Members:
        """Posteriors of the members whose average the model is."""
        return self._members(self._votes(votes))

    def _members(self, votes: VoteMatrix) -> Members:
        layout, parameters, table_row = self._rows_of(votes)
        rows = layout.rows(votes.indptr, table_row)
        return anchored_posterior(parameters, make_backend(rows), layout)

    def _predict_proba(self, votes: VoteMatrix) -> FloatArray:
        step = max(BLOCK_CELLS // len(self.labels_), 1)  # members are not kept for all rows at once
        if votes.n_items <= step:
            return self._members(votes).average
        out = np.empty((votes.n_items, len(self.labels_)))
        for first in range(0, votes.n_items, step):
            part = slice(first, first + step)
            out[part] = self._members(votes[part]).average
        return out

    def _contributions(self, votes: VoteMatrix) -> tuple[FloatArray, FloatArray]:
        layout, parameters, table_row = self._rows_of(votes)
        return anchored_contributions(parameters, votes.indptr, table_row, layout)

    def _rows_of(
        self, votes: VoteMatrix
    ) -> tuple[TableLayout, AnchoredParameters, npt.NDArray[Any]]:
        """Votes as table rows; a pair (LF, symbol) the fit did not see is read literally."""
        alphabet, code = recoded(self.alphabet_, votes.alphabet)
        symbol = votes.symbol if code is None else code[votes.symbol]
        table_row = self.layout_.find(votes.lf_index, symbol)
        if (table_row >= 0).all():
            return self.layout_, self.parameters_, table_row
        fitted = self.layout_
        layout, both = TableLayout.of_votes(
            np.concatenate([fitted.row_lf, votes.lf_index.astype(np.int64)]),
            np.concatenate([fitted.row_symbol, symbol.astype(np.int64)]),
            fitted.n_lfs,
            symbols_of(alphabet),
        )
        known = both[: fitted.n_rows].astype(np.int64)
        return layout, self.parameters_.extended(layout, known), both[fitted.n_rows :]

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        found = self.parameters_
        arrays = {name: getattr(found, name) for name in _ARRAYS}
        arrays |= {"row_lf": self.layout_.row_lf, "row_symbol": self.layout_.row_symbol}
        arrays["decision_tilt"] = self.decision_tilt_
        arrays["base_balance"] = found.class_balance
        if found.isotonic is not None:
            arrays |= {f"isotonic_{n}": getattr(found.isotonic, n) for n in _ISOTONIC}
        return arrays if found.confusion is None else arrays | {"confusion": found.confusion}

    def _header(self) -> dict[str, Any]:
        found = self.parameters_
        return {"confusion_weight": found.confusion_weight, "temperature": found.temperature}

    def _restore(self, header: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self.layout_ = TableLayout(
            arrays["row_lf"], arrays["row_symbol"], len(self.lf_names_), symbols_of(self.alphabet_)
        )
        self.parameters_ = AnchoredParameters(
            **{name: arrays[name] for name in _ARRAYS},
            confusion=arrays.get("confusion"),
            confusion_weight=header["confusion_weight"],
            temperature=header["temperature"],
            class_balance=arrays["base_balance"],
            isotonic=(
                IsotonicMap(*(arrays[f"isotonic_{n}"] for n in _ISOTONIC))
                if "isotonic_start" in arrays
                else None
            ),
        )
        self.decision_tilt_ = arrays["decision_tilt"]


def _inputs(table: PatternTable) -> tuple[TableLayout, Backend, Expected | None]:
    """Layout, votes over all patterns, and counts of the gold rows."""
    layout, table_row = table.layout()
    rows = layout.rows(table.indptr, table_row, table.pattern_weight)
    gold = table.gold_counts(layout, table_row)
    return layout, make_backend(rows), gold


def _gold_balance(table: PatternTable) -> FloatArray:
    """Class shares of the gold rows, with one pseudo-row per class."""
    counts = np.bincount(table.gold_class, table.gold_weight, table.n_classes) + 1.0
    return np.asarray(counts / counts.sum())


def gold_posteriors(
    parameters: AnchoredParameters, backend: Backend, layout: TableLayout, pattern: IntArray
) -> FloatArray:
    """Posteriors of some patterns, shape (n_chosen, n_classes)."""
    few = make_backend(take_rows(backend.rows, pattern))
    return anchored_posterior(parameters, few, layout).average


def _votes_of(backend: Backend, pattern: IntArray) -> csr_array:
    """Which votes some patterns have, shape (n_chosen, n_table_rows)."""
    from scipy.sparse import csr_array

    few = take_rows(backend.rows, pattern)
    shape = (few.n_patterns, few.n_table_rows)
    return csr_array((np.ones(len(few.table_row)), few.table_row, few.indptr), shape=shape)


def _calibrated(
    parameters: AnchoredParameters,
    backend: Backend,
    layout: TableLayout,
    table: PatternTable,
    balance: FloatArray,
) -> AnchoredParameters:
    """The parameters with temperature, tilts and weights of votes learned from gold.

    Gold of one class only is hardly a random sample, and says nothing of the others: it stays in
    the evidence and calibrates nothing.
    """
    if len(np.unique(table.gold_class)) < 2:
        return parameters
    raw = replace(parameters, temperature=1.0, tilt=np.zeros(table.n_classes))
    posterior = gold_posteriors(raw, backend, layout, table.gold_pattern)
    voted = table.n_votes_per_pattern[table.gold_pattern] > 0
    gold, weight = table.gold_class, table.gold_weight
    speaks = literal_odds(layout)
    found = fit_calibration(
        posterior[voted],
        gold[voted],
        weight[voted],
        parameters.temperature,
        parameters.tilt,
        _votes_of(backend, table.gold_pattern[voted]),
        speaks,
    )
    return replace(
        parameters,
        temperature=found.temperature,
        tilt=found.tilt,
        correction=found.vote[:, None] * speaks,
        empty_tilt=empty_tilt(parameters.empty, gold[~voted], weight[~voted], balance),
    )


def _isotonic(
    parameters: AnchoredParameters, backend: Backend, layout: TableLayout, table: PatternTable
) -> AnchoredParameters:
    """The parameters with an isotonic fit on the gold rows that have votes."""
    voted = table.n_votes_per_pattern[table.gold_pattern] > 0
    voted &= table.gold_weight > 0
    gold, weight = table.gold_class[voted], table.gold_weight[voted]
    if len(np.unique(gold)) < 2:
        raise FitError(
            'calibration="isotonic" needs gold rows of two classes or more that have votes, found '
            f'{weight.sum():g} rows of {len(np.unique(gold))}; give gold, or use "logistic"'
        )
    posterior = gold_posteriors(parameters, backend, layout, table.gold_pattern[voted])
    return replace(parameters, isotonic=fit_isotonic(posterior, gold, weight))


def _class_code(name: str | int, table: PatternTable) -> int:
    labels = table.alphabet.labels
    if isinstance(name, str):
        return labels.code(name)
    if not 0 <= name < len(labels):
        raise ConfigError(
            f"positive must be a class name or a code below {len(labels)}, found {name}"
        )
    return int(name)
