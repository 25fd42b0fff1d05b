r"""Regular expressions: vote where a pattern occurs in a text.

::

    regex("phone", r"\b\d{3}-\d{4}\b", "contact")

or, in a file of rules,

.. code-block:: toml

    [[rules]]
    kind = "regex"
    name = "phone"
    label = "contact"
    pattern = '\b\d{3}-\d{4}\b'

The syntax and the meaning are those of :mod:`re`. Patterns run in linear time wherever that is
possible (see :mod:`labeling_functions.linear_regex`); what needs backtracking runs with a limit of
time for each text, and exceeding it is an error that names the row and the pattern.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from labeling_functions.building import (
    TEXT,
    Answer,
    Rule,
    SettingError,
    Together,
    make_lf,
    need_bool,
    need_column,
    need_name,
    need_number,
    need_texts,
    read_labels,
    votes_where,
)
from labeling_functions.linear_regex import rewrite
from labeling_functions.slow_regex import TimedPattern
from labeling_functions.text import Texts, as_texts
from weaklabel import LabelingFunction
from weaklabel.labels import LabelSpaceLike

TIMEOUT: Final = 1.0  # seconds for one text


def regex(
    name: str,
    pattern: str | Sequence[str],
    label: Any = None,
    *,
    column: str = TEXT,
    labels: LabelSpaceLike | None = None,
    ignore_case: bool = False,
    timeout: float = TIMEOUT,
) -> LabelingFunction:
    r"""Vote where a regular expression occurs in a text.

    Parameters
    ----------
    name : str
    pattern : str or sequence of str
        In the syntax of :mod:`re`; of several, any one must occur.
    label : class
        The vote.
    column : str, default "text"
    labels : LabelSpace, or anything it takes, optional
    ignore_case : bool, default False
    timeout : float, default 1.0
        Seconds that a pattern which needs backtracking may take for one text.

    Raises
    ------
    ConfigError
        If a setting is wrong, or a pattern is not well formed; the message says where.

    Examples
    --------
    >>> lf = regex("price", r"[$€£] ?\d+", "ad")
    >>> lf({"text": "only $ 5"}), lf({"text": "only 5"})
    ('ad', None)
    """
    need_name(name)
    space, (answer,) = read_labels(name, labels, label)
    patterns = need_texts(name, "pattern", pattern)
    seconds = need_number(name, "timeout", timeout)
    if seconds <= 0:
        raise SettingError(name, "timeout", f"must be more than 0 seconds, found {timeout!r}")
    flags = int(re.IGNORECASE) if need_bool(name, "ignore_case", ignore_case) else 0
    for text in patterns:
        try:
            re.compile(text, flags)
        except (re.error, OverflowError, RecursionError) as error:
            raise SettingError(
                name, "pattern", f"must be a regular expression, found {text!r}: {error}"
            ) from None
    rule = RegexRule(patterns, flags, seconds, answer)
    return make_lf(name, rule, [need_column(name, column)], space, TOGETHER)


@dataclass(frozen=True)
class RegexRule(Rule):
    """What to find, and what to vote."""

    patterns: tuple[str, ...]
    flags: int
    timeout: float
    answer: Answer

    def __call__(self, *columns: Any) -> Any:
        """The votes on a column of texts."""
        return scan_together([self])(*columns)[0]


def scan_together(rules: Sequence[RegexRule]) -> Callable[..., Sequence[Any]]:
    """The column is made text once for all rules."""
    matchers = [[_matcher(p, rule.flags, rule.timeout) for p in rule.patterns] for rule in rules]

    def votes(column: Any) -> list[Any]:
        texts = _Column(as_texts(column))
        found = (np.any([m.found(texts) for m in some], axis=0) for some in matchers)
        return [votes_where(mask, rule.answer) for mask, rule in zip(found, rules, strict=True)]

    return votes


TOGETHER: Final = Together(scan_together)


class _Column:
    """Texts, and which of them are plain ASCII."""

    def __init__(self, texts: Texts) -> None:
        self.texts = texts

    @cached_property
    def wide(self) -> npt.NDArray[np.int64]:
        """Rows with characters beyond ASCII."""
        import pyarrow.compute as pc

        return np.flatnonzero(~_mask(pc.string_is_ascii(self.texts), missing=True))


class Matcher:
    """One pattern, by RE2 on the rows where that is right, against the clock on the others.

    Parameters
    ----------
    pattern : str
    flags : int
    seconds : float
        Limit for one text, where it needs backtracking.
    """

    def __init__(self, pattern: str, flags: int, seconds: float) -> None:
        self._pattern, self._flags, self._seconds = pattern, flags, seconds
        rewritten = rewrite(pattern, flags)
        self.ascii = _accepted(rewritten.ascii)
        self.wide = _accepted(rewritten.wide)

    @cached_property
    def _timed(self) -> TimedPattern:
        return TimedPattern(self._pattern, self._flags, self._seconds)

    def found(self, column: _Column) -> npt.NDArray[np.bool_]:
        """In which texts the pattern occurs, shape (n_rows,); False where there is no text.

        Raises
        ------
        TimeoutError
            If a text takes too long.
        """
        if self.ascii is None:
            return self._timed.search(column.texts)
        found = _search(column.texts, self.ascii)
        rows = column.wide
        if rows.size and self.wide != self.ascii:
            texts = column.texts.take(rows)
            by_clock = self.wide is None
            found[rows] = self._timed.search(texts) if by_clock else _search(texts, self.wide)
        return found


@lru_cache(maxsize=1024)
def _matcher(pattern: str, flags: int, seconds: float) -> Matcher:
    return Matcher(pattern, flags, seconds)


def _accepted(pattern: str | None) -> str | None:
    """The pattern, if RE2 takes it; it refuses those whose automaton gets too large."""
    import pyarrow as pa

    if pattern is None:
        return None
    try:
        _search(pa.array([""], pa.large_string()), pattern)
    except pa.ArrowInvalid:
        return None
    return pattern


def _search(texts: Texts, pattern: str | None) -> npt.NDArray[np.bool_]:
    import pyarrow.compute as pc

    return _mask(pc.match_substring_regex(texts, pattern), missing=False)


def _mask(array: Any, *, missing: bool) -> npt.NDArray[np.bool_]:
    found = array.fill_null(missing).to_numpy(zero_copy_only=False)
    mask: npt.NDArray[np.bool_] = np.array(found, dtype=np.bool_)
    return mask
