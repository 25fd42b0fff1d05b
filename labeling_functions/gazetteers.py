"""Gazetteers: vote where a text names a thing that a list knows, by the class of the thing.

.. code-block:: toml

    [[rules]]
    kind = "gazetteer"                    # a list of names, one class
    name = "drug"
    label = "medicine"
    file = "drugs.txt"                    # one name on each line

    [[rules]]
    kind = "gazetteer"                    # a table of names with a class each
    name = "places"
    file = "places.csv"                   # columns name, type, aliases
    class_column = "type"
    classes = { city = "place", river = "place", firm = "company" }
    aliases_column = "aliases"            # other names, with "|" between them
    ignore_accents = true

All gazetteers of a run on one column are found in one scan of the text, whatever their length. A
name within a longer one does not count: *New York* is not found in *New York Times* where both are
known. The names are part of the fingerprint, so an edited file is another rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from labeling_functions.building import (
    TEXT,
    Answer,
    Rule,
    SettingError,
    Together,
    coded,
    content_digest,
    make_lf,
    need_bool,
    need_choice,
    need_column,
    need_name,
    read_labels,
    read_lines,
)
from labeling_functions.csv_table import read_columns
from labeling_functions.phrase_finder import Found, PhraseFinder, spell
from labeling_functions.text import as_texts
from weaklabel import LabelingFunction
from weaklabel.labels import LabelSpaceLike

AMBIGUOUS: Final = -1  # the class of a name that has several


def gazetteer(
    name: str,
    file: str | Path,
    label: Any = None,
    *,
    column: str = TEXT,
    labels: LabelSpaceLike | None = None,
    name_column: str | None = None,
    class_column: str | None = None,
    classes: Mapping[str, Any] | None = None,
    aliases_column: str | None = None,
    separator: str = "|",
    part: str = "within",
    several: str = "abstain",
    ignore_case: bool = True,
    ignore_accents: bool = False,
    whole_words: bool = True,
) -> LabelingFunction:
    """Vote where a text holds a name from a list.

    Parameters
    ----------
    name : str
    file : path
        A text file with one name on each line (lines that begin with ``#`` are comments), or a
        CSV, TSV or Parquet table.
    label : class
        The vote, if the names have no classes of their own.
    column : str, default "text"
    labels : LabelSpace, or anything it takes, optional
    name_column : str, optional
        Of a table: the column of names; the first one if None.
    class_column : str, optional
        Of a table: the class of each name, instead of ``label``. Names without one are left out.
        A name that has several classes says nothing.
    classes : mapping of str to class, optional
        What the values of ``class_column`` mean; those left out get no vote. If None, they are
        classes as they are.
    aliases_column : str, optional
        Of a table: more names of the same thing, with ``separator`` between them.
    separator : str, default "|"
    part : {"within", "whole"}, default "within"
        Whether names are looked for within a text, or the whole value must be one: a column of
        entities.
    several : {"abstain", "most"}, default "abstain"
        Of a text that names things of several classes: no vote, or that of the class with the most
        names (no vote if two have as many).
    ignore_case : bool, default True
    ignore_accents : bool, default False
        ``Zürich`` and ``Zurich`` are the same.
    whole_words : bool, default True
        A name must not be part of a longer word.

    Raises
    ------
    ConfigError
        If a setting is wrong.
    DataError, PackError
        If the file cannot be read.
    """
    need_name(name)
    folds = need_bool(name, "ignore_case", ignore_case)
    strips = need_bool(name, "ignore_accents", ignore_accents)
    listed = _listed(name, file, name_column, class_column, aliases_column, separator)
    if class_column is None:
        space, answers = read_labels(name, labels, label)
        position: dict[Any, int] = {None: 0}
    else:
        if label is not None:
            raise SettingError(
                name, "label", f"must be left out with class_column, found {label!r}"
            )
        found = list(dict.fromkeys(kind for _, kind in listed if kind is not None))
        meaning = _meaning(name, classes, found)
        distinct = list(dict.fromkeys(meaning.values()))
        key = "class_column" if classes is None else "classes"
        space, answers = read_labels(name, labels, *distinct, key=key)
        position = {kind: distinct.index(meaning[kind]) for kind in found if kind in meaning}
    known = [(text, position[kind]) for text, kind in listed if kind in position]
    spelled = spell([text for text, _ in known], folds, strips)
    names: dict[str, int] = {}
    for text, (_, kind) in zip(spelled, known, strict=True):
        if text:
            names[text] = kind if names.get(text, kind) == kind else AMBIGUOUS
    if not names:
        raise SettingError(name, "file", f"must hold at least one name, found none in {file}")
    rule = GazetteerRule(
        content_digest(sorted(names.items())),
        answers,
        need_choice(name, "part", part, ("within", "whole")),
        need_choice(name, "several", several, ("abstain", "most")),
        folds,
        strips,
        need_bool(name, "whole_words", whole_words),
        names,
    )
    return make_lf(name, rule, [need_column(name, column)], space, TOGETHER)


def _listed(
    name: str, file: Any, names: Any, kinds: Any, aliases: Any, separator: Any
) -> list[tuple[str, str | None]]:
    """All names and aliases, and the class of each as the table has it."""
    columns = [c for c in (names, kinds, aliases) if c is not None]
    if isinstance(file, str | Path) and Path(file).suffix.lower() not in (
        ".csv", ".tsv", ".parquet",
    ):  # fmt: skip
        if columns:
            raise SettingError(
                name, "file", f"must be a CSV, TSV or Parquet table to have columns, found {file}"
            )
        return [(line, None) for line in read_lines(name, "file", file)]
    if not isinstance(separator, str) or not separator:
        raise SettingError(
            name, "separator", f"must be a text that is not empty, got {separator!r}"
        )
    named = read_columns(name, file, None if names is None else [names], 1)[0]
    kind = [None] * len(named) if kinds is None else read_columns(name, file, [kinds])[0]
    more = [None] * len(named) if aliases is None else read_columns(name, file, [aliases])[0]
    return [
        (text.strip(), None if k is None else str(k).strip())
        for n, k, others in zip(named, kind, more, strict=True)
        for text in (str(n or ""), *str(others or "").split(separator))
        if text.strip()
    ]


def _meaning(name: str, classes: Any, found: Sequence[str]) -> dict[str, Any]:
    if classes is None:
        return {kind: kind for kind in found}
    if not isinstance(classes, Mapping) or not classes:
        raise SettingError(name, "classes", f"must map values to classes, found {classes!r}")
    for kind in classes:
        if str(kind) not in found:
            raise SettingError(
                name, "classes", f"must be about {', '.join(found) or 'nothing'}; found {kind!r}"
            )
    return {str(kind): label for kind, label in classes.items()}


@dataclass(frozen=True)
class GazetteerRule(Rule):
    """Which name is of which class, and what to vote."""

    digest: str
    answers: tuple[Answer, ...]
    part: str
    several: str
    ignore_case: bool
    ignore_accents: bool
    whole_words: bool
    names: Mapping[str, int] = field(repr=False)

    def __call__(self, *columns: Any) -> Any:
        """The votes on a column of texts."""
        return scan_together([self])(*columns)[0]

    def votes(self, counts: npt.NDArray[np.int64]) -> Any:
        """The votes of rows that hold so many names of each class, shape (n_rows, n_classes)."""
        best = counts.argmax(axis=1).astype(np.int32)
        most = counts.max(axis=1)
        if self.several == "most":
            is_one = (counts == most[:, None]).sum(axis=1) == 1
        else:
            is_one = (counts > 0).sum(axis=1) == 1
        return coded(np.where((most > 0) & is_one, best, np.int32(-1)), self.answers)


def scan_together(rules: Sequence[GazetteerRule]) -> Callable[..., Sequence[Any]]:
    """One scan for the names of all gazetteers."""
    groups: dict[tuple[bool, bool], list[int]] = {}
    for i, rule in enumerate(rules):
        if rule.part == "within":
            groups.setdefault((rule.ignore_case, rule.ignore_accents), []).append(i)
    shared = [_Shared([(i, rules[i]) for i in chosen], *key) for key, chosen in groups.items()]

    def votes(column: Any) -> list[Any]:
        texts = as_texts(column)
        counts = [np.zeros((len(texts), len(rule.answers)), dtype=np.int64) for rule in rules]
        for some in shared:
            some.count(texts, counts)
        for rule, count in zip(rules, counts, strict=True):
            if rule.part == "whole":
                _count_whole(rule, texts, count)
        return [rule.votes(count) for rule, count in zip(rules, counts, strict=True)]

    return votes


class _Shared:
    """The gazetteers that agree on what counts as the same letter."""

    def __init__(
        self, rules: Sequence[tuple[int, GazetteerRule]], folds: bool, strips: bool
    ) -> None:
        self._rules = rules
        self._finder = PhraseFinder([n for _, rule in rules for n in rule.names], folds, strips)
        absent = AMBIGUOUS - 1
        self._kinds = [
            np.array([rule.names.get(p, absent) for p in self._finder.phrases], dtype=np.int64)
            for _, rule in rules
        ]

    def count(self, texts: Any, counts: Sequence[npt.NDArray[np.int64]]) -> None:
        """Add what occurs to the counts of the rules."""
        for found in self._finder.slices(texts):
            for (i, rule), kinds in zip(self._rules, self._kinds, strict=True):
                own = found.at((kinds[found.pattern] >= AMBIGUOUS) & _stands(found, rule)).longest()
                kind = kinds[own.pattern]
                row = own.row[kind >= 0] + found.first_row
                np.add.at(counts[i], (row, kind[kind >= 0]), 1)


def _stands(found: Found, rule: GazetteerRule) -> npt.NDArray[np.bool_]:
    return found.is_word | (not rule.whole_words)


def _count_whole(rule: GazetteerRule, texts: Any, counts: npt.NDArray[np.int64]) -> None:
    values = ["" if text is None else text for text in texts.to_pylist()]
    spelled = spell(values, rule.ignore_case, rule.ignore_accents)
    for row, text in enumerate(spelled):
        kind = rule.names.get(text, AMBIGUOUS)
        if kind >= 0:
            counts[row, kind] = 1


TOGETHER: Final = Together(scan_together)
