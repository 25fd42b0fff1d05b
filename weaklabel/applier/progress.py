"""How far the work is, and how much to do at a time."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Final

SHOW_AFTER: Final = 1.0  # seconds: shorter work shows nothing
GOAL: Final = 0.2  # seconds per batch: often enough to report, rare enough to cost nothing
FIRST_BATCH: Final = 64
LARGEST_BATCH: Final = 16_384  # beyond it nothing gets faster, and memory grows


class Progress:
    """A bar that counts rows; used as a context.

    Parameters
    ----------
    total : int
    show : bool, optional
        None: only on a terminal, and only when the work takes longer than a second.
    """

    def __init__(self, total: int, show: bool | None) -> None:
        self._total = total
        self._show = show
        self._bar: Any = None

    def __enter__(self) -> Progress:
        if self._show is not False:
            from tqdm import tqdm

            self._bar = tqdm(
                total=self._total,
                desc="labeling",
                unit=" rows",
                unit_scale=True,
                delay=0.0 if self._show else SHOW_AFTER,
                disable=None if self._show is None else False,  # None: unless it is a terminal
            )
        return self

    def advance(self, n_rows: int) -> None:
        """Count rows as done."""
        if self._bar is not None:
            self._bar.update(n_rows)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()


class Pace:
    """The size of the next batch: as many rows as take about :data:`GOAL` seconds.

    Starts small, so that slow labeling functions (a model, a service) report soon, and grows at
    most eightfold at a time.

    Parameters
    ----------
    largest : int
    fixed : int, optional
        Always this size.
    """

    def __init__(self, largest: int = LARGEST_BATCH, fixed: int | None = None) -> None:
        self._largest = max(largest, 1)
        self._fixed = fixed
        self._size = min(FIRST_BATCH, self._largest)

    def __call__(self) -> int:
        """Size of the next batch."""
        return self._size if self._fixed is None else self._fixed

    def took(self, n_rows: int, seconds: float) -> None:
        """Learn how long a batch took."""
        wanted = n_rows * GOAL / max(seconds, 1e-6)
        growth = 8.0 if n_rows >= self._size else 1.0  # the short end of a stretch proves little
        self._size = int(min(max(wanted, 1.0), growth * self._size, self._largest))
