"""Label models side by side, without gold and with some.

Three numbers that need no gold, and what they are worth (measured, see ``docs/choosing.md``):

- *predictive*: how well a model foretells a vote from the other votes of its row, on rows it was
  not fitted on. It is the only honest likelihood there is, and it **hardly says which model labels
  better**: it rewards explaining why LFs agree, and correlated LFs agree for reasons that have
  nothing to do with the class. Do not choose by it.
- *agreement*: the share of rows decided like a majority vote. Models that agree with it nearly
  everywhere cannot differ much in accuracy.
- *excess error*: what a majority vote would lose if the model were right
  (:mod:`weaklabel.analysis.certificate`).

A few rows of gold say more than all three: the accuracy on them, with an interval, and which models
may be the best (:mod:`weaklabel.analysis.paired`).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from weaklabel.analysis.certificate import majority_shares, mv_certificate
from weaklabel.analysis.gold import gold_codes
from weaklabel.analysis.numbers import decisions
from weaklabel.analysis.paired import may_be_best
from weaklabel.analysis.text import Cells, number, percent
from weaklabel.analysis.wilson import in_words, wilson_interval
from weaklabel.errors import ConfigError, DataError, WeakLabelWarning
from weaklabel.models import LabelModelBase
from weaklabel.models.checks import Votes, votes_to_fit
from weaklabel.models.explain import each_left_out
from weaklabel.votes import VoteMatrix

if TYPE_CHECKING:
    import pandas as pd

FloatArray = npt.NDArray[np.float64]
MAX_HELD_OUT = 5000
SMOOTHING = 1.0  # pseudo-votes per (LF, class) with the LF's own frequencies


@dataclass(frozen=True, eq=False)
class Comparison:
    """One line per model.

    Attributes
    ----------
    names : tuple of str
    predictive : array, shape (n_models,)
        Mean log probability of a held-out vote given the others of its row, in nats, over what the
        LF's own frequencies give: 0 if the others say nothing about it.
    agreement : array, shape (n_models,)
        Share of held-out rows decided like a majority vote; ties count in part.
    excess_error : array, shape (n_models,)
        Accuracy a majority vote would lose if the model were right.
    n_held_out : int
        Rows held out, all of them with a vote.
    accuracy : array, shape (n_models,), or None
        With gold: share of the gold rows decided right; ties count in part.
    accuracy_low, accuracy_high : array, shape (n_models,), or None
        Wilson's 95 % interval of it.
    may_be_best : array of bool, shape (n_models,), or None
        Whether gold leaves open that the model is the best: False if the 95 % interval of what it
        loses against the most accurate one, on the same rows, is above 0.
    n_gold : int
        Gold rows.
    """

    names: tuple[str, ...]
    predictive: FloatArray
    agreement: FloatArray
    excess_error: FloatArray
    n_held_out: int
    accuracy: FloatArray | None = None
    accuracy_low: FloatArray | None = None
    accuracy_high: FloatArray | None = None
    may_be_best: npt.NDArray[np.bool_] | None = None
    n_gold: int = 0

    def to_pandas(self) -> pd.DataFrame:
        """One line per model: model, predictive, agreement, excess_error.

        With gold also accuracy, accuracy_low, accuracy_high, may_be_best.
        """
        import pandas as pd

        columns: dict[str, Any] = {
            "model": list(self.names),
            "predictive": self.predictive,
            "agreement": self.agreement,
            "excess_error": self.excess_error,
        }
        if self.accuracy is not None:
            for name in ("accuracy", "accuracy_low", "accuracy_high", "may_be_best"):
                columns[name] = getattr(self, name)
        return pd.DataFrame(columns)

    def cells(self) -> Cells:
        """The table as text cells."""
        columns: list[tuple[str, list[str], bool]] = [
            ("model", list(self.names), False),
            ("predictive", [number(v) for v in self.predictive], True),
            ("like majority", [percent(v) for v in self.agreement], True),
            ("majority loses", [percent(v) for v in self.excess_error], True),
        ]
        if self.accuracy is not None:
            columns.append(("accuracy", [percent(v) for v in self.accuracy], True))
            ends = zip(self.accuracy_low, self.accuracy_high, strict=True)  # type: ignore[arg-type]
            columns.append(("interval", [in_words(low, high) for low, high in ends], True))
            may = ["maybe" if v else "no" for v in self.may_be_best]  # type: ignore[union-attr]
            columns.append(("best?", may, False))
        header, bodies, numeric = zip(*columns, strict=True)
        return Cells(header, tuple(zip(*bodies, strict=True)), numeric)

    def to_text(self, width: int = 80) -> str:
        """The table, and what not to do with it."""
        note = f"{self.n_held_out:,} rows held out; do not choose by the predictive column"
        if self.accuracy is not None:
            note += f"\naccuracy on {self.n_gold:,} gold rows"
        return f"{self.cells().to_text(width)}\n{note}"


def compare(
    models: Mapping[str, LabelModelBase] | Sequence[LabelModelBase],
    votes: Votes,
    *,
    gold: Any = None,
    held_out: float = 0.2,
    random_state: int = 0,
) -> Comparison:
    """Fit models on a part of the rows and look at what they make of the rest.

    Parameters
    ----------
    models : mapping of name to label model, or sequence of label models
        They are copied, not changed.
    votes : VoteMatrix, or array of int, shape (n_items, n_lfs)
    gold : sequence, shape (n_items,), optional
        None or -1 where unknown. Not used to fit, so all gold rows are measured on: adds the
        accuracy, its interval, and which models may be the best.
    held_out : float, default 0.2
        Share of the rows with a vote, in (0, 1); at most 5,000 rows.
    random_state : int, default 0
        Which rows.

    Returns
    -------
    Comparison

    Raises
    ------
    ConfigError
        If there is no model, one is no label model, or ``held_out`` is out of range.
    DataError
        If gold has another length than the votes have rows, or there are fewer than two rows
        with votes.

    Notes
    -----
    **The predictive likelihood does not choose models.** On 21 real sets its rank correlation with
    the score was measured at -0.1, and the models it chooses score 13 points less than counting
    votes does (``docs/choosing.md``). It is here because it is what one would try first; with gold
    beside it one sees it fail. What helps is 50 rows of gold, or ``LabelModel()``.

    One fit per model, and one prediction per held-out vote.

    Examples
    --------
    >>> from weaklabel import DawidSkene, MajorityVote
    >>> from weaklabel.votes.synthetic import planted_votes
    >>> votes = planted_votes(1000, accuracy=[0.9, 0.8, 0.7, 0.6]).votes
    >>> found = compare([MajorityVote(), DawidSkene()], votes)
    >>> found.names
    ('MajorityVote', 'DawidSkene')
    """
    named = _named(models)
    if not isinstance(held_out, float) or not 0.0 < held_out < 1.0:
        raise ConfigError(f"held_out must be a number in (0, 1), found {held_out!r}")
    matrix = votes_to_fit(votes, gold, None)
    covered = np.flatnonzero(matrix.n_votes_per_item)
    if len(covered) < 2:
        raise DataError(
            "comparing needs rows with votes to fit on and to hold out, found one row with votes"
        )
    n_test = min(max(int(held_out * len(covered)), 1), MAX_HELD_OUT, len(covered) - 1)
    is_test = np.zeros(matrix.n_items, dtype=bool)
    is_test[np.random.default_rng(random_state).permutation(covered)[:n_test]] = True
    test, train = matrix[is_test], matrix[~is_test]
    codes = None if gold is None else gold_codes(matrix.labels, gold, matrix.n_items)
    known = np.zeros(0, dtype=np.int64) if codes is None else np.flatnonzero(codes >= 0)
    judged = matrix[known]
    rows, right = [], np.zeros((len(named), len(known)))
    for i, model in enumerate(named.values()):
        fitted = _fitted(model, train)
        rows.append(_measured(fitted, train, test))
        if codes is not None:
            decided = decisions(fitted.predict_proba(judged))
            right[i] = decided[np.arange(len(known)), codes[known]]
    predictive, agreement, excess = (np.array(c) for c in zip(*rows, strict=True))
    blind = Comparison(tuple(named), predictive, agreement, excess, n_test)
    if codes is None:
        return blind
    low, high = wilson_interval(right.sum(axis=1), np.full(len(right), len(known)))
    return replace(
        blind,
        accuracy=right.mean(axis=1) if len(known) else np.full(len(right), np.nan),
        accuracy_low=low,
        accuracy_high=high,
        may_be_best=may_be_best(right),
        n_gold=len(known),
    )


def _named(
    models: Mapping[str, LabelModelBase] | Sequence[LabelModelBase],
) -> dict[str, LabelModelBase]:
    if isinstance(models, LabelModelBase):
        models = [models]
    if not isinstance(models, Mapping):
        named: dict[str, LabelModelBase] = {}
        for model in models:
            name = repr(model) if repr(model) != f"{type(model).__name__}()" else repr(model)[:-2]
            named[name if name not in named else f"{name} ({len(named) + 1})"] = model
        models = named
    if not models:
        raise ConfigError("there must be at least one model to compare, found none")
    for name, model in models.items():
        if not isinstance(model, LabelModelBase):
            raise ConfigError(f"models must be label models, found {model!r} as {name!r}")
    return dict(models)


def _fitted(model: LabelModelBase, votes: VoteMatrix) -> LabelModelBase:
    fresh = type(model)(**model.get_params())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", WeakLabelWarning)
        return fresh.fit(votes)


def _measured(
    fitted: LabelModelBase, train: VoteMatrix, test: VoteMatrix
) -> tuple[float, float, float]:
    return (
        predictive_log_likelihood(fitted, train, test),
        _agreement(fitted, test),
        mv_certificate(test, fitted).excess_error,
    )


def predictive_log_likelihood(model: LabelModelBase, train: VoteMatrix, test: VoteMatrix) -> float:
    """Mean log probability of each vote of ``test`` given the others of its row, over frequencies.

    P(LF j votes a | other votes) = sum_y P(y | other votes) theta_j(a | y), with theta_j the table
    of LF j under the model's posterior on ``train``. That needs nothing of a model but its
    posterior. Votes without another vote on their row are left out; 0 if there is none.
    """
    item = test.item_index()
    with_others = test.n_votes_per_item[item] > 1
    if not with_others.any():
        return 0.0
    tables, frequency = _tables(model, train)
    posterior = model.predict_proba(each_left_out(test))
    lf, symbol = test.lf_index.astype(np.int64), test.symbol.astype(np.int64)
    probability = (posterior * tables[lf, :, symbol]).sum(axis=1)
    gain = np.log(probability) - np.log(frequency[lf, symbol])
    return float(gain[with_others].mean())


def _tables(model: LabelModelBase, train: VoteMatrix) -> tuple[FloatArray, FloatArray]:
    """theta[j, y, a] under the model's posterior, smoothed to the LF's frequencies, and these."""
    posterior = model.predict_proba(train)[train.item_index()]
    shape = (train.n_lfs, len(train.alphabet))
    key = train.lf_index.astype(np.int64) * shape[1] + train.symbol
    counts = np.bincount(key, minlength=shape[0] * shape[1]).reshape(shape) + 0.5
    frequency = counts / counts.sum(axis=1, keepdims=True)
    by_class = np.stack(
        [np.bincount(key, p, shape[0] * shape[1]).reshape(shape) for p in posterior.T], axis=1
    )
    by_class += SMOOTHING * frequency[:, None, :]
    return by_class / by_class.sum(axis=2, keepdims=True), frequency


def _agreement(model: LabelModelBase, votes: VoteMatrix) -> float:
    picked = decisions(model.predict_proba(votes))
    majority = decisions(majority_shares(votes))
    return float((picked * majority).sum(axis=1).mean())
