"""One scan of a column for the keywords of many rules at once.

All keywords go into one :class:`~labeling_functions.phrase_finder.PhraseFinder`; what an occurrence
means for which rule is decided for all occurrences together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from labeling_functions.phrase_finder import Found, PhraseFinder, spell
from labeling_functions.text import Positions, Texts


@dataclass(frozen=True, slots=True)
class Keywords:
    """What one rule looks for in a text.

    Parameters
    ----------
    phrases : tuple of str
        Words, or words with blanks between them; any white space in a text counts as one blank.
    min_count : int
        Occurrences of any of them that it takes; where they overlap, each counts.
    all_of : bool
        Every phrase must occur.
    unless : tuple of str
        None of these may occur.
    ignore_case : bool
    whole_words : bool
        An occurrence must not be part of a longer word.
    """

    phrases: tuple[str, ...]
    min_count: int = 1
    all_of: bool = False
    unless: tuple[str, ...] = ()
    ignore_case: bool = True
    whole_words: bool = True


class KeywordScan:
    """The automaton of some rules on one column.

    Parameters
    ----------
    rules : sequence of Keywords
    """

    def __init__(self, rules: Sequence[Keywords]) -> None:
        self._n_rules = len(rules)
        self._parts = [
            _Automaton(rules, chosen, folds)
            for folds in (True, False)
            if (chosen := [i for i, rule in enumerate(rules) if rule.ignore_case is folds])
        ]

    def rows(self, texts: Texts) -> list[Positions]:
        """For each rule the rows it speaks for, ascending.

        Parameters
        ----------
        texts : LargeStringArray, shape (n_rows,)

        Notes
        -----
        One pass over the text, and O(log n_rows) for each occurrence.
        """
        found = [np.zeros(0, dtype=np.int64)] * self._n_rules
        for part in self._parts:
            for rule, rows in part.rows(texts):
                found[rule] = rows
        return found


class _Automaton:
    """The rules that agree on whether case counts."""

    def __init__(self, rules: Sequence[Keywords], chosen: Sequence[int], folds: bool) -> None:
        self._rules = [rules[i] for i in chosen]
        self._numbers = list(chosen)
        listed = [sorted(set(spell(rule.phrases, folds, False))) for rule in self._rules]
        vetoes = [sorted(set(spell(rule.unless, folds, False))) for rule in self._rules]
        self._finder = PhraseFinder([*chain(*listed, *vetoes)], folds)
        number = {text: i for i, text in enumerate(self._finder.phrases)}
        # Half-rule 2 r is what rule r looks for, half-rule 2 r + 1 what it must not find.
        wanted = [(number[t], 2 * r) for r, some in enumerate(listed) for t in some]
        wanted += [(number[t], 2 * r + 1) for r, some in enumerate(vetoes) for t in some]
        pattern, self._half = np.array(sorted(wanted), dtype=np.int64).T
        self._first = np.searchsorted(pattern, np.arange(len(number) + 1))
        self._needs_all = np.array(
            [len(found) * rule.all_of for rule, found in zip(self._rules, listed, strict=True)]
        )
        self._min_count = np.array([rule.min_count for rule in self._rules])
        self._whole = np.repeat([rule.whole_words for rule in self._rules], 2)

    def rows(self, texts: Texts) -> list[tuple[int, Positions]]:
        """The rows that each rule speaks for."""
        found: list[list[Positions]] = [[] for _ in self._rules]
        for some in self._finder.slices(texts):
            for rule, rows in self._speaking(some):
                found[rule].append(rows + some.first_row)
        return [
            (self._numbers[rule], np.concatenate(rows)) for rule, rows in enumerate(found) if rows
        ]

    def _speaking(self, found: Found) -> list[tuple[int, Positions]]:
        """Rules and their rows in one slice."""
        half, row, pattern = self._occurrences(found)
        n_rows = found.n_rows
        keys, inverse, counts = np.unique(
            half * n_rows + row, return_inverse=True, return_counts=True
        )
        rule, is_veto = np.divmod(keys // n_rows, 2)
        speaks = (is_veto == 0) & (counts >= self._min_count[rule])
        if self._needs_all.any():
            pairs = np.unique(inverse * (len(self._first) + 1) + pattern)
            different = np.bincount(pairs // (len(self._first) + 1), minlength=len(keys))
            speaks &= different >= self._needs_all[rule]
        at = keys % n_rows
        if is_veto.any():
            vetoed = rule[is_veto == 1] * n_rows + at[is_veto == 1]
            speaks &= ~np.isin(rule * n_rows + at, vetoed)
        rule, at = rule[speaks], at[speaks]
        if not rule.size:
            return []
        borders = np.flatnonzero(np.diff(rule)) + 1
        pieces = np.split(at, borders)
        return list(zip(rule[np.r_[0, borders]].tolist(), pieces, strict=True))

    def _occurrences(self, found: Found) -> tuple[Positions, Positions, Positions]:
        """Half-rule, row and pattern of what counts; a pattern may serve several half-rules."""
        pattern = found.pattern
        share = self._first[pattern + 1] - self._first[pattern]
        source = np.repeat(np.arange(len(pattern)), share)
        within = np.arange(len(source)) - np.repeat(np.cumsum(share) - share, share)
        half = self._half[self._first[pattern[source]] + within]
        kept = found.is_word[source] | ~self._whole[half]
        return half[kept], found.row[source][kept], pattern[source][kept]
