"""Categories and existing labels: vote by looking a value up.

.. code-block:: toml

    [[rules]]
    kind = "lookup"                       # a value has a class
    name = "by_country"
    column = "country"
    values = { de = "eu", fr = "eu", us = "other" }

    [[rules]]
    kind = "labels_of"                    # another table has a label for some rows
    name = "legacy"
    column = "id"
    file = "old_labels.csv"
    key = "id"
    value = "label"

The table of the last one is read when the rule is made, and counts by content in its fingerprint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from labeling_functions.building import (
    Answer,
    Rule,
    SettingError,
    coded,
    content_digest,
    make_lf,
    need_bool,
    need_column,
    need_name,
    read_labels,
    value_text,
)
from labeling_functions.csv_table import read_columns
from weaklabel import LabelingFunction
from weaklabel.labels import LabelSpaceLike


def lookup(
    name: str,
    column: str,
    values: Mapping[str, Any],
    *,
    labels: LabelSpaceLike | None = None,
    ignore_case: bool = True,
) -> LabelingFunction:
    """Vote by the category in a column.

    Parameters
    ----------
    name, column : str
    values : mapping of str to class
        Categories, and the class of each. Numbers in the column count as they are written.
    labels : LabelSpace, or anything it takes, optional
    ignore_case : bool, default True

    Raises
    ------
    ConfigError
        If a setting is wrong.

    Examples
    --------
    >>> lf = lookup("country", "cc", {"de": "eu", "us": "other"})
    >>> lf({"cc": "DE"}), lf({"cc": "ch"})
    ('eu', None)
    """
    need_name(name)
    if not isinstance(values, Mapping) or not values:
        raise SettingError(name, "values", f"must map categories to classes, found {values!r}")
    folds = need_bool(name, "ignore_case", ignore_case)
    return _by_key(name, need_column(name, column), dict(values), labels, folds, "values")


def labels_of(
    name: str,
    column: str,
    file: str | Path,
    *,
    key: str = "id",
    value: str = "label",
    labels: LabelSpaceLike | None = None,
) -> LabelingFunction:
    """Vote as another table does: a crowd, a legacy system, an earlier labelling.

    Parameters
    ----------
    name : str
    column : str
        Column of the rows that is looked up.
    file : path
        A CSV, TSV or Parquet table of existing labels.
    key, value : str
        Its columns; an empty value is no label, and a key may have one label only.
    labels : LabelSpace, or anything it takes, optional

    Raises
    ------
    ConfigError
        If a setting is wrong, a label is none of the classes, or a key has two labels.
    DataError
        If the file cannot be read.
    """
    need_name(name)
    keys, answers = read_columns(name, file, (key, value))
    found: dict[str, Any] = {}
    for at, answer in zip(keys, answers, strict=True):
        if at is None or answer is None:
            continue
        if found.setdefault(value_text(at, False), answer) != answer:
            raise SettingError(
                name, "file", f"must have one label for each key, found two for {at!r} in {file}"
            )
    if not found:
        raise SettingError(name, "file", f"must hold at least one label, found none in {file}")
    return _by_key(name, need_column(name, column), found, labels, False, "file")


def _by_key(
    name: str,
    column: str,
    table: Mapping[str, Any],
    labels: LabelSpaceLike | None,
    folds: bool,
    key: str,
) -> LabelingFunction:
    distinct = list(dict.fromkeys(table.values()))
    space, answers = read_labels(name, labels, *distinct, key=key)
    number = {label: position for position, label in enumerate(distinct)}
    index = {value_text(category, folds): number[label] for category, label in table.items()}
    rule = LookupRule(content_digest(sorted(index.items())), answers, folds, index)
    return make_lf(name, rule, [column], space)


@dataclass(frozen=True)
class LookupRule(Rule):
    """Which value has which answer."""

    digest: str
    answers: tuple[Answer, ...]
    folds: bool
    table: Mapping[str, int] = field(repr=False)

    def __call__(self, *columns: Any) -> Any:
        """The votes on a column of categories."""
        (column,) = columns
        found = (self.table.get(value_text(value, self.folds), -1) for value in column)
        return coded(np.fromiter(found, np.int32, len(column)), self.answers)
