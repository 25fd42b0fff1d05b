"""The bar over the calls of a run: how many, how long still, at what cost."""

from __future__ import annotations

from typing import Any, Final

SHOW_AFTER: Final = 1.0  # seconds: shorter runs show nothing


class CallProgress:
    """Counts answered questions.

    Parameters
    ----------
    total : int
    show : bool, optional
        None: only on a terminal, and only when the run takes longer than a second.
    currency : str
        Empty: no cost is shown.
    """

    def __init__(self, total: int, show: bool | None, currency: str) -> None:
        self._bar: Any = None
        self._currency = currency
        if show is not False and total:
            from tqdm import tqdm

            self._bar = tqdm(
                total=total,
                desc="asking",
                unit=" calls",
                delay=0.0 if show else SHOW_AFTER,
                disable=None if show is None else False,  # None: unless it is a terminal
            )

    def advance(self, cost: float) -> None:
        """Count one question; ``cost`` is that of all so far."""
        if self._bar is None:
            return
        if self._currency:
            self._bar.set_postfix_str(f"{cost:.4g} {self._currency}", refresh=False)
        self._bar.update(1)

    def close(self) -> None:
        """End the bar."""
        if self._bar is not None:
            self._bar.close()
