"""Markup built so that text from data cannot become markup.

:func:`element` escapes every child and every attribute unless it is :class:`Html`, and only this
module makes :class:`Html` of text. So there is one place where escaping could be forgotten, and it
is here.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable
from typing import Any, Final, TypeAlias

Attribute: TypeAlias = "str | float | bool | None"
Child: TypeAlias = "str | int | Iterable[str] | None"

_VOID: Final = frozenset({"br", "hr", "img", "input", "meta"})
# What could end a script element or open a comment in it; all three are inside JSON strings only.
_INERT: Final = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def element(name: str, *children: Child, **attributes: Attribute) -> Html:
    """An element with escaped children and attributes.

    Parameters
    ----------
    name : str
    *children : str, int, iterable of these, or None
        Text is escaped unless it is :class:`Html`; None is nothing.
    **attributes : str, float, bool or None
        ``class_`` is ``class``; other underscores become hyphens. True is an attribute without a
        value; None and False are left out.

    Examples
    --------
    >>> element("p", "a < b", class_="note")
    '<p class="note">a &lt; b</p>'
    """
    opened = "".join([name, *(_attribute(key, value) for key, value in attributes.items())])
    if name in _VOID:
        return Html(f"<{opened}>")
    return Html(f"<{opened}>{join(children)}</{name}>")


def join(children: Iterable[Child]) -> Html:
    """Children one after the other; text among them is escaped."""
    return Html("".join(_child(child) for child in children))


def breakable(name: str) -> Html:
    """A name that may be broken after its underscores and points."""
    pieces = re.split(r"(?<=[_.])", name)
    return Html("<wbr>".join(html.escape(piece, quote=False) for piece in pieces))


def _child(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Html):
        return child
    if isinstance(child, str | int):
        return html.escape(str(child), quote=False)
    return join(child)


def _attribute(key: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    name = "class" if key == "class_" else key.replace("_", "-")
    if value is True:
        return f" {name}"
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return f' {name}="{html.escape(text)}"'


def json_block(identifier: str, value: Any) -> Html:
    """JSON in a script element that no browser runs; nothing in the data can end it.

    Parameters
    ----------
    identifier : str
        The id of the element.
    value : JSON-able
        Without NaN.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character, escape in _INERT.items():
        text = text.replace(character, escape)
    return Html(f'<script type="application/json" id="{html.escape(identifier)}">{text}</script>')
