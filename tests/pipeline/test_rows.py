"""Rows are matched by id or by position, and whatever does not match is named."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from weaklabel.errors import ConfigError, DataError, LabelError
from weaklabel.pipeline import need_columns, positions_of, read_gold
from weaklabel.votes import VoteMatrix


def table(**columns) -> pa.Table:
    return pa.table(columns)


def objects(*values) -> np.ndarray:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


def test_by_id_in_any_order_and_with_rows_to_spare():
    rows = table(id=["c", "x", "a", "b"])
    assert positions_of(objects("a", "b", "c"), 3, rows, "id").tolist() == [2, 3, 0]


def test_ids_that_a_csv_turned_into_numbers_still_match():
    assert positions_of(objects("7", "3"), 2, table(id=[3, 7]), "id").tolist() == [1, 0]


def test_by_position_without_ids():
    assert positions_of(None, 2, table(x=[5, 6]), None).tolist() == [0, 1]
    assert positions_of(np.arange(2), 2, table(x=[5, 6]), None).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("ids", "rows", "id_column", "message"),
    [
        (
            objects("a", "q"),
            table(id=["a", "b"]),
            "id",
            r"1 of 2 ids are not in the column 'id' of D: 'q'$",
        ),
        (
            objects("a", "b"),
            table(id=["a", "a"]),
            "id",
            r"ids must be unique, found 'a' in rows 0 and 1 of the column 'id' of D",
        ),
        (
            objects("a", "b"),
            table(id=["a", None]),
            "id",
            r"the column 'id' of D has no id in row 1",
        ),
        (
            objects("a", "b"),
            table(id=["a", "b"]),
            None,
            r"the rows have ids \(the first is 'a'\); say which column of D",
        ),
        (
            objects("a", "b"),
            table(id=["a", "b"]),
            "key",
            r"there is no column 'key' in D; its columns are id",
        ),
        (None, table(x=[1]), None, r"their numbers must agree; found 2 rows and 1 in D"),
    ],
)
def test_what_does_not_match_is_an_error(ids, rows, id_column, message):
    with pytest.raises(DataError, match=message):
        positions_of(ids, 2, rows, id_column, "D")


def test_many_missing_ids_are_cut_short():
    wanted = objects(*(f"r{i}" for i in range(30)))
    with pytest.raises(DataError, match=r"30 of 30 ids .* 'r9' and 20 more$"):
        positions_of(wanted, 30, table(id=["a"]), "id")


def test_need_columns_names_all_that_are_missing():
    with pytest.raises(DataError, match="there is no column 'a', 'c' in D; its columns are b"):
        need_columns(["a", None, "b", "c"], ["b"], "D")


def test_gold_is_matched_by_id():
    votes = VoteMatrix.from_dense([[0], [1]], ["ham", "spam"], row_ids=["a", "b"])
    rows = table(id=["b", "z", "a"], y=["spam", "eggs-free", None])
    # The row z is not voted on, but its value is still no label of this task.
    with pytest.raises(
        LabelError, match=r"the gold label \(column 'y'\) 'eggs-free' at position 1"
    ):
        read_gold(votes, rows, "y", "id")
    rows = table(id=["b", "z", "a"], y=["spam", "ham", None])
    assert read_gold(votes, rows, "y", "id").tolist() == [-1, 1]


def test_gold_needs_both_the_data_and_the_column():
    votes = VoteMatrix.from_dense([[0], [1]])
    assert read_gold(votes, None, None, None) is None
    with pytest.raises(ConfigError, match="give --data DATA"):
        read_gold(votes, None, "y", None)
    with pytest.raises(ConfigError, match="give --gold COLUMN"):
        read_gold(votes, table(y=[0, 1]), None, None)
