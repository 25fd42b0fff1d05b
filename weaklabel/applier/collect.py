"""From the answers of all batches to one vote matrix.

Batches come in row order. With the classes known, an answer outside them ends the work at once;
with the classes to be inferred, all answers are read at the end. Either way each distinct answer is
read once, and symbols beyond the classes are numbered in their canonical order, so the matrix does
not depend on how the rows were cut into batches.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from weaklabel.applier.engine import BatchAnswers, Failure
from weaklabel.applier.ids import Ids
from weaklabel.applier.space import explain, inferred_labels
from weaklabel.errors import CoverageWarning, LabelError, LabelingFunctionError
from weaklabel.labels import LabelSpace, Symbol, VoteAlphabet
from weaklabel.lf import LabelingFunction
from weaklabel.lf.faults import FaultLog
from weaklabel.votes import VoteMatrix


class Collector:
    """Takes the answers of the batches, in row order, and gives the vote matrix.

    Parameters
    ----------
    lfs : sequence of LabelingFunction
    ids : array, shape (n_rows,), optional
    labels : LabelSpace, optional
        Inferred from the answers if None.
    """

    def __init__(
        self, lfs: Sequence[LabelingFunction], ids: Ids | None, labels: LabelSpace | None
    ) -> None:
        self._lfs = lfs
        self._ids = ids
        # Before anything runs: a function may fill a module-level cache that its fingerprint reads.
        self._fingerprints = [lf.fingerprint for lf in lfs]
        self._alphabet = None if labels is None else VoteAlphabet(labels)
        self._symbols: dict[tuple[type, Any], Symbol | None] = {}
        self._batches: deque[BatchAnswers] = deque()
        self._starts: list[int] = []
        self._n_rows = 0
        self._log = FaultLog()

    def add(self, answers: BatchAnswers) -> None:
        """Take the next batch.

        Raises
        ------
        LabelingFunctionError
            If a labeling function failed, or answered something that is not a label; of several,
            that on the first row.
        """
        failures = [] if answers.failure is None else [answers.failure]
        if self._alphabet is not None:
            failures += self._unknown(answers, self._alphabet)
        if failures:
            self._raise(min(failures, key=lambda failure: failure.order), self._n_rows)
        for j, fault in sorted(answers.faults.items()):
            self._log.add(self._lfs[j].name, fault, self._row_id(self._n_rows + fault.position))
        self._starts.append(self._n_rows)
        self._batches.append(answers)
        self._n_rows += answers.n_rows

    def finish(self) -> VoteMatrix:
        """The vote matrix of all rows.

        Raises
        ------
        ConfigError
            If the classes had to be inferred and cannot be.
        LabelingFunctionError
            As :meth:`add`.
        """
        self._warn_of_faults()
        alphabet = self._alphabet
        if alphabet is None:
            alphabet = self._infer()
        alphabet = alphabet.extended(s for s in self._symbols.values() if s is not None)
        votes = self._matrix(alphabet)
        if votes.n_votes == 0:
            warnings.warn(
                f"no labeling function voted on any of the {votes.n_items:,} rows; "
                "look at what they test for, and at the rows they see",
                CoverageWarning,
                stacklevel=3,
            )
        return votes

    def _infer(self) -> VoteAlphabet:
        answers = [value for batch in self._batches for value in batch.values]
        alphabet = VoteAlphabet(inferred_labels(answers))
        for start, batch in zip(self._starts, self._batches, strict=True):
            failures = self._unknown(batch, alphabet)
            if failures:
                self._raise(min(failures, key=lambda failure: failure.order), start)
        return alphabet

    def _matrix(self, alphabet: VoteAlphabet) -> VoteMatrix:
        codes = {key: _code_of(symbol, alphabet) for key, symbol in self._symbols.items()}
        counts, columns, symbols = [], [], []
        while self._batches:  # popped, so that the memory is given back on the way
            batch = self._batches.popleft()
            lookup = np.array([codes[type(v), v] for v in batch.values] or [0], dtype=np.int32)
            symbol = lookup[batch.value]
            keep = symbol >= 0
            per_row = batch.per_row
            if not keep.all():  # an enum's own ABSTAIN member
                rows = np.repeat(np.arange(batch.n_rows), per_row)[keep]
                per_row = np.bincount(rows, minlength=batch.n_rows).astype(np.int32)
            counts.append(per_row)
            columns.append(batch.lf_index[keep])
            symbols.append(symbol[keep].astype(np.min_scalar_type(len(alphabet))))
        indptr: npt.NDArray[np.int64] = np.zeros(self._n_rows + 1, dtype=np.int64)
        np.cumsum(np.concatenate(counts), out=indptr[1:])
        return VoteMatrix(
            indptr,
            np.concatenate(columns),
            np.concatenate(symbols),
            alphabet,
            [lf.name for lf in self._lfs],
            self._ids,
            self._fingerprints,
            self._log.records(),
        )

    def _unknown(self, answers: BatchAnswers, alphabet: VoteAlphabet) -> list[Failure]:
        """Read the distinct answers of a batch; where one is not a label, its first cell."""
        failures = []
        for place, value in enumerate(answers.values):
            key = (type(value), value)
            if key in self._symbols:
                continue
            try:
                self._symbols[key] = alphabet.read(value)
            except LabelError as error:
                first = int(np.flatnonzero(answers.value == place)[0])
                position = int(np.searchsorted(np.cumsum(answers.per_row), first, side="right"))
                detail = explain(error, alphabet.labels)
                lf = int(answers.lf_index[first])
                failures.append(Failure(position, lf, f"answered {value!r}", detail))
        return failures

    def _raise(self, failure: Failure, start: int) -> None:
        name = self._lfs[failure.lf].name
        row = self._row_id(start + failure.position)
        detail = failure.detail or f"that is not a label; a label is {self._allowed()}"
        where = "in the batch that starts at row" if failure.whole else "on row"
        error = LabelingFunctionError(
            f"labeling function {name!r} {failure.verb} {where} {row!r}: {detail}", name, row
        )
        if failure.traceback and (failure.error is None or failure.error.__traceback__ is None):
            error.add_note(failure.traceback)  # it happened in another process
        raise error from failure.error

    def _allowed(self) -> str:
        if self._alphabet is None:
            return "a class name, a class code (an integer), an enum member, or None"
        return self._alphabet.labels.allowed()

    def _row_id(self, position: int) -> Any:
        if self._ids is None:
            return position
        value = self._ids[position]
        return value.item() if isinstance(value, np.generic) else value

    def _warn_of_faults(self) -> None:
        for name, record in self._log.records().items():
            if record.count == self._n_rows:
                warnings.warn(
                    f"labeling function {name!r} failed on every one of the {self._n_rows:,} rows "
                    f"and counts as abstaining; the first error: {record.error}",
                    CoverageWarning,
                    stacklevel=4,
                )


def _code_of(symbol: Symbol | None, alphabet: VoteAlphabet) -> int:
    code = None if symbol is None else alphabet.code(symbol)
    return -1 if code is None else code
