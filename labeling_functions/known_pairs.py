"""Known pairs of entities: distant supervision from a knowledge base.

.. code-block:: toml

    [[rules]]
    kind = "pairs"                        # the rows name their two entities
    name = "known_spouses"
    columns = ["person1", "person2"]
    file = "spouses.csv"                  # two columns
    label = "spouse"

    [[rules]]
    kind = "pairs"                        # the entities are to be found in the text
    name = "known_spouses_in_text"
    columns = ["text"]
    file = "spouses.csv"
    label = "spouse"

The table is read when the rule is made, and counts by content in its fingerprint. A relation is
taken to hold in both directions (marriage) unless ``ordered = true`` (parent and child).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from labeling_functions.building import (
    Answer,
    Rule,
    SettingError,
    Together,
    content_digest,
    make_lf,
    need_bool,
    need_column,
    need_name,
    read_labels,
    value_text,
    votes_where,
)
from labeling_functions.csv_table import read_columns
from labeling_functions.phrase_finder import PhraseFinder, spell
from labeling_functions.text import as_texts
from weaklabel import LabelingFunction
from weaklabel.labels import LabelSpaceLike


def pairs(
    name: str,
    columns: Sequence[str],
    label: Any,
    file: str | Path,
    *,
    labels: LabelSpaceLike | None = None,
    ordered: bool = False,
    ignore_case: bool = True,
) -> LabelingFunction:
    """Vote where a pair of entities is in a knowledge base: distant supervision.

    Parameters
    ----------
    name : str
    columns : one or two str
        Two: the columns that name the entities of a row, one each. One: a column of texts, in which
        both names of a known pair must occur as whole words; a name within a longer known one does
        not count.
    label : class
    file : path
        A CSV, TSV or Parquet table, whose first two columns are the known pairs.
    labels : LabelSpace, or anything it takes, optional
    ordered : bool, default False
        Whether (a, b) and (b, a) are different pairs. In a text, the entity that occurs first is
        the first one.
    ignore_case : bool, default True

    Raises
    ------
    ConfigError
        If a setting is wrong.
    DataError
        If the file cannot be read.
    """
    need_name(name)
    space, (answer,) = read_labels(name, labels, label)
    if not isinstance(columns, Sequence) or isinstance(columns, str) or len(columns) not in (1, 2):
        raise SettingError(
            name, "columns", f"must be two names of columns (or one, of texts), found {columns!r}"
        )
    chosen = [need_column(name, column, "columns") for column in columns]
    folds = need_bool(name, "ignore_case", ignore_case)
    ordered = need_bool(name, "ordered", ordered)
    left, right = read_columns(name, file, None)
    listed = [(a, b) for a, b in zip(left, right, strict=True) if a is not None and b is not None]
    if len(chosen) == 2:
        known = {_pair(value_text(a, folds), value_text(b, folds), ordered) for a, b in listed}
    else:
        spelled = iter(spell([str(n) for pair in listed for n in pair], folds, False))
        known = {_pair(a, b, ordered) for a, b in zip(spelled, spelled, strict=True) if a and b}
    if not known:
        raise SettingError(name, "file", f"must hold at least one pair, found none in {file}")
    kind = PairRule if len(chosen) == 2 else PairsInText
    shared = None if len(chosen) == 2 else TOGETHER
    rule = kind(content_digest(sorted(known)), ordered, folds, answer, frozenset(known))
    return make_lf(name, rule, chosen, space, shared)


def _pair(a: str, b: str, ordered: bool) -> tuple[str, str]:
    return (a, b) if ordered else (min(a, b), max(a, b))


@dataclass(frozen=True)
class PairRule(Rule):
    """Known pairs, looked up in two columns."""

    digest: str
    ordered: bool
    folds: bool
    answer: Answer
    known: frozenset[tuple[str, str]] = field(repr=False)

    def __call__(self, *columns: Any) -> Any:
        """The votes on two columns of names."""
        left, right = ([value_text(value, self.folds) for value in column] for column in columns)
        found = (_pair(a, b, self.ordered) in self.known for a, b in zip(left, right, strict=True))
        return votes_where(np.fromiter(found, np.bool_, len(left)), self.answer)


@dataclass(frozen=True)
class PairsInText(Rule):
    """Known pairs, both names of which must occur in a text."""

    digest: str
    ordered: bool
    folds: bool
    answer: Answer
    known: frozenset[tuple[str, str]] = field(repr=False)

    def __call__(self, *columns: Any) -> Any:
        """The votes on a column of texts."""
        return scan_together([self])(*columns)[0]

    def holds(self, names: Sequence[str]) -> bool:
        """Whether a text with these names, in the order of their occurrence, holds a pair."""
        return any(
            _pair(a, b, self.ordered) in self.known
            for i, a in enumerate(names)
            for b in names[i + 1 :]
        )


def scan_together(rules: Sequence[PairsInText]) -> Callable[..., Sequence[Any]]:
    """One scan for the names of all rules."""
    finders = {
        folds: PhraseFinder(
            sorted({n for rule in rules if rule.folds is folds for p in rule.known for n in p}),
            folds,
        )
        for folds in {rule.folds for rule in rules}
    }
    names = [{n for pair in rule.known for n in pair} for rule in rules]
    own = [
        np.array([p in some for p in finders[rule.folds].phrases], dtype=np.bool_)
        for rule, some in zip(rules, names, strict=True)
    ]

    def votes(column: Any) -> list[Any]:
        texts = as_texts(column)
        masks = [np.zeros(len(texts), dtype=np.bool_) for _ in rules]
        for folds, finder in finders.items():
            for found in finder.slices(texts):
                for rule, mine, mask in zip(rules, own, masks, strict=True):
                    if rule.folds is folds:
                        kept = found.at(mine[found.pattern] & found.is_word).longest()
                        _mark(rule, kept.row + found.first_row, kept.pattern, finder, mask)
        return [votes_where(mask, rule.answer) for mask, rule in zip(masks, rules, strict=True)]

    return votes


def _mark(
    rule: PairsInText,
    row: npt.NDArray[np.int64],
    pattern: npt.NDArray[np.int64],
    finder: PhraseFinder,
    mask: npt.NDArray[np.bool_],
) -> None:
    """Set the rows that hold a pair; the occurrences are in the order of the text."""
    borders = np.flatnonzero(np.diff(row)) + 1
    for rows, patterns in zip(np.split(row, borders), np.split(pattern, borders), strict=True):
        if len(rows) > 1:
            named = [finder.phrases[p] for p in dict.fromkeys(patterns.tolist())]
            mask[rows[0]] = rule.holds(named)


TOGETHER: Final = Together(scan_together)
