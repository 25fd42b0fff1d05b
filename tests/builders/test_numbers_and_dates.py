from __future__ import annotations

import datetime
import decimal

import numpy as np
import pandas as pd
import pytest

from labeling_functions.numbers_and_dates import date_range, in_range, text_statistic, threshold
from labeling_functions.text import as_texts
from labeling_functions.text_statistics import STATISTICS, statistic_of
from weaklabel import apply
from weaklabel.errors import ConfigError

LABELS = ["low", "high"]


def votes(lf, column, values):
    return apply([lf], [{column: value} for value in values]).to_dense()[:, 0].tolist()


def test_a_number_beyond_a_limit():
    limits = {"above": 10, "label_above": "high", "below": 2, "label_below": "low"}
    both = threshold("t", "x", **limits, labels=LABELS)
    values = [10, 9.99, 2, 2.01, None, float("nan"), "11", "many", True, decimal.Decimal("1.5")]
    assert votes(both, "x", values) == [1, -1, 0, -1, -1, -1, 1, -1, 0, 0]
    above = threshold("t", "x", above=10, label_above="high", labels=LABELS)
    below = threshold("t", "x", below=2, label_below="low")
    assert votes(above, "x", [10, 1]) == [1, -1]
    assert [below({"x": x}) for x in (1, 10, None)] == ["low", None, None]


def test_numbers_of_a_table_and_of_rows_agree():
    lf = threshold("t", "x", above=0.5, label_above="high", labels=LABELS)
    frame = pd.DataFrame({"x": [0.2, np.nan, 0.7]})
    assert apply([lf], frame).to_dense()[:, 0].tolist() == [-1, -1, 1]


def test_a_range_holds_both_ends():
    lf = in_range("r", "x", "high", low=1, high=2, labels=LABELS)
    assert votes(lf, "x", [1, 2, 2.1, 0.9, None, 10**400]) == [1, 1, -1, -1, -1, -1]


def test_a_date_in_a_range():
    end = datetime.date(2025, 1, 1)
    lf = date_range("d", "t", "high", after="2024-01-01", before=end, labels=LABELS)
    zone = datetime.timezone(datetime.timedelta(hours=2))
    values = [
        datetime.date(2024, 1, 1),
        "2024-12-31T23:59:59",
        "2025-01-01",
        datetime.datetime(2024, 1, 1, 1, 0, tzinfo=zone),  # still 2023 in UTC
        datetime.datetime(2024, 6, 1),
        "yesterday",
        None,
        pd.NaT,
        20240601,
    ]
    assert votes(lf, "t", values) == [1, 1, -1, -1, 1, -1, -1, -1, -1]
    frame = pd.DataFrame({"t": pd.to_datetime(["2024-05-05", None, "2023-05-05"])})
    assert apply([lf], frame).to_dense()[:, 0].tolist() == [1, -1, -1]


TEXT = ["Hi THERE you!", "", None, "123 4!!?", "жЖ  é"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("characters", [13, 0, None, 8, 5]),
        ("words", [3, 0, None, 2, 2]),
        ("upper_share", [6 / 10, None, None, None, 1 / 3]),
        ("digit_share", [0, None, None, 0.5, 0]),
        ("punctuation_share", [1 / 13, None, None, 3 / 8, 0]),
        ("exclamation_marks", [1, 0, None, 2, 0]),
        ("question_marks", [0, 0, None, 1, 0]),
    ],
)
def test_statistics_of_texts(name, expected):
    found = statistic_of(name, as_texts(TEXT))
    wanted = [np.nan if value is None else value for value in expected]
    np.testing.assert_allclose(found, wanted)
    assert set(STATISTICS) >= {name}


def test_a_statistic_beyond_a_limit():
    lf = text_statistic("s", "upper_share", above=0.6, label_above="high", labels=LABELS)
    assert votes(lf, "text", TEXT) == [1, -1, -1, -1, -1]
    long = text_statistic("s", "characters", above=10_000_000, label_above="high", labels=LABELS)
    assert votes(long, "text", ["é" * 10_000_000, "short"]) == [1, -1]


def test_each_setting_changes_the_fingerprint():
    lfs = [
        threshold("t", "x", above=1, label_above="a"),
        threshold("t", "x", above=2, label_above="a"),
        threshold("t", "x", below=1, label_below="a"),
        threshold("t", "y", above=1, label_above="a"),
        in_range("t", "x", "a", low=1, high=2),
        text_statistic("t", "words", above=1, label_above="a", column="x"),
        text_statistic("t", "characters", above=1, label_above="a", column="x"),
        date_range("t", "x", "a", after="2024-01-01"),
        date_range("t", "x", "a", before="2024-01-01"),
    ]
    assert len({lf.fingerprint for lf in lfs}) == len(lfs)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: threshold("t", "x"),
            "above .* and label_above, or below and label_below, must be",
        ),
        (lambda: threshold("t", "x", above=1), "label_above .* must be given"),
        (lambda: threshold("t", "x", label_below="a"), "below .* must be given"),
        (
            lambda: threshold("t", "x", above=1, label_above="a", below=1, label_below="b"),
            "below .* must be less than above=1, found 1",
        ),
        (lambda: threshold("t", "x", above="1", label_above="a"), "above .* must be a number"),
        (lambda: in_range("t", "x", "a", low=2, high=1), "high .* must not be less than low=2"),
        (lambda: date_range("t", "x", "a"), "after .* or before must be given"),
        (lambda: date_range("t", "x", "a", after="soon"), "after .* must be a date .*'soon'"),
        (
            lambda: date_range("t", "x", "a", after="2024-02-01", before="2024-01-01"),
            "before .* must be later than after=2024-02-01",
        ),
        (
            lambda: text_statistic("t", "length", above=1, label_above="a"),
            "statistic .* must be one of characters, words",
        ),
    ],
)
def test_wrong_settings_are_named(build, message):
    with pytest.raises(ConfigError, match=message):
        build()
