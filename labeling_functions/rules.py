"""Rules in a file: labeling functions written in TOML or YAML, without Python.

.. code-block:: toml

    labels = ["ham", "spam"]
    column = "text"              # the column that rules read unless they name another
    id_column = "id"             # optional
    doc = "Spam in comments."    # optional

    [[rules]]
    kind = "keywords"
    name = "prize"
    label = "spam"
    phrases = ["free entry", "you have won"]

    [[rules]]
    kind = "regex"
    name = "phone"
    label = "spam"
    pattern = '\\b\\d{11}\\b'

``weaklabel run rules.toml rows.csv --out labels.parquet`` runs them; :func:`load_rules` makes the
:class:`weaklabel.Pack`. The keys of a rule are the arguments of the builder of its kind. Paths are
relative to the file.
"""

from __future__ import annotations

import difflib
import inspect
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from labeling_functions.building import SettingError
from labeling_functions.kinds import KINDS, PATHS
from labeling_functions.resources import PACKAGE
from labeling_functions.rule_files import RuleFile, read_rule_file
from weaklabel import LabelingFunction, LabelSpace, Pack
from weaklabel.errors import LabelError, MissingDependencyError, WeakLabelError

HEAD: Final = ("labels", "column", "id_column", "doc", "rules")


def load_rules(path: str | os.PathLike[str]) -> Pack:
    """The pack of a file of rules.

    Parameters
    ----------
    path : path
        Ends with ``.toml``, ``.yaml`` or ``.yml`` (which needs PyYAML).

    Raises
    ------
    PackError
        If the file cannot be read or a rule is wrong; the message names the line and the key.
    MissingDependencyError
        If a kind of rule, or YAML, needs a package that is not installed.
    """
    file = read_rule_file(Path(path))
    _check_keys(file, file.content, HEAD, None)
    for key in ("column", "id_column", "doc"):
        value = file.content.get(key)
        if value is not None and (not isinstance(value, str) or not value.strip()):
            raise file.error(f"{key} must be a text that is not empty, found {value!r}", key=key)
    labels = _labels(file)
    rules = file.content.get("rules")
    if not isinstance(rules, list) or not rules:
        raise file.error("there must be at least one [[rules]]", key="rules")
    lfs = [_lf(file, rule, number, labels) for number, rule in enumerate(rules)]
    _check_unique(file, lfs)
    return Pack(
        file.path.stem,
        tuple(lfs),
        labels,
        file.path,
        str(file.content.get("doc", "")),
        file.content.get("id_column"),
    )


def _labels(file: RuleFile) -> LabelSpace | None:
    given = file.content.get("labels")
    if given is None:
        return None
    try:
        if not isinstance(given, list):
            raise LabelError(f"found {given!r}")
        return LabelSpace(given)
    except LabelError as error:
        raise file.error(f"labels must be a list of class names: {error}", key="labels") from error


def _lf(file: RuleFile, rule: Any, number: int, labels: LabelSpace | None) -> LabelingFunction:
    if not isinstance(rule, Mapping):
        raise file.error(f"a rule must be a table of keys, found {rule!r}", number)
    kind = rule.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        hint = _closest(str(kind), tuple(KINDS))
        found = "there is none" if kind is None else f"found {kind!r}{hint}"
        raise file.error(f"kind must be one of {', '.join(KINDS)}; {found}", number, "kind")
    builder = KINDS[kind]
    parameters = inspect.signature(builder).parameters
    allowed = [key for key in parameters if key != "labels"]
    _check_keys(file, rule, ["kind", *allowed], number)
    for key in allowed:
        if key not in rule and parameters[key].default is inspect.Parameter.empty:
            raise file.error(f"a rule of kind {kind!r} needs the key {key!r}", number)
    settings = {key: _value(file, key, value) for key, value in rule.items() if key != "kind"}
    column = file.content.get("column")
    if column is not None and "column" in parameters:
        settings.setdefault("column", column)
    try:
        return builder(**settings, labels=labels)
    except SettingError as error:
        name = f" of rule {error.name!r}" if error.key != "name" else ""
        raise file.error(f"{error.key}{name} {error.message}", number, error.key) from error
    except MissingDependencyError:
        raise
    except WeakLabelError as error:
        raise file.error(str(error), number) from error


def _value(file: RuleFile, key: str, value: Any) -> Any:
    """The value of a key; paths are relative to the file."""
    is_path = key in PATHS and isinstance(value, str) and not value.startswith(PACKAGE)
    return file.path.parent / value if is_path else value


def _check_keys(
    file: RuleFile, table: Mapping[Any, Any], allowed: Sequence[str], number: int | None
) -> None:
    for key in table:
        if key not in allowed:
            hint = _closest(str(key), allowed)
            raise file.error(
                f"there is no key {key!r}{hint}; the keys are {', '.join(allowed)}",
                number,
                str(key),
            )


def _closest(word: str, words: Sequence[str]) -> str:
    found = difflib.get_close_matches(word, words, 1)
    return f" (did you mean {found[0]!r}?)" if found else ""


def _check_unique(file: RuleFile, lfs: Sequence[LabelingFunction]) -> None:
    seen: dict[str, int] = {}
    for number, lf in enumerate(lfs):
        if lf.name in seen:
            line = file.line(seen[lf.name], "name")
            first = "" if line is None else f" (the first in line {line})"
            raise file.error(f"two rules are named {lf.name!r}{first}", number, "name")
        seen[lf.name] = number
