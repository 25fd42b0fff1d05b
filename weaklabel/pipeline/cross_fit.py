"""What a model answers on rows it was not trained on, for all rows it is trained on.

The rows are cut into folds; each fold is answered by a model of the same settings, trained on the
other folds. Rows of equal content are in one fold, so no copy of a row was trained on. A model
repeats the errors of labels it has learned by heart; only held-out answers can contradict them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from weaklabel.errors import ConfigError, DataError
from weaklabel.soft_labels import SoftLabels

if TYPE_CHECKING:
    from weaklabel.endmodel import EndModel

FOLDS = 5
FEWEST_IN_FOLD = 4
"""Different rows a fold needs at least."""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Answers of models that did not see the rows.

    Attributes
    ----------
    probabilities : array, shape (n_items, n_classes)
    fold : array of int, shape (n_items,)
        Which model answered; all 0 where one model answered rows that it was not trained on.
    n_folds : int
        0 in that case.
    """

    probabilities: npt.NDArray[np.float64]
    fold: npt.NDArray[np.int64]
    n_folds: int


def cross_fit(
    model: EndModel, rows: Any, labels: SoftLabels, *, folds: int = FOLDS, seed: int = 0
) -> HeldOut:
    """Held-out answers of an end model on all rows.

    Parameters
    ----------
    model : EndModel
        Its settings are used; it need not be fitted, and stays as it is.
    rows : list of texts, table, array or sparse matrix
    labels : SoftLabels
        One per row, in the same order.
    folds : int, default 5
    seed : int
        Of the folds, which depend on the content of the rows and not on their order.

    Returns
    -------
    HeldOut

    Raises
    ------
    ConfigError
        If there are fewer than two folds.
    DataError
        If rows and labels do not match, or there are too few different rows.
    FitError
        If the rows of a training part cannot be learned from.

    Notes
    -----
    As many fits as folds.

    References
    ----------
    Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels",
    2021: held-out probabilities tell which labels are wrong.
    """
    from sklearn.base import clone

    from weaklabel.endmodel.rows import read_rows

    if isinstance(folds, bool) or not isinstance(folds, int) or folds < 2:
        raise ConfigError(f"there must be at least 2 folds, found {folds!r}")
    read = read_rows(rows)
    if len(read) != labels.n_items:
        raise DataError(
            f"rows and soft labels must match, found {len(read)} rows and {labels.n_items} labels"
        )
    fold = folds_of(read, folds, seed)
    plain = clone(model).set_params(checkpoint=None)  # whose files are of the fit on all rows
    answers = np.empty_like(labels.probabilities)
    for f in range(folds):
        part, out = np.flatnonzero(fold != f), np.flatnonzero(fold == f)
        fitted = plain.fit(read.take(part), _take(labels, part))
        answers[out] = fitted.predict_proba(read.take(out))
    return HeldOut(answers, fold, folds)


def folds_of(rows: Any, folds: int, seed: int) -> npt.NDArray[np.int64]:
    """The fold of each row, shape (n_items,): equal rows in one, the folds of nearly one size."""
    from weaklabel.endmodel.content import content_keys, scrambled

    found, group = np.unique(content_keys(rows), return_inverse=True)
    if len(found) < FEWEST_IN_FOLD * folds:
        raise DataError(
            f"{folds} folds need at least {FEWEST_IN_FOLD * folds} different rows, found "
            f"{len(found)}; use fewer folds (--folds on the command line) or more rows"
        )
    rank = np.empty(len(found), dtype=np.int64)
    rank[np.argsort(scrambled(found, seed), kind="stable")] = np.arange(len(found))
    return np.asarray(rank[group] % folds)


def _take(labels: SoftLabels, rows: npt.NDArray[np.int64]) -> SoftLabels:
    return SoftLabels(labels.probabilities[rows], labels.labels, labels.n_votes[rows])
