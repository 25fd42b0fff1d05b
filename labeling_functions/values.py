"""Columns as numbers and as instants of time: NaN where there is none."""

from __future__ import annotations

import datetime
import decimal
import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt


def as_numbers(column: Sequence[Any]) -> npt.NDArray[np.float64]:
    """A column as numbers, shape (n_rows,); texts such as ``"1.5"`` count, booleans as 0 and 1."""
    kinds = set(map(type, column))
    if kinds <= {int, float, bool}:
        try:
            return np.array(column, dtype=np.float64)
        except OverflowError:
            pass
    return np.fromiter(map(_number, column), np.float64, len(column))


def _number(value: Any) -> float:
    if isinstance(value, str | numbers.Real | decimal.Decimal):
        try:
            return float(value)
        except (ValueError, OverflowError):
            pass
    return float("nan")


def as_instants(column: Sequence[Any]) -> npt.NDArray[np.float64]:
    """A column of dates, times and texts in ISO 8601 as seconds since 1970, shape (n_rows,).

    A day is its midnight; what has no time zone is in UTC.
    """
    known: dict[Any, float] = {}
    return np.fromiter((_instant(value, known) for value in column), np.float64, len(column))


def _instant(value: Any, known: dict[Any, float]) -> float:
    if not isinstance(value, str | datetime.date) or value != value:
        return float("nan")
    if value not in known:
        known[value] = _seconds(value)
    return known[value]


def _seconds(value: str | datetime.date) -> float:
    try:
        moment = datetime.datetime.fromisoformat(value.strip()) if isinstance(value, str) else value
    except ValueError:
        return float("nan")
    if not isinstance(moment, datetime.datetime):
        moment = datetime.datetime.combine(moment, datetime.time())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return (moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)).total_seconds()
