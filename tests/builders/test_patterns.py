from __future__ import annotations

import pickle
import time

import pytest

from labeling_functions.patterns import Matcher, regex
from weaklabel import apply
from weaklabel.errors import ConfigError, CoverageWarning, LabelingFunctionError

LABELS = ["a", "b"]


def rows(texts):
    return [{"text": text} for text in texts]


def test_a_pattern_and_one_of_several():
    phone = regex("phone", r"\d{3}-\d{4}", "b", labels=LABELS)
    either = regex("either", [r"^hi\b", "é$"], "a", labels=LABELS, ignore_case=True)
    votes = apply([phone, either], rows(["555-1234", "HI there", "CAFÉ", None, "", "shi"]))
    assert votes.to_dense().tolist() == [[1, -1], [-1, 0], [-1, 0], [-1, -1], [-1, -1], [-1, -1]]


def test_looking_around_works():
    lf = regex("k", r"(?<!not )good", "b")
    assert lf({"text": "so good"}) == "b"
    assert lf({"text": "not good"}) is None


def test_a_pattern_too_large_for_the_linear_engine_still_works():
    assert Matcher("(?:x{500}){500}", 0, 1.0).ascii is None
    assert regex("k", r"a{1,1500}b", "b")({"text": "aab"}) == "b"


def test_nested_repeats_run_in_linear_time():
    lf = regex("k", r"(a+)+$", "b", labels=LABELS)
    start = time.perf_counter()
    votes = apply([lf], rows(["a" * 5_000_000 + "!", "aaa"]))
    assert votes.to_dense().tolist() == [[-1], [1]]
    assert time.perf_counter() - start < 5


def test_a_catastrophic_pattern_ends_with_an_error_that_names_it():
    lf = regex("k", r"(?=x)?(a|aa)+$", "b", labels=LABELS, timeout=0.1)
    data = rows(["aa", "b", "a" * 60 + "!", "aa"])
    with pytest.raises(LabelingFunctionError) as caught:
        apply([lf], data)
    for part in ("'k'", "row 2", r"(?=x)?(a|aa)+$", "more than 0.1 s", "61 characters"):
        assert part in str(caught.value)


def test_a_catastrophic_row_is_one_fault():
    lf = regex("k", r"(?=x)?(a|aa)+$", "b", labels=LABELS, timeout=0.1)
    votes = apply([lf], rows(["aa", "b", "a" * 60 + "!", "aa"] * 3), on_error="abstain")
    assert votes.to_dense()[:4, 0].tolist() == [1, -1, -1, 1]
    assert votes.faults["k"].count == 3
    assert votes.faults["k"].first_row == "2"


def test_it_travels_to_other_processes():
    lf = pickle.loads(pickle.dumps(regex("k", r"(?=w)win", "a")))
    assert lf({"text": "win"}) == "a"


def test_each_setting_changes_the_fingerprint():
    seen = {
        regex("k", "win", "a").fingerprint,
        regex("k", "won", "a").fingerprint,
        regex("k", ["win", "won"], "a").fingerprint,
        regex("k", "win", "b").fingerprint,
        regex("k", "win", "a", ignore_case=True).fingerprint,
        regex("k", "win", "a", column="title").fingerprint,
    }
    assert len(seen) == 6


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pattern": "(a"}, r"pattern of labeling function 'k' must be a regular .*position 0"),
        ({"pattern": ["a", "b["]}, r"found 'b\[': unterminated character set at position 1"),
        ({"pattern": []}, "must hold at least one text"),
        ({"timeout": 0}, "timeout .* must be more than 0 seconds, found 0"),
        ({"timeout": "1"}, "timeout .* must be a number, found '1'"),
        ({"timeout": float("nan")}, "timeout .* must be a finite number, found nan"),
        ({"ignore_case": "yes"}, "ignore_case .* must be true or false"),
    ],
)
def test_wrong_settings_are_named(settings, message):
    given = {"name": "k", "pattern": "win", "label": "a"} | settings
    with pytest.raises(ConfigError, match=message):
        regex(**given)


def test_all_rows_too_slow_is_a_warning():
    lf = regex("k", r"(?=x)?(a|aa)+$", "b", labels=LABELS, timeout=0.05)
    with pytest.warns(CoverageWarning):
        apply([lf], rows(["a" * 60 + "!"]), on_error="abstain")
