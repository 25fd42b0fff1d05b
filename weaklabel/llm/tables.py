"""Small tables as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def text_table(head: Sequence[str], body: Sequence[Sequence[Any]]) -> str:
    """A table with a line of names; numbers to the right, everything else to the left.

    Examples
    --------
    >>> print(text_table(["name", "n"], [["a", 1], ["bc", 1200]]))
    name      n
    a         1
    bc    1,200
    """
    shown = [[_shown(value) for value in row] for row in body]
    widths = [max(map(len, column)) for column in zip(head, *shown, strict=True)]
    right = [bool(body) and not isinstance(value, str) for value in (body[0] if body else head)]
    lines = [
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in [list(head), *shown]
    ]
    return "\n".join(lines)


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
