"""Keywords and phrases: vote where a text holds certain words.

::

    keywords("prize", ["free entry", "you have won", "prize"], "spam")

or, in a file of rules,

.. code-block:: toml

    [[rules]]
    kind = "keywords"
    name = "prize"
    label = "spam"
    phrases = ["free entry", "you have won", "prize"]

All keyword rules of a run on one column are found in one scan of the text, whatever their number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from labeling_functions.building import (
    TEXT,
    Answer,
    Rule,
    SettingError,
    Together,
    make_lf,
    need_bool,
    need_column,
    need_count,
    need_name,
    need_texts,
    read_labels,
    read_lines,
    votes_at,
)
from labeling_functions.keyword_scan import Keywords, KeywordScan
from labeling_functions.text import as_texts
from weaklabel import LabelingFunction
from weaklabel.labels import LabelSpaceLike


def keywords(
    name: str,
    phrases: Sequence[str] = (),
    label: Any = None,
    *,
    column: str = TEXT,
    labels: LabelSpaceLike | None = None,
    file: str | Path | None = None,
    min_count: int = 1,
    all_of: bool = False,
    unless: Sequence[str] = (),
    ignore_case: bool = True,
    whole_words: bool = True,
) -> LabelingFunction:
    """Vote where a text holds a word or phrase.

    Parameters
    ----------
    name : str
    phrases : sequence of str
        Any white space between the words of a phrase counts as one blank.
    label : class
        The vote.
    column : str, default "text"
    labels : LabelSpace, or anything it takes, optional
    file : path, optional
        More phrases, one on each line; lines that begin with ``#`` are comments.
    min_count : int, default 1
        Occurrences, of any of the phrases, that it takes. Where they overlap, each counts.
    all_of : bool, default False
        Every phrase must occur.
    unless : sequence of str
        Abstain where one of these occurs.
    ignore_case : bool, default True
        Letters are compared in lower case, character by character (so ``ß`` is not ``ss``).
    whole_words : bool, default True
        An occurrence must not be part of a longer word, as ``free`` in ``freedom``. Turn it off for
        languages written without blanks.

    Raises
    ------
    ConfigError
        If a setting is wrong.
    PackError
        If the file cannot be read.

    Examples
    --------
    >>> lf = keywords("prize", ["free entry", "won"], "spam")
    >>> lf({"text": "You WON!"}), lf({"text": "a wonder"})
    ('spam', None)
    """
    need_name(name)
    space, (answer,) = read_labels(name, labels, label)
    listed = need_texts(name, "phrases", phrases, empty=file is not None)
    if file is not None:
        listed += read_lines(name, "file", file)
    if not listed:
        raise SettingError(name, "file", f"must hold at least one phrase, found none in {file}")
    rule = KeywordRule(
        Keywords(
            listed,
            need_count(name, "min_count", min_count),
            need_bool(name, "all_of", all_of),
            need_texts(name, "unless", unless, empty=True),
            need_bool(name, "ignore_case", ignore_case),
            need_bool(name, "whole_words", whole_words),
        ),
        answer,
    )
    return make_lf(name, rule, [need_column(name, column)], space, TOGETHER)


@dataclass(frozen=True)
class KeywordRule(Rule):
    """What to find, and what to vote."""

    what: Keywords
    answer: Answer

    def __call__(self, *columns: Any) -> Any:
        """The votes on a column of texts."""
        return scan_together([self])(*columns)[0]


def scan_together(rules: Sequence[KeywordRule]) -> Callable[..., Sequence[Any]]:
    """One scan for the words of all rules."""
    scan = KeywordScan([rule.what for rule in rules])

    def votes(column: Any) -> list[Any]:
        found = scan.rows(as_texts(column))
        return [
            votes_at(rows, rule.answer, len(column))
            for rule, rows in zip(rules, found, strict=True)
        ]

    return votes


TOGETHER: Final = Together(scan_together)
