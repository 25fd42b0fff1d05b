"""What the user passes as y, read into class probabilities and a weight per row.

Soft labels carry probabilities, class names and which rows have any vote. An (n, K) array carries
probabilities only; its classes are numbered. Hard labels become one-hot rows; None or NaN among
them counts as uncovered.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.exceptions import DataConversionWarning

from weaklabel.endmodel.rows import Rows, read_rows
from weaklabel.endmodel.target_modes import check_marks
from weaklabel.errors import ConfigError, CoverageWarning, DataError, FitError
from weaklabel.soft_labels import SoftLabels, check_probabilities

Uncovered: TypeAlias = Literal["exclude", "downweight", "keep"]

UNCOVERED_WEIGHT: Final = 0.1
"""Weight of a row without votes under ``uncovered="downweight"``."""

UNCOVERED_FACTOR: Final[dict[str, float]] = {
    "exclude": 0.0,
    "downweight": UNCOVERED_WEIGHT,
    "keep": 1.0,
}


@dataclass(frozen=True)
class Targets:
    """What the rows are trained towards.

    Attributes
    ----------
    probabilities : array of float64, shape (n, n_classes)
        Rows sum to 1.
    classes : array, shape (n_classes,)
        What ``predict`` answers.
    covered : array of bool, shape (n,)
        Whether anything is known of the row.
    """

    probabilities: npt.NDArray[np.float64]
    classes: npt.NDArray[Any]
    covered: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.probabilities)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)


def read_targets(y: Any, *, are_marks: bool = False) -> Targets:
    """Read and check what the user passed as y.

    Parameters
    ----------
    y : SoftLabels, array of shape (n, n_classes), or hard labels of shape (n,)
    are_marks : bool, default False
        Whether the rows of an array mark classes one by one, so that they need not sum to 1.

    Raises
    ------
    DataError
        If the probabilities of a row do not sum to 1, or y is neither soft nor hard labels.
    """
    if y is None:
        raise DataError(
            "EndModel requires y to be passed, but the target y is None: pass SoftLabels, an "
            "(n, K) array of class probabilities, or hard labels"
        )
    if isinstance(y, SoftLabels):
        return Targets(y.probabilities, np.asarray(y.labels.names), y.covered)
    array = _as_array(y)
    if array.ndim == 2 and array.shape[1] == 1:
        warnings.warn(
            "A column-vector y was passed when a 1d array was expected; it is read as hard labels. "
            "Pass y.ravel()",
            DataConversionWarning,
            stacklevel=3,
        )
        array = array[:, 0]
    if array.ndim == 2:
        return _read_marks(array) if are_marks else _read_soft(array)
    if array.ndim == 1:
        return _read_hard(array)
    raise DataError(
        "y must be SoftLabels, an (n, K) array of class probabilities, or a list of hard labels; "
        f"found an array of shape {array.shape}"
    )


def _as_array(y: Any) -> npt.NDArray[Any]:
    """An array without conversions that lose something: lists stay lists of their values."""
    if isinstance(y, pd.DataFrame | pd.Series):
        return np.asarray(y.to_numpy())
    values = y.to_pylist() if hasattr(y, "to_pylist") else y
    array = np.asarray(values)
    if array.ndim == 1 and isinstance(values, list | tuple):
        array = np.empty(len(values), dtype=object)
        array[:] = values
    return array


def _one_type(labels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Python labels as an array of their own type; names stay Python strings."""
    are_names = [isinstance(label, str) for label in labels.tolist()]
    if all(are_names):
        return labels
    if any(are_names):
        name = labels[are_names.index(True)]
        other = labels[are_names.index(False)]
        raise DataError(
            f"hard labels must be of one type, all names or all numbers; found {name!r} "
            f"and {other!r}"
        )
    numbers = np.asarray(labels.tolist())
    if numbers.dtype.kind not in "biuf" or numbers.ndim != 1:
        raise DataError(f"hard labels must be names or numbers, found {labels[0]!r}")
    return numbers


def _read_soft(array: npt.NDArray[Any]) -> Targets:
    n_rows, n_classes = array.shape
    try:
        probabilities = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"a 2-D y must hold class probabilities ({error})") from error
    check_probabilities(probabilities, n_classes)
    return Targets(probabilities, np.arange(n_classes), np.ones(n_rows, dtype=bool))


def _read_marks(array: npt.NDArray[Any]) -> Targets:
    try:
        marks = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"a 2-D y must hold numbers in [0, 1] ({error})") from error
    check_marks(marks)
    return Targets(marks, np.arange(marks.shape[1]), np.ones(len(marks), dtype=bool))


def read_dev(dev: Any, classes: npt.NDArray[Any]) -> tuple[Rows, npt.NDArray[np.float64]]:
    """Gold rows of the user and their labels in the order of the classes.

    Raises
    ------
    DataError
        If they do not match, or have a class that the training labels do not know.
    """
    if not isinstance(dev, tuple | list) or len(dev) != 2:
        raise DataError("dev must be a pair (X, y) of gold rows and their labels")
    rows, gold = read_rows(dev[0]), read_targets(dev[1])
    check_match(rows, gold, dev[1])
    if not gold.covered.all():
        row = int(np.flatnonzero(~gold.covered)[0])
        raise DataError(f"every row of dev needs a label; row {row} has none")
    place = {str(name): k for k, name in enumerate(classes.tolist())}
    strange = [name for name in gold.classes.tolist() if str(name) not in place]
    if strange:
        raise DataError(
            f"dev has the classes {strange}, which the training labels do not know; "
            f"they have {classes.tolist()}"
        )
    probabilities = np.zeros((len(gold), len(classes)))
    probabilities[:, [place[str(name)] for name in gold.classes.tolist()]] = gold.probabilities
    return rows, probabilities


def _read_hard(array: npt.NDArray[Any]) -> Targets:
    covered = ~pd.isna(array)
    known = array[covered]
    if known.dtype == object:
        known = _one_type(known)
    if known.dtype.kind == "f" and not (known == np.floor(known)).all():
        raise DataError(
            "Unknown label type: continuous. Hard labels must be class names or whole numbers, "
            f"found {float(known[known != np.floor(known)][0])!r}"
        )
    classes, codes = np.unique(known, return_inverse=True)
    if classes.dtype.kind in "if" and -1 in classes and 0 in classes:
        raise DataError(
            "y holds -1, which is an abstention in weaklabel and would be trained as a class here; "
            "pass the SoftLabels themselves, drop those rows, or use class names"
        )
    probabilities = np.zeros((len(array), len(classes)))
    probabilities[covered, codes] = 1.0
    if len(known) and not covered.all():  # of uncovered rows, only the class frequencies are known
        probabilities[~covered] = probabilities[covered].mean(axis=0)
    return Targets(probabilities, classes, covered)


def check_match(rows: Rows, targets: Targets, y: Any) -> None:
    """Raise DataError unless X and y have the same rows, as far as can be told.

    Lengths are compared; and where X is a pandas object with an index and y has ids that occur in
    it, every id must stand at its own row.
    """
    if len(rows) != len(targets):
        what = "the soft labels" if isinstance(y, SoftLabels) else "y"
        raise DataError(
            f"X and y must have the same rows; X has {len(rows)} and {what} {len(targets)} "
            "(inconsistent numbers of samples). Pass the rows the labels were made from, in order"
        )
    if not isinstance(y, SoftLabels) or y.ids is None or rows.index is None:
        return
    index, ids = rows.index.tolist(), y.ids.tolist()
    differs = [i for i, (a, b) in enumerate(zip(index, ids, strict=True)) if a != b]
    if not differs or not set(index) & set(ids):  # an index of another kind says nothing
        return
    at = f"row {differs[0]} is {index[differs[0]]!r} in X and {ids[differs[0]]!r} in the labels"
    if set(index) == set(ids):
        raise DataError(
            f"X and the soft labels have the same ids in different order: {at}; "
            "pass X.loc[labels.ids]"
        )
    raise DataError(
        f"the ids of X and of the soft labels do not match in {len(differs)} rows: {at}. Pass the "
        "rows the labels were made from; or, if the index of X has nothing to do with their ids, "
        "X.reset_index(drop=True)"
    )


def row_weights(
    targets: Targets, uncovered: str, sample_weight: Any = None
) -> npt.NDArray[np.float64]:
    """Weight of each row: 0 leaves it out.

    Parameters
    ----------
    targets : Targets
    uncovered : {"exclude", "downweight", "keep"}
        What becomes of rows without votes.
    sample_weight : array of float, shape (n,), optional

    Raises
    ------
    ConfigError
        If there is no such policy.
    DataError
        If the sample weights are negative, not finite, or of another length.
    FitError
        If no row is left.
    """
    if uncovered not in UNCOVERED_FACTOR:
        raise ConfigError(
            f"uncovered must be one of {', '.join(get_args(Uncovered))}; found {uncovered!r}"
        )
    if uncovered == "exclude" and not targets.covered.any():
        raise FitError(
            f"none of the {len(targets)} rows is covered by a vote, so there is nothing to learn "
            "from; write labeling functions that vote on some of these rows"
        )
    given = _read_weights(sample_weight, len(targets))
    weights = np.where(targets.covered, 1.0, UNCOVERED_FACTOR[uncovered]) * given
    if not weights.any():
        raise FitError("the weights of all rows are zero; give some row a positive sample_weight")
    return np.asarray(weights)


def _read_weights(sample_weight: Any, n_rows: int) -> npt.NDArray[np.float64]:
    if sample_weight is None:
        return np.ones(n_rows)
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.ndim == 0:
        weights = np.full(n_rows, float(weights))
    if weights.shape != (n_rows,):
        raise DataError(
            f"sample_weight must have shape ({n_rows},), one weight a row; found {weights.shape}"
        )
    bad = np.flatnonzero(~np.isfinite(weights) | (weights < 0))
    if len(bad):
        raise DataError(
            "sample weights must be finite and at least 0, "
            f"found {float(weights[bad[0]])} in row {bad[0]}"
        )
    return weights


def check_classes(
    probabilities: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64],
    classes: npt.NDArray[Any],
) -> None:
    """Raise FitError unless two classes have mass; warn if one is the likeliest in every row."""
    mass = weights @ probabilities
    has_mass = mass > 1e-9 * mass.sum()
    if has_mass.sum() < 2:
        raise FitError(
            "a classifier needs at least two classes; every row in use gives all its probability "
            f"to one class, {str(classes[int(mass.argmax())])!r}. Add labeling functions (or rows) "
            "for another class"
        )
    likeliest = np.unique(probabilities.argmax(axis=1))
    if len(likeliest) == 1:
        warnings.warn(
            f"{str(classes[likeliest[0]])!r} is the likeliest class of every row in use, so the "
            "end model will hardly ever answer anything else; add labeling functions for the "
            "other classes",
            CoverageWarning,
            stacklevel=3,
        )
