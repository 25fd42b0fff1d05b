"""CSV and Parquet files: what they hold arrives, and damage is found before work starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from weaklabel import LabelingFunction, apply, csv_file
from weaklabel.applier import csv_rows, read_table
from weaklabel.errors import DataError


def never_asked(x: Any) -> int:
    raise AssertionError("a labeling function ran on rows that were not checked")


NEVER = [LabelingFunction("never", never_asked)]


def column(path: Path, name: str = "v", **options: Any) -> list[Any]:
    seen: list[Any] = []
    lf = LabelingFunction("look", lambda x: seen.append(x[name]) or 0)
    apply([lf], path, labels=["a", "b"], **options)
    return seen


def csv(folder: Path, text: str, name: str = "rows.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1", "-2", ""], [1, -2, None]),
        (["1", "2.5"], [1.0, 2.5]),
        (["1", "NA"], [1, None]),
        (["1e3", "-.5"], [1000.0, -0.5]),
        (["true", "False", ""], [True, False, None]),
        (["007", "1"], ["007", "1"]),
        (["123456789012345678901", "1"], ["123456789012345678901", "1"]),
        (["NA", "a"], ["NA", "a"]),
        (["null", "", "NaN"], ["null", None, "NaN"]),
        (['"a,b"', '"say ""x"""'], ["a,b", 'say "x"']),
        (['"two\nlines"', "b"], ["two\nlines", "b"]),
        (['""', '"1"'], [None, 1]),
        (["2024-01-01", "b"], ["2024-01-01", "b"]),
        (["ä", "日本"], ["ä", "日本"]),
    ],
)
@pytest.mark.parametrize("batch_size", [None, 1])
def test_cells_of_a_csv_file(
    tmp_path: Path, cells: list[str], values: list[Any], batch_size: int | None
) -> None:
    path = csv(tmp_path, "v,w\n" + "".join(f"{cell},x\n" for cell in cells))
    seen = column(path, batch_size=batch_size)
    assert seen == values
    assert list(map(type, seen)) == list(map(type, values))
    assert read_table(path).column("v").to_pylist() == values


def test_the_type_of_a_column_is_found_in_the_whole_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_file, "BLOCK_BYTES", 64)
    path = csv(tmp_path, "v,w\n" + "1,2\n" * 100 + "x,2.5\n")
    assert column(path) == ["1"] * 100 + ["x"]
    assert column(path, "w") == [2.0] * 100 + [2.5]
    assert len(list(csv_rows.CsvRows(path).batches())) > 3


def test_a_row_larger_than_a_block_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "BLOCK_BYTES", 64)
    long = "y" * 3000
    path = csv(tmp_path, f"v,w\na,1\nb,2\n{long},3\n")
    assert column(path) == ["a", "b", long]


def test_windows_files_and_byte_order_marks(tmp_path: Path) -> None:
    assert column(csv(tmp_path, "\ufeffv,w\r\na,1\r\nb,2\r\n")) == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"rows\.csv is empty; a CSV file starts with a line of column names"),
        (b"v,w\n", r"there are no rows to label: .*rows\.csv is empty"),
        (b"v,w\na,1\nb\n", r"rows\.csv cannot be read as CSV: .*Expected 2 columns, got 1"),
        (b"v,w\na,1\nb,2,3\n", "Expected 2 columns, got 3"),
        (b'v,w\na,1\n"b,2\n', r"rows\.csv cannot be read as CSV"),
        (b"v,w\n\xff\xfe,1\n", r"rows\.csv is not UTF-8 .*; convert it to UTF-8 first"),
        (b"v,v\na,1\n", r"rows\.csv has two columns named 'v'; rename one"),
    ],
)
def test_a_damaged_csv_file_is_refused_before_work(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        apply(NEVER, path)


def parquet(folder: Path, n_rows: int = 1000) -> Path:
    path = folder / "rows.parquet"
    rng = np.random.default_rng(0)
    table = pa.table({"v": rng.normal(size=n_rows), "k": np.arange(n_rows)})
    pq.write_table(table, path, row_group_size=100, compression="zstd")
    return path


def test_a_half_written_parquet_file_is_refused_before_work(tmp_path: Path) -> None:
    path = parquet(tmp_path)
    whole = path.read_bytes()
    for size in (0, 3, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(DataError, match=r"rows\.parquet is damaged, half-written or not a Par"):
            apply(NEVER, path)


def test_damage_inside_a_parquet_file_is_found_before_work(tmp_path: Path) -> None:
    path = parquet(tmp_path)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 200] = bytes(200)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"rows\.parquet is damaged"):
        apply(NEVER, path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere.csv", r"there is no file .*nowhere\.csv"),
        ("nowhere.parquet", r"there is no file .*nowhere\.parquet"),
        ("rows.xlsx", r"unknown kind; the kinds read are \.csv, .*\.parquet"),
        ("folder.csv", "is a folder; give the path of one file"),
    ],
)
def test_a_path_that_cannot_be_read(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "rows.xlsx").write_bytes(b"x")
    with pytest.raises(DataError, match=message):
        apply(NEVER, tmp_path / name)


def test_a_file_that_is_not_parquet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not a Parquet file"):
        apply(NEVER, csv(tmp_path, "v\n1\n", "rows.parquet"))


def test_ids_of_a_file(tmp_path: Path) -> None:
    path = csv(tmp_path, "k,v\n3,a\n1,b\n")
    lf = LabelingFunction("f", lambda x: 0)
    assert apply([lf], path, id_column="k").ids.tolist() == [3, 1]
    assert apply([lf], parquet(tmp_path), id_column="k").ids.tolist() == list(range(1000))
    with pytest.raises(DataError, match=r"no column 'key' .*rows\.csv; the columns are 'k', 'v'"):
        apply(NEVER, path, id_column="key")
    with pytest.raises(DataError, match="holds 3 in row 0 and again in row 2"):
        apply(NEVER, csv(tmp_path, "k,v\n3,a\n1,b\n3,c\n"), id_column="k")


def test_parquet_columns_with_dots_and_structs(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    table = pa.table({"a.b": [1, 2], "a": [{"b": 3, "c": 4}, None]})
    pq.write_table(table, path)
    assert column(path, "a.b") == [1, 2]
    assert column(path, "a") == [{"b": 3, "c": 4}, None]


@pytest.mark.parametrize("batch_size", [None, 7, 100, 1000])
def test_row_groups_and_batches_do_not_matter(tmp_path: Path, batch_size: int | None) -> None:
    path = parquet(tmp_path)
    frame = pd.read_parquet(path)
    assert column(path, batch_size=batch_size) == frame["v"].tolist()


def test_real_comments_read_as_pandas_reads_them(shared_data: Path) -> None:
    for path in sorted((shared_data / "raw" / "youtube_spam_collection").glob("*.csv")):
        frame = pd.read_csv(path)
        assert column(path, "CONTENT") == frame["CONTENT"].tolist()
        assert column(path, "CLASS") == frame["CLASS"].tolist()
