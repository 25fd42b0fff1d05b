"""Numbers, lengths and dates: vote by the side of a limit on which a value lies.

.. code-block:: toml

    [[rules]]
    kind = "threshold"
    name = "large"
    column = "area"
    above = 1000.0
    label_above = "malignant"
    below = 600.0
    label_below = "benign"

    [[rules]]
    kind = "text_statistic"
    name = "shouts"
    statistic = "upper_share"
    above = 0.6
    label_above = "spam"

    [[rules]]
    kind = "date_range"
    name = "recent"
    column = "posted"
    after = 2024-01-01
    label = "new"

Between two limits, where an honest reader would not commit, they abstain; and where there is no
value, or none that is a number (a date).
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from labeling_functions.building import (
    TEXT,
    Answer,
    Rule,
    SettingError,
    coded,
    make_lf,
    need_choice,
    need_column,
    need_name,
    need_number,
    read_labels,
    votes_where,
)
from labeling_functions.text import as_texts
from labeling_functions.text_statistics import STATISTICS, statistic_of
from labeling_functions.values import as_instants, as_numbers
from weaklabel import LabelingFunction
from weaklabel.labels import LabelSpaceLike


def threshold(
    name: str,
    column: str,
    *,
    above: float | None = None,
    label_above: Any = None,
    below: float | None = None,
    label_below: Any = None,
    labels: LabelSpaceLike | None = None,
) -> LabelingFunction:
    """Vote where a number is large, or small.

    Parameters
    ----------
    name, column : str
    above, label_above : float and class, optional
        The vote where the number is at least ``above``.
    below, label_below : float and class, optional
        The vote where it is at most ``below``, which must be less than ``above``.
    labels : LabelSpace, or anything it takes, optional

    Raises
    ------
    ConfigError
        If a setting is wrong.

    Examples
    --------
    >>> lf = threshold("size", "cm", above=190, label_above="tall", below=150, label_below="short")
    >>> [lf({"cm": cm}) for cm in (195, 170, 140, None)]
    ['tall', None, 'short', None]
    """
    need_name(name)
    limits, answers, space = read_limits(name, above, label_above, below, label_below, labels)
    return make_lf(name, ThresholdRule(*limits, answers), [need_column(name, column)], space)


def in_range(
    name: str,
    column: str,
    label: Any = None,
    *,
    low: float,
    high: float,
    labels: LabelSpaceLike | None = None,
) -> LabelingFunction:
    """Vote where a number lies in ``[low, high]``.

    Parameters
    ----------
    name, column : str
    label : class
    low, high : float
        Both belong to the range.
    labels : LabelSpace, or anything it takes, optional

    Raises
    ------
    ConfigError
        If a setting is wrong.

    Examples
    --------
    >>> lf = in_range("teen", "age", "young", low=13, high=19)
    >>> lf({"age": 19}), lf({"age": 20})
    ('young', None)
    """
    need_name(name)
    space, (answer,) = read_labels(name, labels, label)
    ends = need_number(name, "low", low), need_number(name, "high", high)
    if ends[0] > ends[1]:
        raise SettingError(name, "high", f"must not be less than low={low!r}, found {high!r}")
    return make_lf(name, RangeRule(*ends, answer), [need_column(name, column)], space)


def text_statistic(
    name: str,
    statistic: str,
    *,
    column: str = TEXT,
    above: float | None = None,
    label_above: Any = None,
    below: float | None = None,
    label_below: Any = None,
    labels: LabelSpaceLike | None = None,
) -> LabelingFunction:
    """Vote where a text is long or short, shouts, or is full of digits.

    Parameters
    ----------
    name : str
    statistic : str
        One of those in :mod:`labeling_functions.text_statistics`, such as ``"characters"``,
        ``"words"``, ``"upper_share"``, ``"digit_share"``, ``"exclamation_marks"``.
    column : str, default "text"
    above, label_above, below, label_below, labels
        As :func:`threshold`.

    Raises
    ------
    ConfigError
        If a setting is wrong.

    Examples
    --------
    >>> lf = text_statistic("short", "words", below=3, label_below="ham")
    >>> lf({"text": "see you"}), lf({"text": "see you at the station"})
    ('ham', None)
    """
    need_name(name)
    chosen = need_choice(name, "statistic", statistic, tuple(STATISTICS))
    limits, answers, space = read_limits(name, above, label_above, below, label_below, labels)
    rule = StatisticRule(chosen, ThresholdRule(*limits, answers))
    return make_lf(name, rule, [need_column(name, column)], space)


def date_range(
    name: str,
    column: str,
    label: Any = None,
    *,
    after: datetime.date | str | None = None,
    before: datetime.date | str | None = None,
    labels: LabelSpaceLike | None = None,
) -> LabelingFunction:
    """Vote where a date lies in ``[after, before)``.

    Parameters
    ----------
    name, column : str
        The column holds dates, times, or texts such as ``2024-01-31`` and ``2024-01-31T10:00:00``.
    label : class
    after, before : date, datetime or str, optional
        ``after`` belongs to the range and ``before`` does not. A time without a zone is in UTC.
    labels : LabelSpace, or anything it takes, optional

    Raises
    ------
    ConfigError
        If a setting is wrong.

    Examples
    --------
    >>> lf = date_range("new", "posted", "fresh", after="2024-01-01")
    >>> lf({"posted": "2024-02-29"}), lf({"posted": "2023-12-31"})
    ('fresh', None)
    """
    need_name(name)
    space, (answer,) = read_labels(name, labels, label)
    if after is None and before is None:
        raise SettingError(name, "after", "or before must be given")
    ends = [_instant(name, key, value) for key, value in (("after", after), ("before", before))]
    if ends[0] is not None and ends[1] is not None and ends[0] >= ends[1]:
        raise SettingError(name, "before", f"must be later than after={after}, found {before}")
    return make_lf(name, DateRule(ends[0], ends[1], answer), [need_column(name, column)], space)


def _instant(name: str, key: str, value: Any) -> float | None:
    if value is None:
        return None
    found = float(as_instants([value])[0])
    if np.isnan(found):
        raise SettingError(name, key, f"must be a date such as 2024-01-31, found {value!r}")
    return found


def read_limits(
    name: str, above: Any, label_above: Any, below: Any, label_below: Any, labels: Any
) -> tuple[tuple[float | None, float | None], tuple[Answer, ...], Any]:
    """Both limits, the answers (above first) and the label space."""
    for key, limit, label in (("above", above, label_above), ("below", below, label_below)):
        if (limit is None) != (label is None):
            missing = f"label_{key}" if label is None else key
            raise SettingError(name, missing, f"must be given, because its counterpart of {key} is")
    if above is None and below is None:
        raise SettingError(
            name, "above", "and label_above, or below and label_below, must be given"
        )
    high = None if above is None else need_number(name, "above", above)
    low = None if below is None else need_number(name, "below", below)
    if high is not None and low is not None and low >= high:
        raise SettingError(name, "below", f"must be less than above={above!r}, found {below!r}")
    space = None
    answers: list[Answer] = []
    for key, label in (("label_above", label_above), ("label_below", label_below)):
        if label is None:
            answers.append(-1)  # never given: there is no such limit
            continue
        space, (answer,) = read_labels(name, labels, label, key=key)
        answers.append(answer)
    return (high, low), tuple(answers), space


@dataclass(frozen=True)
class ThresholdRule(Rule):
    """Two limits and their answers, above first."""

    above: float | None
    below: float | None
    answers: tuple[Answer, ...]

    def __call__(self, *columns: Any) -> Any:
        """The votes on a column of numbers."""
        return self.votes(as_numbers(columns[0]))

    def votes(self, numbers: npt.NDArray[np.float64]) -> Any:
        """The votes on numbers, none on NaN."""
        index = np.full(len(numbers), -1, dtype=np.int32)
        if self.above is not None:
            index[numbers >= self.above] = 0
        if self.below is not None:
            index[numbers <= self.below] = 1
        kept = tuple(answer for answer in self.answers if answer != -1)
        return coded(np.minimum(index, len(kept) - 1), kept)


@dataclass(frozen=True)
class RangeRule(Rule):
    """A range with both ends."""

    low: float
    high: float
    answer: Answer

    def __call__(self, *columns: Any) -> Any:
        """The votes on a column of numbers."""
        numbers = as_numbers(columns[0])
        return votes_where((numbers >= self.low) & (numbers <= self.high), self.answer)


@dataclass(frozen=True)
class StatisticRule(Rule):
    """A statistic of a text, and limits on it."""

    statistic: str
    limits: ThresholdRule

    def __call__(self, *columns: Any) -> Any:
        """The votes on a column of texts."""
        return self.limits.votes(statistic_of(self.statistic, as_texts(columns[0])))


@dataclass(frozen=True)
class DateRule(Rule):
    """A range of instants in seconds since 1970, UTC."""

    after: float | None
    before: float | None
    answer: Answer

    def __call__(self, *columns: Any) -> Any:
        """The votes on a column of dates."""
        instants = as_instants(columns[0])
        inside = ~np.isnan(instants)
        if self.after is not None:
            inside &= instants >= self.after
        if self.before is not None:
            inside &= instants < self.before
        return votes_where(inside, self.answer)
