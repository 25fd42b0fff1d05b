"""The log of labeling functions that failed on rows and were counted as abstaining."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from types import TracebackType

from weaklabel.votes import FaultRecord


@dataclass(frozen=True, slots=True)
class Fault:
    """Failures of one labeling function within one batch.

    Attributes
    ----------
    count : int
        Rows it failed on.
    position : int
        The first of them, counted in the batch.
    error : str
        The first exception, ``Type: message``.
    traceback : str
        Its traceback, from the labeling function inwards.
    """

    count: int
    position: int
    error: str
    traceback: str


class FaultLog:
    """Faults of all batches, added in row order, so that the first stays the first."""

    def __init__(self) -> None:
        self._records: dict[str, FaultRecord] = {}

    def add(self, lf_name: str, fault: Fault, row_id: object) -> None:
        """Count the faults of a batch; ``row_id`` is that of its first fault."""
        known = self._records.get(lf_name)
        if known is None:
            record = FaultRecord(fault.count, str(row_id), fault.error, fault.traceback)
        else:
            count = known.count + fault.count
            record = FaultRecord(count, known.first_row, known.error, known.traceback)
        self._records[lf_name] = record

    def records(self) -> dict[str, FaultRecord]:
        """One record per labeling function that failed."""
        return dict(self._records)


def describe(error: BaseException) -> str:
    """``Type: message`` of an exception."""
    message = str(error)
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def format_traceback(error: BaseException, start: TracebackType | None) -> str:
    """Traceback text from ``start`` inwards: the user's frames, not those of the engine."""
    return "".join(traceback.format_exception(type(error), error, start))
