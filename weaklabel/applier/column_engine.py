"""Asking column labeling functions: one call per batch, or one for several that share a scan.

A function that raises on a batch is asked again for its halves, so that faults belong to rows, as
those of row functions do, and do not depend on how the rows were cut into batches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from weaklabel.applier.views import Broken, View
from weaklabel.lf import LabelingFunction
from weaklabel.lf.column_votes import CodedVotes, NotVotesError, Votes, read_votes
from weaklabel.lf.formats import take

Scan: TypeAlias = Callable[..., Sequence[Any]]


@dataclass(frozen=True)
class ColumnAnswer:
    """What one column labeling function said of a batch.

    Attributes
    ----------
    votes : CodedVotes or list
        None where it failed.
    faults : list of (int, Exception)
        The rows at fault, ascending; under ``on_error="raise"`` only the first.
    unusable : NotVotesError, optional
        It did not return votes at all.
    """

    votes: Votes
    faults: list[tuple[int, Exception]]
    unusable: NotVotesError | None = None


def groups_of(lfs: Sequence[LabelingFunction]) -> Iterator[list[int]]:
    """Positions of the column functions, those that share a scan together, in order."""
    shared: dict[Any, list[int]] = {}
    for j, lf in enumerate(lfs):
        if lf.columns is None:
            continue
        steps = tuple(map(id, lf.preprocessors))
        key = ("alone", j) if lf.together is None else (lf.together, lf.columns, lf.format, steps)
        shared.setdefault(key, []).append(j)
    yield from shared.values()


def ask_columns(
    lfs: Sequence[LabelingFunction], view: View, scans: dict[Any, Scan], stop_at_first: bool
) -> list[ColumnAnswer]:
    """Ask column functions that share columns, format and preprocessors, and a scan if several.

    Parameters
    ----------
    lfs : sequence of LabelingFunction
    view : View
    scans : dict
        The scans prepared so far, by the functions they are for; extended in place.
    stop_at_first : bool
        Whether to look for the first row at fault only.

    Raises
    ------
    MissingFieldError
        If there is no such column.
    """
    broken = view.broken()
    if len(broken) == view.n_rows:  # and a preprocessor that always fails has made no columns
        faults = [(i, row.error) for i, row in broken.items()]
        return [ColumnAnswer([None] * view.n_rows, faults) for _ in lfs]
    columns = [view.column(name, lfs[0].format) for name in lfs[0].columns or ()]
    if not broken and lfs[0].together is not None:
        answers = _scan(lfs, columns, view.n_rows, scans)
        if answers is not None:
            return answers
    every = range(view.n_rows)
    good = [i for i in every if i not in broken] if broken else every
    return [_Asking(lf, columns, view.n_rows, stop_at_first).answer(good, broken) for lf in lfs]


def _scan(
    lfs: Sequence[LabelingFunction], columns: list[Any], n_rows: int, scans: dict[Any, Scan]
) -> list[ColumnAnswer] | None:
    """The answers of a shared scan; None if it fails, and then each is asked by itself."""
    together = lfs[0].together
    assert together is not None
    key = tuple(map(id, lfs))
    try:
        if key not in scans:
            scans[key] = together(tuple(lfs))
        returned = list(scans[key](*columns))
    except Exception:
        return None
    if len(returned) != len(lfs):
        error = NotVotesError(
            f"shares a scan that returned {len(returned):,} arrays for {len(lfs):,} functions",
            "a scan must return the votes of each labeling function, in their order",
        )
        return [ColumnAnswer([None] * n_rows, [], error) for _ in lfs]
    return [_read(votes, n_rows) for votes in returned]


def _read(returned: Any, n_rows: int) -> ColumnAnswer:
    try:
        return ColumnAnswer(read_votes(returned, n_rows), [])
    except NotVotesError as error:
        return ColumnAnswer([None] * n_rows, [], error)


class _Asking:
    """One function and one batch."""

    def __init__(
        self, lf: LabelingFunction, columns: list[Any], n_rows: int, stop_at_first: bool
    ) -> None:
        self._lf = lf
        self._columns = columns
        self._n_rows = n_rows
        self._stop = stop_at_first
        self._votes: list[Any] = [None] * n_rows
        self._faults: list[tuple[int, Exception]] = []

    def answer(self, good: Sequence[int], broken: Mapping[int, Broken]) -> ColumnAnswer:
        """The votes on the good rows; the broken rows are faults."""
        n_good = len(good)
        if n_good == self._n_rows:
            outcome = self._ask(good)
            if not isinstance(outcome, Exception):
                return ColumnAnswer(outcome, [])
        unusable = self._fill(good) if n_good else None
        if unusable is not None:
            return ColumnAnswer([None] * self._n_rows, [], unusable)
        self._faults += [(i, row.error) for i, row in broken.items()]
        return ColumnAnswer(self._votes, sorted(self._faults, key=lambda fault: fault[0]))

    def _ask(self, rows: Sequence[int]) -> Votes | Exception:
        given = [take(column, rows, self._n_rows) for column in self._columns]
        try:
            return read_votes(self._lf.bound(*given), len(rows))
        except Exception as error:
            return error

    def _fill(self, rows: Sequence[int]) -> NotVotesError | None:
        """Ask about some rows; where that fails, about their halves."""
        outcome = self._ask(rows)
        if isinstance(outcome, NotVotesError):
            return outcome
        if not isinstance(outcome, Exception):
            values = outcome.to_list() if isinstance(outcome, CodedVotes) else outcome
            for i, value in zip(rows, values, strict=True):
                self._votes[i] = value
            return None
        if len(rows) == 1:
            self._faults.append((rows[0], outcome))
            return None
        return self._halve(rows, outcome)

    def _halve(self, rows: Sequence[int], error: Exception) -> NotVotesError | None:
        n_before = len(self._faults)
        middle = len(rows) // 2
        for half in (rows[:middle], rows[middle:]):
            unusable = self._fill(half)
            if unusable is not None or (self._stop and len(self._faults) > n_before):
                return unusable
        if len(self._faults) > n_before:
            return None
        return NotVotesError(
            f"failed on {len(rows):,} rows together ({type(error).__name__}: {error}), "
            "but not on their halves,",
            "a column labeling function must treat each row by itself; if memory ran out, pass a "
            "smaller batch_size",
        )


def columns_read(lfs: Sequence[LabelingFunction]) -> list[str]:
    """The columns that column functions and batched preprocessors name, each once."""
    named = [lf.columns or () for lf in lfs]
    named += [step.columns or () for lf in lfs for step in lf.preprocessors]
    return list(dict.fromkeys(name for names in named for name in names))
