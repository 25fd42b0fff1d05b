"""Label spaces and the vote alphabet."""

from __future__ import annotations

import enum
import pickle

import numpy as np
import pandas as pd
import pytest

from weaklabel.errors import LabelError
from weaklabel.labels import (
    ABSTAIN,
    Confident,
    LabelSpace,
    Not,
    OneOf,
    Reason,
    Symbol,
    VoteAlphabet,
)


class Kind(enum.IntEnum):
    ABSTAIN = -1
    HAM = 0
    SPAM = 1


class Color(enum.IntEnum):
    RED = 0
    SPAM = 1


SPACE = LabelSpace(["ham", "spam"])


def test_names_and_codes_go_both_ways():
    assert [SPACE.code(n) for n in SPACE] == [0, 1]
    assert [SPACE.name(c) for c in (0, 1)] == ["ham", "spam"]
    assert SPACE.decode([1, -1, 0]) == ["spam", None, "ham"]


@pytest.mark.parametrize(
    ("value", "code"),
    [("spam", 1), (1, 1), (np.int8(0), 0), (None, ABSTAIN), (ABSTAIN, ABSTAIN)],
)
def test_what_an_lf_may_return(value, code):
    assert SPACE.code(value) == code


@pytest.mark.parametrize("value", [2, -2, "Spam", True, np.bool_(False), 1.0, [], float("nan")])
def test_what_is_not_a_label(value):
    with pytest.raises(
        LabelError, match=r"is not a label; the labels are 'ham' \(0\), 'spam' \(1\)"
    ):
        SPACE.code(value)


def test_an_enum_gives_names_in_value_order_without_abstain():
    space = LabelSpace(Kind)
    assert space.names == ("HAM", "SPAM")
    assert space.code(Kind.SPAM) == 1
    assert space.code(Kind.ABSTAIN) == ABSTAIN
    with pytest.raises(LabelError):
        space.code(Color.SPAM)  # a member of another enum, though name and value agree


def test_an_enum_whose_values_are_not_codes_is_refused():
    class Odd(enum.IntEnum):
        A = 1
        B = 2

    with pytest.raises(LabelError, match=r"must be 0 \.\. 1 .* found \[1, 2\]"):
        LabelSpace(Odd)


def test_a_string_enum_gives_its_values():
    class Tone(enum.StrEnum):
        POSITIVE = "positive"
        NEGATIVE = "negative"

    space = LabelSpace(Tone)
    assert space.names == ("positive", "negative")
    assert space.code(Tone.NEGATIVE) == 1


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "at least one class"),
        (["a", "a"], "'a' twice"),
        (["a", " "], "must not be empty"),
        (["a", 1], "must be strings, found 1"),
        ([1, 2, 5], r"must be 0 \.\. 2, found \[1, 2, 5\]"),
        ("spam", "must be a list"),
    ],
)
def test_bad_label_spaces(names, message):
    with pytest.raises(LabelError, match=message):
        LabelSpace(names)


def test_inference_does_not_depend_on_order_and_skips_missing():
    assert LabelSpace.infer([5.0, 1, None, float("nan"), 2, pd.NA]).names == ("1", "2", "5")
    assert LabelSpace.infer(["b", "a", None]).names == ("a", "b")
    with pytest.raises(LabelError, match="every value is missing"):
        LabelSpace.infer([None, float("nan")])
    with pytest.raises(LabelError, match=r"0\.5 .* is not a label"):
        LabelSpace.infer([0.5])


def test_encoding_columns():
    assert SPACE.encode(["spam", None, "ham"]).tolist() == [1, -1, 0]
    assert SPACE.encode(pd.Series([1.0, np.nan, 0.0])).tolist() == [1, -1, 0]
    assert SPACE.encode(np.array([1, -1, 0])).tolist() == [1, -1, 0]
    rated = LabelSpace(["1", "2", "5"])
    assert rated.encode([5, 1, 2]).tolist() == [2, 0, 1]  # integers that are names
    assert rated.encode(np.array([5, 1])).tolist() == [2, 0]
    signed = LabelSpace(["-1", "0", "1"])
    assert signed.encode([-1, 0, 1]).tolist() == [0, 1, 2]
    with pytest.raises(LabelError, match="the gold label 'eggs' at position 1 is not a label"):
        SPACE.encode(["spam", "eggs"], what="gold label")
    with pytest.raises(LabelError, match=r"the label .*7.* at position 2"):
        SPACE.encode(np.array([0, 1, 7]))


def test_booleans_in_data():
    space = LabelSpace.infer([True, False, None])
    assert space.names == ("false", "true")
    assert space.encode([True, None, False]).tolist() == [1, -1, 0]
    assert space.encode(pd.Series([True, False])).tolist() == [1, 0]
    assert SPACE.encode(np.array([True, False])).tolist() == [1, 0]


def test_encoding_looks_at_each_distinct_label_once():
    space = LabelSpace([str(k) for k in range(10)])
    codes = np.arange(200_000) % 10
    assert np.array_equal(space.encode(codes), codes)
    assert np.array_equal(space.encode(codes.astype(str).tolist()), codes)


def test_frozen_hashable_picklable():
    with pytest.raises(AttributeError, match="frozen"):
        SPACE.names = ("x",)
    assert {SPACE: 1}[LabelSpace(["ham", "spam"])] == 1
    assert pickle.loads(pickle.dumps(LabelSpace(Kind))).code(Kind.SPAM) == 1


ALPHABET = VoteAlphabet(LabelSpace(["a", "b", "c"]))


def test_reading_rich_votes():
    assert ALPHABET.read("b") == Symbol("class", (1,))
    assert ALPHABET.read(None) is None
    assert ALPHABET.read(OneOf("c", "a")) == Symbol("set", (0, 2))
    assert ALPHABET.read(Not("b")) == Symbol("set", (0, 2))
    assert ALPHABET.read(OneOf("b")) == Symbol("class", (1,))
    assert ALPHABET.read(Confident("a", 0.8)) == Symbol("bin", (0,), (0.7, 0.85))
    assert ALPHABET.read(Confident("a", 1.0)) == Symbol("bin", (0,), (0.95, 1.0))
    assert ALPHABET.read(Confident("a", 0.0)) == Symbol("bin", (0,), (0.0, 0.5))
    assert ALPHABET.read(Reason("refused")) == Symbol("reason", reason="refused")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (OneOf(), "at least one class"),
        (OneOf("a", None), "no abstention"),
        (Not("a", "b", "c"), "leaves no class"),
        (Confident("a", 1.5), r"must lie in \[0, 1\]"),
        (Confident("a", float("nan")), r"must lie in \[0, 1\]"),
        (Confident(None, 0.5), "must name a class"),
        (OneOf("z"), "'z' is not a label"),
    ],
)
def test_bad_rich_votes(value, message):
    with pytest.raises(LabelError, match=message):
        ALPHABET.read(value)


def test_the_alphabet_grows_in_an_order_that_does_not_depend_on_the_rows():
    symbols = [ALPHABET.read(v) for v in (Reason("x"), OneOf("a", "b"), Confident("c", 0.9))]
    grown = ALPHABET.extended(symbols)
    assert grown == ALPHABET.extended(reversed(symbols))
    assert len(grown) == 6
    assert [grown.code(grown.symbol(c)) for c in range(6)] == list(range(6))
    assert not grown.is_plain
    assert VoteAlphabet.from_json(grown.to_json()) == grown
    affinity = grown.affinity()
    assert affinity.shape == (6, 3)
    np.testing.assert_allclose(affinity.sum(axis=1), 1.0)
    np.testing.assert_allclose(affinity[grown.code(symbols[1])], [0.5, 0.5, 0.0])


@pytest.mark.parametrize("edges", [(0.5, 0.5), (0.9, 0.1), (0.0, 0.5), (0.5, 1.0)])
def test_confidence_edges_must_ascend_inside_the_unit_interval(edges):
    with pytest.raises(LabelError, match="must ascend inside"):
        VoteAlphabet(SPACE, confidence_edges=edges)
