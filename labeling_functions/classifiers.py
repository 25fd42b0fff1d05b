"""A fitted classifier as a labeling function: vote where it is sure, abstain elsewhere.

The classifier is a Python object, so this kind has no form in a file of rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from labeling_functions.building import (
    SettingError,
    coded,
    need_column,
    need_name,
    need_number,
    read_labels,
)
from labeling_functions.text import as_texts
from weaklabel import LabelingFunction
from weaklabel.labels import LabelSpaceLike


class Classifier(Protocol):
    """What is needed of a classifier: that of scikit-learn, or anything alike."""

    classes_: Any

    def predict_proba(self, X: Any) -> Any:
        """Probabilities, shape (n_rows, n_classes)."""
        ...


def classifier(
    name: str,
    model: Classifier,
    columns: str | Sequence[str],
    *,
    labels: LabelSpaceLike | None = None,
    confidence: float | Mapping[Any, float] = 0.8,
) -> LabelingFunction:
    """Vote as a fitted classifier does where it is sure enough.

    Parameters
    ----------
    name : str
    model : classifier with ``predict_proba`` and ``classes_``
        A pipeline from texts, or from a table, to classes. Its fitted attributes are part of the
        fingerprint as far as they can be seen.
    columns : str or sequence of str
        A single name: the classifier gets a list of texts, and rows without text no vote. Several
        (or a list of one): it gets a DataFrame of these columns.
    labels : LabelSpace, or anything it takes, optional
    confidence : float or mapping of class to float, default 0.8
        Least probability of the most probable class, in [0, 1]; by class, with no votes for the
        classes left out.

    Raises
    ------
    ConfigError
        If a setting is wrong, or the classifier is not fitted.
    """
    need_name(name)
    if not hasattr(model, "predict_proba") or not hasattr(model, "classes_"):
        raise SettingError(
            name, "model", f"must be fitted and have predict_proba and classes_, found {model!r}"
        )
    listed = np.asarray(model.classes_).tolist()
    space, answers = read_labels(name, labels, *listed, key="model")
    is_text = isinstance(columns, str)
    chosen = [need_column(name, c, "columns") for c in ([columns] if is_text else columns)]
    resources = {
        "model": model,
        "answers": answers,
        "least": least_confidence(name, listed, confidence),
        "is_text": is_text,
        "names": tuple(chosen),
    }
    return LabelingFunction(name, _votes, space, resources, columns=tuple(chosen), format="list")


def least_confidence(name: str, classes: Sequence[Any], confidence: Any) -> tuple[float, ...]:
    """Least confidence for each class; more than 1 where it gets no votes."""
    given = confidence if isinstance(confidence, Mapping) else dict.fromkeys(classes, confidence)
    for label, value in given.items():
        if label not in classes:
            raise SettingError(name, "confidence", f"must be about {classes}, found {label!r}")
        if not 0 <= need_number(name, "confidence", value) <= 1:
            raise SettingError(name, "confidence", f"must lie in [0, 1], found {value!r}")
    return tuple(float(given.get(label, 2.0)) for label in classes)


def _votes(
    *columns: Any,
    model: Classifier,
    answers: Sequence[Any],
    least: Sequence[float],
    is_text: bool,
    names: Sequence[str],
) -> Any:
    return sure_votes(model, columns, answers, least, is_text, names)


def sure_votes(
    model: Classifier,
    columns: Sequence[Any],
    answers: Sequence[Any],
    least: Sequence[float],
    is_text: bool,
    names: Sequence[str],
) -> Any:
    """The votes of a classifier: its likeliest class where that is likely enough."""
    rows: Any
    if is_text:
        texts = as_texts(columns[0]).to_pylist()
        present = np.array([text is not None for text in texts], dtype=np.bool_)
        rows = [text for text in texts if text is not None]
    else:
        import pandas as pd

        present = np.ones(len(columns[0]), dtype=np.bool_)
        rows = pd.DataFrame(dict(zip(names, columns, strict=True)))
    index = np.full(len(present), -1, dtype=np.int32)
    if present.any():
        proba: npt.NDArray[np.float64] = np.asarray(model.predict_proba(rows), dtype=np.float64)
        best = proba.argmax(axis=1)
        sure = proba[np.arange(len(best)), best] >= np.asarray(least)[best]
        index[present] = np.where(sure, best, -1)
    return coded(index, tuple(answers))
