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

import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from weaklabel.applier import column_engine
from weaklabel.applier import views as views_module
from weaklabel.applier.batch import Batch
from weaklabel.applier.coding import (
    codes_of,
    codes_of_coded,
    first_unusable,
    is_hashable,
    sparse,
)
from weaklabel.applier.column_engine import ColumnAnswer, Scan, ask_columns, groups_of
from weaklabel.applier.views import Views, guarded
from weaklabel.lf import LabelingFunction, MissingFieldError
from weaklabel.lf.column_votes import CodedVotes
from weaklabel.lf.faults import Fault, describe, format_traceback
from weaklabel.lf.formats import NoCommonTypeError

OnError: TypeAlias = Literal["raise", "abstain"]

_ENGINE_FILES: Final = (__file__, column_engine.__file__, views_module.__file__)


@dataclass
class Memory:
    """What batches leave behind for later ones of the same run; it changes the speed only.

    Attributes
    ----------
    touched : dict
        Columns that rows were asked for.
    scans : dict
        Scans that column functions share, by the functions they were prepared for.
    """

    touched: dict[str, None] = field(default_factory=dict)
    scans: dict[Any, Scan] = field(default_factory=dict)


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
    whole : bool
        It concerns the batch that starts at the row, not this row.
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
    whole: bool = False

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
    seconds : array, shape (n_lfs,)
        What each labeling function took, preprocessors not counted.
    n_asked : array of int, shape (n_lfs,)
        Rows each was asked about; fewer than ``n_rows`` where answers were known before.
    """

    n_rows: int
    per_row: npt.NDArray[np.int32]
    lf_index: npt.NDArray[Any]
    value: npt.NDArray[Any]
    values: list[Any]
    faults: dict[int, Fault]
    failure: Failure | None
    seconds: npt.NDArray[np.float64]
    n_asked: npt.NDArray[np.int64]


def answer_batch(
    batch: Batch,
    lfs: Sequence[LabelingFunction],
    on_error: OnError = "raise",
    memory: Memory | None = None,
) -> BatchAnswers:
    """Ask every labeling function about every row of a batch.

    Parameters
    ----------
    batch : Batch
    lfs : sequence of LabelingFunction
    on_error : {"raise", "abstain"}
        Whether a labeling function that raises makes the batch a failure, or counts as abstaining.
        An answer that cannot be a label always makes it a failure.
    memory : Memory, optional
        What earlier batches of the same labeling functions left behind. Changes the speed only.

    Notes
    -----
    O(n_rows n_lfs) calls, and as many bytes times four while the batch is at work.
    """
    memory = Memory() if memory is None else memory
    views = Views(batch, memory.touched)
    made = _Made(np.full((batch.n_rows, len(lfs)), -1, dtype=np.int32), lfs, on_error)
    try:
        for group in groups_of(lfs):
            _ask_group(group, views, memory, made)
        for j, lf in enumerate(lfs):
            if lf.columns is None:
                views.after(lf.preprocessors).rows()  # shared, so nobody's own time
                with made.timed([j]):
                    made.take_answers(j, *_ask(lf, views, on_error))
    finally:
        views.close()
    grid, table, failures = made.grid, made.table, made.failures
    per_row, lf_index, value = sparse(grid, len(table))
    failure = min(failures, key=lambda f: f.order, default=None)
    values = [value for _, value in table]
    n_asked = np.full(len(lfs), batch.n_rows, dtype=np.int64)
    return BatchAnswers(
        batch.n_rows, per_row, lf_index, value, values, made.faults, failure, made.seconds, n_asked
    )


class _Made:
    """The answers to one batch, while they are collected."""

    def __init__(
        self, grid: npt.NDArray[np.int32], lfs: Sequence[LabelingFunction], on_error: OnError
    ) -> None:
        self.grid = grid
        self.table: dict[tuple[type, Any], int] = {}
        self.faults: dict[int, Fault] = {}
        self.failures: list[Failure] = []
        self.lfs = lfs
        self.on_error = on_error
        self.seconds = np.zeros(len(lfs))

    @contextmanager
    def timed(self, lfs: list[int]) -> Iterator[None]:
        """Count the time inside to these labeling functions, evenly."""
        start = time.perf_counter()
        yield
        self.seconds[lfs] += (time.perf_counter() - start) / len(lfs)

    def take_answers(
        self, j: int, answers: list[Any], fault: Fault | None, error: BaseException | None
    ) -> None:
        """Answers one by one, those of a row function or an array of objects."""
        if fault is not None and self.on_error == "abstain":
            self.faults[j] = fault
        elif fault is not None:
            detail = _detail(self.lfs[j], fault, error)
            self.failures.append(
                Failure(fault.position, j, "failed", detail, error, fault.traceback)
            )
        kinds = set(map(type, answers))
        unusable = first_unusable(answers, kinds)
        if unusable is None:
            try:
                self.grid[:, j] = codes_of(answers, kinds, self.table)
            except TypeError:  # OneOf(["a"]) and the like: a list inside cannot be looked up
                unusable = next(i for i, answer in enumerate(answers) if not is_hashable(answer))
        if unusable is not None:
            self.failures.append(Failure(unusable, j, f"answered {_shown(answers[unusable])}"))

    def take_columns(self, j: int, answer: ColumnAnswer) -> None:
        """The answer of a column function."""
        if answer.unusable is not None:
            verb, detail = answer.unusable.verb, answer.unusable.detail
            self.failures.append(Failure(0, j, verb, detail, answer.unusable, whole=True))
            return
        if isinstance(answer.votes, CodedVotes) and not answer.faults:
            self.grid[:, j] = codes_of_coded(answer.votes, self.table)
            return
        votes = answer.votes.to_list() if isinstance(answer.votes, CodedVotes) else answer.votes
        fault, error = None, None
        if answer.faults:
            position, error = answer.faults[0]
            text = format_traceback(error, _inside(error))
            fault = Fault(len(answer.faults), position, describe(error), text)
        self.take_answers(j, votes, fault, error)


def _ask_group(group: list[int], views: Views, memory: Memory, made: _Made) -> None:
    """Ask column functions that share a scan, or a single one."""
    lfs = [made.lfs[j] for j in group]
    try:
        view = views.after(lfs[0].preprocessors)
        view.broken()  # runs the preprocessors, which are shared
        with made.timed(group):
            answers = ask_columns(lfs, view, memory.scans, made.on_error == "raise")
    except (MissingFieldError, NoCommonTypeError) as error:
        verb = "cannot read its columns"
        made.failures += [Failure(0, j, verb, str(error), error, whole=True) for j in group]
        return
    for j, answer in zip(group, answers, strict=True):
        made.take_columns(j, answer)


def _ask(
    lf: LabelingFunction, views: Views, on_error: OnError
) -> tuple[list[Any], Fault | None, BaseException | None]:
    """Answers on all rows (None from a failure on), the faults, and the first exception."""
    view = views.after(lf.preprocessors)
    rows = view.rows()
    function = guarded(lf.bound) if lf.preprocessors and view.broken() else lf.bound
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
    while frame is not None and frame.tb_frame.f_code.co_filename in _ENGINE_FILES:
        frame = frame.tb_next
    return frame


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
