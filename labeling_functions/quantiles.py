"""Limits at quantiles: vote where a number is among the largest, or the smallest, of a table.

.. code-block:: toml

    [[rules]]
    kind = "quantile"
    name = "large_orders"
    column = "amount"
    file = "orders_2023.parquet"           # a table with that column; no labels are needed
    above = 0.9                            # the upper tenth of it
    label_above = "business"
    below = 0.5
    label_below = "private"

One seldom knows the right limit of a measurement, but often about how many rows a sign should speak
for. The limits are taken from a fixed table when the rule is made, never from the rows it votes on,
so a row gets the same vote whatever stands beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from labeling_functions.building import SettingError, make_lf, need_column, need_name, need_range
from labeling_functions.csv_table import read_columns
from labeling_functions.numbers_and_dates import ThresholdRule, read_limits
from labeling_functions.values import as_numbers
from weaklabel import LabelingFunction
from weaklabel.labels import LabelSpaceLike


def quantile(
    name: str,
    column: str,
    *,
    file: str | Path | None = None,
    values: Sequence[Any] | None = None,
    above: float | None = None,
    label_above: Any = None,
    below: float | None = None,
    label_below: Any = None,
    labels: LabelSpaceLike | None = None,
) -> LabelingFunction:
    """Vote where a number is as large, or small, as some share of a reference table.

    Parameters
    ----------
    name, column : str
    file : path, optional
        The reference: a CSV, TSV or Parquet table with this column. Missing values do not count.
    values : sequence of numbers, optional
        The reference itself, instead of a file.
    above, label_above : float in (0, 1) and class, optional
        The vote where the number is at least the quantile ``above`` of the reference: 0.9 is about
        the upper tenth.
    below, label_below : float in (0, 1) and class, optional
        The vote where it is at most the quantile ``below``; its limit must be the lower one.
    labels : LabelSpace, or anything it takes, optional

    Raises
    ------
    ConfigError
        If a setting is wrong, or the reference has no numbers.
    DataError
        If the file cannot be read.

    Notes
    -----
    A quantile is interpolated between the two values around it. What counts for the fingerprint is
    the limits that come out.

    Examples
    --------
    >>> lf = quantile("old", "age", values=range(101), above=0.9, label_above="old")
    >>> lf({"age": 90}), lf({"age": 89})
    ('old', None)
    """
    need_name(name)
    need_column(name, column)
    if (file is None) == (values is None):
        raise SettingError(name, "file", "must be given, or values, and not both")
    key = "values" if file is None else "file"
    given = values if values is not None else read_columns(name, file, [column])[0]
    numbers = as_numbers(list(given))
    numbers = numbers[np.isfinite(numbers)]
    if not numbers.size:
        raise SettingError(name, key, f"must hold numbers in {column!r}, found none")
    limit = {
        side: None if q is None else float(np.quantile(numbers, _share(name, side, q)))
        for side, q in (("above", above), ("below", below))
    }
    limits, answers, space = read_limits(
        name, limit["above"], label_above, limit["below"], label_below, labels
    )
    return make_lf(name, ThresholdRule(*limits, answers), [column], space)


def _share(name: str, key: str, value: Any) -> float:
    share = need_range(name, key, value, 0.0, 1.0)
    if share in (0.0, 1.0):
        raise SettingError(name, key, f"must lie in (0, 1), a share of the rows; found {value!r}")
    return share
