"""Plain-text tables that keep to a width, for results read in a terminal or a log."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from textwrap import wrap

MIN_FOLDED = 8  # a folded column keeps at least this many characters


@dataclass(frozen=True)
class Cells:
    """A table as text: what a terminal, a log or a report lays out in its own way.

    Attributes
    ----------
    header : tuple of str
    rows : tuple of tuple of str
        Each as long as the header.
    numeric : tuple of bool
        Which columns are numbers and stand to the right; the others may be folded.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]

    def to_text(self, width: int = 80) -> str:
        """The table in lines of at most ``width`` characters, long text folded.

        Columns of numbers are never folded, so a table with many of them may be wider.
        """
        widths = self._widths(width)
        lines = _layout(self.header, widths, self.numeric)
        lines.append("  ".join("-" * w for w in widths))
        for row in self.rows:
            lines.extend(_layout(row, widths, self.numeric))
        return "\n".join(lines)

    def _widths(self, width: int) -> list[int]:
        natural = [max(map(len, column)) for column in zip(self.header, *self.rows, strict=True)]
        texts = [i for i, is_number in enumerate(self.numeric) if not is_number]
        room = width - 2 * (len(natural) - 1) - sum(natural) + sum(natural[i] for i in texts)
        for i, share in zip(texts, _shares([natural[i] for i in texts], room), strict=True):
            natural[i] = share
        return natural


def _shares(wanted: Sequence[int], room: int) -> list[int]:
    """Divide the room: what fits is granted in full, the rest is cut to equal parts."""
    shares = list(wanted)
    open_ones = sorted(range(len(shares)), key=lambda i: shares[i])
    for position, i in enumerate(open_ones):
        fair = max(room // (len(open_ones) - position), MIN_FOLDED)
        shares[i] = min(shares[i], fair)
        room -= shares[i]
    return shares


def _layout(row: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> list[str]:
    folded = [_fold(cell, width) for cell, width in zip(row, widths, strict=True)]
    height = max(map(len, folded))
    lines = []
    for k in range(height):
        parts = [
            (cell[k] if k < len(cell) else "").rjust(width)
            if is_number
            else (cell[k] if k < len(cell) else "").ljust(width)
            for cell, width, is_number in zip(folded, widths, numeric, strict=True)
        ]
        lines.append("  ".join(parts).rstrip())
    return lines


def _fold(text: str, width: int) -> list[str]:
    """Cut a text into pieces, after a space, comma or underscore where there is one."""
    pieces = []
    while len(text) > width:
        cut = max(text.rfind(mark, 0, width) for mark in " ,_") + 1
        if cut < width // 2:
            cut = width
        pieces.append(text[:cut].rstrip())
        text = text[cut:].lstrip()
    return [*pieces, text]


def wrapped(lines: Iterable[str], width: int) -> list[str]:
    """Sentences in lines of at most ``width`` characters where their words allow it."""
    parts: list[str] = []
    for line in lines:
        indent = " " * (len(line) - len(line.lstrip()) + 2)
        parts += wrap(
            line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        )
    return parts


def percent(value: float) -> str:
    """A share as ``"12.3%"``; a dash where it is not known."""
    return "-" if math.isnan(value) else f"{100 * value:.1f}%"


def number(value: float, digits: int = 3) -> str:
    """A number with a fixed count of digits; a dash where it is not known."""
    return "-" if math.isnan(value) else f"{value:.{digits}f}"
