"""What a column labeling function returned, checked and read without a loop over rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from weaklabel.labels import ABSTAIN

MAX_SMALL_CODE: Final = 4096  # integer answers up to here are counted by a table, not by a sort


class NotVotesError(ValueError):
    """What a column labeling function returned is not one vote per row.

    Parameters
    ----------
    verb : str
        What it did, such as ``returned 3 votes for 5 rows``.
    detail : str
        What must hold.
    """

    def __init__(self, verb: str, detail: str) -> None:
        super().__init__(f"{verb}: {detail}")
        self.verb = verb
        self.detail = detail


@dataclass(frozen=True)
class CodedVotes:
    """Votes by their distinct values.

    Attributes
    ----------
    values : list of int or str
    index : array of int, shape (n_rows,)
        Positions in ``values``; -1 to abstain.
    """

    values: list[Any]
    index: npt.NDArray[np.integer[Any]]

    def to_list(self) -> list[Any]:
        """The votes one by one, None to abstain."""
        lookup = [*self.values, None]
        return [lookup[place] for place in self.index.tolist()]


Votes: TypeAlias = "CodedVotes | list[Any]"


def read_votes(returned: Any, n_rows: int) -> Votes:
    """What a column labeling function returned, checked, without a loop over rows.

    Returns
    -------
    CodedVotes or list
        A list where the votes are Python objects; these are checked one by one later.

    Raises
    ------
    NotVotesError
        If the length, the dimension or the type is wrong.
    """
    library = type(returned).__module__.partition(".")[0]
    if library == "pandas" and hasattr(returned, "index"):
        returned = _series(returned, n_rows)
        library = type(returned).__module__.partition(".")[0]
    if not isinstance(returned, list | tuple | np.ndarray) and library != "pyarrow":
        raise _not_an_array(returned)
    if isinstance(returned, np.ndarray) and returned.ndim != 1:
        raise NotVotesError(
            f"returned an array of shape {returned.shape} for {n_rows:,} rows",
            "the votes must be one-dimensional",
        )
    if not hasattr(returned, "__len__"):
        raise _not_an_array(returned)
    if len(returned) != n_rows:
        raise NotVotesError(
            f"returned {len(returned):,} votes for {n_rows:,} rows",
            "it must return one vote for each row, in row order, with -1 or None to abstain",
        )
    if library == "pyarrow":
        return _arrow(returned)
    return _numpy(returned) if isinstance(returned, np.ndarray) else list(returned)


def _not_an_array(returned: Any) -> NotVotesError:
    return NotVotesError(
        f"returned a single {type(returned).__name__}" if returned is not None else "returned None",
        "a column labeling function gets whole columns and must return an array (NumPy, pandas, "
        "Arrow or a list) with one vote for each row",
    )


def _wrong_type(found: Any) -> NotVotesError:
    hint = ""
    if "bool" in str(found):
        hint = "; make codes of it, as np.where(mask, 1, -1)"
    elif "float" in str(found) or "double" in str(found):
        hint = "; use -1 instead of NaN, and astype(int)"
    return NotVotesError(
        f"returned an array of {found}",
        "votes are class codes (integers, -1 to abstain) or class names (None to abstain)" + hint,
    )


def _series(series: Any, n_rows: int) -> Any:
    """A pandas Series as NumPy or Arrow; one that was sorted or filtered is refused."""
    import pandas as pd

    if not hasattr(series, "name"):
        raise _not_an_array(series)  # a DataFrame
    if len(series) == n_rows and not series.index.equals(pd.RangeIndex(n_rows)):
        raise NotVotesError(
            "returned a Series whose index is no longer 0 .. n-1",
            "votes go by position, in row order; return series.sort_index(), or an array",
        )
    if isinstance(series.dtype, np.dtype):
        array = series.to_numpy()
        if array.dtype != object:
            return array
        return [None if lost else v for v, lost in zip(array.tolist(), series.isna(), strict=True)]
    import pyarrow as pa

    return pa.array(series, from_pandas=True)


def _arrow(array: Any) -> CodedVotes:
    import pyarrow as pa

    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    kind = array.type
    if pa.types.is_null(kind):
        return CodedVotes([], np.full(len(array), -1, dtype=np.int8))
    if pa.types.is_integer(kind):
        return _integers(array.cast(pa.int64()).fill_null(ABSTAIN).to_numpy(zero_copy_only=False))
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise _wrong_type(array.type)
    coded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
    index = coded.indices.cast(pa.int32()).fill_null(-1).to_numpy(zero_copy_only=False)
    values = coded.dictionary.to_pylist()
    if None in values:
        lookup = np.array([-1 if v is None else k for k, v in enumerate(values)] + [-1])
        index = lookup[index]
    return CodedVotes(values, index)


def _numpy(array: npt.NDArray[Any]) -> Votes:
    if isinstance(array, np.ma.MaskedArray):
        masked = np.ma.getmaskarray(array)
        array = np.where(masked, ABSTAIN, array.data) if array.dtype.kind in "iu" else array.data
        if array.dtype.kind not in "iu":
            return [None if m else v for v, m in zip(array.tolist(), masked.tolist(), strict=True)]
    if array.dtype.kind in "iu":
        return _integers(array)
    if array.dtype.kind == "U":
        values, index = np.unique(array, return_inverse=True)
        return CodedVotes(values.tolist(), index)
    if array.dtype == object or array.dtype.kind == "T":
        return list(array.tolist())
    raise _wrong_type(array.dtype)


def _integers(array: npt.NDArray[np.integer[Any]]) -> CodedVotes:
    if len(array) == 0:
        return CodedVotes([], array)
    low, high = int(array.min()), int(array.max())
    if low < ABSTAIN or high > MAX_SMALL_CODE:
        values, index = np.unique(array, return_inverse=True)
        lookup = np.arange(len(values))
        lookup[values == ABSTAIN] = -1
        return CodedVotes(values.tolist(), lookup[index])
    return CodedVotes(list(range(high + 1)), array)
