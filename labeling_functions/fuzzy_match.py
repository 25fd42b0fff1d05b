"""Fuzzy match: vote where a text holds a phrase, more or less as it is spelled.

.. code-block:: toml

    [[rules]]
    kind = "fuzzy"
    name = "subscribe"
    label = "spam"
    phrases = ["subscribe to my channel"]
    score = 85

Needs the extra ``fuzzy`` (rapidfuzz). It compares every phrase with every text, so it costs much
more than :func:`labeling_functions.keywords`; keep it for names and phrases that people misspell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from labeling_functions.building import (
    TEXT,
    Answer,
    Rule,
    SettingError,
    make_lf,
    need_bool,
    need_choice,
    need_column,
    need_name,
    need_number,
    need_texts,
    read_labels,
    votes_where,
)
from labeling_functions.text import as_texts
from weaklabel import LabelingFunction
from weaklabel.errors import MissingDependencyError
from weaklabel.labels import LabelSpaceLike


def fuzzy(
    name: str,
    phrases: Sequence[str],
    label: Any = None,
    *,
    column: str = TEXT,
    labels: LabelSpaceLike | None = None,
    score: float = 90.0,
    part: str = "within",
    ignore_case: bool = True,
) -> LabelingFunction:
    """Vote where a text holds, or is, about one of some phrases.

    Parameters
    ----------
    name : str
    phrases : sequence of str
    label : class
    column : str, default "text"
    labels : LabelSpace, or anything it takes, optional
    score : float, default 90
        Least similarity, in (0, 100]: 100 minus the share of letters to insert or delete.
    part : {"within", "whole"}, default "within"
        Whether the phrase is looked for within the text, or compared with all of it. Within a text
        shorter than the phrase nothing is found.
    ignore_case : bool, default True

    Raises
    ------
    ConfigError
        If a setting is wrong.
    MissingDependencyError
        If rapidfuzz is not installed.

    Notes
    -----
    O(len(text) len(phrase)) for each text and phrase.

    Examples
    --------
    >>> lf = fuzzy("subscribe", ["subscribe to my channel"], "spam", score=85)
    >>> lf({"text": "pls subscibe to my chanel"}), lf({"text": "my channel"})
    ('spam', None)
    """
    need_name(name)
    space, (answer,) = read_labels(name, labels, label)
    least = need_number(name, "score", score)
    if not 0 < least <= 100:
        raise SettingError(name, "score", f"must lie in (0, 100], found {score!r}")
    rule = FuzzyRule(
        need_texts(name, "phrases", phrases),
        least,
        need_choice(name, "part", part, ("within", "whole")),
        need_bool(name, "ignore_case", ignore_case),
        answer,
    )
    _rapidfuzz()
    return make_lf(name, rule, [need_column(name, column)], space)


@dataclass(frozen=True)
class FuzzyRule(Rule):
    """What to find, how alike, and what to vote."""

    phrases: tuple[str, ...]
    score: float
    part: str
    folds: bool
    answer: Answer

    def __call__(self, *columns: Any) -> Any:
        """The votes on a column of texts."""
        texts = [_plain(text, self.folds) for text in as_texts(columns[0]).to_pylist()]
        found = (text is not None and self._holds(text) for text in texts)
        return votes_where(np.fromiter(found, np.bool_, len(texts)), self.answer)

    def _holds(self, text: str) -> bool:
        fuzz = _rapidfuzz()
        for phrase in self.phrases:
            wanted = _plain(phrase, self.folds)
            if self.part == "whole":
                alike = fuzz.ratio(wanted, text, score_cutoff=self.score)
            elif len(text) * 100 < len(wanted) * self.score:
                continue  # a part of the phrase, which partial_ratio would find in it
            else:
                alike = fuzz.partial_ratio(wanted, text, score_cutoff=self.score)
            if alike >= self.score:
                return True
        return False


def _plain(text: str | None, folds: bool) -> Any:
    if text is None:
        return None
    plain = " ".join(text.split())
    return plain.lower() if folds else plain


def _rapidfuzz() -> Any:
    try:
        from rapidfuzz import fuzz
    except ImportError:
        raise MissingDependencyError("rapidfuzz", "fuzzy") from None
    return fuzz
