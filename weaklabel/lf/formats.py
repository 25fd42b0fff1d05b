"""The forms in which a column reaches a function that takes whole columns.

=============  ==============================================================================
``"arrow"``    a ``pyarrow.Array``; missing values (None, NaN, NaT, NA) are null. The default
``"pandas"``   a Series numbered 0 .. n-1, of the types pandas gives
``"numpy"``    an array; numbers with missing values as float64 with NaN, text as objects
``"list"``     Python values, None where missing: what ``x.name`` gives in a row function
=============  ==============================================================================

What a preprocessor made arrives as it made it (by rows: as a list), whatever the format.

The Arrow type of a column is that of the whole column, whatever the batches. A column whose values
have no common Arrow type (text and numbers mixed) can be read as ``"list"``, and as objects in
``"numpy"`` and ``"pandas"``. In these two forms pandas' old habit applies: whole numbers come as
float64 where a value of the batch is missing. Comparisons do not mind; for whole numbers beyond
2**53, take ``"arrow"`` or ``"list"``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np

from weaklabel.errors import ConfigError, DataError

if TYPE_CHECKING:
    import pyarrow as pa

Format: TypeAlias = Literal["arrow", "pandas", "numpy", "list"]


class NoCommonTypeError(DataError, TypeError):
    """A column cannot be an Arrow array."""


def check_format(found: str, who: str) -> None:
    """Refuse a format that does not exist."""
    if found not in get_args(Format):
        raise ConfigError(f"the format of {who} must be one of {get_args(Format)}, found {found!r}")


def check_columns(columns: Any, who: str) -> tuple[Any, ...]:
    """Names of columns as a tuple; at least one, a single string is one name."""
    names = (columns,) if isinstance(columns, str) else tuple(columns)
    if not names:
        raise ConfigError(f"{who} must read at least one column; pass columns=['name', ...]")
    return names


def columns_of(
    function: Callable[..., Any], resources: Mapping[str, Any], who: str
) -> tuple[str, ...]:
    """The names of the parameters that are not resources: the columns a function asks for."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        raise ConfigError(
            f"the parameters of {who} are not known; pass columns=['name', ...]"
        ) from None
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = tuple(
        p.name
        for p in parameters
        if p.kind in positional and p.name not in resources and p.default is p.empty
    )
    return check_columns(names, who)


def from_arrow(array: pa.Array, form: Format) -> Any:
    """An Arrow array, in which NaN is null already, in another form."""
    if form == "arrow":
        return array
    if form == "list":
        return array.to_pylist()
    return numpy_from(array) if form == "numpy" else array.to_pandas()


def from_values(values: Sequence[Any], form: Format, name: Any) -> Any:
    """Python values, None where missing, in another form; for trying a function on one row.

    Raises
    ------
    NoCommonTypeError
        If the form is Arrow and the values have no common type.
    """
    if form == "list":
        return list(values)
    import pyarrow as pa

    # If nothing says what it is, text it is most often.
    kind = pa.string() if all(value is None for value in values) else None
    try:
        return from_arrow(pa.array(values, kind, from_pandas=True), form)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return objects_as(values, form, name)


def objects_as(values: Sequence[Any], form: Format, name: Any) -> Any:
    """Values without a common Arrow type, as an array or Series of objects.

    Raises
    ------
    NoCommonTypeError
        If the form is Arrow.
    """
    if form == "arrow":
        raise NoCommonTypeError(
            f"the values of column {name!r} have no common Arrow type; make them of one type, or "
            "read the column with format='list'"
        )
    objects = np.fromiter(values, dtype=object, count=len(values))
    if form == "numpy":
        return objects
    import pandas as pd

    return pd.Series(objects, dtype=object)


def numpy_from(array: pa.Array) -> Any:
    """An Arrow array as NumPy; NaN marks missing numbers, None everything else."""
    import pyarrow as pa

    kind = array.type
    if pa.types.is_dictionary(kind):
        array = array.cast(kind.value_type)
        kind = array.type
    if pa.types.is_integer(kind) and array.null_count:
        return array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return array.to_numpy(zero_copy_only=False)


def take(column: Any, rows: Sequence[int], n_rows: int) -> Any:
    """Some rows of a column of any form, as that form."""
    if len(rows) == n_rows:
        return column
    if isinstance(column, list | tuple):
        return [column[i] for i in rows]
    if hasattr(column, "iloc"):
        return column.iloc[list(rows)].reset_index(drop=True)
    if hasattr(column, "take"):
        return column.take(list(rows))
    return column[list(rows)]


def as_list(column: Any) -> list[Any]:
    """The values of a column of any form, as Python gives them."""
    if hasattr(column, "to_pylist"):
        return list(column.to_pylist())
    if isinstance(column, np.ndarray) and column.ndim > 1:
        return list(column)
    return list(column.tolist() if hasattr(column, "tolist") else column)
