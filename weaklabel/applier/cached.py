"""Answers from the vote cache where it has them, and new ones that go into it.

The rows are cut into chunks (:mod:`weaklabel.applier.chunks`). For each, the answers of every
labeling function are looked up; what is missing is asked for in batches as usual, in this process
or in others, and kept when the chunk is complete.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from weaklabel.applier.batch import Batch
from weaklabel.applier.cache import VoteCache
from weaklabel.applier.cache_file import Entry
from weaklabel.applier.chunks import Chunk, chunks_of
from weaklabel.applier.coding import sparse
from weaklabel.applier.engine import BatchAnswers, Failure, OnError
from weaklabel.applier.sources import Source
from weaklabel.lf import LabelingFunction
from weaklabel.lf.faults import Fault

Positions: TypeAlias = tuple[int, ...]
Task: TypeAlias = tuple[Batch, Positions] | None  # None: nothing to ask, but keep its place


class CachedRun:
    """One run of labeling functions over rows, with a cache.

    Parameters
    ----------
    source : Source
    lfs : sequence of LabelingFunction
    on_error : {"raise", "abstain"}
    cache : VoteCache
    size : callable
        Gives the rows of the next batch.
    advance : callable
        Told of rows that are done.
    """

    def __init__(
        self,
        source: Source,
        lfs: Sequence[LabelingFunction],
        on_error: OnError,
        cache: VoteCache,
        size: Callable[[], int],
        advance: Callable[[int], None],
    ) -> None:
        self._source = source
        self._lfs = lfs
        self._on_error = on_error
        self._cache = cache
        self._size = size
        self._advance = advance
        self._fingerprints = [lf.fingerprint for lf in lfs]  # before anything runs
        self._plans: deque[_Plan] = deque()

    def tasks(self) -> Iterator[Task]:
        """What has to be asked, in row order."""
        for chunk in chunks_of(self._source):
            plan = _Plan(chunk, self._lfs, self._fingerprints, self._cache, self._on_error)
            self._plans.append(plan)
            if not plan.stretches:
                yield None
            for start, stop, missing in plan.stretches:
                for batch in self._cut(chunk.slices(start, stop)):
                    plan.expect(start, missing)
                    start += batch.n_rows
                    yield batch, missing

    def _cut(self, pieces: Iterable[Batch]) -> Iterator[Batch]:
        for piece in pieces:
            start = 0
            while start < piece.n_rows:
                stop = min(start + self._size(), piece.n_rows)
                yield piece.slice(start, stop)
                start = stop

    def answers(self, answered: Iterable[BatchAnswers | None]) -> Iterator[BatchAnswers]:
        """The answers of all labeling functions, chunk by chunk, from those to the tasks."""
        for part in answered:
            plan = self._plans[0]
            if part is not None:
                plan.take(part)
                self._advance(part.n_rows)
            if plan.is_complete or plan.failure is not None:
                self._plans.popleft()
                self._advance(plan.n_rows_skipped)
                yield plan.finish()


class _Plan:
    """What is known and what is missing of one chunk.

    Attributes
    ----------
    stretches : list of (start, stop, positions)
        The rows to ask about, and the labeling functions to ask.
    failure : Failure, optional
        Ends the run.
    """

    def __init__(
        self,
        chunk: Chunk,
        lfs: Sequence[LabelingFunction],
        fingerprints: Sequence[str],
        cache: VoteCache,
        on_error: OnError,
    ) -> None:
        self._chunk = chunk
        self._lfs = lfs
        self._prints = fingerprints
        self._cache = cache
        self._on_error = on_error
        self._keys = self._keys_of(chunk)
        self._known: dict[int, Entry] = {}
        self._heads: dict[int, Entry] = {}
        self._faults: dict[int, Fault] = {}
        self._table: dict[tuple[type, Any], int] = {}
        self._grid: npt.NDArray[np.int32] | None = None
        self._expected: deque[tuple[int, Positions]] = deque()
        self.failure: Failure | None = None
        self._seconds = np.zeros(len(lfs))
        self._n_asked = np.zeros(len(lfs), dtype=np.int64)
        for j in range(len(lfs)):
            entry = self._usable(self._keys[j])
            if entry is not None:
                self._known[j] = entry
        self._missing = tuple(j for j in range(len(lfs)) if j not in self._known)
        self.stretches = self._stretches() if self._missing else []
        self._n_left = sum(stop - start for start, stop, _ in self.stretches)
        self.n_rows_skipped = chunk.n_rows - self._n_left

    def _keys_of(self, chunk: Chunk) -> list[str]:
        pairs = zip(self._prints, self._lfs, strict=True)
        return [self._cache.key(text, chunk.digest_for(lf)) for text, lf in pairs]

    def _usable(self, key: str) -> Entry | None:
        entry = self._cache.get(key)
        if entry is not None and entry.fault is not None and self._on_error == "raise":
            return None  # it is to fail again, and say where
        return entry

    def _stretches(self) -> list[tuple[int, int, Positions]]:
        """All rows, or only those behind a head that was an incomplete chunk in an earlier run."""
        n_rows = self._chunk.n_rows
        lengths = {n for first in self._firsts() for n in self._cache.heads(first) if n < n_rows}
        for n_head in sorted(lengths, reverse=True):
            keys = self._keys_of(self._chunk.head(n_head))
            for j in self._missing:
                entry = self._usable(keys[j])
                if entry is not None:
                    self._heads[j] = entry
            if self._heads:
                rest = tuple(j for j in self._missing if j not in self._heads)
                before = [(0, n_head, rest)] if rest else []
                return [*before, (n_head, n_rows, self._missing)]
        return [(0, n_rows, self._missing)]

    def _firsts(self) -> set[bytes]:
        """The first row as the functions to ask see it; incomplete chunks are noted under it."""
        first = self._chunk.head(1)
        return {first.digest_for(self._lfs[j]) for j in self._missing}

    # -- new answers ---------------------------------------------------------------------------

    def expect(self, start: int, positions: Positions) -> None:
        """A batch that starts at a row of the chunk has been sent to these functions."""
        self._expected.append((start, positions))

    def take(self, part: BatchAnswers) -> None:
        """The answers to the next of the batches sent."""
        start, positions = self._expected.popleft()
        columns = np.array(positions)
        lookup = np.array([self._code(value) for value in part.values] or [0], dtype=np.int32)
        rows = np.repeat(np.arange(start, start + part.n_rows), part.per_row)
        self._cells()[columns[part.lf_index], rows] = lookup[part.value]
        for j, fault in part.faults.items():
            self._add_fault(positions[j], fault, start)
        self._seconds[columns] += part.seconds
        self._n_asked[columns] += part.n_asked
        self._n_left -= part.n_rows
        if part.failure is not None:
            at, lf = part.failure.position + start, positions[part.failure.lf]
            self.failure = replace(part.failure, position=at, lf=lf)

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing any more."""
        return self._n_left == 0

    def _code(self, value: Any) -> int:
        return self._table.setdefault((type(value), value), len(self._table))

    def _cells(self) -> npt.NDArray[np.int32]:
        """The answers by number, of shape (n_lfs, n_rows); -1 where there is none."""
        if self._grid is None:
            shape = (len(self._lfs), self._chunk.n_rows)
            self._grid = np.full(shape, -1, dtype=np.int32)
            for j, entry in (*self._known.items(), *self._heads.items()):
                self._fill(j, entry)
        return self._grid

    def _fill(self, j: int, entry: Entry) -> None:
        assert self._grid is not None
        lookup = np.array([*map(self._code, entry.values), -1], dtype=np.int32)
        self._grid[j, : len(entry.index)] = lookup[entry.index]
        if entry.fault is not None:
            self._add_fault(j, entry.fault, 0)

    def _add_fault(self, j: int, fault: Fault, start: int) -> None:
        known = self._faults.get(j)
        if known is None:
            self._faults[j] = replace(fault, position=fault.position + start)
        else:
            self._faults[j] = replace(known, count=known.count + fault.count)

    # -- the end -------------------------------------------------------------------------------

    def finish(self) -> BatchAnswers:
        """The answers of all labeling functions; new ones are kept."""
        grid = self._cells()
        if self.failure is None:
            self._keep(grid)
        values = [value for _, value in self._table]
        per_row, lf_index, value = sparse(grid.T, len(values))
        return BatchAnswers(
            self._chunk.n_rows, per_row, lf_index, value, values, self._faults, self.failure,
            self._seconds, self._n_asked,
        )  # fmt: skip

    def _keep(self, grid: npt.NDArray[np.int32]) -> None:
        values = [value for _, value in self._table]
        for j in self._missing:
            present = np.flatnonzero(np.bincount(grid[j] + 1, minlength=len(values) + 1)[1:])
            lookup = np.full(len(values) + 1, -1, dtype=np.int32)
            lookup[present] = np.arange(len(present))
            entry = Entry([values[k] for k in present], lookup[grid[j]], self._faults.get(j))
            self._cache.put(self._keys[j], entry, self._lfs[j])
        if self._missing and not self._chunk.is_full:
            for first in self._firsts():
                self._cache.add_head(first, self._chunk.n_rows)
        n_new = sum((stop - start) * len(asked) for start, stop, asked in self.stretches)
        self._cache.n_computed += n_new
        self._cache.n_reused += self._chunk.n_rows * len(self._lfs) - n_new
