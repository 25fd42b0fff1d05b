from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling_functions.linear_regex import rewrite
from labeling_functions.patterns import Matcher, _Column
from labeling_functions.text import as_texts

ALPHABET = "abAB01_ -.\n\t\x1c\x0béÉßжİıſK世\u00a0\u2028٣🙂"
TEXTS = st.lists(st.none() | st.text(st.sampled_from(ALPHABET), max_size=8), max_size=10)
WRITTEN = r"""a b A é ж i s 0 \w \W \d \D \s \S . \. [ab] [^a] [\w-] [^\w] [\W\d] [^\W\d_] [^\W_]
    [^\s\d] [a-ı] ^ $ \b \B \A \Z (?:a|b|) (a|^) (\.|$) (?i:a) (?s:.) (?:) (?=a) (a)\1 (?!b)"""
ATOMS = st.sampled_from(WRITTEN.split())


@st.composite
def patterns(draw):
    parts = draw(st.lists(ATOMS, min_size=1, max_size=4))
    repeats = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{0,2}", "*?"])
    written = "".join(f"(?:{part}){draw(repeats)}" for part in parts)
    return draw(st.sampled_from(["", "", "(?i)", "(?m)", "(?s)", "(?a)"])) + written


@settings(deadline=None, max_examples=1500)
@given(patterns(), TEXTS)
def test_a_pattern_finds_what_python_finds(pattern, texts):
    compiled = re.compile(pattern)
    if rewrite(pattern).wide is None:  # the engine of the others has its own view of these
        texts = [text and re.sub("[İıſK\x1c]", "k", text) for text in texts]
    expected = [text is not None and compiled.search(text) is not None for text in texts]
    found = Matcher(pattern, 0, 10.0).found(_Column(as_texts(texts)))
    assert found.tolist() == expected


@pytest.mark.parametrize(
    "pattern",
    [
        r"( |^)(thanks\.|thanks)[^\w]*( |$)",
        r"(?i)straße|\d{3}",
        r"[^\W\d_]+@\w+",
        r"(?m)^x$",
        r"(a+)+$",
        r"(?x) a b # with a comment",
    ],
)
def test_common_patterns_run_in_linear_time(pattern):
    assert None not in (rewrite(pattern).ascii, rewrite(pattern).wide)


def test_word_borders_are_linear_on_ascii_only():
    written = rewrite(r"\bfree\b")
    assert written.ascii == r"\bfree\b"
    assert written.wide is None


@pytest.mark.parametrize("pattern", [r"(?=a)b", r"(\w)\1", r"a$\n", r"\Ba", "a{1,2000}", "(?>a)b"])
def test_what_needs_backtracking_is_left(pattern):
    assert rewrite(pattern).ascii is None


def test_every_whitespace_and_digit_of_python_is_one_of_the_rewritten():
    characters = [chr(code) for code in range(0x3000) if not 0xD800 <= code < 0xE000]
    texts = pa.array(characters)
    for pattern in (r"\s", r"\d", r"\w"):
        found = pc.match_substring_regex(texts, rewrite(pattern).wide).to_pylist()
        differ = [
            character
            for character, answer in zip(characters, found, strict=True)
            if answer != (re.search(pattern, character) is not None)
        ]
        assert not differ, (pattern, [hex(ord(c)) for c in differ])


def test_not_a_pattern():
    with pytest.raises(re.error, match="unterminated"):
        rewrite("(a")
