"""The kinds of rules: each name that a file of rules may use, and its builder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from labeling_functions.keywords import keywords
from labeling_functions.patterns import regex
from weaklabel import LabelingFunction

KINDS: Final[dict[str, Callable[..., LabelingFunction]]] = {
    "keywords": keywords,
    "regex": regex,
}
PATHS: Final = frozenset({"file"})  # keys that hold paths
