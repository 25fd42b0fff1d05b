"""apply: every kind of rows gives the same votes, and what the rows carry arrives."""

from __future__ import annotations

import datetime
import enum
from collections import UserDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from weaklabel import (
    ABSTAIN,
    Confident,
    LabelingFunction,
    LabelSpace,
    Not,
    OneOf,
    Reason,
    apply,
    labeling_function,
    preprocessor,
)
from weaklabel.errors import ConfigError, CoverageWarning, LabelingFunctionError

ROWS = [
    {"id": "a", "text": "free money", "n": 2},
    {"id": "b", "text": "hello there", "n": None},
    {"id": "c", "text": None, "n": 5},
    {"id": "d", "text": "free hello", "n": 1},
]


@labeling_function
def free(x: Any) -> str | None:
    return "spam" if x.text is not None and "free" in x.text else None


@labeling_function
def hello(x: Any) -> str | None:
    return "ham" if x["text"] is not None and "hello" in x["text"] else None


@labeling_function
def many(x: Any) -> str | None:
    return "spam" if x.n is not None and x.n > 1 else None


LFS = [free, hello, many]
EXPECTED = [[1, -1, 1], [-1, 0, -1], [-1, -1, 1], [1, 0, -1]]


@dataclass
class Comment:
    id: str
    text: str | None
    n: int | None


def as_kinds(folder: Path) -> dict[str, Any]:
    frame = pd.DataFrame(ROWS)
    table = pa.Table.from_pylist(ROWS)
    frame.to_csv(folder / "rows.csv", index=False)
    frame.to_csv(folder / "rows.csv.gz", index=False)
    frame.to_csv(folder / "rows.tsv", index=False, sep="\t")
    pq.write_table(table, folder / "rows.parquet", row_group_size=3)
    return {
        "dicts": ROWS,
        "generator of dicts": (row for row in ROWS),
        "other mappings": [UserDict(row) for row in ROWS],
        "objects": [Comment(**row) for row in ROWS],
        "DataFrame": frame,
        "DataFrame of objects": frame.astype(object),
        "DataFrame of nullable types": frame.convert_dtypes(),
        "Arrow table": table,
        "record batch reader": table.to_reader(),
        "CSV": folder / "rows.csv",
        "CSV, a string": str(folder / "rows.csv"),
        "compressed CSV": folder / "rows.csv.gz",
        "TSV": folder / "rows.tsv",
        "Parquet": folder / "rows.parquet",
    }


@pytest.mark.parametrize("batch_size", [None, 1, 2, 3, 100])
@pytest.mark.parametrize(
    "kind",
    [
        "dicts", "generator of dicts", "other mappings", "DataFrame", "DataFrame of objects",
        "DataFrame of nullable types", "Arrow table", "record batch reader", "CSV",
        "CSV, a string", "compressed CSV", "TSV", "Parquet",
    ],
)  # fmt: skip
def test_every_kind_of_rows_gives_the_same_votes(
    tmp_path: Path, kind: str, batch_size: int | None
) -> None:
    rows = as_kinds(tmp_path)[kind]
    votes = apply(LFS, rows, labels=["ham", "spam"], id_column="id", batch_size=batch_size)
    assert votes.to_dense().tolist() == EXPECTED
    assert votes.ids.tolist() == ["a", "b", "c", "d"]
    assert votes.lf_names == ("free", "hello", "many")
    assert votes.lf_fingerprints == tuple(lf.fingerprint for lf in LFS)
    assert votes.faults == {}


def test_objects_arrive_as_they_are() -> None:
    rows = [Comment(**row) for row in ROWS]
    seen = []
    lf = LabelingFunction("look", lambda x: seen.append(x))
    with pytest.warns(CoverageWarning):
        votes = apply([lf], rows, labels=["a", "b"], id_column="id")
    assert all(one is other for one, other in zip(seen, rows, strict=True))
    assert votes.ids.tolist() == ["a", "b", "c", "d"]


def test_plain_strings_are_objects_too() -> None:
    lf = LabelingFunction("a", lambda text: 1 if "a" in text else 0)
    assert apply([lf], ["ab", "b"]).to_dense().tolist() == [[1], [0]]
    series = pd.Series(["ab", "b"], index=["r1", "r2"])
    votes = apply([lf], series)
    assert votes.to_dense().tolist() == [[1], [0]]
    assert votes.ids.tolist() == ["r1", "r2"]


# -- values ----------------------------------------------------------------------------------------


def values_seen(rows: Any, column: str = "v", **options: Any) -> list[Any]:
    seen: list[Any] = []
    lf = LabelingFunction("look", lambda x: seen.append(x[column]) or 0)
    apply([lf], rows, labels=["a", "b"], **options)
    return seen


@pytest.mark.parametrize(
    "values",
    [
        ["a", None],
        [1, 2],
        [True, False],
        [1.5, None],
        [[1, 2], []],
        [{"k": 1}, None],
        [datetime.date(2024, 1, 2), None],
        [b"x", None],
    ],
)
def test_python_values_arrive_from_arrow_and_parquet(tmp_path: Path, values: list[Any]) -> None:
    table = pa.table({"v": values})
    pq.write_table(table, tmp_path / "t.parquet")
    for rows in (table, tmp_path / "t.parquet", table.to_pylist()):
        seen = values_seen(rows)
        assert seen == values
        assert list(map(type, seen)) == list(map(type, values))


@pytest.mark.parametrize(
    "rows",
    [
        pd.DataFrame({"v": [float("nan"), 1.0]}),
        pd.DataFrame({"v": pd.Series([pd.NA, 1], dtype="Int64")}),
        pd.DataFrame({"v": pd.Series([pd.NaT, 1], dtype=object)}),
        pd.DataFrame({"v": pd.Series([None, 1], dtype=object)}),
        pa.table({"v": pa.array([float("nan"), 1.0])}),
        pa.table({"v": pa.array([None, 1])}),
        [{"v": float("nan")}, {"v": 1}],
        [{"v": np.float32("nan")}, {"v": 1}],
        [{"v": pd.NA}, {"v": 1}],
    ],
)
def test_a_missing_value_arrives_as_none(rows: Any) -> None:
    assert values_seen(rows) == [None, 1]


def test_pandas_keeps_its_own_values() -> None:
    frame = pd.DataFrame({"v": pd.to_datetime(["2024-01-02", None])})
    seen = values_seen(frame)
    assert seen == [pd.Timestamp("2024-01-02"), None]
    thing = object()
    assert values_seen(pd.DataFrame({"v": [thing]}))[0] is thing
    assert values_seen(pd.DataFrame({"v": pd.Categorical(["x", None])})) == ["x", None]


def test_columns_with_names_that_are_no_identifiers() -> None:
    frame = pd.DataFrame({"a b": [1], 7: [2], "class": [3], "__dict__": [4], "get": [5]})
    seen = []

    def look(x: Any) -> int:
        seen.append([x["a b"], x[7], x["class"], x["__dict__"], x["get"], x.get])
        return 0

    apply([LabelingFunction("look", look)], frame)
    assert seen == [[1, 2, 3, 4, 5, 5]]


def test_only_touched_columns_are_converted() -> None:
    class Counting(pd.DataFrame):
        asked: list[Any] = []  # noqa: RUF012

        @property
        def _constructor(self) -> Any:
            return Counting

        def __getitem__(self, key: Any) -> Any:
            Counting.asked.append(key)
            return super().__getitem__(key)

    frame = pd.DataFrame({"v": range(10), "w": range(10)})
    from weaklabel.applier.engine import answer_batch
    from weaklabel.applier.memory_batches import FrameBatch

    answer_batch(FrameBatch(Counting(frame)), [LabelingFunction("f", lambda x: x.v % 2)])
    assert Counting.asked == ["v"]


def test_the_input_is_left_as_it_was() -> None:
    frame = pd.DataFrame(ROWS)
    before = frame.copy(deep=True)
    apply(LFS, frame, labels=["ham", "spam"])
    pd.testing.assert_frame_equal(frame, before)


# -- preprocessors ---------------------------------------------------------------------------------


def test_a_preprocessor_runs_once_per_row_for_all_that_share_it() -> None:
    calls = []

    @preprocessor
    def words(x: Any) -> dict[str, Any]:
        calls.append(x.text)
        return {"words": x.text.split()}

    @preprocessor
    def size(x: Any) -> dict[str, Any]:
        return {"size": len(x.words)}

    lfs = [
        LabelingFunction("one", lambda x: len(x.words) % 2, preprocessors=(words,)),
        LabelingFunction("two", lambda x: x.size % 2, preprocessors=(words, size)),
        LabelingFunction("bare", lambda x: 0 if hasattr(x, "words") else 1),
    ]
    rows = [{"text": "a"}, {"text": "a b"}, {"text": "a b c"}]
    assert apply(lfs, rows).to_dense().tolist() == [[1, 1, 1], [0, 0, 1], [1, 1, 1]]
    assert calls == ["a", "a b", "a b c"]


def test_preprocessors_extend_objects() -> None:
    step = preprocessor(name="upper")(lambda x: {"upper": x.text.upper()})
    lf = LabelingFunction("f", lambda x: x.upper + x.text, preprocessors=(step,))
    assert apply([lf], [Comment("1", "a", 1)]).labels.names == ("Aa",)


# -- answers ---------------------------------------------------------------------------------------


class Kind(enum.Enum):
    HAM = 0
    SPAM = 1
    ABSTAIN = -1


class Code(enum.IntEnum):
    ABSTAIN = -1
    HAM = 0
    SPAM = 1


class Topic(enum.Enum):
    SPORT = "sport"
    TRADE = "trade"


def answering(*answers: Any, name: str = "f") -> LabelingFunction:
    return LabelingFunction(name, lambda x: answers[x["i"]])


def indices(n: int) -> list[dict[str, int]]:
    return [{"i": i} for i in range(n)]


@pytest.mark.parametrize(
    "answers",
    [
        (0, 1, -1, None),
        ("HAM", "SPAM", None, ABSTAIN),
        (Kind.HAM, Kind.SPAM, Kind.ABSTAIN, None),
        (Code.HAM, Code.SPAM, Code.ABSTAIN, -1),
        (np.int64(0), np.int8(1), np.int32(-1), None),
        (np.str_("HAM"), Code.SPAM, None, np.int64(-1)),
        (Kind.HAM, 1, -1, Kind.ABSTAIN),
    ],
)
def test_all_ways_to_name_a_class(answers: tuple[Any, ...]) -> None:
    votes = apply([answering(*answers)], indices(4), labels=["HAM", "SPAM"])
    assert votes.to_dense().tolist() == [[0], [1], [-1], [-1]]


@pytest.mark.parametrize(
    ("answers", "names"),
    [
        (("b", "a", None), ("a", "b")),
        ((0, 2, -1), ("0", "1", "2")),
        ((Kind.SPAM, Kind.SPAM, None), ("HAM", "SPAM")),
        ((Code.SPAM, -1, None), ("HAM", "SPAM")),
        ((Topic.TRADE, "sport", None), ("sport", "trade")),
        ((OneOf("a", "b"), Not("c"), Confident("d", 0.9)), ("a", "b", "c", "d")),
        ((np.int64(3), 1, None), ("0", "1", "2", "3")),
    ],
)
@pytest.mark.parametrize("batch_size", [None, 1])
def test_classes_are_inferred_from_the_answers(
    answers: tuple[Any, ...], names: tuple[str, ...], batch_size: int | None
) -> None:
    votes = apply([answering(*answers)], indices(3), batch_size=batch_size)
    assert votes.labels.names == names


def test_the_order_of_what_says_the_classes(tmp_path: Path) -> None:
    from weaklabel import load_pack

    path = tmp_path / "pack.py"
    text = (
        "from weaklabel import labeling_function\n@labeling_function\ndef f(x):\n    return 'b'\n"
    )
    path.write_text(text)
    rows = [{"i": 0}]
    assert apply(load_pack(path), rows).labels.names == ("b",)
    path.write_text(text + "LABELS = ['a', 'b']\n")
    assert apply(load_pack(path), rows).labels.names == ("a", "b")
    assert apply(load_pack(path), rows, labels=["b", "c"]).labels.names == ("b", "c")
    declared = LabelingFunction("f", lambda x: "b", labels=LabelSpace(["b", "z"]))
    assert apply([declared], rows).labels.names == ("b", "z")


def test_rich_votes_become_symbols_in_canonical_order() -> None:
    answers = (Reason("refused"), OneOf("b", "a"), Not("a"), Confident("c", 0.9), "a", OneOf("c"))
    lf = answering(*answers)
    votes = apply([lf], indices(6), labels=["a", "b", "c"])
    shown = [votes.alphabet.describe(int(code)) for code in votes.symbol]
    assert shown == [
        "abstain: refused", "one of a, b", "one of b, c", "c @ 0.85-0.95", "a", "c",
    ]  # fmt: skip
    backwards = apply([lf], indices(6)[::-1], labels=["a", "b", "c"], batch_size=1)
    assert backwards.alphabet == votes.alphabet


def test_equal_answers_of_different_types_are_told_apart() -> None:
    class Foreign(enum.IntEnum):
        OTHER = 1

    same = answering(1, Code.SPAM, np.int64(1), "SPAM")
    votes = apply([same], indices(4), labels=Code)
    assert votes.to_dense()[:, 0].tolist() == [1, 1, 1, 1]
    for odd in (True, 1.0, Foreign.OTHER):
        assert odd == 1
        with pytest.raises(LabelingFunctionError, match=f"answered .*{odd!r}.* on row 2"):
            apply([answering(1, Code.SPAM, odd, 1)], indices(4), labels=Code)


def test_a_pack_brings_its_id_column(tmp_path: Path) -> None:
    from weaklabel import load_pack

    path = tmp_path / "pack.py"
    path.write_text(
        "from weaklabel import labeling_function\nID_COLUMN = 'id'\n"
        "@labeling_function\ndef f(x):\n    return 'b'\n"
    )
    assert apply(load_pack(path), ROWS).ids.tolist() == ["a", "b", "c", "d"]
    assert apply(load_pack(path), [{"k": 1, "id": 2}], id_column="k").ids.tolist() == [1]


DAYS = ["2024-01-01 00:00:00", "2024-01-02 00:00:00"]


# -- ids -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        (None, None),
        (pd.RangeIndex(2), None),
        (pd.RangeIndex(100, 102), [100, 101]),
        (pd.RangeIndex(0, 4, 2), [0, 2]),
        ([5, 3], [5, 3]),
        (["x", "y"], ["x", "y"]),
        (pd.MultiIndex.from_tuples([("a", 1), ("a", 2)]), ["('a', 1)", "('a', 2)"]),
        (
            pd.to_datetime(["2024-01-01", "2024-01-02"]),
            ["2024-01-01 00:00:00", "2024-01-02 00:00:00"],
        ),
        ([1, "x"], ["1", "x"]),
        ([0.5, 1.0], ["0.5", "1.0"]),
    ],
)
def test_an_index_that_says_something_becomes_the_ids(index: Any, expected: Any) -> None:
    frame = pd.DataFrame({"v": [0, 1]}, index=index)
    votes = apply([LabelingFunction("f", lambda x: x.v)], frame)
    assert (None if votes.row_ids is None else votes.row_ids.tolist()) == expected


def test_an_id_column_beats_the_index() -> None:
    frame = pd.DataFrame({"v": [0, 1], "key": [8, 9]}, index=["x", "x"])
    votes = apply([LabelingFunction("f", lambda x: x.v)], frame, id_column="key")
    assert votes.row_ids is not None
    assert votes.row_ids.dtype == np.int64
    assert votes.row_ids.tolist() == [8, 9]


def test_settings_out_of_range_are_refused() -> None:
    for options, message in (
        ({"on_error": "skip"}, r"on_error must be one of \('raise', 'abstain'\), found 'skip'"),
        ({"n_jobs": 0}, "n_jobs must be at least 1, or -1 for all cores, found 0"),
        ({"n_jobs": 1.5}, "n_jobs must be at least 1"),
        ({"batch_size": 0}, "batch_size must be at least 1, found 0"),
        ({"progress": "yes"}, "progress must be True, False or None, found 'yes'"),
    ):
        with pytest.raises(ConfigError, match=message):
            apply(LFS, ROWS, labels=["ham", "spam"], **options)  # type: ignore[arg-type]


def test_a_bar_is_shown_when_asked_and_never_off_a_terminal(
    capfd: pytest.CaptureFixture[str],
) -> None:
    apply(LFS, ROWS, labels=["ham", "spam"], progress=True)
    assert "labeling: 100%" in capfd.readouterr().err
    apply(LFS, ROWS, labels=["ham", "spam"])
    apply(LFS, ROWS, labels=["ham", "spam"], progress=False)
    assert capfd.readouterr() == ("", "")
