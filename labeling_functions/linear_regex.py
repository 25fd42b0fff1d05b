"""Regular expressions in linear time: Python's syntax, rewritten for RE2.

Whether a pattern occurs in a text is a yes or no, and for that most patterns need no backtracking.
Arrow brings RE2, whose time grows with the text only and which reads a whole column at once; but
RE2 reads some signs otherwise than :mod:`re`: its ``\\w``, ``\\d``, ``\\s`` and ``\\b`` know ASCII
only, and its ``$`` does not see a last line break. So a pattern is parsed by Python's own parser
and written anew for RE2, twice: for texts of ASCII characters and for all texts. What RE2 cannot
do (looking around, back references, a ``\\b`` among non-ASCII letters) is None and left to
:mod:`labeling_functions.slow_regex`.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

MAX_REPEAT: Final = 1000  # RE2's own limit of {n,m}
_ASCII_CATEGORY: Final = {
    "CATEGORY_WORD": "0-9A-Z_a-z",
    "CATEGORY_DIGIT": "0-9",
    "CATEGORY_SPACE": r"\x09-\x0d\x1c-\x20",
}
_WIDE_CATEGORY: Final = {
    "CATEGORY_WORD": r"\p{L}\p{N}_",
    "CATEGORY_DIGIT": r"\p{Nd}",
    "CATEGORY_SPACE": r"\x09-\x0d\x1c-\x20\x{85}\x{a0}\p{Z}",
}
_WORDS_WITHOUT: Final = {  # the usual spellings of "a letter", as [^\W\d_]
    ("0-9A-Z_a-z", frozenset({"0-9", "_"})): "A-Za-z",
    ("0-9A-Z_a-z", frozenset({"0-9"})): "A-Z_a-z",
    ("0-9A-Z_a-z", frozenset({"_"})): "0-9A-Za-z",
    (r"\p{L}\p{N}_", frozenset({r"\p{Nd}", "_"})): r"\p{L}\p{Nl}\p{No}",
    (r"\p{L}\p{N}_", frozenset({r"\p{Nd}"})): r"\p{L}\p{Nl}\p{No}_",
    (r"\p{L}\p{N}_", frozenset({"_"})): r"\p{L}\p{N}",
}
_ONLY_ASCII_SPACE: Final = r"\x09-\x0d\x20"  # of \s under re.ASCII
_DOTTED: Final = frozenset(map(ord, "iIİı"))  # one letter to re.IGNORECASE, three to RE2


class Unsupported(Exception):
    """RE2 cannot do this; never leaves this module."""


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A pattern for RE2.

    Attributes
    ----------
    ascii : str, optional
        Right on texts of ASCII characters; None if RE2 cannot do it.
    wide : str, optional
        Right on all texts; None if RE2 cannot do it.
    """

    ascii: str | None
    wide: str | None


def rewrite(pattern: str, flags: int = 0) -> Rewritten:
    """A pattern of :mod:`re` as patterns of RE2 that find the same texts.

    Raises
    ------
    re.error
        If it is no pattern.
    """
    re.compile(pattern, flags)
    try:
        # Not published by Python, so its absence must only cost speed.
        tree = importlib.import_module("re._parser").parse(pattern, flags)
    except (ImportError, AttributeError):
        return Rewritten(None, None)
    return Rewritten(_written(tree, wide=False), _written(tree, wide=True))


def _written(tree: Any, *, wide: bool) -> str | None:
    try:
        text = _Writer(wide).sequence(tree, int(tree.state.flags), True)
    except Unsupported:
        return None
    return f"(?i:{text})" if tree.state.flags & re.IGNORECASE else text


class _Writer:
    """Writes the tree of a pattern; ``last``: nothing of the pattern can follow."""

    def __init__(self, wide: bool) -> None:
        self._wide = wide

    def sequence(self, items: Any, flags: int, last: bool) -> str:
        nodes = list(items)
        return "".join(
            self._node(str(kind), value, flags, last and position == len(nodes) - 1)
            for position, (kind, value) in enumerate(nodes)
        )

    def _node(self, kind: str, value: Any, flags: int, last: bool) -> str:
        match kind:
            case "LITERAL":
                return self._literal(value, flags)
            case "NOT_LITERAL":
                return self._set([("NEGATE", None), ("LITERAL", value)], flags)
            case "ANY":
                return "(?s:.)" if flags & re.DOTALL else r"[^\n]"
            case "IN":
                return self._set([(str(k), v) for k, v in value], flags)
            case "BRANCH":
                branches = (self.sequence(branch, flags, last) for branch in value[1])
                return f"(?:{'|'.join(branches)})"
            case "SUBPATTERN":
                _, add, remove, inner = value
                inside = (flags | add) & ~remove
                prefix = "i" if inside & re.IGNORECASE else "-i"
                return f"(?{prefix}:{self.sequence(inner, inside, last)})"
            case "MAX_REPEAT" | "MIN_REPEAT":
                low, high, inner = value
                return self._repeat(low, high, inner, flags, last)
            case "AT":
                return self._position(str(value), flags, last)
            case _:
                raise Unsupported(kind)

    def _literal(self, code: int, flags: int) -> str:
        if self._wide and flags & re.IGNORECASE and code in _DOTTED:
            return "[iIİı]"
        return _escaped(code)

    def _repeat(self, low: int, high: Any, inner: Any, flags: int, last: bool) -> str:
        most = int(high)
        unlimited = str(high) == "MAXREPEAT"
        if low > MAX_REPEAT or (most > MAX_REPEAT and not unlimited):
            raise Unsupported("a long repeat")
        body = self.sequence(inner, flags, last and most == 1)
        return f"(?:{body}){{{low},{'' if unlimited else most}}}"

    def _position(self, kind: str, flags: int, last: bool) -> str:
        many = bool(flags & re.MULTILINE)
        if kind == "AT_BEGINNING":
            return "(?m:^)" if many else r"\A"
        if kind == "AT_BEGINNING_STRING":
            return r"\A"
        if kind == "AT_END_STRING":
            return r"\z"
        if kind == "AT_END" and many:
            return "(?m:$)"
        if kind == "AT_END" and last:
            return r"\n?\z"
        if kind == "AT_BOUNDARY" and (not self._wide or flags & re.ASCII):
            return r"\b"
        raise Unsupported(kind)

    def _set(self, items: Sequence[tuple[str, Any]], flags: int) -> str:
        negated = any(kind == "NEGATE" for kind, _ in items)
        parts: list[str] = []
        opposites: list[str] = []
        for kind, value in items:
            if kind == "LITERAL":
                dotted = self._wide and flags & re.IGNORECASE and value in _DOTTED
                parts.append("iIİı" if dotted else _escaped(value))
            elif kind == "RANGE":
                if (
                    self._wide
                    and flags & re.IGNORECASE
                    and any(value[0] <= i <= value[1] for i in _DOTTED)
                ):
                    parts.append("iIİı")
                parts.append(f"{_escaped(value[0])}-{_escaped(value[1])}")
            elif kind == "CATEGORY":
                name = str(value)
                plain = name.replace("_NOT_", "_")
                (opposites if plain != name else parts).append(self._category(plain, flags))
            elif kind != "NEGATE":
                raise Unsupported(kind)
        return _joined_set(parts, opposites, negated)

    def _category(self, name: str, flags: int) -> str:
        if flags & re.ASCII:
            return _ONLY_ASCII_SPACE if name == "CATEGORY_SPACE" else _ASCII_CATEGORY[name]
        return (_WIDE_CATEGORY if self._wide else _ASCII_CATEGORY)[name]


def _joined_set(parts: Sequence[str], opposites: Sequence[str], negated: bool) -> str:
    """One of ``parts``, or none of one of ``opposites``; or the opposite of all that."""
    inside = "".join(parts)
    if not opposites:
        return f"[{'^' if negated else ''}{inside}]"
    if not negated:
        choices = [f"[^{opposite}]" for opposite in opposites]
        return f"(?:{'|'.join([f'[{inside}]', *choices] if inside else choices)})"
    if len(opposites) == 1 and not inside:
        return f"[{opposites[0]}]"
    letters = _WORDS_WITHOUT.get((opposites[0], frozenset(parts)))
    if letters is None or len(opposites) > 1:
        raise Unsupported("a negated set with a negated category")
    return f"[{letters}]"


def _escaped(code: int) -> str:
    character = chr(code)
    if character.isascii() and (character.isalnum() or character == "_"):
        return character
    return rf"\x{{{code:x}}}"
