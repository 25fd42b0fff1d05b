"""TOML and YAML files of rules, with the line of each key for messages."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from weaklabel.errors import MissingDependencyError, PackError

Lines = Mapping[tuple[int | None, str], int]

_HEADER: Final = re.compile(r"\s*\[\[\s*rules\s*\]\]")
_KEY: Final = re.compile(r"""\s*["']?([A-Za-z0-9_-]+)["']?\s*=""")


@dataclass(frozen=True)
class RuleFile:
    """The content of a file, and where things are in it.

    Attributes
    ----------
    path : Path
    content : mapping
    lines : mapping of (int or None, str) to int
        Line of each key, by the number of its rule (None: outside of the rules). The key "" is the
        beginning of a rule.
    """

    path: Path
    content: Mapping[str, Any]
    lines: Lines = field(repr=False)

    def line(self, rule: int | None, key: str = "") -> int | None:
        """Line of a key, else of its rule, if known."""
        return self.lines.get((rule, key), self.lines.get((rule, "")))

    def error(self, message: str, rule: int | None = None, key: str = "") -> PackError:
        """An error that names the file and the line, or else the rule."""
        line = self.line(rule, key)
        where = f", line {line}" if line else f", rule {rule + 1}" if rule is not None else ""
        return PackError(f"{self.path}{where}: {message}")


def read_rule_file(path: Path) -> RuleFile:
    """Read a file of rules; what it says is not checked here.

    Raises
    ------
    PackError
        If it cannot be read, or is not well formed.
    MissingDependencyError
        If it is YAML and PyYAML is not installed.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise PackError(f"there is no file {path}; give the path of a file of rules") from None
    except OSError as error:
        raise PackError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise PackError(f"{path} is not text in UTF-8: {error}") from error
    read = _read_yaml if path.suffix.lower() in (".yaml", ".yml") else _read_toml
    content, lines = read(path, text.replace("\r\n", "\n"))
    if not isinstance(content, dict):
        raise PackError(f"{path} must hold keys such as labels and rules, found {content!r:.60}")
    return RuleFile(path, content, lines)


def _read_toml(path: Path, text: str) -> tuple[Any, Lines]:
    try:
        return tomllib.loads(text), _toml_lines(text)
    except tomllib.TOMLDecodeError as error:
        found = re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", str(error), re.DOTALL)
        if found is None:  # at the end of the document: something that begins earlier is not closed
            begun = [
                (i, key[1])
                for i, line in enumerate(text.splitlines(), start=1)
                if (key := _KEY.match(line))
            ]
            where = f", line {begun[-1][0]}, key {begun[-1][1]}" if begun else ""
            raise PackError(f"{path}{where}: not well-formed TOML: {error}") from error
        what, line, column = found.groups()
        shown = text.splitlines()[int(line) - 1 : int(line)]
        key = _KEY.match(shown[0]) if shown else None
        at_key = f", key {key[1]}" if key else ""
        raise PackError(
            f"{path}, line {line}, column {column}{at_key}: not well-formed TOML: {what}; "
            "a pattern with backslashes goes into 'single quotes'"
        ) from error


def _toml_lines(text: str) -> Lines:
    lines: dict[tuple[int | None, str], int] = {}
    rule: int | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        key = _KEY.match(line)
        if _HEADER.match(line):
            rule = 0 if rule is None else rule + 1
            lines[rule, ""] = number
        elif key is not None:
            lines.setdefault((rule, key[1]), number)
    return lines


def _read_yaml(path: Path, text: str) -> tuple[Any, Lines]:
    try:
        import yaml
    except ImportError:
        raise MissingDependencyError("PyYAML", "yaml") from None
    try:
        return yaml.safe_load(text), _yaml_lines(yaml.compose(text, yaml.SafeLoader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        what = getattr(error, "problem", None) or str(error)
        raise PackError(f"{path}{where}: not well-formed YAML: {what}") from error


def _yaml_lines(tree: Any) -> Lines:
    lines: dict[tuple[int | None, str], int] = {}
    for key, value in _pairs(tree):
        lines[None, key.value] = key.start_mark.line + 1
        if key.value == "rules" and isinstance(value.value, list):
            for number, rule in enumerate(value.value):
                lines[number, ""] = rule.start_mark.line + 1
                for inner, _ in _pairs(rule):
                    lines[number, inner.value] = inner.start_mark.line + 1
    return lines


def _pairs(node: Any) -> list[tuple[Any, Any]]:
    """Keys and values of a YAML mapping; of anything else, none."""
    found = getattr(node, "value", None)
    if getattr(node, "id", "") != "mapping" or not isinstance(found, list):
        return []
    return [(key, value) for key, value in found if isinstance(key.value, str)]
