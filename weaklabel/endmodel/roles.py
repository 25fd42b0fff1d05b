"""Which role a table column plays, decided from its values.

=============  ===================================================================================
role           picked for
=============  ===================================================================================
``number``     numbers, booleans, durations
``date``       dates and times, also as strings such as 2020-01-31 or 2020-01-31T12:00
``category``   strings that repeat, pandas categories
``text``       strings of several words that hardly repeat
``drop``       constant or empty columns; ids: strings of one word that hardly repeat, integers
               that count the rows, integers without repetition in a column named like an id
=============  ===================================================================================

The choice is a guess with a stated reason; ``EndModel(columns={"zip": "category"})`` overrules it.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias, get_args

import numpy as np
import pandas as pd

from weaklabel.errors import ConfigError, DataError

Role: TypeAlias = Literal["number", "category", "text", "date", "drop"]

ENOUGH_ROWS: Final = 20  # below this, "hardly repeats" says nothing
HARDLY_REPEATS: Final = 0.5  # distinct values / present values
LONG_TEXT: Final = 4.0  # words on average; longer strings are text even where they repeat
MANY_VALUES: Final = 30  # distinct strings; a few long answers are categories all the same
NAMED_LIKE_ID: Final = re.compile(r"(?i)(^|[_\W])(id|ids|uid|uuid|guid|index|rowid)$|[a-z]Id$")
ISO_DATE: Final = r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?"


def choose_roles(
    table: pd.DataFrame, given: Mapping[str, str]
) -> tuple[dict[str, Role], dict[str, str]]:
    """The role of every column, and for dropped ones the reason.

    Parameters
    ----------
    table : DataFrame
    given : mapping of column name to role
        What the user wants.

    Returns
    -------
    roles : dict of str to role
        Every column of the table, in its order.
    dropped : dict of str to str
        Why each dropped column was dropped.

    Raises
    ------
    ConfigError
        If a given role or column does not exist.
    DataError
        If a column holds neither numbers, strings nor dates.
    """
    _check_given(table, given)
    roles: dict[str, Role] = {}
    dropped: dict[str, str] = {}
    for name in table.columns:
        if name in given:
            role: Role = given[name]  # type: ignore[assignment]  # checked above
            reason = "as asked"
        else:
            role, reason = guess_role(name, table[name])
        roles[name] = role
        if role == "drop":
            dropped[name] = reason
    return roles, dropped


def _check_given(table: pd.DataFrame, given: Mapping[str, str]) -> None:
    unknown = sorted(set(given) - set(table.columns))
    if unknown:
        raise ConfigError(
            f"columns names {unknown}, which the table does not have; "
            f"it has {table.columns.tolist()}"
        )
    for name, role in given.items():
        if role not in get_args(Role):
            raise ConfigError(
                f"the role of a column is one of {', '.join(get_args(Role))}; "
                f"found {role!r} for {name!r}"
            )


def guess_role(name: str, column: pd.Series[Any]) -> tuple[Role, str]:
    """The role of one column and, where it is dropped, the reason."""
    present = column.dropna()
    if not len(present):
        return "drop", "empty"
    kind = value_kind(name, present)
    if kind == "date":
        return _unless_constant("date", column, present)
    if kind == "number":
        if _counts_rows(name, present):
            return "drop", "an id"
        return _unless_constant("number", column, present)
    if isinstance(column.dtype, pd.CategoricalDtype):
        return _unless_constant("category", column, present)
    return _guess_string_role(column, present.astype(str))


def _guess_string_role(column: pd.Series[Any], present: pd.Series[Any]) -> tuple[Role, str]:
    n_distinct = present.nunique()
    if n_distinct == 1:
        return _unless_constant("category", column, present)
    if _are_dates(present):
        return "date", ""
    has_words = present.str.contains(r"\S\s+\S", regex=True)
    if len(present) >= ENOUGH_ROWS and n_distinct > HARDLY_REPEATS * len(present):
        return ("text", "") if has_words.mean() >= 0.5 else ("drop", "an id")
    n_words = present.str.count(r"\S+").mean()
    if n_words >= LONG_TEXT and (n_distinct > MANY_VALUES or len(present) < ENOUGH_ROWS):
        return "text", ""
    return "category", ""


def _are_dates(present: pd.Series[Any]) -> bool:
    """Whether all strings are ISO dates, such as a CSV file brings."""
    if not present.str.fullmatch(ISO_DATE).all():
        return False
    dates = pd.to_datetime(present, errors="coerce", utc=True, format="ISO8601")
    return bool(dates.notna().all())


def _unless_constant(
    role: Role, column: pd.Series[Any], present: pd.Series[Any]
) -> tuple[Role, str]:
    """Constant columns say nothing, except where some rows lack the value."""
    is_constant = present.nunique() == 1 and len(present) == len(column)
    return ("drop", "constant") if is_constant else (role, "")


def _counts_rows(name: str, present: pd.Series[Any]) -> bool:
    if not pd.api.types.is_integer_dtype(present.dtype) or present.nunique() < len(present):
        return False
    counts = int(present.max()) - int(present.min()) == len(present) - 1
    return (counts and len(present) >= ENOUGH_ROWS) or NAMED_LIKE_ID.search(name) is not None


def value_kind(name: str, present: pd.Series[Any]) -> Literal["number", "date", "string"]:
    """What the present values of a column are.

    Raises
    ------
    DataError
        If they are lists, dicts or other objects.
    """
    dtype = present.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return "string"
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return "date"
    if pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_timedelta64_dtype(dtype):
        return "number"
    if isinstance(dtype, pd.StringDtype):
        return "string"
    inferred = pd.api.types.infer_dtype(present, skipna=True)
    if inferred in {"integer", "floating", "decimal", "boolean", "mixed-integer-float"}:
        return "number"
    if inferred in {"date", "datetime", "datetime64"}:
        return "date"
    strange = next((v for v in present if not isinstance(v, _SCALARS)), None)
    if strange is not None:
        raise DataError(
            f"column {name!r} holds {type(strange).__name__} values, found {str(strange)[:60]!r}; "
            "columns must hold numbers, strings or dates. Expand it into columns (for vectors of "
            f"one length: X = np.stack(table[{name!r}])), or leave it out with "
            f"columns={{{name!r}: 'drop'}}"
        )
    return "string"


_SCALARS = (str, int, float, bool, np.number, np.bool_, datetime.date)
