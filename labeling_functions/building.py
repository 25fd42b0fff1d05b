"""What all builders share: the rule as a value, its votes, and the checks of its settings.

A builder makes a :class:`weaklabel.LabelingFunction` of settings. The settings are held by a
:class:`Rule`, a frozen value that is called with whole columns. Its fingerprint is that of its
settings, so editing one rule changes the fingerprint of that rule only.
"""

from __future__ import annotations

import enum
import hashlib
import math
import numbers
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from weaklabel import LabelingFunction, LabelSpace, Preprocessor
from weaklabel.errors import ConfigError, LabelError, PackError
from weaklabel.labels import LabelSpaceLike

Answer: TypeAlias = "str | int"
Value = TypeVar("Value")
TEXT: Final = "text"  # the column that rules about text read unless told


class SettingError(ConfigError):
    """A setting of a builder is wrong.

    Parameters
    ----------
    name : str
        The labeling function.
    key : str
        The setting.
    message : str
        What must hold and what was found.
    """

    def __init__(self, name: str, key: str, message: str) -> None:
        super().__init__(f"{key} of labeling function {name!r} {message}")
        self.name = name
        self.key = key
        self.message = message

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.name, self.key, self.message))


@dataclass(frozen=True)
class Rule(ABC):
    """The settings of one labeling function, called with its columns.

    The fields of a subclass must have a ``repr`` that says all there is to say.
    """

    revision: ClassVar[int] = 1
    """Raised when the code of a kind changes its votes."""

    @property
    def fingerprint(self) -> str:
        """Digest of the kind and the settings."""
        parts = (type(self).__qualname__, self.revision, self)
        return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()

    @abstractmethod
    def __call__(self, *columns: Any) -> Any:
        """One vote per row, -1 or None to abstain."""


@dataclass(frozen=True)
class Together:
    """Lets all labeling functions of a run that are of one kind share one pass over their column.

    Parameters
    ----------
    scan : callable
        From the rules, in order, to a function of the columns that returns the votes of each.
    """

    scan: Callable[[Sequence[Any]], Callable[..., Sequence[Any]]]

    @property
    def fingerprint(self) -> str:
        """Says nothing new: the shared pass gives the votes that each rule gives alone."""
        return "together"

    def __call__(self, lfs: Sequence[LabelingFunction]) -> Callable[..., Sequence[Any]]:
        """The shared pass of some labeling functions."""
        return self.scan([lf.function for lf in lfs])


def make_lf(
    name: str,
    rule: Rule,
    columns: Sequence[str],
    labels: LabelSpace | None,
    together: Together | None = None,
    preprocessors: Sequence[Preprocessor] = (),
) -> LabelingFunction:
    """The labeling function of a rule; columns arrive as lists, which may mix types."""
    return LabelingFunction(
        name,
        rule,
        labels,
        preprocessors=tuple(preprocessors),
        columns=tuple(columns),
        format="list",
        together=together,
    )


# -- votes -----------------------------------------------------------------------------------------


def votes_at(rows: npt.NDArray[np.int64], answer: Answer, n_rows: int) -> Any:
    """``answer`` on some rows, no vote on the others."""
    index = np.full(n_rows, -1, dtype=np.int32)
    index[rows] = 0
    return coded(index, (answer,))


def votes_where(mask: npt.NDArray[np.bool_], answer: Answer) -> Any:
    """``answer`` where the mask is True."""
    return coded(np.where(mask, np.int32(0), np.int32(-1)), (answer,))


def coded(index: npt.NDArray[np.integer[Any]], answers: Sequence[Answer]) -> Any:
    """``answers[index]``, no vote where the index is -1; as codes or as an Arrow dictionary."""
    if all(isinstance(answer, int) for answer in answers):
        lookup = np.array([*answers, -1], dtype=np.int32)
        return lookup[index]
    import pyarrow as pa

    indices = pa.array(index, pa.int32(), mask=index < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array([str(a) for a in answers]))


# -- settings --------------------------------------------------------------------------------------


def read_labels(
    name: str, labels: LabelSpaceLike | None, *given: Any, key: str = "label"
) -> tuple[LabelSpace | None, tuple[Answer, ...]]:
    """The label space, if there is one, and the answers as its codes, else as names or codes.

    Raises
    ------
    SettingError
        If an answer is not one of the labels, or no label at all.
    """
    if labels is None:
        kinds = {type(label) for label in given if isinstance(label, enum.Enum)}
        labels = kinds.pop() if len(kinds) == 1 else None
    space = None if labels is None else LabelSpace(labels)
    return space, tuple(_answer(name, space, label, key) for label in given)


def _answer(name: str, space: LabelSpace | None, label: Any, key: str) -> Answer:
    if label is None or isinstance(label, bool) or not isinstance(label, str | int | enum.Enum):
        raise SettingError(name, key, f"must be a class, found {label!r}")
    if space is not None:
        try:
            code = space.code(label)
        except LabelError as error:
            raise SettingError(name, key, f"must be a class: {error}") from None
        if code < 0:
            raise SettingError(name, key, f"must be a class, found {label!r}, an abstention")
        return code
    return label.name if isinstance(label, enum.Enum) else label


def content_digest(content: Any) -> str:
    """Digest of plain values, for those that are too long for the ``repr`` of a rule."""
    return hashlib.sha256(repr(content).encode("utf-8", "surrogatepass")).hexdigest()


def value_text(value: Any, folds: bool) -> str:
    """A category or a name as text; a missing value is a text that no table holds."""
    if value is None:
        return "\0"
    text = " ".join(str(value).split())
    return text.lower() if folds else text


def need_name(name: Any) -> str:
    """The name of a labeling function."""
    if not isinstance(name, str) or not name.strip():
        raise SettingError(str(name), "name", f"must be a text that is not empty, found {name!r}")
    return name


def need_column(name: str, value: Any, key: str = "column") -> str:
    """The name of a column."""
    if not isinstance(value, str) or not value:
        raise SettingError(name, key, f"must be the name of a column, found {value!r}")
    return value


def need_bool(name: str, key: str, value: Any) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise SettingError(name, key, f"must be true or false, found {value!r}")
    return value


def need_count(name: str, key: str, value: Any, least: int = 1) -> int:
    """A whole number."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < least:
        raise SettingError(name, key, f"must be a whole number >= {least}, found {value!r}")
    return int(value)


def need_number(name: str, key: str, value: Any) -> float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise SettingError(name, key, f"must be a number, found {value!r}")
    if not math.isfinite(value):
        raise SettingError(name, key, f"must be a finite number, found {value!r}")
    return float(value)


def need_range(name: str, key: str, value: Any, low: float, high: float) -> float:
    """A number in ``[low, high]``."""
    number = need_number(name, key, value)
    if not low <= number <= high:
        raise SettingError(name, key, f"must lie in [{low:g}, {high:g}], found {value!r}")
    return number


def need_choice(name: str, key: str, value: Any, choices: Sequence[str]) -> str:
    """One of some words."""
    if value not in choices:
        raise SettingError(name, key, f"must be one of {', '.join(choices)}; found {value!r}")
    return str(value)


def need_texts(name: str, key: str, value: Any, *, empty: bool = False) -> tuple[str, ...]:
    """A list of texts that hold more than white space; a single text is a list of one."""
    listed = (value,) if isinstance(value, str) else value
    if not isinstance(listed, Sequence | set | frozenset) or isinstance(listed, bytes):
        raise SettingError(name, key, f"must be a list of texts, found {value!r}")
    for position, text in enumerate(listed):
        if not isinstance(text, str) or not text.strip():
            raise SettingError(
                name, key, f"must hold texts that are not empty, found {text!r} at {position}"
            )
    if not listed and not empty:
        raise SettingError(name, key, "must hold at least one text, found none")
    return tuple(sorted(listed) if isinstance(listed, set | frozenset) else listed)


def read_lines(name: str, key: str, path: Any) -> tuple[str, ...]:
    """The lines of a text file that are neither empty nor comments (``#``).

    Raises
    ------
    PackError
        If it cannot be read.
    """
    if not isinstance(path, str | Path):
        raise SettingError(name, key, f"must be the path of a file, found {path!r}")
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise PackError(
            f"{key} of labeling function {name!r}: cannot read {path}: {error.strerror or error}"
        ) from error
    except UnicodeDecodeError as error:
        raise PackError(
            f"{key} of labeling function {name!r}: {path} is not text in UTF-8: {error}"
        ) from error
    lines = (line.strip() for line in text.splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))
