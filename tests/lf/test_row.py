from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from weaklabel.errors import DataError
from weaklabel.lf import MissingFieldError
from weaklabel.lf.row import MISSING, ExtendedRow, RowSet, as_row


class Table:
    """Columns that count how often each is fetched."""

    def __init__(self, columns: dict[Any, list[Any]]) -> None:
        self.columns = columns
        self.fetched: list[Any] = []

    @property
    def n_rows(self) -> int:
        return len(next(iter(self.columns.values())))

    def column(self, name: Any) -> Sequence[Any] | None:
        self.fetched.append(name)
        return self.columns.get(name)

    def fields(self, position: int) -> tuple[Any, ...]:
        return tuple(n for n, values in self.columns.items() if values[position] is not MISSING)


def test_a_column_is_fetched_when_touched_and_once() -> None:
    table = Table({"text": ["a", "b"], "other": [1, 2]})
    rows = RowSet(table).rows
    assert table.fetched == []
    assert [row.text for row in rows] == ["a", "b"]
    assert [row["text"] for row in rows] == ["a", "b"]
    assert table.fetched == ["text"]


@pytest.mark.parametrize("touched", [{}, {"text": None}, {"text": None, "no such": None}])
def test_columns_known_from_before_change_nothing(touched: dict[str, None]) -> None:
    rows = RowSet(Table({"text": ["a", "b"], "n": [1, 2]}), dict(touched)).rows
    assert [(row.text, row["n"]) for row in rows] == [("a", 1), ("b", 2)]
    with pytest.raises(MissingFieldError):
        _ = rows[0].txt


def test_touched_columns_are_remembered() -> None:
    touched: dict[str, None] = {}
    rows = RowSet(Table({"text": ["a"], "n": [1]}), touched).rows
    _ = rows[0].n
    assert list(touched) == ["n"]


@pytest.mark.parametrize(
    "name",
    ["a b", "1st", "class", "__class__", "__dict__", "_weaklabel_rows", "fetch", "", "Ärger", 7],
)
def test_any_column_name_can_be_read_with_brackets(name: Any) -> None:
    for touched in ({}, {name: None} if isinstance(name, str) else {}):
        rows = RowSet(Table({name: ["value"], "text": ["t"]}), touched).rows
        assert rows[0][name] == "value"
        assert name in rows[0]
        assert rows[0].text == "t"


@pytest.mark.parametrize("name", ["get", "keys", "items", "columns", "rows", "close", "name"])
def test_a_column_named_like_a_method_is_the_column(name: str) -> None:
    row = RowSet(Table({name: ["value"]})).rows[0]
    assert getattr(row, name) == "value"


def test_a_missing_field_names_itself_and_the_fields_there_are() -> None:
    row = as_row({"text": "a", "title": "b"})
    with pytest.raises(MissingFieldError) as caught:
        _ = row.txt
    assert str(caught.value) == (
        "the row has no field 'txt' (did you mean 'text'?); the fields are 'text', 'title'"
    )
    assert isinstance(caught.value, DataError)
    with pytest.raises(KeyError):
        _ = row["author"]
    assert getattr(row, "author", "nobody") == "nobody"
    assert not hasattr(row, "author")


def test_rows_of_dicts_may_lack_fields() -> None:
    rows = RowSet(Table({"text": ["a", MISSING, None], "n": [1, 2, 3]})).rows
    assert rows[0].text == "a"
    assert rows[2].text is None
    with pytest.raises(MissingFieldError, match=r"no field 'text'; the fields are 'n'"):
        _ = rows[1].text
    assert ["text" in row for row in rows] == [True, False, True]


def test_a_row_cannot_be_changed() -> None:
    row = as_row({"text": "a"})
    with pytest.raises(AttributeError, match="rows are read-only"):
        row.text = "b"
    with pytest.raises(AttributeError, match="rows are read-only"):
        ExtendedRow(row, {"n": 1}).n = 2
    assert row.text == "a"


def test_a_row_iterates_over_its_field_names_and_shows_itself() -> None:
    row = as_row({"text": "a", "n": 1})
    assert list(row) == ["text", "n"]
    assert {name: row[name] for name in row} == {"text": "a", "n": 1}
    assert repr(row) == "Row(text='a', n=1)"


def test_rows_still_answer_after_their_batch_was_closed() -> None:
    row_set = RowSet(Table({"text": ["a", "b"], "n": [1, 2]}))
    kept = row_set.rows[1]
    row_set.close()
    assert (kept.text, kept.n) == ("b", 2)


def test_an_extended_row_adds_fields_and_hides_none() -> None:
    row = ExtendedRow(as_row({"text": "a", "n": 1}), {"words": ["a"], "n": 5})
    assert (row.text, row["text"], row.words, row["words"], row.n) == ("a", "a", ["a"], ["a"], 5)
    assert list(row) == ["text", "n", "words"]
    assert "words" in row
    assert "text" in row
    with pytest.raises(MissingFieldError, match="the fields are 'text', 'n', 'words'"):
        _ = row.title


def test_an_object_can_be_extended_too() -> None:
    class Thing:
        text = "a"

    row = ExtendedRow(Thing(), {"n": 1})
    assert (row.text, row.n) == ("a", 1)
    assert not hasattr(row, "title")
