"""What programs may contain."""

from __future__ import annotations

import pytest

from weaklabel.llm.program_rules import Program, ProgramError, check_program, read_programs

GOOD = '''Here you are:

```python
import re
from datetime import datetime

LINK = re.compile(r"https?://")
UNUSED = 3

def is_link(text):
    return bool(LINK.search(text or ""))

def has_link(row):
    """Links are spam."""
    return "spam" if is_link(row["text"]) else None

def two(a, b):
    return a
```
'''


def checked(source: str) -> None:
    check_program(Program("f", source))


def body(line: str) -> str:
    return f"def f(row):\n    {line}\n"


def test_a_program_is_a_function_with_all_it_uses():
    programs = read_programs(GOOD)
    assert [p.name for p in programs] == ["is_link", "has_link"]
    source = programs[1].source
    assert "import re" in source
    assert "LINK = " in source
    assert "def is_link" in source
    assert "UNUSED" not in source
    assert "datetime" not in source
    check_program(programs[1])


def test_code_without_a_fence_and_several_blocks():
    assert [p.name for p in read_programs(body("return None"))] == ["f"]
    two = (
        "```python\ndef a(row):\n    return None\n```\ntext\n```\ndef b(row):\n    return None\n```"
    )
    assert [p.name for p in read_programs(two)] == ["a", "b"]


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ("I cannot do that.", "no Python"),
        ("```python\nx = 1\n```", "no function of one argument"),
        ("```python\ndef f(row:\n```", "line 1: no Python"),
        ("x = " + "(" * 5000 + ")" * 5000, "no Python"),
        ("#" * 30_000, "30,000 characters"),
    ],
)
def test_replies_without_programs_say_why(reply, message):
    with pytest.raises(ProgramError, match=message):
        read_programs(reply)


@pytest.mark.parametrize(
    "line",
    [
        "return 'spam' if 'free' in row['text'].lower() else None",
        "words = {w for w in row['text'].split() if len(w) > 3}; return 'a' if words else None",
        "return max((c, n) for n, c in enumerate('ab'))[0]",
        "return f'{len(row)}' or (lambda v: v)(None)",
    ],
)
def test_ordinary_programs_pass(line):
    checked(body(line))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import os\n" + body("return None"), "line 1: import of 'os'"),
        ("from os import system\n" + body("return None"), "import of 'system' from 'os'"),
        ("from . import x\n" + body("return None"), "import of 'x'"),
        ("from re import enum\n" + body("return None"), "import of 'enum' from 're'"),
        ("from re import *\n" + body("return None"), r"import of '\*' from 're'"),
        (body("import subprocess"), "import of 'subprocess'"),
        (body("return __import__('os')"), "name '__import__'"),
        (body("return open('/etc/passwd').read()"), "name 'open'"),
        (body("return eval('1')"), "name 'eval'"),
        (body("exec('1')"), "name 'exec'"),
        (body("return getattr(row, 'x')"), "name 'getattr'"),
        (body("return ().__class__"), "attribute '__class__'"),
        (body("return row._x"), "attribute '_x'"),
        (body("return '{0.__class__}'.format(row)"), "attribute 'format'"),
        (body("return (x for x in ()).gi_frame"), "attribute 'gi_frame'"),
        ("import re\n" + body("return re.enum.sys"), "re.enum is not allowed"),
        ("import re\n" + body("x = re; return x.enum.sys"), "only be used as re.name"),
        ("import re\n" + body("return [re][0].enum"), "only be used as re.name"),
        ("import re as r\n" + body("return r.enum"), "re.enum is not allowed"),
        ("import re\n" + body("re = 1; return re"), "only be used as re.name"),
        ("@print\n" + body("return None"), "decorators"),
        ("class A:\n    pass\n" + body("return None"), "ClassDef outside"),
        (body("yield 1"), "Yield is not allowed"),
        (body("global x"), "Global is not allowed"),
        (body("with row: pass"), "With is not allowed"),
        (body("del row"), "Delete is not allowed"),
        (body("row.x = 1"), "setting the attribute"),
        ("print('hello')\n" + body("return None"), "Expr outside a function"),
        ("async def f(row):\n    return None\n", "AsyncFunctionDef outside"),
        (body("__builtins__ = {}"), "name '__builtins__'"),
        ("def g(row):\n    return None\n", "no function 'f'"),
        (body("match row:\n        case _: return None"), "Match is not allowed"),
    ],
)
def test_what_is_not_listed_is_refused(source, message):
    with pytest.raises(ProgramError, match=message):
        checked(source)


def test_decorated_functions_in_a_reply_are_seen_as_decorated():
    program = read_programs("```python\n@staticmethod\ndef f(row):\n    return None\n```")[0]
    with pytest.raises(ProgramError, match="decorators"):
        check_program(program)
