"""Answers by number: each distinct answer is looked at once, in bulk.

A table numbers the distinct answers of a batch in the order in which they appear; a grid of numbers
becomes sparse at the end. Which class an answer means is decided later.
"""

from __future__ import annotations

import enum
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from weaklabel.labels import ABSTAIN, Confident, Not, OneOf, Reason
from weaklabel.lf.column_votes import MAX_SMALL_CODE, CodedVotes


def first_unusable(answers: list[Any], kinds: set[type]) -> int | None:
    """Position of the first answer of a type that cannot be a vote."""
    bad = {kind for kind in kinds if not _can_be_vote(kind)}
    if bad:
        return next(i for i, answer in enumerate(answers) if type(answer) in bad)
    return None


@lru_cache(maxsize=1024)
def _can_be_vote(kind: type) -> bool:
    if issubclass(kind, bool | np.bool_):
        return False  # True == 1, but is not "class 1"
    votes = (type(None), int, np.integer, str, enum.Enum, OneOf, Not, Confident, Reason)
    return issubclass(kind, votes)


def codes_of(
    answers: list[Any], kinds: set[type], table: dict[tuple[type, Any], int]
) -> npt.NDArray[np.int32]:
    """Positions in the table of distinct answers, -1 for None and ABSTAIN; the table grows."""
    if kinds == {int}:
        found = _codes_of_integers(answers, table)
        if found is not None:
            return found
    # Distinct objects first, by identity: 1, True and an IntEnum member are equal but not the same.
    distinct = dict(zip(map(id, answers), answers, strict=True))
    known = {key: _code(answer, table) for key, answer in distinct.items()}
    return np.fromiter(map(known.__getitem__, map(id, answers)), np.int32, len(answers))


def _codes_of_integers(
    answers: list[int], table: dict[tuple[type, Any], int]
) -> npt.NDArray[np.int32] | None:
    try:
        array = np.fromiter(answers, np.int64, len(answers))
    except OverflowError:
        return None
    low, high = int(array.min()), int(array.max())
    if low < ABSTAIN or high > MAX_SMALL_CODE:
        return None
    shifted = array - ABSTAIN
    present = np.flatnonzero(np.bincount(shifted)).tolist()
    lookup = np.full(high - ABSTAIN + 1, -1, dtype=np.int32)
    for place in present:
        lookup[place] = _code(place + ABSTAIN, table)
    return lookup[shifted]


def codes_of_coded(votes: CodedVotes, table: dict[tuple[type, Any], int]) -> npt.NDArray[np.int32]:
    """As :func:`codes_of`, for votes by their distinct values; only those that occur count."""
    index = votes.index
    lookup = np.full(len(votes.values) + 1, -1, dtype=np.int32)
    present = np.bincount(index + 1, minlength=len(lookup))[1:] if len(index) else ()
    for place in np.flatnonzero(present).tolist():
        lookup[place] = _code(votes.values[place], table)
    coded: npt.NDArray[np.int32] = lookup[index]  # the last place stands for -1
    return coded


def is_hashable(answer: Any) -> bool:
    """Whether an answer can be looked up among those known."""
    try:
        hash(answer)
    except TypeError:
        return False
    return True


def _code(answer: Any, table: dict[tuple[type, Any], int]) -> int:
    if answer is None or (type(answer) is int and answer == ABSTAIN):
        return -1
    return table.setdefault((type(answer), answer), len(table))


def sparse(
    grid: npt.NDArray[np.int32], n_values: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[Any], npt.NDArray[Any]]:
    """The answers of a dense grid, row by row, in the smallest integers that hold them."""
    voted = grid >= 0
    per_row = voted.sum(axis=1, dtype=np.int32)
    columns = np.arange(grid.shape[1], dtype=np.min_scalar_type(grid.shape[1]))
    lf_index = np.broadcast_to(columns, grid.shape)[voted]
    return per_row, lf_index, grid[voted].astype(np.min_scalar_type(n_values))
