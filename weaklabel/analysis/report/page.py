"""One file out of a template, a style sheet, scripts, markup and data.

The page has a content security policy that lets nothing be loaded and nothing run but the one
script whose hash it names. Text of the data is escaped where the page is built; should it ever not
be, the browser still refuses to run it.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

from weaklabel.analysis.report.html import Html, element, json_block

SCRIPTS: Final = ("dom.js", "table.js", "functions.js", "rows.js", "map.js", "start.js")
_SLOT: Final = re.compile(r"\{\{(\w+)\}\}")


def make_page(slots: Mapping[str, Html], data: Any) -> str:
    """The page as one text.

    Parameters
    ----------
    slots : mapping of str to Html
        What goes into the places of the template beside style, script, policy and data.
    data : JSON-able
        What the scripts draw from.
    """
    style = "\n" + _asset("page.css")
    script = '\n(() => {\n"use strict";\n' + "\n".join(map(_asset, SCRIPTS)) + "})();\n"
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    filled = {
        "style": style,
        "script": script,
        "policy": policy,
        "data": json_block("data", data),
        **slots,
    }
    return _SLOT.sub(lambda slot: filled[slot.group(1)], _asset("page.html"))


def text(value: str) -> Html:
    """Text for a slot outside of any element, escaped also for attributes."""
    return Html(element("i", title=value).removeprefix('<i title="').removesuffix('"></i>'))


def _asset(name: str) -> str:
    return (files("weaklabel.analysis.report") / "page" / name).read_text("utf-8")


def _hash(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
