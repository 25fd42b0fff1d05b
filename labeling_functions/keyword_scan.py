"""One scan of a column for the keywords of many rules at once.

All keywords go into one Aho-Corasick automaton, which reads the bytes of a whole batch of texts in
one pass, row borders and all; which row an occurrence lies in, whether it stands alone as a word,
and what it means for which rule is then decided for all occurrences together. So the cost is that
of reading the text plus that of the occurrences, not the number of keywords times the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from labeling_functions.text import (
    Bytes,
    Positions,
    Texts,
    lower,
    raw_bytes,
    row_slices,
    word_after,
    word_before,
)

SLICE: Final = 1 << 20  # bytes at a time: bounds the memory that occurrences take
WHITE_SPACE: Final = r"[\s\p{Z}\x1c-\x1f\x85\v]+"


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
        from ahocorasick_rs import BytesAhoCorasick, Implementation

        self._folds = folds
        self._rules = [rules[i] for i in chosen]
        self._numbers = list(chosen)
        listed = [self._spelled(rule.phrases) for rule in self._rules]
        vetoes = [self._spelled(rule.unless) for rule in self._rules]
        texts = sorted(set(chain(*listed, *vetoes)))
        number = {text: i for i, text in enumerate(texts)}
        # Half-rule 2 r is what rule r looks for, half-rule 2 r + 1 what it must not find.
        wanted = [(number[t], 2 * r) for r, some in enumerate(listed) for t in some]
        wanted += [(number[t], 2 * r + 1) for r, some in enumerate(vetoes) for t in some]
        pattern, self._half = np.array(sorted(wanted), dtype=np.int64).T
        self._first = np.searchsorted(pattern, np.arange(len(texts) + 1))
        self._needs_all = np.array(
            [len(found) * rule.all_of for rule, found in zip(self._rules, listed, strict=True)]
        )
        self._min_count = np.array([rule.min_count for rule in self._rules])
        self._whole = np.repeat([rule.whole_words for rule in self._rules], 2)
        self._has_blanks = any(" " in text for text in texts)
        self._starts_word = np.array([_in_word(text[0]) for text in texts])
        self._ends_word = np.array([_in_word(text[-1]) for text in texts])
        encoded = [text.encode() for text in texts]
        self._longest = max(map(len, encoded))
        size = sum(map(len, encoded))
        kind = Implementation.DFA if size < 1 << 12 else Implementation.ContiguousNFA
        self._automaton = BytesAhoCorasick(encoded, implementation=kind)

    def _spelled(self, phrases: Sequence[str]) -> list[str]:
        plain = [" ".join(phrase.split()) for phrase in phrases]
        return sorted(set(lower(plain) if self._folds else plain))

    def rows(self, texts: Texts) -> list[tuple[int, Positions]]:
        """The rows that each rule speaks for."""
        import pyarrow.compute as pc

        valid = None if texts.null_count == 0 else texts.is_valid().to_numpy(zero_copy_only=False)
        if self._has_blanks:
            texts = pc.replace_substring_regex(texts, WHITE_SPACE, " ")
        if self._folds:
            texts = pc.utf8_lower(texts)
        data, offsets = raw_bytes(texts)
        found: list[list[Positions]] = [[] for _ in self._rules]
        for start, stop in row_slices(offsets, SLICE):
            piece = data[offsets[start] : offsets[stop]]
            for rule, rows in self._speaking(piece, offsets[start : stop + 1] - offsets[start]):
                found[rule].append(rows + start)
        return [
            (self._numbers[rule], _joined(rows, valid)) for rule, rows in enumerate(found) if rows
        ]

    def _speaking(self, data: Bytes, offsets: Positions) -> list[tuple[int, Positions]]:
        """Rules and their rows in one slice."""
        half, row, pattern = self._occurrences(data, offsets)
        n_rows = len(offsets) - 1
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

    def _occurrences(
        self, data: Bytes, offsets: Positions
    ) -> tuple[Positions, Positions, Positions]:
        """Half-rule, row and pattern of everything found within one row."""
        pattern, begin, end = self._matches(data).T
        row = np.searchsorted(offsets, begin, side="right") - 1
        inside = end <= offsets[row + 1]
        pattern, begin, end, row = pattern[inside], begin[inside], end[inside], row[inside]
        alone = ~(self._starts_word[pattern] & word_before(data, begin, offsets[row]))
        alone &= ~(self._ends_word[pattern] & word_after(data, end, offsets[row + 1]))
        # Each pattern may serve several half-rules.
        share = self._first[pattern + 1] - self._first[pattern]
        source = np.repeat(np.arange(len(pattern)), share)
        within = np.arange(len(source)) - np.repeat(np.cumsum(share) - share, share)
        half = self._half[self._first[pattern[source]] + within]
        kept = alone[source] | ~self._whole[half]
        return half[kept], row[source][kept], pattern[source][kept]

    def _matches(self, data: Bytes) -> Positions:
        """Pattern, begin and end of all matches, shape (n_matches, 3); bytes piece by piece."""
        found = []
        for start in range(0, max(data.size, 1), SLICE):
            piece = data[start : start + SLICE + self._longest - 1]
            listed = self._automaton.find_matches_as_indexes(piece.data, overlapping=True)
            flat = np.fromiter(chain.from_iterable(listed), np.int64, 3 * len(listed))
            matches = flat.reshape(-1, 3)
            matches = matches[matches[:, 1] < SLICE]  # those behind begin in the next piece
            found.append(matches + np.array([0, start, start]))
        return np.concatenate(found)


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _joined(rows: list[Positions], valid: npt.NDArray[Any] | None) -> Positions:
    joined = np.concatenate(rows)
    return joined if valid is None else joined[valid[joined]]
