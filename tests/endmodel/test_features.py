"""Encoders: against scikit-learn, through their state, and the roles of table columns."""

from __future__ import annotations

import datetime
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from weaklabel.endmodel.columns import MAX_CATEGORIES, CategoryColumn, read_dates
from weaklabel.endmodel.encoder import (
    Encoder,
    FeatureSettings,
    State,
    pack_strings,
    unpack_strings,
)
from weaklabel.endmodel.features import ENCODERS, MANY_TEXTS, choose_encoder, fit_encoder
from weaklabel.endmodel.roles import guess_role
from weaklabel.endmodel.rows import Rows, read_rows
from weaklabel.endmodel.table import TableEncoder
from weaklabel.endmodel.text import TOKEN_PATTERN
from weaklabel.errors import ConfigError, DataError

TEXTS = ["Win CASH now!!!", "see you at noon", "", "cash, cash, cash: http://a.b"]
TABLE = pd.DataFrame(
    {
        "age": [20.0, None, 40.0, 30.0],
        "town": ["Rome", "Oslo", None, "Rome"],
        "when": pd.to_datetime(["2020-01-01 00:00", "2020-06-01 12:30", None, "2021-01-01 00:00"]),
        "note": ["a long note of words", "another one of the kind", None, "words words words yes"],
        "member": [True, False, True, True],
        "same": [1, 1, 1, 1],
    }
)
EXAMPLES: dict[str, Any] = {
    "tfidf": TEXTS,
    "hashing": TEXTS,
    "table": TABLE,
    "dense": np.arange(8.0).reshape(4, 2) ** 2,
    "sparse": sp.csr_array(np.eye(4, 3)),
}


ELSEWHERE = {
    "embeddings": "test_encoders_of_text",
    "tokens": "test_encoders_of_text",
    "dataset": "test_inputs",
}


def test_no_encoder_is_forgotten() -> None:
    assert set(EXAMPLES) | set(ELSEWHERE) == set(ENCODERS)


def values(matrix: Any) -> Any:
    return matrix if isinstance(matrix, np.ndarray) else matrix.toarray()


def stored(encoder: Encoder) -> Encoder:
    """The encoder after a round trip through JSON and plain arrays."""
    state = encoder.state()
    assert not any(array.dtype.hasobject for array in state.arrays.values())
    return type(encoder).from_state(State(json.loads(json.dumps(state.header)), state.arrays))


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_encoder_survives_its_state_and_keeps_its_promises(name: str) -> None:
    rows = read_rows(EXAMPLES[name])
    encoder = fit_encoder(name, rows, FeatureSettings(n_hashed=64))
    matrix = encoder.transform(rows)
    assert matrix.shape == (4, encoder.n_features)
    assert np.array_equal(values(stored(encoder).transform(rows)), values(matrix))
    one_by_one = [values(encoder.transform(rows.take(np.array([i])))) for i in range(4)]
    assert np.array_equal(np.concatenate(one_by_one), values(matrix))
    assert f"{encoder.n_features:,}" in encoder.describe()


def test_tfidf_is_that_of_scikit_learn() -> None:
    theirs = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=TOKEN_PATTERN)
    expected = theirs.fit_transform(TEXTS).toarray()
    rows = read_rows(TEXTS)
    ours = values(fit_encoder("tfidf", rows, FeatureSettings()).transform(rows))
    np.testing.assert_allclose(ours, expected, atol=1e-12)


def test_punctuation_counts_as_words() -> None:
    rows = read_rows(TEXTS)
    vocabulary = fit_encoder("tfidf", rows, FeatureSettings()).vocabulary  # type: ignore[attr-defined]
    assert {"!!!", "://", "cash", "now !!!"} <= set(vocabulary)


def test_texts_without_words_are_an_error() -> None:
    with pytest.raises(DataError, match="no text has a single word or sign"):
        fit_encoder("auto", read_rows(["", " "]), FeatureSettings())


def test_dense_features_are_standardised_and_constants_are_zero() -> None:
    array = np.array([[1.0, 0.1], [2.0, 0.1], [6.0, 0.1]])
    rows = read_rows(array)
    scaled = values(fit_encoder("auto", rows, FeatureSettings()).transform(rows))
    np.testing.assert_allclose(scaled.mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(scaled.std(axis=0), [1.0, 0.0], atol=1e-12)


def test_auto_takes_hashing_for_very_many_texts() -> None:
    assert choose_encoder("auto", read_rows(["a"])).name == "tfidf"
    assert choose_encoder("auto", Rows("text", ["a"] * (MANY_TEXTS + 1))).name == "hashing"


def test_features_that_do_not_fit_x_are_refused() -> None:
    with pytest.raises(DataError, match="reads a table with named columns, found a list of texts"):
        choose_encoder("table", read_rows(["a"]))
    with pytest.raises(ConfigError, match="found 'bert'"):
        choose_encoder("bert", read_rows(["a"]))
    with pytest.raises(ConfigError, match="X is a list of texts"):
        fit_encoder("auto", read_rows(["a"]), FeatureSettings({"a": "text"}))


@given(st.lists(st.text()))
def test_any_string_is_packed_and_unpacked(strings: list[str]) -> None:
    assert unpack_strings(pack_strings(strings)) == strings


def test_strange_strings_are_packed_and_unpacked() -> None:
    strings = ["\ud800", "a\0", "\0", "é", "😀"]
    assert unpack_strings(pack_strings(strings)) == strings


# -- tables ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "column", "role"),
    [
        ("x", [1.5, 2.5] * 20, "number"),
        ("x", [True, False] * 20, "number"),
        ("x", pd.array([1, None] * 20, dtype="Int64"), "number"),
        ("x", pd.to_timedelta([1, 2] * 20, unit="h"), "number"),
        ("x", [1, "a"] * 20, "category"),
        ("x", ["a", "b"] * 20, "category"),
        ("x", pd.Categorical([1, 2] * 20), "category"),
        ("x", ["a few words of an answer", "another answer of words"] * 20, "category"),
        ("x", [f"a text of several words, the {i}th" for i in range(40)], "text"),
        ("x", pd.date_range("2020", periods=40), "date"),
        ("x", [datetime.date(2020, 1, 1 + i % 20) for i in range(40)], "date"),
        ("x", [f"2020-01-{1 + i % 28:02}T12:00:{i}.5Z" for i in range(10, 50)], "date"),
        ("x", ["2020-02-30", "2020-01-01"] * 20, "category"),
        ("x", [f"user{i}" for i in range(40)], "drop"),
        ("x", list(range(100, 140)), "drop"),
        ("user_id", [i * i for i in range(40)], "drop"),
        ("price", [i * i for i in range(40)], "number"),
        ("width", [3, 9, 4], "number"),
        ("x", [1] * 40, "drop"),
        ("x", [None] * 40, "drop"),
        ("x", ["a", "a", None, "a"], "category"),
    ],
)
def test_roles_are_guessed(name: str, column: Any, role: str) -> None:
    assert guess_role(name, pd.Series(column))[0] == role


def fit_table(table: pd.DataFrame, columns: dict[str, str] | None = None) -> TableEncoder:
    encoder = fit_encoder("table", read_rows(table), FeatureSettings(columns or {}))
    assert isinstance(encoder, TableEncoder)
    return encoder


def test_roles_can_be_overruled() -> None:
    encoder = fit_table(TABLE, {"age": "category", "note": "drop", "same": "number"})
    assert encoder.roles == {
        "age": "category",
        "town": "category",
        "when": "date",
        "member": "number",
        "same": "number",
    }
    assert encoder.dropped == {"note": "as asked"}
    with pytest.raises(ConfigError, match="found 'int' for 'age'"):
        fit_table(TABLE, {"age": "int"})
    with pytest.raises(ConfigError, match=r"columns names \['agee'\]"):
        fit_table(TABLE, {"agee": "number"})


def test_missing_numbers_stand_at_the_mean_and_are_flagged() -> None:
    encoded = values(fit_table(TABLE[["age"]]).transform(read_rows(TABLE[["age"]])))
    scale = np.std([20, 40, 30])
    np.testing.assert_allclose(encoded[:, 0], [-10 / scale, 0.0, 10 / scale, 0.0])
    assert encoded[:, 1].tolist() == [0.0, 1.0, 0.0, 0.0]


def test_unknown_categories_are_zero_and_missing_ones_flagged() -> None:
    encoder = fit_table(TABLE[["town"]])
    encoded = encoder.transform(read_rows(pd.DataFrame({"town": ["Oslo", "Rome", None, "Bonn"]})))
    assert values(encoded).tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]]


def test_integer_categories_stay_the_same_beside_missing_values() -> None:
    table = pd.DataFrame({"zip": [10, 20, 10, 20]})
    encoder = fit_table(table, {"zip": "category"})
    with_gap = read_rows(pd.DataFrame({"zip": [10, None, 20]}))  # floats: 10.0, nan, 20.0
    assert values(encoder.transform(with_gap)).tolist() == [[1, 0], [0, 0], [0, 1]]


def test_only_the_most_frequent_of_very_many_categories_are_kept() -> None:
    column = pd.Series([f"c{i:05}" for i in range(MAX_CATEGORIES + 5)] + ["zz", "zz"])
    encoder = CategoryColumn.fit("x", column, FeatureSettings())
    assert len(encoder.categories) == MAX_CATEGORIES
    assert "zz" in encoder.categories


def test_dates_are_read_from_strings_and_in_any_time_zone() -> None:
    noon = [datetime.datetime(2020, 1, 1, 12, tzinfo=datetime.UTC).timestamp()]
    for column in (["2020-01-01 12:00"], ["2020-01-01T13:00:00+01:00"]):
        assert read_dates("d", pd.Series(column)).tolist() == noon
    zoned = pd.Series(pd.to_datetime(["2020-01-01 12:00"]).tz_localize("Asia/Tokyo"))
    assert read_dates("d", zoned)[0] == noon[0] - 9 * 3600
    with pytest.raises(DataError, match="column 'd' must hold dates, found 'soon' in row 1"):
        read_dates("d", pd.Series(["2020-01-01", "soon"]))


def test_wide_tables_are_sparse() -> None:
    texts = [f"unique{i} word{i} of{i} text{i} and more{i}" for i in range(100)]
    encoder = fit_table(pd.DataFrame({"x": np.arange(100.0) ** 2, "t": texts}))
    matrix = encoder.transform(read_rows(pd.DataFrame({"x": [1.0], "t": ["word1"]})))
    assert sp.issparse(matrix)


def test_columns_must_be_those_of_fit() -> None:
    encoder = fit_table(TABLE)
    with pytest.raises(DataError, match=r"lacks the columns \['age', 'town'\]"):
        encoder.transform(read_rows(TABLE.drop(columns=["age", "town"])))
    with pytest.raises(DataError, match=r"not fitted on: \['gold'\]"):
        encoder.transform(read_rows(TABLE.assign(gold=1)))
    reordered = TABLE[TABLE.columns[::-1]].drop(columns="same")  # which was left out anyway
    assert np.array_equal(
        values(encoder.transform(read_rows(reordered))), values(encoder.transform(read_rows(TABLE)))
    )


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (["x", "1", "2", "3"], "column 'age' must hold numbers, found 'x' in row 0"),
        ([1.0, np.inf, 2.0, 3.0], "column 'age' must hold finite numbers, found inf in row 1"),
    ],
)
def test_values_of_another_type_are_named(column: list[Any], message: str) -> None:
    encoder = fit_table(TABLE)
    with pytest.raises(DataError, match=message):
        encoder.transform(read_rows(TABLE.assign(age=column)))


def test_tables_that_cannot_be_used_are_named() -> None:
    with pytest.raises(DataError, match=r"column 'v' holds list values.*np.stack"):
        fit_table(pd.DataFrame({"v": [[1, 2], [3, 4]]}))
    with pytest.raises(DataError, match="'a' is constant; 'b' is empty"):
        fit_table(pd.DataFrame({"a": [1, 1], "b": [None, None]}))
    with pytest.raises(DataError, match="column 'b' as text: no text has a single word"):
        fit_table(pd.DataFrame({"a": [1, 2], "b": [None, None]}), {"b": "text"})
