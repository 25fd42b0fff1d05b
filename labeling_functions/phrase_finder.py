"""All places where some phrases occur in a column of texts, found in one scan.

The phrases go into one Aho-Corasick automaton, which reads the bytes of a whole batch of texts in
one pass, row borders and all; which row an occurrence lies in, and whether it stands alone as a
word, is then decided for all occurrences together. So the cost is that of reading the text plus
that of the occurrences, not the number of phrases times the rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    without_accents,
    word_after,
    word_before,
)

SLICE: Final = 1 << 20  # bytes at a time: bounds the memory that occurrences take
WHITE_SPACE: Final = r"[\s\p{Z}\x1c-\x1f\x85\v]+"


@dataclass(frozen=True, slots=True)
class Found:
    """Occurrences in some rows, one entry each.

    Attributes
    ----------
    first_row, n_rows : int
        The rows that were read.
    pattern : array of int
        The phrase, by its position among the sorted spelled phrases.
    row : array of int
        Counted from ``first_row``.
    begin, end : array of int
        In the bytes that were read; those of later rows are greater.
    is_word : array of bool
        Whether it is not a part of a longer word.
    """

    first_row: int
    n_rows: int
    pattern: Positions
    row: Positions
    begin: Positions
    end: Positions
    is_word: npt.NDArray[np.bool_]

    def at(self, chosen: npt.NDArray[Any]) -> Found:
        """Some of the occurrences, by mask or position."""
        parts = (self.pattern, self.row, self.begin, self.end, self.is_word)
        return Found(self.first_row, self.n_rows, *(part[chosen] for part in parts))

    def longest(self) -> Found:
        """Those that do not lie within another one, in the order of the text."""
        order = np.lexsort((-self.end, self.begin))
        end = self.end[order]
        reached = np.maximum.accumulate(np.r_[-1, end])[:-1]  # the furthest end before each
        return self.at(order[end > reached])


class PhraseFinder:
    """The automaton of some phrases.

    Parameters
    ----------
    phrases : sequence of str
    ignore_case, ignore_accents : bool
    """

    def __init__(
        self, phrases: Sequence[str], ignore_case: bool, ignore_accents: bool = False
    ) -> None:
        from ahocorasick_rs import BytesAhoCorasick, Implementation

        self._folds = ignore_case
        self._strips = ignore_accents
        self.phrases = sorted({*self.spelled(phrases)} - {""})
        self._has_blanks = any(" " in text for text in self.phrases)
        self._starts_word = np.array([_in_word(text[0]) for text in self.phrases], dtype=np.bool_)
        self._ends_word = np.array([_in_word(text[-1]) for text in self.phrases], dtype=np.bool_)
        encoded = [text.encode() for text in self.phrases]
        self._longest = max(map(len, encoded), default=1)
        size = sum(map(len, encoded))
        kind = Implementation.DFA if size < 1 << 12 else Implementation.ContiguousNFA
        self._automaton = BytesAhoCorasick(encoded, implementation=kind)

    def spelled(self, phrases: Sequence[str]) -> list[str]:
        """Phrases as they are compared: single blanks, lower case, no accents."""
        return spell(phrases, self._folds, self._strips)

    def slices(self, texts: Texts) -> Iterator[Found]:
        """What occurs, for some rows at a time, in row order; nothing occurs in a null.

        Parameters
        ----------
        texts : LargeStringArray, shape (n_rows,)
        """
        import pyarrow.compute as pc

        if texts.null_count:
            texts = pc.fill_null(texts, "")
        if self._has_blanks:
            texts = pc.replace_substring_regex(texts, WHITE_SPACE, " ")
        if self._folds:
            texts = pc.utf8_lower(texts)
        if self._strips:
            texts = without_accents(texts)
        data, offsets = raw_bytes(texts)
        for start, stop in row_slices(offsets, SLICE):
            piece = data[offsets[start] : offsets[stop]]
            borders = offsets[start : stop + 1] - offsets[start]
            yield self._within_rows(piece, borders, start)

    def _within_rows(self, data: Bytes, offsets: Positions, first_row: int) -> Found:
        pattern, begin, end = self._matches(data).T
        row = np.searchsorted(offsets, begin, side="right") - 1
        inside = end <= offsets[row + 1]
        pattern, begin, end, row = pattern[inside], begin[inside], end[inside], row[inside]
        is_word = ~(self._starts_word[pattern] & word_before(data, begin, offsets[row]))
        is_word &= ~(self._ends_word[pattern] & word_after(data, end, offsets[row + 1]))
        return Found(first_row, len(offsets) - 1, pattern, row, begin, end, is_word)

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


def spell(phrases: Sequence[str], ignore_case: bool, ignore_accents: bool) -> list[str]:
    """Phrases as they are compared: single blanks, lower case, no accents."""
    import pyarrow as pa

    plain = [" ".join(phrase.split()) for phrase in phrases]
    plain = lower(plain) if ignore_case else plain
    if not ignore_accents:
        return plain
    stripped: list[str] = without_accents(pa.array(plain, pa.large_string())).to_pylist()
    return stripped


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_"
