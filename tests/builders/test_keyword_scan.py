from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling_functions import phrase_finder
from labeling_functions.keyword_scan import Keywords, KeywordScan
from labeling_functions.text import as_texts

LETTERS = st.sampled_from("aAbBéÉßжж世_1 \t\n\u00a0-$🙂")
TEXTS = st.lists(st.none() | st.text(LETTERS, max_size=12), max_size=8)
PHRASE = st.text(LETTERS, min_size=1, max_size=4).filter(str.strip)
PHRASES = st.lists(PHRASE, min_size=1, max_size=3)
RULES = st.lists(
    st.builds(
        Keywords,
        PHRASES.map(tuple),
        st.integers(1, 3),
        st.booleans(),
        st.lists(PHRASES.map(lambda some: some[0]), max_size=1).map(tuple),
        st.booleans(),
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
)


def places(phrase: str, text: str, rule: Keywords) -> list[int]:
    """Where a phrase stands, by trying every position."""
    phrase = " ".join(phrase.split())
    text = re.sub(r"\s+", " ", text)
    if rule.ignore_case:
        phrase, text = phrase.lower(), text.lower()
    inner = re.escape(phrase)
    if rule.whole_words:
        before = r"(?<!\w)" if re.match(r"\w", phrase[0]) else ""
        after = r"(?!\w)" if re.match(r"\w", phrase[-1]) else ""
        inner = before + inner + after
    return [found.start() for found in re.finditer(f"(?={inner})", text)]


def speaks(rule: Keywords, text: str | None) -> bool:
    if text is None:
        return False
    fold = str.lower if rule.ignore_case else str
    phrases = {fold(" ".join(phrase.split())) for phrase in rule.phrases}
    counts = [len(places(phrase, text, rule)) for phrase in phrases]
    enough = sum(counts) >= rule.min_count and (all(counts) or not rule.all_of)
    return enough and not any(places(phrase, text, rule) for phrase in rule.unless)


@settings(deadline=None, max_examples=300)
@given(RULES, TEXTS)
def test_the_scan_finds_what_trying_every_position_finds(rules, texts):
    found = KeywordScan(rules).rows(as_texts(texts))
    expected = [[i for i, text in enumerate(texts) if speaks(rule, text)] for rule in rules]
    assert [rows.tolist() for rows in found] == expected


def test_words_do_not_reach_across_rows():
    texts = as_texts(["free", "dom", "fr", "ee", "", "free"])
    assert KeywordScan([Keywords(("freedom",)), Keywords(("free",))]).rows(texts)[0].size == 0
    assert KeywordScan([Keywords(("free",))]).rows(texts)[0].tolist() == [0, 5]


def test_slices_of_the_text_change_nothing(monkeypatch):
    rng = np.random.default_rng(0)
    words = np.array(["free", "win", "prize", "hello", "world", "é"])
    texts = as_texts([" ".join(rng.choice(words, rng.integers(0, 9))) for _ in range(300)])
    rules = [Keywords(("free",), 2), Keywords(("win", "prize"), all_of=True), Keywords(("é",))]
    texts = as_texts([*texts.to_pylist(), "hello free " * 50 + "prize é win"])
    whole = KeywordScan(rules).rows(texts)
    monkeypatch.setattr(phrase_finder, "SLICE", 50)
    for one, other in zip(whole, KeywordScan(rules).rows(texts), strict=True):
        assert one.tolist() == other.tolist()
        assert one.size


def test_text_under_a_null_is_not_read():
    hidden = pa.array(["free", "free"], pa.large_string())
    masked = pa.Array.from_buffers(
        pa.large_string(), 2, [pa.py_buffer(b"\x02"), *hidden.buffers()[1:]]
    )
    assert masked.to_pylist() == [None, "free"]
    assert KeywordScan([Keywords(("free",))]).rows(masked)[0].tolist() == [1]


def test_a_slice_of_an_array_is_read_from_its_start():
    texts = as_texts(["free", "no", "free", "so free"])[1:]
    assert KeywordScan([Keywords(("free",))]).rows(texts)[0].tolist() == [1, 2]


def test_ten_megabytes_in_one_cell():
    text = "lorem ipsum " * 900_000 + "prize"
    rows = KeywordScan([Keywords(("prize",)), Keywords(("ipsum",), 900_001)]).rows(as_texts([text]))
    assert [found.tolist() for found in rows] == [[0], []]


@pytest.mark.parametrize("texts", [[], [None, None], [""]])
def test_nothing_to_read(texts):
    assert KeywordScan([Keywords(("free",))]).rows(as_texts(texts))[0].size == 0
