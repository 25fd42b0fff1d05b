"""Saved models as labeling functions: vote where the model is sure, abstain elsewhere.

.. code-block:: toml

    [[rules]]
    kind = "end_model"                     # a file of EndModel.save
    name = "last_year"
    file = "spam-2023.npz"
    columns = "text"                       # or, of a table, the list of its columns
    confidence = { spam = 0.95, ham = 0.8 }

    [[rules]]
    kind = "torch_model"                   # a TorchScript file: numbers in, scores out
    name = "scores"
    file = "net.pt"
    columns = ["length", "links"]
    classes = ["ham", "spam"]
    confidence = 0.9

A fitted scikit-learn classifier is a Python object: :func:`labeling_functions.classifier`. Files
count by their content in the fingerprint, and none of these formats is a pickle.
"""

from __future__ import annotations

import copy
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from labeling_functions.building import (
    Answer,
    Rule,
    SettingError,
    coded,
    make_lf,
    need_choice,
    need_column,
    need_name,
    read_labels,
)
from labeling_functions.classifiers import least_confidence, sure_votes
from labeling_functions.resources import Resource, find_resource
from labeling_functions.values import as_numbers
from weaklabel import LabelingFunction
from weaklabel.labels import LabelSpaceLike

if TYPE_CHECKING:
    from torch import nn

ROWS_AT_ONCE: Final = 16_384


def end_model(
    name: str,
    file: str | Path,
    columns: str | Sequence[str] = "text",
    *,
    labels: LabelSpaceLike | None = None,
    confidence: float | Mapping[Any, float] = 0.8,
) -> LabelingFunction:
    """Vote as a saved :class:`weaklabel.EndModel` does where it is sure enough.

    Parameters
    ----------
    name : str
    file : path
        Of ``EndModel.save``.
    columns : str or sequence of str, default "text"
        A single name: of a model of texts. A list: the columns of a model of tables.
    labels : LabelSpace, or anything it takes, optional
    confidence : float or mapping of class to float, default 0.8
        Least probability of the most probable class, in [0, 1]; by class, with no votes for the
        classes left out.

    Raises
    ------
    ConfigError
        If a setting is wrong.
    ArtifactError
        If the file is no end model.
    """
    need_name(name)
    found = find_resource(name, "file", file)
    classes = np.asarray(_end_model(found).classes_).tolist()
    space, answers = read_labels(name, labels, *classes, key="file")
    is_text = isinstance(columns, str)
    chosen = [need_column(name, c, "columns") for c in ([columns] if is_text else columns)]
    least = least_confidence(name, classes, confidence)
    rule = EndModelRule(found, answers, least, tuple(chosen), is_text)
    return make_lf(name, rule, chosen, space)


def torch_model(
    name: str,
    file: str | Path | nn.Module,
    columns: Sequence[str],
    classes: Sequence[Any],
    *,
    labels: LabelSpaceLike | None = None,
    outputs: str = "logits",
    confidence: float | Mapping[Any, float] = 0.8,
    prepare: Callable[..., Any] | None = None,
) -> LabelingFunction:
    """Vote as a trained network does where it is sure enough.

    Parameters
    ----------
    name : str
    file : path or torch.nn.Module
        A TorchScript file (``torch.jit.save``), or a module, of which a copy in evaluation mode is
        used.
    columns : sequence of str
        Numbers that the network reads, as a float32 tensor of shape (n_rows, n_columns). Rows with
        a missing value get no vote.
    classes : sequence of classes
        What the outputs stand for, in order.
    labels : LabelSpace, or anything it takes, optional
    outputs : {"logits", "probabilities"}, default "logits"
        What the network returns, shape (n_rows, n_classes).
    confidence : float or mapping of class to float, default 0.8
        Least probability of the most probable class, in [0, 1]; by class, with no votes for the
        classes left out.
    prepare : callable, optional
        Of Python only: ``prepare(*columns)`` makes the input of the network from the columns as
        lists, None where missing, instead of numbers. Every row then gets an answer.

    Raises
    ------
    ConfigError
        If a setting is wrong, or the file is not TorchScript.
    """
    need_name(name)
    if isinstance(columns, str) or not isinstance(columns, Sequence) or not columns:
        raise SettingError(name, "columns", f"must be a list of columns, found {columns!r}")
    chosen = [need_column(name, column, "columns") for column in columns]
    if isinstance(classes, str) or not isinstance(classes, Sequence) or len(classes) < 2:
        raise SettingError(name, "classes", f"must be a list of classes, found {classes!r}")
    space, answers = read_labels(name, labels, *classes, key="classes")
    need_choice(name, "outputs", outputs, ("logits", "probabilities"))
    if prepare is not None and not callable(prepare):
        raise SettingError(name, "prepare", f"must be a function, found {prepare!r}")
    settings = {
        "net": _net(name, file),
        "answers": answers,
        "least": least_confidence(name, list(classes), confidence),
        "is_logits": outputs == "logits",
        "prepare": prepare,
    }
    return LabelingFunction(
        name, _torch_votes, space, settings, columns=tuple(chosen), format="list"
    )


@dataclass(frozen=True)
class EndModelRule(Rule):
    """The model, and how sure it must be."""

    file: Resource
    answers: tuple[Answer, ...]
    least: tuple[float, ...]
    names: tuple[str, ...]
    is_text: bool

    def __call__(self, *columns: Any) -> Any:
        """The votes on a column of texts, or on the columns of a table."""
        return sure_votes(
            _end_model(self.file), columns, self.answers, self.least, self.is_text, self.names
        )


@lru_cache(maxsize=8)
def _end_model(file: Resource) -> Any:
    from weaklabel import EndModel

    return EndModel.load(file.check())


@dataclass(frozen=True)
class ScriptFile:
    """A TorchScript file."""

    file: Resource

    @property
    def fingerprint(self) -> str:
        """Digest of the file."""
        return self.file.digest

    def module(self) -> Any:
        """The network."""
        return _script(self.file)


@dataclass(frozen=True)
class ModuleInMemory:
    """A network that the caller made; counts by its code and its weights."""

    net: Any = field(repr=False)

    def module(self) -> Any:
        """The network."""
        return self.net


def _net(name: str, file: Any) -> ScriptFile | ModuleInMemory:
    from torch import nn

    if isinstance(file, nn.Module):
        return ModuleInMemory(copy.deepcopy(file).eval())
    found = find_resource(name, "file", file)
    try:
        _script(found)
    except RuntimeError as error:
        first = str(error).strip().splitlines()[0]
        raise SettingError(
            name, "file", f"must be TorchScript (torch.jit.save), found {file}: {first}"
        ) from error
    return ScriptFile(found)


@lru_cache(maxsize=8)
def _script(file: Resource) -> Any:
    import torch

    load: Any = torch.jit.load  # untyped
    return load(io.BytesIO(file.check().read_bytes()), map_location="cpu").eval()


def _torch_votes(
    *columns: Any,
    net: ScriptFile | ModuleInMemory,
    answers: Sequence[Answer],
    least: Sequence[float],
    is_logits: bool,
    prepare: Callable[..., Any] | None,
) -> Any:
    n_rows = len(columns[0])
    index = np.full(n_rows, -1, dtype=np.int32)
    numbers = None
    present = np.arange(n_rows)
    if prepare is None:
        numbers = np.stack([as_numbers(column) for column in columns], axis=1).astype(np.float32)
        present = np.flatnonzero(np.isfinite(numbers).all(axis=1))
    for start in range(0, len(present), ROWS_AT_ONCE):
        rows = present[start : start + ROWS_AT_ONCE]
        if prepare is None:
            given = numbers[rows]  # type: ignore[index]  # made above
        else:
            given = prepare(*(column[start : start + ROWS_AT_ONCE] for column in columns))
        proba = _probabilities(net.module(), given, is_logits, (len(rows), len(answers)))
        best = proba.argmax(axis=1)
        sure = proba[np.arange(len(best)), best] >= np.asarray(least)[best]
        index[rows] = np.where(sure, best, -1)
    return coded(index, answers)


def _probabilities(
    module: Any, given: Any, is_logits: bool, shape: tuple[int, int]
) -> npt.NDArray[np.float64]:
    import torch

    with torch.no_grad():
        scores = module(torch.from_numpy(given) if isinstance(given, np.ndarray) else given)
    if tuple(getattr(scores, "shape", ())) != shape:
        raise ValueError(
            f"the network must return scores of shape {shape}, one row each and one column for "
            f"each class; found {tuple(getattr(scores, 'shape', ())) or type(scores).__name__}"
        )
    scores = scores.detach().to("cpu", torch.float64)
    found: npt.NDArray[np.float64] = (torch.softmax(scores, dim=1) if is_logits else scores).numpy()
    if not np.isfinite(found).all():
        raise ValueError("the network must return finite scores, found NaN or infinity")
    return found
