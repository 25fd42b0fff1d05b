"""The engine: one batch of rows and some labeling functions in, their answers out.

:func:`answer_batch` is the one function that every way of running shares: in this process, in
worker processes, and on a cluster. It is pure: the answers depend on the rows and the labeling
functions, not on how the rows were cut into batches or who else runs.

Each labeling function is mapped over the rows of the batch by one C loop, and its answers are
translated in bulk: distinct answers are few, so each is looked at once. What an answer means (which
class) is decided later by :mod:`weaklabel.applier.collect`, because the classes may have to be
inferred from all answers.
"""

from __future__ import annotations

import enum
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import TracebackType
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from weaklabel.applier.batch import Batch
from weaklabel.labels import ABSTAIN, Confident, Not, OneOf, Reason
from weaklabel.lf import LabelingFunction, MissingFieldError, Preprocessor
from weaklabel.lf.faults import Fault, describe, format_traceback
from weaklabel.lf.row import RowSet

OnError: TypeAlias = Literal["raise", "abstain"]

MAX_SMALL_CODE: Final = 4096  # integer answers up to here are counted by a table, not by a sort


@dataclass(frozen=True)
class Failure:
    """Why a batch cannot be used: the first row, and on it the first labeling function.

    Attributes
    ----------
    position : int
        The row, counted in the batch.
    lf : int
        The labeling function.
    verb : str
        What the labeling function did, such as ``failed`` or ``answered True (a bool)``.
    detail : str
        Why that is wrong; empty if nothing can be said before the classes are known.
    error : Exception, optional
        What it raised, if it raised.
    traceback : str
    """

    position: int
    lf: int
    verb: str
    detail: str = ""
    error: BaseException | None = None
    traceback: str = ""

    @property
    def order(self) -> tuple[int, int]:
        """Failures are reported in this order, whatever the batches."""
        return self.position, self.lf


@dataclass(frozen=True)
class BatchAnswers:
    """What the labeling functions answered on one batch.

    Attributes
    ----------
    n_rows : int
    per_row : array of int32, shape (n_rows,)
        Answers other than None and -1 on each row.
    lf_index : array of int, shape (n_answers,)
        Row by row, ascending within a row.
    value : array of int, shape (n_answers,)
        Positions in ``values``.
    values : list
        The distinct answers.
    faults : dict of int to Fault
        By labeling function.
    failure : Failure, optional
        The batch cannot be used; the arrays may be incomplete.
    """

    n_rows: int
    per_row: npt.NDArray[np.int32]
    lf_index: npt.NDArray[Any]
    value: npt.NDArray[Any]
    values: list[Any]
    faults: dict[int, Fault] = field(default_factory=dict)
    failure: Failure | None = None


def answer_batch(
    batch: Batch,
    lfs: Sequence[LabelingFunction],
    on_error: OnError = "raise",
    touched: dict[str, None] | None = None,
) -> BatchAnswers:
    """Ask every labeling function about every row of a batch.

    Parameters
    ----------
    batch : Batch
    lfs : sequence of LabelingFunction
    on_error : {"raise", "abstain"}
        Whether a labeling function that raises makes the batch a failure, or counts as abstaining.
        An answer that cannot be a label always makes it a failure.
    touched : dict, optional
        Columns that earlier batches used; extended in place. Changes the speed only.

    Notes
    -----
    O(n_rows n_lfs) calls, and as many bytes times four while the batch is at work.
    """
    views = _Views(batch, touched)
    grid = np.full((batch.n_rows, len(lfs)), -1, dtype=np.int32)
    table: dict[tuple[type, Any], int] = {}
    faults: dict[int, Fault] = {}
    failures: list[Failure] = []
    try:
        for j, lf in enumerate(lfs):
            answers, fault, error = _ask(lf, views, on_error)
            if fault is not None and on_error == "abstain":
                faults[j] = fault
            elif fault is not None:
                detail = _detail(lf, fault, error)
                failures.append(
                    Failure(fault.position, j, "failed", detail, error, fault.traceback)
                )
            kinds = set(map(type, answers))
            unusable = _first_unusable(answers, kinds)
            if unusable is None:
                try:
                    grid[:, j] = _codes(answers, kinds, table)
                except TypeError:  # OneOf(["a"]) and the like: a list inside cannot be looked up
                    unusable = next(i for i, answer in enumerate(answers) if not _hashable(answer))
            if unusable is not None:
                failures.append(Failure(unusable, j, f"answered {_shown(answers[unusable])}"))
    finally:
        views.close()
    per_row, lf_index, value = _sparse(grid, len(table))
    failure = min(failures, key=lambda f: f.order, default=None)
    values = [value for _, value in table]
    return BatchAnswers(batch.n_rows, per_row, lf_index, value, values, faults, failure)


class _Views:
    """The rows of a batch as each labeling function wants them: plain, or with added fields."""

    def __init__(self, batch: Batch, touched: dict[str, None] | None) -> None:
        rows = batch.objects()
        self._row_set: RowSet | None = None
        if rows is None:
            self._row_set = RowSet(batch, touched)
            rows = list(self._row_set.rows)
        self._known: dict[tuple[int, ...], tuple[list[Any], bool]] = {(): (rows, False)}

    def rows(self, steps: tuple[Preprocessor, ...]) -> tuple[list[Any], bool]:
        """Rows with the fields of these preprocessors, and whether one failed on some row."""
        key = tuple(map(id, steps))
        if key not in self._known:
            before, broken = self.rows(steps[:-1])
            rows = [row if type(row) is _Broken else _extended(steps[-1], row) for row in before]
            self._known[key] = rows, broken or any(type(row) is _Broken for row in rows)
        return self._known[key]

    def close(self) -> None:
        self._known.clear()
        if self._row_set is not None:
            self._row_set.close()


class _Broken:
    """Stands for a row on which a preprocessor failed."""

    __slots__ = ("error",)

    def __init__(self, error: Exception) -> None:
        self.error = error


def _extended(step: Preprocessor, row: Any) -> Any:
    try:
        return step.extend(row)
    except Exception as error:
        return _Broken(error)


def _guarded(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def ask(row: Any) -> Any:
        if type(row) is _Broken:
            raise row.error
        return function(row)

    return ask


def _ask(
    lf: LabelingFunction, views: _Views, on_error: OnError
) -> tuple[list[Any], Fault | None, BaseException | None]:
    """Answers on all rows (None from a failure on), the faults, and the first exception."""
    rows, broken = views.rows(lf.preprocessors)
    function = _guarded(lf.bound) if broken else lf.bound
    answers: list[Any] = []
    remaining = iter(rows)
    count, first, first_error = 0, -1, None
    while True:
        error: BaseException | None = None
        try:
            # On an exception, extend keeps what came before it and `remaining` stands behind the
            # row at fault, so no row is asked twice.
            answers.extend(map(function, remaining))
            if len(answers) == len(rows):
                break
            error = RuntimeError("the labeling function raised StopIteration")  # ends a map quietly
        except Exception as raised:
            error = raised
        if not count:
            first, first_error = len(answers), error
        count += 1
        answers.append(None)
        if on_error == "raise":
            answers.extend([None] * (len(rows) - len(answers)))
            break
        if len(answers) == len(rows):
            break
    if first_error is None:
        return answers, None, None
    text = format_traceback(first_error, _inside(first_error))
    return answers, Fault(count, first, describe(first_error), text), first_error


def _inside(error: BaseException) -> TracebackType | None:
    """The traceback from the first frame outside the engine on."""
    frame = error.__traceback__
    while frame is not None and frame.tb_frame.f_code.co_filename == __file__:
        frame = frame.tb_next
    return frame


# -- from answers to codes -------------------------------------------------------------------------


def _first_unusable(answers: list[Any], kinds: set[type]) -> int | None:
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


def _codes(
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


def _hashable(answer: Any) -> bool:
    try:
        hash(answer)
    except TypeError:
        return False
    return True


def _code(answer: Any, table: dict[tuple[type, Any], int]) -> int:
    if answer is None or (type(answer) is int and answer == ABSTAIN):
        return -1
    return table.setdefault((type(answer), answer), len(table))


def _sparse(
    grid: npt.NDArray[np.int32], n_values: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[Any], npt.NDArray[Any]]:
    """The answers of a dense grid, row by row, in the smallest integers that hold them."""
    voted = grid >= 0
    per_row = voted.sum(axis=1, dtype=np.int32)
    columns = np.arange(grid.shape[1], dtype=np.min_scalar_type(grid.shape[1]))
    lf_index = np.broadcast_to(columns, grid.shape)[voted]
    return per_row, lf_index, grid[voted].astype(np.min_scalar_type(n_values))


# -- words -----------------------------------------------------------------------------------------


def _detail(lf: LabelingFunction, fault: Fault, error: BaseException | None) -> str:
    """What a labeling function raised and where, and what to do where that is known."""
    where = _own_line(lf, error)
    hint = ""
    if "NoneType" in fault.error and not isinstance(error, MissingFieldError):
        hint = "; a missing value arrives as None, so test for it first"
    return f"{fault.error}{where}{hint}"


def _own_line(lf: LabelingFunction, error: BaseException | None) -> str:
    if error is None:
        return ""
    if error.__cause__ is not None and error.__cause__.__traceback__ is not None:
        error = error.__cause__  # of a preprocessor
    frames = traceback.extract_tb(_inside(error))
    code = getattr(lf.function, "__code__", None)
    own = [f for f in frames if code is not None and f.filename == code.co_filename]
    if not (own or frames):
        return ""
    frame = (own or list(frames))[-1]
    shown = f": {frame.line}" if frame.line else ""
    return f" ({frame.filename}, line {frame.lineno}{shown})"


def _shown(answer: Any) -> str:
    text = repr(answer)
    if len(text) > 80:
        text = text[:77] + "..."
    return f"{text} (a {type(answer).__name__})"
