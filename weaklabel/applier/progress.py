"""How far the work is, and how much to do at a time."""

from __future__ import annotations

import time
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

    Starts small, so that slow labeling functions (a model, a service) report soon.
    """

    def __init__(self) -> None:
        self._size = FIRST_BATCH
        self._asked = time.perf_counter()
        self._first = True

    def __call__(self) -> int:
        """Size of the next batch; the time since the last call is what the last one took."""
        now = time.perf_counter()
        if not self._first:
            factor = GOAL / max(now - self._asked, 1e-6)
            self._size = int(self._size * min(max(factor, 0.125), 8.0))
            self._size = min(max(self._size, 1), LARGEST_BATCH)
        self._asked, self._first = now, False
        return self._size
