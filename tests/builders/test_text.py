from __future__ import annotations

import datetime
import decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from labeling_functions.text import as_texts, row_slices


@pytest.mark.parametrize(
    "column",
    [
        ["a", None, "é"],
        pa.array(["a", None, "é"]),
        pa.array(["a", None, "é"], pa.large_string()),
        pa.array(["a", None, "é"]).dictionary_encode(),
        pa.chunked_array([["a"], [None, "é"]]),
        np.array(["a", None, "é"], dtype=object),
        pd.Series(["a", None, "é"]),
        pd.Series(["a", None, "é"], dtype="category"),
    ],
)
def test_every_kind_of_column_of_text(column):
    assert as_texts(column).to_pylist() == ["a", None, "é"]


def test_mixed_values_count_as_they_are_written():
    day = datetime.date(2024, 2, 29)
    mixed = ["a", 7, 2.5, True, day, decimal.Decimal("1.10"), float("nan"), pd.NaT, pd.NA, None]
    expected = ["a", "7", "2.5", "True", "2024-02-29", "1.10", None, None, None, None]
    assert as_texts(mixed).to_pylist() == expected
    assert as_texts([b"a", ["a"], {"a": 1}, object()]).to_pylist() == [None] * 4
    assert as_texts(np.array([1, 2])).to_pylist() == ["1", "2"]
    assert as_texts(pa.array([1.5, None])).to_pylist() == ["1.5", None]


def test_half_of_a_surrogate_pair_becomes_a_question_mark():
    assert as_texts(["a\ud800b", "c"]).to_pylist() == ["a?b", "c"]


@pytest.mark.parametrize("column", [[], pa.array([]), pa.chunked_array([], pa.string())])
def test_no_rows(column):
    assert len(as_texts(column)) == 0


def test_slices_hold_whole_rows():
    offsets = np.array([0, 10, 10, 500, 510, 520])
    assert list(row_slices(offsets, 20)) == [(0, 2), (2, 3), (3, 5)]
