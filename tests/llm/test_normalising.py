"""From what a model wrote to an allowed answer, or to none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weaklabel.errors import ConfigError
from weaklabel.llm.normalising import Matcher, _Trie, normalise

YES_NO = Matcher(["yes", "no", "unsure"])
SENTIMENT = Matcher(["positive", "negative", "neutral"])
NESTED = Matcher(["spam", "not spam"])
LETTERS = Matcher(["A", "B", "C"])
TOPICS = Matcher(["relevant", "world news", "science and technology", "happy"])


@pytest.mark.parametrize(
    ("matcher", "reply", "expected"),
    [
        (YES_NO, "yes", "yes"),
        (YES_NO, "  Yes.\n", "yes"),
        (YES_NO, "**No**", "no"),
        (YES_NO, '"unsure"', "unsure"),
        (YES_NO, "Answer: YES", "yes"),
        (YES_NO, "The answer is no.", "no"),
        (YES_NO, "Yes, this is no ordinary comment", "yes"),
        (YES_NO, "No - yes would be wrong", "no"),
        (YES_NO, "maybe", None),
        (YES_NO, "", None),
        (YES_NO, "yess", None),  # too short to guess at
        (SENTIMENT, "I think it is positive", "positive"),
        (SENTIMENT, "Positive. It is not negative at all.", "positive"),
        (SENTIMENT, "The review is positive in tone, negative in parts", None),
        (SENTIMENT, "It is not negative", None),  # says what it is not, not what it is
        (SENTIMENT, "postive", "positive"),
        (SENTIMENT, "NEGATVE!", "negative"),
        (SENTIMENT, "posit", "positive"),
        (SENTIMENT, "ne", None),
        (NESTED, "not spam", "not spam"),
        (NESTED, "This is not spam.", "not spam"),
        (NESTED, "This is spam.", "spam"),
        (NESTED, "It is never spam", None),
        (LETTERS, "A", "A"),
        (LETTERS, "(B)", "B"),
        (LETTERS, "The answer is C.", "C"),
        (LETTERS, "A. because", "A"),
        (LETTERS, "a difficult question", None),
        (TOPICS, "World  NEWS", "world news"),
        (TOPICS, "the science and technology", "science and technology"),
        (TOPICS, "sciense and technolgy", "science and technology"),
        (TOPICS, "irrelevant", None),  # two letters from "relevant", and the opposite
        (TOPICS, "unhappy", None),
    ],
)
def test_replies(matcher: Matcher, reply: str, expected: str | None):
    assert matcher.match(reply) == expected


@given(st.text(max_size=60))
def test_never_leaves_the_allowed_answers(reply: str):
    for matcher, allowed in ((YES_NO, {"yes", "no", "unsure"}), (NESTED, {"spam", "not spam"})):
        assert matcher.match(reply) in {*allowed, None}


@given(st.sampled_from(["yes", "no", "unsure"]), st.text(" .!*\"'\n", max_size=5))
def test_punctuation_around_an_answer_changes_nothing(answer: str, edge: str):
    assert YES_NO.match(f"{edge}{answer.upper()}{edge}") == answer


@given(st.text(max_size=40))
def test_normalising_twice_is_normalising_once_for_plain_words(text: str):
    words = " ".join(w for w in text.split() if w.isalpha() and w.isascii()).lower()
    once = normalise(words)
    assert normalise(once) == once or once.split()[:1] in (["answer"], ["label"], ["it"], ["this"])


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ([], "must hold at least one answer, found none"),
        (["yes", " "], "must hold texts that are not empty, found ' '"),
        (["Yes!", "the yes"], r"holds 'Yes!' and 'the yes', which are the same once"),
    ],
)
def test_answers_that_cannot_be_told_apart(answers: list[str], message: str):
    with pytest.raises(ConfigError, match=message):
        Matcher(answers)


def test_symbols_alone_are_answers():
    matcher = Matcher(["+", "-"])
    assert [matcher.match(reply) for reply in ("+", " - ", "?")] == ["+", "-", None]


def distance(a: str, b: str) -> int:
    """Edit distance, by the textbook table."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        new = [i]
        for k, y in enumerate(b):
            new.append(min(new[k] + 1, row[k + 1] + 1, row[k] + (x != y)))
        row = new
    return row[-1]


@given(
    st.sets(st.text("abc", min_size=3, max_size=7), min_size=1, max_size=6),
    st.text("abc", min_size=3, max_size=7),
    st.integers(1, 2),
)
def test_the_trie_finds_what_trying_each_finds(words: set[str], text: str, most: int):
    near = {w: distance(w, text) for w in words}
    near = {
        w: d for w, d in near.items() if d <= most and not (text.endswith(w) or w.endswith(text))
    }
    best = [w for w, d in near.items() if d == min(near.values())]
    assert _Trie(words).closest(text, most) == (best[0] if len(best) == 1 else None)
