"""Bad labeling functions and bad rows: the message names what is wrong and what to do."""

from __future__ import annotations

import enum
import traceback
from typing import Any

import numpy as np
import pandas as pd
import pytest

from weaklabel import LabelingFunction, OneOf, apply, labeling_function, preprocessor
from weaklabel.errors import (
    ConfigError,
    CoverageWarning,
    DataError,
    LabelError,
    LabelingFunctionError,
)

ROWS = [{"id": f"r{i}", "text": t} for i, t in enumerate(["a", "b", None, "d"])]


@labeling_function
def needs_text(x: Any) -> int:
    return 1 if "a" in x.text else 0


@labeling_function
def fine(x: Any) -> int:
    return 0


def answering(*answers: Any, name: str = "f") -> LabelingFunction:
    return LabelingFunction(name, lambda x: answers[x["i"]])


def indices(n: int) -> list[dict[str, int]]:
    return [{"i": i} for i in range(n)]


# -- a labeling function that raises ---------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [None, 1, 3])
def test_raise_names_function_row_cause_and_line(batch_size: int | None) -> None:
    with pytest.raises(LabelingFunctionError) as caught:
        apply([fine, needs_text], ROWS, id_column="id", batch_size=batch_size)
    message = str(caught.value)
    assert message.startswith(
        "labeling function 'needs_text' failed on row 'r2': TypeError: argument of type 'NoneType'"
    )
    assert "test_failures.py, line " in message
    assert 'return 1 if "a" in x.text else 0' in message
    assert message.endswith("a missing value arrives as None, so test for it first")
    assert (caught.value.lf_name, caught.value.row_id) == ("needs_text", "r2")
    assert isinstance(caught.value.__cause__, TypeError)
    frames = traceback.extract_tb(caught.value.__cause__.__traceback__)
    assert frames[-1].name == "needs_text"


@pytest.mark.parametrize("batch_size", [None, 1, 2])
def test_abstain_counts_and_keeps_the_first(batch_size: int | None) -> None:
    rows = [*ROWS, {"id": "r4", "text": None}]
    votes = apply(
        [needs_text, fine], rows, id_column="id", on_error="abstain", batch_size=batch_size
    )
    assert votes.to_dense().tolist() == [[1, 0], [0, 0], [-1, 0], [0, 0], [-1, 0]]
    record = votes.faults["needs_text"]
    assert (record.count, record.first_row) == (2, "r2")
    assert record.error.startswith("TypeError: argument of type 'NoneType'")
    assert 'return 1 if "a" in x.text else 0' in record.traceback
    assert "engine.py" not in record.traceback
    assert list(votes.faults) == ["needs_text"]


@pytest.mark.parametrize("on_error", ["raise", "abstain"])
def test_no_row_is_asked_twice(on_error: Any) -> None:
    asked = []

    def picky(x: Any) -> int:
        asked.append(x.i)
        if x.i % 3 == 2:
            raise ValueError(x.i)
        return 0

    lf = LabelingFunction("picky", picky)
    if on_error == "raise":
        with pytest.raises(LabelingFunctionError, match="on row 2: ValueError: 2"):
            apply([lf], indices(10), on_error=on_error)
        assert asked == [0, 1, 2]
    else:
        votes = apply([lf], indices(10), on_error=on_error)
        assert asked == list(range(10))
        assert votes.to_dense()[:, 0].tolist() == [0, 0, -1, 0, 0, -1, 0, 0, -1, 0]
        assert votes.faults["picky"].count == 3


@pytest.mark.parametrize("at", [0, 1, 2])
def test_stop_iteration_does_not_cut_the_rows_short(at: int) -> None:
    def stops(x: Any) -> int:
        if x.i == at:
            raise StopIteration
        return 0

    votes = apply([LabelingFunction("stops", stops)], indices(3), on_error="abstain")
    assert votes.to_dense()[:, 0].tolist() == [-1 if i == at else 0 for i in range(3)]
    assert votes.faults["stops"].count == 1
    with pytest.raises(LabelingFunctionError, match=f"on row {at}: .*StopIteration"):
        apply([LabelingFunction("stops", stops)], indices(3))


@pytest.mark.parametrize("batch_size", [1, 2, 3, 10])
def test_of_several_failures_the_first_row_is_reported(batch_size: int) -> None:
    def fails_at(k: int, name: str) -> LabelingFunction:
        return LabelingFunction(name, lambda x: 1 // (x.i != k))

    lfs = [fails_at(5, "late"), fails_at(3, "early"), fails_at(3, "same row")]
    with pytest.raises(LabelingFunctionError, match="'early' failed on row 3"):
        apply(lfs, indices(8), batch_size=batch_size)
    mixed = [fails_at(5, "late"), answering(*[0] * 4, "no", *[0] * 3, name="odd")]
    with pytest.raises(LabelingFunctionError, match="'odd' answered 'no' on row 4"):
        apply(mixed, indices(8), labels=["a", "b"], batch_size=batch_size)


def test_one_that_always_fails_is_named_in_a_warning() -> None:
    broken = LabelingFunction("broken", lambda x: x.text.foo)
    with pytest.warns(CoverageWarning, match=r"'broken' failed on every one of the 4 rows.*foo"):
        votes = apply([broken, fine], ROWS, on_error="abstain")
    assert votes.faults["broken"].count == 4


def test_a_missing_column_is_named_with_those_there_are() -> None:
    lf = LabelingFunction("reads_title", lambda x: x.title)
    for rows in (ROWS, pd.DataFrame(ROWS)):
        with pytest.raises(
            LabelingFunctionError,
            match=r"'reads_title' failed on row 0: .*no field 'title'.*fields are 'id', 'text'",
        ):
            apply([lf], rows)
        with pytest.raises(LabelingFunctionError, match=r"no field 'txt'.*did you mean 'text'"):
            apply([LabelingFunction("f", lambda x: x["txt"])], rows)


def test_a_failing_preprocessor_is_named_with_its_labeling_functions() -> None:
    @preprocessor
    def low(x: Any) -> dict[str, Any]:
        return {"low": x.text.lower()}

    lfs = [
        LabelingFunction("one", lambda x: 1 if x.low == "a" else 0, preprocessors=(low,)),
        LabelingFunction("two", lambda x: 0, preprocessors=(low,)),
        fine,
    ]
    with pytest.raises(
        LabelingFunctionError,
        match=r"'one' failed on row 2: PreprocessorError: preprocessor 'low' failed: Attri.*x.text",
    ):
        apply(lfs, ROWS)
    votes = apply(lfs, ROWS, on_error="abstain")
    assert votes.to_dense().tolist() == [[1, 0, 0], [0, 0, 0], [-1, -1, 0], [0, 0, 0]]
    assert {name: fault.count for name, fault in votes.faults.items()} == {"one": 1, "two": 1}


def test_interrupts_are_not_faults() -> None:
    def interrupted(x: Any) -> int:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        apply([LabelingFunction("f", interrupted)], ROWS, on_error="abstain")


# -- an answer that is not a label -----------------------------------------------------------------


class Other(enum.Enum):
    X = 0


@pytest.mark.parametrize("on_error", ["raise", "abstain"])
@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (True, r"True \(a bool\)"),
        (np.True_, r"np.True_ \(a bool\)"),
        (1.0, r"1.0 \(a float\)"),
        (np.float64(1), r"np.float64\(1.0\) \(a float64\)"),
        ([1], r"\[1\] \(a list\)"),
        (OneOf(["ham"]), r"OneOf\(\['ham'\]\) \(a OneOf\)"),
        ("eggs", "'eggs' on row 1: 'eggs' is not a label"),
        (2, "2 on row 1: 2 is not a label"),
        (-2, "-2 on row 1: -2 is not a label"),
        (10**30, "1000"),
        (Other.X, "<Other.X: 0> on row 1"),
        (OneOf("eggs"), r"OneOf\('eggs'\) on row 1: 'eggs' is not a label"),
        (OneOf(), r"OneOf\(\) on row 1"),
    ],
)
def test_it_is_named_with_row_and_allowed_labels(answer: Any, shown: str, on_error: Any) -> None:
    class Space(enum.Enum):
        ham = 0
        spam = 1

    with pytest.raises(
        LabelingFunctionError, match=f"^labeling function 'f' answered {shown}"
    ) as e:
        apply([answering(0, answer)], indices(2), labels=Space, on_error=on_error)
    assert "'ham' (0), 'spam' (1), or None/ABSTAIN (-1)" in str(e.value)
    assert (e.value.lf_name, e.value.row_id) == ("f", 1)


def test_it_is_found_before_the_remaining_rows_are_asked() -> None:
    asked = []

    def function(x: Any) -> Any:
        asked.append(x.i)
        return "eggs"

    with pytest.raises(LabelingFunctionError):
        apply([LabelingFunction("f", function)], indices(100), labels=["a"], batch_size=10)
    assert len(asked) == 10


def test_without_known_classes_the_types_are_named() -> None:
    with pytest.raises(LabelingFunctionError, match=r"on row 1: .*a class name, a class code"):
        apply([answering(0, 0.5)], indices(2))


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        (("a", 1), "mix names such as 'a' and codes such as 1.*pass labels="),
        ((Other.X, enum.Enum("Third", "Y").Y), "members of different enums, Other and Third"),
        ((None, -1), "no labeling function voted, so the classes are not known; pass labels="),
        ((0, 10**9), r"class codes are 0, 1, \.\.\. and -1 to abstain, found 1000000000"),
        ((0, -3), r"and -1 to abstain, found -3"),
    ],
)
def test_classes_that_cannot_be_inferred(answers: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        apply([answering(*answers)], indices(2))


def test_an_inferred_enum_refuses_what_it_does_not_have() -> None:
    with pytest.raises(LabelingFunctionError, match="answered 'Z' on row 1: 'Z' is not a label"):
        apply([answering(Other.X, "Z")], indices(2))


def test_classes_that_contradict_each_other() -> None:
    one = LabelingFunction("one", lambda x: 0, labels=["a", "b"])  # type: ignore[arg-type]
    two = LabelingFunction("two", lambda x: 0, labels=["b", "a"])  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"'two' votes on .*those of labeling function 'one' are"):
        apply([one, two], ROWS)
    with pytest.raises(ConfigError, match=r"'one' votes on .*but the labels given are \['x'\]"):
        apply([one], ROWS, labels=["x"])
    with pytest.raises(LabelError):
        apply([fine], ROWS, labels=["x", "x"])


def test_no_votes_at_all_is_a_warning() -> None:
    silent = LabelingFunction("silent", lambda x: None)
    with pytest.warns(CoverageWarning, match="no labeling function voted on any of the 4 rows"):
        votes = apply([silent], ROWS, labels=["a", "b"])
    assert votes.shape == (4, 1)


def test_only_one_class_ever_voted_is_fine_here() -> None:
    assert apply([fine], ROWS, labels=["a", "b"]).n_votes == 4


# -- rows ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "there are no rows to label: the list of rows is empty"),
        (pd.DataFrame({"text": []}), "there are no rows to label: the DataFrame is empty"),
        ({"text": "a"}, r"must be a list of rows, found a single dict; write \[row\]"),
        ("just a text", r"found the string 'just a text', which is neither; write \[row\]"),
        (b"bytes", "found a single bytes object"),
        (3, "rows must be a list of dicts or objects.*found int"),
        (None, "rows must be a list of dicts or objects.*found NoneType"),
        ([{"text": "a"}, "b"], "all dicts or all objects, found a str at position 1 among dicts"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "two columns named 'a'; rename one"),
    ],
)
def test_rows_that_cannot_be_used(rows: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        apply([fine], rows)


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (ROWS, {"id_column": "key"}, "no column 'key' for the row ids .*columns are 'id', 'text'"),
        (pd.DataFrame(ROWS), {"id_column": "key"}, "no column 'key'.* the DataFrame; .*'id'"),
        ([{"k": 1}, {"k": 2}, {"k": 1}], {"id_column": "k"}, "the column 'k' holds 1 in row 0 and"),
        ([{"k": 1}, {"k": None}], {"id_column": "k"}, "the column 'k' is empty in row 1"),
        ([{"k": 1}, {"j": 1}], {"id_column": "k"}, "the column 'k' is empty in row 1"),
        ([{"k": 1}, {"k": "1"}], {"id_column": "k"}, "holds '1' in row 0 and again in row 1"),
        (
            pd.concat([pd.DataFrame(ROWS)] * 2),
            {},
            r"the index of the DataFrame holds 0 in row 0 and again in row 4; "
            r"pass id_column=\.\.\., or number the rows anew with reset_index\(drop=True\)",
        ),
    ],
)
def test_ids_that_cannot_be_used(rows: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        apply([fine], rows, **options)


def test_bad_rows_are_found_before_any_labeling_function_runs() -> None:
    def never(x: Any) -> int:
        raise AssertionError("was asked")

    with pytest.raises(DataError):
        apply([LabelingFunction("f", never)], [{"k": 1}, {"k": 1}], id_column="k")
    with pytest.raises(ConfigError, match="unique names"):
        apply([fine, fine], ROWS)
    with pytest.raises(ConfigError, match="there are no labeling functions"):
        apply([], ROWS)
