"""Regular expressions that need backtracking, one text at a time and against the clock.

A pattern such as ``(a+)+$`` can take time that doubles with every letter. Patterns of that kind
mostly go to RE2, which does not backtrack; what RE2 cannot do runs here with a limit of time for
each text, and a text that exceeds it is a fault of that row, not a run that never ends.

The engine here is the package ``regex``, which answers as :mod:`re` does but for rare
characters. To its ``\\w`` and ``\\b`` a combining accent belongs to a word and a raised digit such
as ``²`` does not, as Unicode has it; to :mod:`re` it is the other way round. The control characters
U+001C to U+001F are no white space to it, and where case does not count, the Turkish ``ı`` and
``İ`` are not an ``i``.
"""

from __future__ import annotations

import re
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from labeling_functions.text import Texts

SHOWN: Final = 40  # characters of a text in a message
REMEMBERED: Final = 1000  # texts that took too long


class TimedPattern:
    """A pattern with a limit of time.

    Parameters
    ----------
    pattern : str
    flags : int
        Of :mod:`re`.
    seconds : float
        Limit for one text.

    Raises
    ------
    re.error
        If it is no pattern.
    """

    def __init__(self, pattern: str, flags: int, seconds: float) -> None:
        import regex

        self._text, self._flags = pattern, flags
        self._seconds = seconds
        # A batch that fails is asked again in halves until the row is found; that must be quick.
        self._too_slow: dict[str, TimeoutError] = {}
        try:
            self._pattern = regex.compile(pattern, flags | regex.VERSION0)
        except regex.error as error:
            raise re.error(str(error)) from error

    def search(self, texts: Texts) -> npt.NDArray[np.bool_]:
        """In which texts it occurs, shape (n_rows,); False where there is no text.

        Parameters
        ----------
        texts : LargeStringArray, shape (n_rows,)

        Raises
        ------
        TimeoutError
            If a text takes longer than the limit.
        """
        asked = (text is not None and self._search(text) is not None for text in texts.to_pylist())
        return np.fromiter(asked, np.bool_, len(texts))

    def _search(self, text: str) -> Any:
        if not text:  # where the two disagree on \B, and nothing can take long
            return re.search(self._text, text, self._flags)
        if text in self._too_slow:
            raise self._too_slow[text]
        try:
            return self._pattern.search(text, timeout=self._seconds)
        except TimeoutError:
            fault = self._error(text)
            if len(self._too_slow) < REMEMBERED:
                self._too_slow[text] = fault
            raise fault from None

    def _error(self, text: str) -> TimeoutError:
        shown = text if len(text) <= SHOWN else text[:SHOWN] + "..."
        return TimeoutError(
            f"the pattern {self._text!r} took more than {self._seconds:g} s on a text of "
            f"{len(text):,} characters, {shown!r}; write it without nested repeats, "
            "looking around and back references, so that it runs in linear time"
        )
