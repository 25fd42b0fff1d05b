"""Column labeling functions as values: what they may return, on one row, and their fingerprints."""

from __future__ import annotations

import enum
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from weaklabel import LabelingFunction, Reason, column_labeling_function, preprocessor
from weaklabel.errors import ConfigError, LabelingFunctionError
from weaklabel.lf.column_votes import CodedVotes, NotVotesError, read_votes
from weaklabel.lf.formats import NoCommonTypeError, from_arrow, from_values


class Kind(enum.Enum):
    HAM = 0
    SPAM = 1


@column_labeling_function(labels=["ham", "spam"])
def link(text: Any) -> Any:
    return np.where(pc.match_substring(text, "http").fill_null(False), 1, -1)


def as_list(returned: Any, n_rows: int) -> list[Any]:
    votes = read_votes(returned, n_rows)
    return votes.to_list() if isinstance(votes, CodedVotes) else votes


CODES = [1, -1, 0]
NAMES = ["spam", None, "ham"]


@pytest.mark.parametrize(
    "returned",
    [
        np.array(CODES),
        np.array(CODES, dtype=np.int8),
        np.ma.MaskedArray([1, 7, 0], mask=[False, True, False]),
        pd.Series(CODES),
        pd.Series([1, None, 0], dtype="Int64"),
        pa.array([1, None, 0]),
        pa.array([1, None, 0], pa.uint8()),
        pa.chunked_array([[1], [-1, 0]]),
        pa.array([1, -1, 0]).dictionary_encode().dictionary_decode(),
    ],
)
def test_codes_are_read_from_any_kind_of_integers(returned: Any) -> None:
    assert as_list(returned, 3) == [1, None, 0]


@pytest.mark.parametrize(
    "returned",
    [
        NAMES,
        tuple(NAMES),
        np.array(NAMES, dtype=object),
        pd.Series(NAMES, dtype=object),
        pd.Series(["spam", np.nan, "ham"], dtype=object),
        pd.Series(NAMES, dtype="str"),
        pd.Series(NAMES, dtype="category"),
        pa.array(NAMES),
        pa.array(NAMES, pa.large_string()),
        pa.array(NAMES).dictionary_encode(),
        pa.DictionaryArray.from_arrays([0, 1, 2], NAMES),
        pa.chunked_array([["spam"], [None, "ham"]]),
    ],
)
def test_names_are_read_from_any_kind_of_strings(returned: Any) -> None:
    assert as_list(returned, 3) == NAMES


def test_numpy_strings_enum_members_and_rich_votes_are_read() -> None:
    assert as_list(np.array(["ham", "spam"]), 2) == ["ham", "spam"]
    assert as_list([Kind.HAM, Reason("short")], 2) == [Kind.HAM, Reason("short")]
    assert as_list(np.array([Kind.HAM, None], dtype=object), 2) == [Kind.HAM, None]


def test_all_null_is_all_abstaining() -> None:
    assert as_list(pa.nulls(2), 2) == [None, None]
    assert as_list(np.array([], dtype=int), 0) == []


def test_codes_out_of_range_come_back_as_they_are_to_be_refused_by_name() -> None:
    assert as_list(np.array([-7, 5_000_000, -1]), 3) == [-7, 5_000_000, None]


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (np.zeros(2, dtype=int), r"returned 2 votes for 3 rows: it must return one vote for each"),
        ([0] * 4, r"returned 4 votes for 3 rows"),
        (np.zeros((3, 1), dtype=int), r"returned an array of shape \(3, 1\) for 3 rows"),
        (np.zeros(3), r"an array of float64: votes are class codes .*; use -1 instead of NaN"),
        (pd.Series([1.0, np.nan, 0.0]), r"returned an array of float64"),
        (pa.array([1.0, None, 0.0]), r"returned an array of double.*use -1 instead of NaN"),
        (np.array([True, False, True]), r"array of bool: .*; make codes of it, as np.where\(mask"),
        (pa.array([True, False, None]), r"returned an array of bool"),
        (pa.array([[1], [2], [3]]), r"returned an array of list<"),
        (pd.DataFrame({"a": CODES}), r"returned a single DataFrame"),
        (1, r"returned a single int: a column labeling function gets whole columns"),
        ("ham", r"returned a single str"),
        (None, r"returned None: a column labeling function gets whole columns and must return"),
        (pa.scalar(1), r"returned a single Int64Scalar"),
        ((x for x in CODES), r"returned a single generator"),
        (pd.Series(CODES, index=[2, 1, 0]), r"whose index is no longer 0 .. n-1: .*sort_index"),
    ],
)
def test_what_is_not_one_vote_per_row_is_refused(returned: Any, message: str) -> None:
    with pytest.raises(NotVotesError, match=message):
        read_votes(returned, 3)


def test_advice_about_floats_and_masks_works() -> None:
    assert as_list(np.where(np.array([True, False]), 1, -1), 2) == [1, None]
    assert as_list(np.array([1.0, -1.0]).astype(int), 2) == [1, None]
    assert as_list(pd.Series(CODES, index=[0, 2, 1]).sort_index(), 3) == [1, 0, None]


# -- on one row ------------------------------------------------------------------------------------


def test_it_can_be_tried_on_one_row() -> None:
    assert (link({"text": "see http://x"}), link({"text": None})) == (1, None)
    assert link.columns == ("text",)


def test_a_wrong_answer_on_one_row_names_the_function() -> None:
    lf = LabelingFunction("f", lambda text: 1, columns=("text",))
    with pytest.raises(LabelingFunctionError, match="labeling function 'f' returned a single int"):
        lf({"text": "a"})


def test_columns_default_to_the_parameters_that_are_not_resources() -> None:
    @column_labeling_function(resources={"limit": 3}, format="numpy")
    def dear(price: Any, amount: Any, limit: int, *, unused: int = 0) -> Any:
        return np.where(price * amount > limit, 0, -1)

    assert dear.columns == ("price", "amount")
    assert (dear({"price": 2, "amount": 2}), dear({"price": 1, "amount": 1})) == (0, None)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"columns": ()}, "must read at least one column"),
        ({"columns": "a", "format": "polars"}, "must be one of .*found 'polars'"),
        ({"together": lambda lfs: None}, r"has together=, which needs columns="),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=f"labeling function 'f'.*{message}"):
        LabelingFunction("f", lambda a: a, **settings)


def test_parameters_that_are_not_known_ask_for_columns() -> None:
    with pytest.raises(ConfigError, match=r"must read at least one column; pass columns="):
        column_labeling_function(name="f")(lambda *columns: columns)
    lf = column_labeling_function(name="f", columns=["a"])(lambda *columns: [0])
    assert lf({"a": 1}) == 0


@pytest.mark.parametrize("form", ["arrow", "pandas", "numpy", "list"])
def test_what_a_batched_preprocessor_made_arrives_as_it_made_it(form: Any) -> None:
    @preprocessor(batched=True)
    def measured(text: Any) -> dict[str, Any]:
        return {"size": np.array([len(t) for t in text])}

    seen = []

    @column_labeling_function(preprocessors=measured, format=form)
    def long(size: Any, text: Any) -> Any:
        seen.append(type(size))
        return np.where(size > 2, 1, -1)

    assert (long({"text": "abc"}), long({"text": "a"})) == (1, None)
    assert seen == [np.ndarray, np.ndarray]


# -- fingerprints ----------------------------------------------------------------------------------


def rule(a: Any, b: Any = None) -> Any:
    return a


def other_together(lfs: Any) -> Any:
    return None


def test_the_fingerprint_knows_columns_format_and_scan() -> None:
    base = LabelingFunction("f", rule, columns=("a",))
    others = [
        LabelingFunction("f", rule),
        LabelingFunction("f", rule, columns=("b",)),
        LabelingFunction("f", rule, columns=("a", "b")),
        LabelingFunction("f", rule, columns=("a",), format="list"),
        LabelingFunction("f", rule, columns=("a",), together=other_together),
    ]
    prints = {lf.fingerprint for lf in (base, *others)}
    assert len(prints) == 6
    assert LabelingFunction("g", rule, columns="a").fingerprint == base.fingerprint


def test_a_batched_preprocessor_has_another_fingerprint_than_one_of_rows() -> None:
    by_row = preprocessor(rule)
    assert by_row.fingerprint != preprocessor(columns=["a"])(rule).fingerprint
    assert (
        preprocessor(columns=["a"])(rule).fingerprint
        != preprocessor(columns=["a"], format="arrow")(rule).fingerprint
    )


# -- forms -----------------------------------------------------------------------------------------


def test_forms_of_numbers_with_and_without_missing_values() -> None:
    whole, holed = pa.array([1, 2]), pa.array([1, None])
    assert from_arrow(whole, "numpy").dtype == np.int64
    assert from_arrow(holed, "numpy").tolist()[0] == 1.0
    assert np.isnan(from_arrow(holed, "numpy")[1])
    assert from_arrow(holed, "pandas").dtype == np.float64
    assert from_arrow(holed, "list") == [1, None]
    assert from_arrow(pa.array([2**60, None]), "list") == [2**60, None]
    assert from_arrow(pa.array(["a", None]), "numpy").tolist() == ["a", None]
    assert from_arrow(pa.array(["a", None]).dictionary_encode(), "numpy").tolist() == ["a", None]


def test_values_without_a_common_type_are_objects_or_refused() -> None:
    mixed = [1, "a", None]
    assert from_values(mixed, "list", "c") == mixed
    assert from_values(mixed, "numpy", "c").tolist() == mixed
    assert from_values(mixed, "pandas", "c").tolist() == mixed
    assert from_values([[1], [2]], "list", "c") == [[1], [2]]
    with pytest.raises(NoCommonTypeError, match=r"column 'c' have no common.*format='list'"):
        from_values(mixed, "arrow", "c")
