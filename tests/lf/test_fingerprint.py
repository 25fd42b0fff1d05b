from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import weaklabel
from weaklabel import LabelingFunction, load_pack, preprocessor
from weaklabel.lf.fingerprint import _is_user_file, fingerprint

BASE = """
import re
from weaklabel import labeling_function, preprocessor

WORDS = {"free", "win", "cash", "now"}
LIMIT = 3

def count(text):
    return inner(text)

def inner(text):
    return len(WORDS & set(text.split()))

class Rule:
    threshold = 2
    def holds(self, text):
        return len(text) > self.threshold

@preprocessor
def low(x):
    return {"low": x.text.lower()}

@labeling_function(resources={"names": ["a", "b"]}, preprocessors=[low])
def lf(x, names, scale=2):
    if Rule().holds(x.low) and re.search("x", x.low):
        return 1
    return 1 if count(x.low) * scale > LIMIT else None
"""


def of_text(folder: Path, text: str) -> str:
    path = folder / "pack.py"
    path.write_text(textwrap.dedent(text))
    return load_pack(path)["lf"].fingerprint


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("* scale > LIMIT", "* scale >= LIMIT"),  # the function itself
        ("return inner(text)", "return inner(text) + 0"),  # a helper
        ("len(WORDS & set", "len(WORDS | set"),  # a helper of a helper
        ('"cash", "now"', '"cash"'),  # a constant that a helper reads
        ("LIMIT = 3", "LIMIT = 4"),
        ("scale=2", "scale=3"),  # a default
        ('["a", "b"]', '["b", "a"]'),  # a resource
        ("x.text.lower()", "x.text.upper()"),  # a preprocessor
        ("threshold = 2", "threshold = 1"),  # a class it uses
        ("len(text) > self", "len(text) < self"),
        ("preprocessors=[low]", "preprocessors=[low], version='2'"),
        ("preprocessors=[low]", "preprocessors=[low], labels=['a', 'b']"),
    ],
)
def test_what_decides_the_answer_changes_the_fingerprint(
    tmp_path: Path, old: str, new: str
) -> None:
    assert old in BASE
    assert of_text(tmp_path, BASE) != of_text(tmp_path, BASE.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LIMIT = 3", "UNUSED = 1\nLIMIT = 3"),
        ('"free", "win"', '"win", "free"'),  # a set has no order
        ("def count", "# a remark\n\n\ndef count"),  # moved down in the file
        ("def lf(", "def lf("),
    ],
)
def test_what_does_not_decide_the_answer_leaves_it(tmp_path: Path, old: str, new: str) -> None:
    assert old in BASE
    assert of_text(tmp_path, BASE) == of_text(tmp_path, BASE.replace(old, new))


def test_it_is_the_same_in_every_process_and_hash_seed(tmp_path: Path) -> None:
    (tmp_path / "pack.py").write_text(BASE)
    script = (
        "import sys; from weaklabel import load_pack; "
        "print(load_pack(sys.argv[1])['lf'].fingerprint)"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / "pack.py")],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("0", "1", "12345")
    }
    assert found == {of_text(tmp_path, BASE)}


def test_a_file_edited_after_it_was_imported_is_not_taken_for_what_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "def f(x):\n    return 'one'\n"
    path = tmp_path / "edited_module_xyz.py"
    path.write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    import importlib

    module: Any = importlib.import_module("edited_module_xyz")
    before = fingerprint(module.f)
    path.write_text(source.replace("one", "two!"))
    import linecache

    linecache.checkcache(str(path))
    edited = fingerprint(module.f)  # the old function, the new text
    module = importlib.reload(module)
    assert module.f(0) == "two!"
    assert len({before, edited, fingerprint(module.f)}) == 3
    del sys.modules["edited_module_xyz"]


def test_closures_count_by_value() -> None:
    def keyword(word: str) -> LabelingFunction:
        return LabelingFunction("keyword", lambda x: 1 if word in x.text else None)

    assert keyword("a").fingerprint == keyword("a").fingerprint
    assert keyword("a").fingerprint != keyword("b").fingerprint


def test_two_lambdas_on_one_line_differ() -> None:
    first, second = (lambda x: 1), (lambda x: 2)
    assert fingerprint(first) != fingerprint(second)


def test_the_name_does_not_count_but_the_order_of_preprocessors_does() -> None:
    def function(x: Any) -> None:
        return None

    steps = [preprocessor(name=n)(lambda x, n=n: {n: 1}) for n in "ab"]
    assert (
        LabelingFunction("a", function).fingerprint == LabelingFunction("b", function).fingerprint
    )
    assert (
        LabelingFunction("a", function, preprocessors=tuple(steps)).fingerprint
        != LabelingFunction("a", function, preprocessors=tuple(steps[::-1])).fingerprint
    )


class Opaque:
    def __init__(self, value: Any) -> None:
        self.value = value


class Slotted:
    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (1, True),
        ("1", 1),
        ("a", b"a"),
        ([1, 2], [2, 1]),
        ([1, [2]], [[1], 2]),
        (["ab", "c"], ["a", "bc"]),
        ({"a": 1}, {"a": 2}),
        ({1, 2}, {1, 3}),
        (re.compile("a"), re.compile("a", re.IGNORECASE)),
        (np.array([1, 2]), np.array([1, 3])),
        (np.array([1, 2]), np.array([[1, 2]])),
        (np.array(["a", 1], dtype=object), np.array(["a", 2], dtype=object)),
        (pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [2]})),
        (Opaque(1), Opaque(2)),
        (Slotted(1), Slotted(2)),
        (Opaque(1), Slotted(1)),
        (str.upper, str.lower),
        (re.search, re.match),
        (np.log, np.exp),
        ({1}.__contains__, {2}.__contains__),
        ("a".count, "b".count),
    ],
)
def test_different_values_differ_and_equal_ones_agree(one: Any, other: Any) -> None:
    import copy

    assert fingerprint(one) != fingerprint(other)
    assert fingerprint(one) == fingerprint(copy.deepcopy(one))


def test_the_content_of_a_file_counts(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("a")
    before = fingerprint({"words": path})
    path.write_text("b")
    assert fingerprint({"words": path}) != before


def even(n: int) -> bool:
    return n == 0 or odd(n - 1)


def odd(n: int) -> bool:
    return n != 0 and even(n - 1)


def test_cycles_end() -> None:
    loop: list[Any] = [1]
    loop.append(loop)
    assert fingerprint(loop) == fingerprint(loop)
    assert fingerprint(even) != fingerprint(odd)


def test_a_helper_in_a_module_of_the_user_counts(tmp_path: Path) -> None:
    helpers = tmp_path / "my_helpers_xyz.py"
    text = (
        "import my_helpers_xyz\nfrom my_helpers_xyz import rule\n"
        "from weaklabel import labeling_function\n"
        "@labeling_function\ndef lf(x):\n    return rule(x) or my_helpers_xyz.LIMIT\n"
    )
    found = set()
    for rule, limit in ((1, 1), (2, 1), (1, 2)):
        helpers.write_text(f"LIMIT = {limit}\ndef rule(x):\n    return {rule}\n")
        helpers.touch()
        found.add(of_text(tmp_path, text))
        for cached in (tmp_path / "__pycache__").glob("*"):
            cached.unlink()  # written within the same second, or the stale bytecode would be used
    assert len(found) == 3


def test_whose_code_counts_by_content() -> None:
    package = Path(weaklabel.__file__).resolve().parent
    assert not _is_user_file(str(package / "labels.py"), "weaklabel.labels")
    assert not _is_user_file(np.__file__, "numpy")
    assert not _is_user_file(re.__file__, "re")
    beside = package.parent / "weaklabel_rules" / "mine.py"  # a name that only begins like ours
    assert _is_user_file(str(beside), "weaklabel_rules.mine")
    installed = Path(np.__file__).parents[1] / "labeling_functions" / "spam.py"
    assert _is_user_file(str(installed), "labeling_functions.spam")
