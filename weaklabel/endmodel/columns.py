"""One encoder per role of a table column: numbers, dates, categories, text.

Missing values are ordinary: a missing number stands at the mean and, if training rows lacked it
too, raises a flag of its own; a missing or unknown category is a row of zeros, with a flag for
missing if training rows lacked it; a missing text is empty.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Final, final

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.sparse as sp

from weaklabel.endmodel.encoder import FeatureSettings, Matrix, State, pack_strings, unpack_strings
from weaklabel.endmodel.matrix import mean_and_scale
from weaklabel.endmodel.rows import Rows
from weaklabel.endmodel.text import TfidfEncoder
from weaklabel.errors import DataError

MAX_CATEGORIES: Final = 1000
"""Categories kept of one column, the most frequent ones; the others count as unknown."""

SECONDS_PER_DAY: Final = 86_400.0
DAYS_PER_YEAR: Final = 365.2425


class ColumnEncoder(ABC):
    """A fitted function from one table column to numbers."""

    role: ClassVar[str]

    @classmethod
    @abstractmethod
    def fit(cls, name: str, column: pd.Series[Any], settings: FeatureSettings) -> ColumnEncoder:
        """Learn from the training values."""

    @property
    @abstractmethod
    def n_features(self) -> int:
        """Number of columns of :meth:`transform`."""

    @abstractmethod
    def transform(self, name: str, column: pd.Series[Any]) -> Matrix:
        """Features of the column, shape (n, n_features)."""

    @abstractmethod
    def state(self) -> State:
        """Everything :meth:`from_state` needs."""

    @classmethod
    @abstractmethod
    def from_state(cls, state: State) -> ColumnEncoder:
        """The encoder that wrote the state."""


@final
class NumberColumn(ColumnEncoder):
    """Standardised numbers; missing ones at the mean.

    Parameters
    ----------
    mean, scale : array, shape (n_parts,)
        One part for a plain number, several for a date.
    has_flag : bool
        Whether a last feature says that the value is missing.
    """

    role: ClassVar[str] = "number"

    def __init__(
        self, mean: npt.NDArray[np.float64], scale: npt.NDArray[np.float64], has_flag: bool
    ) -> None:
        self.mean = mean
        self.scale = scale
        self.has_flag = has_flag

    @classmethod
    def fit(cls, name: str, column: pd.Series[Any], settings: FeatureSettings) -> NumberColumn:
        """Learn mean and deviation of the present values."""
        return cls._fit_parts(read_numbers(name, column)[:, None])

    @classmethod
    def _fit_parts(cls, parts: npt.NDArray[np.float64]) -> NumberColumn:
        is_missing = np.isnan(parts[:, 0])
        present = parts[~is_missing]
        if not len(present):
            present = np.zeros((1, parts.shape[1]))
        return cls(*mean_and_scale(present), bool(is_missing.any()))

    @property
    def n_features(self) -> int:
        """The parts and the flag."""
        return len(self.mean) + self.has_flag

    def transform(self, name: str, column: pd.Series[Any]) -> npt.NDArray[np.float64]:
        """Standardised values and the flag."""
        return self._transform_parts(read_numbers(name, column)[:, None])

    def _transform_parts(self, parts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        scaled = (parts - self.mean) / self.scale
        is_missing = np.isnan(scaled)
        scaled[is_missing] = 0.0
        if not self.has_flag:
            return scaled
        return np.concatenate([scaled, is_missing[:, :1].astype(np.float64)], axis=1)

    def state(self) -> State:
        """Mean, scale and flag."""
        return State({"has_flag": self.has_flag}, {"mean": self.mean, "scale": self.scale})

    @classmethod
    def from_state(cls, state: State) -> NumberColumn:
        """The encoder that wrote the state."""
        return cls(state.arrays["mean"], state.arrays["scale"], bool(state.header["has_flag"]))


@final
class DateColumn(ColumnEncoder):
    """A date as its time line and its place in the day, the week and the year, standardised.

    Parameters
    ----------
    numbers : NumberColumn
        Scales the seven parts.
    """

    role: ClassVar[str] = "date"

    def __init__(self, numbers: NumberColumn) -> None:
        self.numbers = numbers

    @classmethod
    def fit(cls, name: str, column: pd.Series[Any], settings: FeatureSettings) -> DateColumn:
        """Learn mean and deviation of the parts."""
        return cls(NumberColumn._fit_parts(_date_parts(read_dates(name, column))))

    @property
    def n_features(self) -> int:
        """Seven parts and perhaps the flag."""
        return self.numbers.n_features

    def transform(self, name: str, column: pd.Series[Any]) -> npt.NDArray[np.float64]:
        """The scaled parts."""
        return self.numbers._transform_parts(_date_parts(read_dates(name, column)))

    def state(self) -> State:
        """That of the scaled parts."""
        return self.numbers.state()

    @classmethod
    def from_state(cls, state: State) -> DateColumn:
        """The encoder that wrote the state."""
        return cls(NumberColumn.from_state(state))


@final
class CategoryColumn(ColumnEncoder):
    """One feature per category seen in training.

    Parameters
    ----------
    categories : list of str
    has_flag : bool
        Whether a last feature says that the value is missing.
    """

    role: ClassVar[str] = "category"

    def __init__(self, categories: list[str], has_flag: bool) -> None:
        self.categories = categories
        self.has_flag = has_flag
        self._codes = {category: code for code, category in enumerate(categories)}

    @classmethod
    def fit(cls, name: str, column: pd.Series[Any], settings: FeatureSettings) -> CategoryColumn:
        """Learn the categories, in alphabetical order."""
        values = read_strings(column)
        counts = values.value_counts()
        ranked = sorted(counts.index, key=lambda c: (-int(counts[c]), c))[:MAX_CATEGORIES]
        return cls(sorted(ranked), bool(values.isna().any()))

    @property
    def n_features(self) -> int:
        """The categories and the flag."""
        return len(self.categories) + self.has_flag

    def transform(self, name: str, column: pd.Series[Any]) -> sp.csr_matrix[Any]:
        """One 1 a row, or none where the category is unknown."""
        values = read_strings(column)
        codes = values.map(self._codes).to_numpy(dtype=np.float64, na_value=np.nan)
        if self.has_flag:
            codes = np.where(values.isna(), len(self.categories), codes)
        rows = np.flatnonzero(~np.isnan(codes))
        cells = (np.ones(len(rows)), (rows, codes[rows].astype(np.int64)))
        return sp.csr_matrix(cells, shape=(len(column), self.n_features))

    def state(self) -> State:
        """Categories and flag."""
        return State({"has_flag": self.has_flag}, {"categories": pack_strings(self.categories)})

    @classmethod
    def from_state(cls, state: State) -> CategoryColumn:
        """The encoder that wrote the state."""
        return cls(unpack_strings(state.arrays["categories"]), bool(state.header["has_flag"]))


@final
class TextColumn(ColumnEncoder):
    """A column of text as TF-IDF features.

    Parameters
    ----------
    words : TfidfEncoder
    """

    role: ClassVar[str] = "text"

    def __init__(self, words: TfidfEncoder) -> None:
        self.words = words

    @classmethod
    def fit(cls, name: str, column: pd.Series[Any], settings: FeatureSettings) -> TextColumn:
        """Learn vocabulary and idf."""
        try:
            return cls(TfidfEncoder.fit(_as_texts(column), settings))
        except DataError as error:
            raise DataError(
                f"column {name!r} as text: {error}; or leave it out with "
                f"columns={{{name!r}: 'drop'}}"
            ) from error

    @property
    def n_features(self) -> int:
        """Size of the vocabulary."""
        return self.words.n_features

    def transform(self, name: str, column: pd.Series[Any]) -> sp.csr_matrix[Any]:
        """TF-IDF of the column."""
        return self.words.transform(_as_texts(column))

    def state(self) -> State:
        """That of the words."""
        return self.words.state()

    @classmethod
    def from_state(cls, state: State) -> TextColumn:
        """The encoder that wrote the state."""
        return cls(TfidfEncoder.from_state(state))


COLUMN_ENCODERS: Final[dict[str, type[ColumnEncoder]]] = {
    encoder.role: encoder for encoder in (NumberColumn, DateColumn, CategoryColumn, TextColumn)
}


def read_numbers(name: str, column: pd.Series[Any]) -> npt.NDArray[np.float64]:
    """A column as float64 with NaN where missing; durations as days.

    Raises
    ------
    DataError
        If a value is no number, or infinite.
    """
    if pd.api.types.is_timedelta64_dtype(column.dtype):
        numbers = column.dt.total_seconds() / SECONDS_PER_DAY
    elif isinstance(column.dtype, pd.CategoricalDtype):
        numbers = pd.to_numeric(column.astype(object), errors="coerce")
    else:
        numbers = pd.to_numeric(column, errors="coerce")
    values = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    unread = np.flatnonzero(np.isnan(values) & column.notna().to_numpy())
    if len(unread):
        raise DataError(
            f"column {name!r} must hold numbers, found {column.iloc[unread[0]]!r} in row "
            f"{unread[0]} ({len(unread)} such rows)"
        )
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        raise DataError(
            f"column {name!r} must hold finite numbers, found {float(values[infinite[0]])} in row "
            f"{infinite[0]}; replace it or make it missing"
        )
    return np.array(values)  # a copy: pandas may hand out its own memory


def read_dates(name: str, column: pd.Series[Any]) -> npt.NDArray[np.float64]:
    """A column of dates as seconds since 1970 (UTC), NaN where missing.

    Raises
    ------
    DataError
        If a value is no date.
    """
    is_missing = column.isna().to_numpy()
    dates = pd.to_datetime(column, errors="coerce", utc=True, format="mixed")
    unread = np.flatnonzero(dates.isna().to_numpy() & ~is_missing)
    if len(unread):
        raise DataError(
            f"column {name!r} must hold dates, found {column.iloc[unread[0]]!r} in row "
            f"{unread[0]} ({len(unread)} such rows)"
        )
    stamps = dates.dt.tz_localize(None).astype("datetime64[us]").to_numpy()
    seconds = stamps.astype(np.int64) / 1e6
    seconds[is_missing] = np.nan
    return np.asarray(seconds)


def read_strings(column: pd.Series[Any]) -> pd.Series[Any]:
    """A column as strings, None where missing; whole numbers lose their ``.0``.

    A column of integers becomes one of floats as soon as a value is missing, and the category must
    be the same before and after.
    """
    values = [None if m else v for v, m in zip(column.tolist(), column.isna(), strict=True)]
    return pd.Series([_as_string(v) for v in values], dtype=object)


def _as_string(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _as_texts(column: pd.Series[Any]) -> Rows:
    return Rows("text", ["" if v is None else v for v in read_strings(column).tolist()])


def _date_parts(seconds: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Years since 1970, and sine and cosine of the place in day, week and year."""
    days = seconds / SECONDS_PER_DAY
    turns = np.stack([days, days / 7.0, days / DAYS_PER_YEAR], axis=1) * (2.0 * np.pi)
    years = days[:, None] / DAYS_PER_YEAR
    return np.concatenate([years, np.sin(turns), np.cos(turns)], axis=1)
