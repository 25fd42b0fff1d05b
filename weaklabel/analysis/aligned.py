"""Rows of two runs, matched by their ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from weaklabel.errors import DataError

IntArray = npt.NDArray[np.int64]
SHOWN = 5


@dataclass(frozen=True, eq=False)
class AlignedRows:
    """Which row of one run is which row of the other.

    Attributes
    ----------
    a, b : array of int64, shape (n_common,)
        Positions of the rows that both have, in the order of the first run.
    only_a, only_b : tuple
        Ids of the rows that one of them has, in its order.
    """

    a: IntArray
    b: IntArray
    only_a: tuple[Any, ...]
    only_b: tuple[Any, ...]


def align_rows(
    ids_a: npt.NDArray[Any] | None, ids_b: npt.NDArray[Any] | None, n_a: int, n_b: int
) -> AlignedRows:
    """Match rows by id, or by position where neither run has ids.

    Ids are compared as text where one run has numbers and the other words, since a CSV file does
    not know the difference.

    Raises
    ------
    DataError
        If only one of the runs has ids, or one has an id twice.
    """
    # Positions are what rows without ids carry in a file.
    if (ids_a is None) != (ids_b is None):
        named = ids_b if ids_a is None else ids_a
        if named is not None and not np.array_equal(named, np.arange(len(named))):
            raise DataError(
                "rows are matched by id, and only one of the two has ids (the first is "
                f"{named.tolist()[0]!r}); make both with the same id column"
            )
    listed_a = np.arange(n_a) if ids_a is None else ids_a
    listed_b = np.arange(n_b) if ids_b is None else ids_b
    if listed_a.dtype.kind != listed_b.dtype.kind:
        listed_a, listed_b = (
            np.array([*map(str, x.tolist())], object) for x in (listed_a, listed_b)
        )
    keys_a, keys_b = listed_a.tolist(), listed_b.tolist()
    at_b = _positions(keys_b, "second")
    _positions(keys_a, "first")
    if keys_a == keys_b:
        every = np.arange(n_a)
        return AlignedRows(every, every, (), ())
    found = np.array([at_b.get(key, -1) for key in keys_a], dtype=np.int64)
    both = np.flatnonzero(found >= 0)
    seen = np.zeros(n_b, dtype=bool)
    seen[found[both]] = True
    return AlignedRows(
        both,
        found[both],
        tuple(keys_a[i] for i in np.flatnonzero(found < 0).tolist()),
        tuple(keys_b[i] for i in np.flatnonzero(~seen).tolist()),
    )


def _positions(keys: Sequence[Any], which: str) -> dict[Any, int]:
    at: dict[Any, int] = {}
    for position, key in enumerate(keys):
        first = at.setdefault(key, position)
        if first != position:
            raise DataError(
                f"ids must be unique to match rows by, found {key!r} at rows {first} and "
                f"{position} of the {which}"
            )
    return at


def some(ids: Sequence[Any]) -> str:
    """The first few ids for a text."""
    more = len(ids) - SHOWN
    return ", ".join(map(str, ids[:SHOWN])) + (f" and {more:,} more" if more > 0 else "")


def rows_only_lines(only_a: Sequence[Any], only_b: Sequence[Any]) -> list[str]:
    """Sentences about the rows that one of the runs has."""
    sides = (("first", only_a), ("second", only_b))
    return [f"{len(ids):,} rows only in the {side}: {some(ids)}" for side, ids in sides if ids]


def add_rows_only(
    columns: dict[str, list[Any]], only_a: Sequence[Any], only_b: Sequence[Any]
) -> None:
    """Append the rows that one of the runs has to a table with the columns id and why."""
    for side, ids in (("first", only_a), ("second", only_b)):
        rest = {"id": list(ids), "why": [f"row only in the {side}"] * len(ids)}
        for name, values in columns.items():
            values += rest.get(name, [None] * len(ids))
