"""Column labeling functions and batched preprocessors in ``apply``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weaklabel import LabelingFunction, apply, column_labeling_function, preprocessor
from weaklabel.errors import LabelingFunctionError
from weaklabel.lf import PreprocessorError

TEXTS = st.one_of(st.none(), st.text(alphabet='ab \n,"é', max_size=6))
NUMBERS = st.one_of(st.none(), st.integers(-3, 3))
ROWS = st.lists(st.fixed_dictionaries({"text": TEXTS, "n": NUMBERS}), min_size=1, max_size=40)
LABELS = ["p", "q"]


def has_a(x: Any) -> Any:
    return "p" if x.text is not None and "a" in x.text else None


def positive(x: Any) -> Any:
    return None if x.n is None or x.n <= 0 else 1


def has_a_arrow(text: Any) -> Any:
    found = pc.match_substring(text, "a").fill_null(False)
    return pc.if_else(found, "p", pa.scalar(None, pa.string()))


def has_a_list(text: Any) -> Any:
    return ["p" if t is not None and "a" in t else None for t in text]


def positive_arrow(n: Any) -> Any:
    return pc.if_else(pc.greater(n, 0).fill_null(False), 1, -1)


def positive_numpy(n: Any) -> Any:
    return np.where(n > 0, 1, -1)


def positive_pandas(n: Any) -> Any:
    return (n > 0).map({True: 1, False: -1})


PAIRS = [
    (has_a, has_a_arrow, "arrow", "text"),
    (has_a, has_a_list, "list", "text"),
    (positive, positive_arrow, "arrow", "n"),
    (positive, positive_numpy, "numpy", "n"),
    (positive, positive_pandas, "pandas", "n"),
]
BOTH = [
    lf
    for k, (by_row, by_column, form, name) in enumerate(PAIRS)
    for lf in (
        LabelingFunction(f"row {k}", by_row),
        LabelingFunction(f"column {k}", by_column, columns=(name,), format=form),
    )
]


def check_pairs(rows: Any, **options: Any) -> None:
    dense = apply(BOTH, rows, labels=LABELS, on_error="raise", **options).to_dense()
    assert (dense[:, ::2] == dense[:, 1::2]).all()


@pytest.mark.filterwarnings("ignore:no labeling function voted")
@settings(deadline=None)
@given(ROWS, st.one_of(st.none(), st.integers(1, 45)))
def test_row_and_column_functions_of_one_rule_agree_whatever_the_batches(
    rows: list[dict[str, Any]], size: int | None
) -> None:
    if all(row["n"] is None for row in rows):
        rows[0]["n"] = 1  # a column without a single value has no type to compare by
    check_pairs(rows, batch_size=size)
    table = pa.table({"text": [r["text"] for r in rows], "n": pa.array([r["n"] for r in rows])})
    check_pairs(table.cast(pa.schema([("text", pa.string()), ("n", pa.int64())])), batch_size=size)


MANY = [{"text": t, "n": n} for t, n in zip("abc" * 100, [-1, 2, None] * 100, strict=True)]


def test_they_agree_on_every_kind_of_rows_and_in_processes(tmp_path: Path) -> None:
    frame = pd.DataFrame(MANY)
    frame.to_csv(tmp_path / "rows.csv", index=False)
    pq.write_table(pa.Table.from_pylist(MANY), tmp_path / "rows.parquet", row_group_size=70)
    shuffled = frame.sample(frac=1.0, random_state=0)
    for rows in (MANY, frame, shuffled, tmp_path / "rows.csv", tmp_path / "rows.parquet"):
        check_pairs(rows, batch_size=64)
        serial = apply(BOTH, rows, labels=LABELS)
        assert serial == apply(BOTH, rows, labels=LABELS, n_jobs=2)


def test_a_batch_without_a_value_has_the_type_of_the_column() -> None:
    rows = [{"text": None}, {"text": None}, {}, {"text": "a"}]
    kinds = []

    def kind(text: Any) -> Any:
        kinds.append(str(text.type))
        return np.full(len(text), 0)

    for given_rows in (rows, pd.DataFrame(rows)):
        apply([LabelingFunction("f", kind, columns=("text",))], given_rows, batch_size=1)
    assert len(kinds) == 8
    assert set(kinds[:4]) == {"string"}
    assert len(set(kinds[4:])) == 1


def test_nan_is_null_in_arrow() -> None:
    nulls = []

    def count(x: Any) -> Any:
        nulls.append(x.null_count)
        return np.zeros(len(x), dtype=int)

    lf = LabelingFunction("f", count, columns=("x",))
    for rows in (
        [{"x": 1.5}, {"x": float("nan")}, {"x": None}],
        pd.DataFrame({"x": [1.5, np.nan, None]}),
        pa.table({"x": [1.5, float("nan"), None]}),
    ):
        apply([lf], rows)
    assert nulls == [2, 2, 2]


def test_columns_of_objects_are_their_attributes() -> None:
    class Thing:
        def __init__(self, n: int) -> None:
            self.n = n

    lf = LabelingFunction("f", positive_arrow, columns=("n",))
    assert apply([lf], [Thing(1), Thing(-1)], labels=LABELS).to_dense().T.tolist() == [[1, -1]]


@pytest.mark.parametrize("form", ["pandas", "numpy", "list"])
@pytest.mark.parametrize("size", [1, 2, None])
def test_a_column_of_mixed_types_is_objects(form: Any, size: int | None) -> None:
    rows: list[dict[str, Any]] = [{"a": 1}, {"a": "x"}, {"a": None}, {"a": [2]}]
    lf = LabelingFunction("f", lambda a: [0 if v == 1 else None for v in a], ["k"], columns=("a",),
                          format=form)  # fmt: skip
    assert apply([lf], rows, batch_size=size).to_dense().T.tolist() == [[0, -1, -1, -1]]


@pytest.mark.parametrize("size", [1, None])
def test_a_column_of_mixed_types_cannot_be_arrow(size: int | None) -> None:
    lf = LabelingFunction("f", lambda a: [0] * len(a), columns=("a",))
    with pytest.raises(LabelingFunctionError, match=r"'f' cannot read its columns.*format='list'"):
        apply([lf], [{"a": 1}, {"a": "x"}], batch_size=size)


@pytest.mark.parametrize("on_error", ["raise", "abstain"])
def test_a_column_that_is_not_there_always_stops(on_error: Any) -> None:
    lf = LabelingFunction("f", lambda txt: [0], columns=("txt",))
    with pytest.raises(LabelingFunctionError, match=r"no field 'txt' \(did you mean 'text'\?\)"):
        apply([lf], MANY, on_error=on_error)


def test_ten_megabytes_in_one_cell() -> None:
    rows = [{"text": "b" * 10_000_000 + "a"}, {"text": "b"}]
    lf = LabelingFunction("f", has_a_arrow, columns=("text",))
    assert apply([lf], rows, labels=LABELS).to_dense().T.tolist() == [[0, -1]]


# -- failures --------------------------------------------------------------------------------------


@pytest.mark.parametrize("on_error", ["raise", "abstain"])
@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda n: [0], r"returned 1 votes for 7 rows in the batch that starts at row 0: it must"),
        (lambda n: np.zeros(len(n)), r"returned an array of float64 in the batch .* use -1 inst"),
        (lambda n: None, r"returned None in the batch that starts at row 0"),
        (lambda n: [True] * len(n), r"answered True \(a bool\) on row 0: that is not a label"),
        (lambda n: ["r"] * len(n), r"answered 'r' on row 0: 'r' is not a label; the labels are"),
        (lambda n: np.where(n == 3, 9, -1), r"answered 9 on row 3: 9 is not a label"),
    ],
)
def test_wrong_answers_always_stop_and_name_the_function(
    function: Any, message: str, on_error: Any
) -> None:
    lf = LabelingFunction("wrong", function, columns=("n",), format="numpy")
    rows = [{"n": i} for i in range(7)]
    with pytest.raises(LabelingFunctionError, match=f"labeling function 'wrong' {message}"):
        apply([lf], rows, labels=LABELS, on_error=on_error)


def fails_on_sevens(n: Any) -> Any:
    if any(v % 7 == 6 for v in n):
        raise ValueError("seven")
    return [v % 2 for v in n]


@pytest.mark.parametrize("size", [None, 1, 3, 10])
def test_faults_belong_to_rows_whatever_the_batches(size: int | None) -> None:
    lf = LabelingFunction("f", fails_on_sevens, columns=("n",), format="list")
    rows = [{"n": i} for i in range(50)]
    votes = apply([lf], rows, on_error="abstain", batch_size=size)
    expected = [-1 if i % 7 == 6 else i % 2 for i in range(50)]
    assert votes.to_dense()[:, 0].tolist() == expected
    record = votes.faults["f"]
    assert (record.count, record.first_row, record.error) == (7, "6", "ValueError: seven")
    assert "fails_on_sevens" in record.traceback
    assert "column_engine.py" not in record.traceback
    with pytest.raises(LabelingFunctionError, match=r"'f' failed on row 6: ValueError: seven"):
        apply([lf], rows, batch_size=size)


def test_a_function_that_looks_at_other_rows_is_found_out_where_it_fails() -> None:
    def only_small(n: Any) -> Any:
        if len(n) > 2:
            raise MemoryError("too many")
        return [0] * len(n)

    lf = LabelingFunction("f", only_small, columns=("n",), format="list")
    rows = [{"n": i} for i in range(4)]
    with pytest.raises(LabelingFunctionError, match=r"failed on 4 rows together .*MemoryError.*"
                       r"not on their halves.*pass a smaller batch_size"):  # fmt: skip
        apply([lf], rows, on_error="abstain")
    assert apply([lf], rows, batch_size=2).n_votes == 4


# -- shared work -----------------------------------------------------------------------------------


class Scans:
    """A ``together`` that notes what it was asked."""

    def __init__(self) -> None:
        self.prepared: list[tuple[str, ...]] = []
        self.scanned: list[int] = []

    def __call__(self, lfs: Any) -> Any:
        words = [lf.resources["word"] for lf in lfs]
        self.prepared.append(tuple(words))

        def scan(text: Any) -> Any:
            self.scanned.append(len(text))
            return [np.where([w in (t or "") for t in text], 0, -1) for w in words]

        return scan


def alone(text: Any, word: str) -> Any:
    return [0 if word in (t or "") else None for t in text]


def keyword(word: str, together: Any, **settings: Any) -> LabelingFunction:
    return LabelingFunction(
        f"has_{word}", alone, ["k"], {"word": word}, columns=("text",), format="list",
        together=together, **settings,
    )  # fmt: skip


def test_functions_that_share_a_scan_are_answered_by_one() -> None:
    scans = Scans()
    lfs = [keyword(w, scans) for w in "abz"]
    by_row = LabelingFunction("row", lambda x: 0 if x.text == "c" else None)
    votes = apply([lfs[0], by_row, *lfs[1:]], MANY, batch_size=100)
    assert scans.prepared == [("a", "b", "z")]
    assert scans.scanned == [100, 100, 100]
    unshared = apply([keyword(w, None) for w in "abz"], MANY)
    assert (votes.to_dense()[:, [0, 2, 3]] == unshared.to_dense()).all()


def test_a_scan_that_fails_is_not_the_end() -> None:
    def together(lfs: Any) -> Any:
        raise RuntimeError("no scan today")

    shared = apply([keyword(w, together) for w in "ab"], MANY)
    assert (shared.to_dense() == apply([keyword(w, None) for w in "ab"], MANY).to_dense()).all()


def test_a_scan_that_returns_too_little_is_an_error() -> None:
    lfs = [keyword(w, lambda lfs: lambda text: [[0] * len(text)]) for w in "a"]
    twice = [*lfs, LabelingFunction("two", alone, ["k"], {"word": "b"}, columns=("text",),
                                    format="list", together=lfs[0].together)]  # fmt: skip
    with pytest.raises(LabelingFunctionError, match="a scan that returned 1 arrays for 2 func"):
        apply(twice, MANY)


def test_only_equal_columns_formats_and_preprocessors_share() -> None:
    scans = Scans()
    step = preprocessor(name="s")(lambda x: {"other": 1})
    lfs = [keyword("a", scans), keyword("b", scans, preprocessors=(step,))]
    apply(lfs, MANY)
    assert sorted(scans.prepared) == [("a",), ("b",)]


# -- batched preprocessors -------------------------------------------------------------------------


def test_a_batched_preprocessor_runs_once_per_row_for_all_that_name_it() -> None:
    sizes = []

    @preprocessor(columns=["text"])
    def lowered(text: list[str]) -> dict[str, Any]:
        sizes.append(len(text))
        return {"low": [t.lower() for t in text], "size": np.array([len(t) for t in text])}

    @preprocessor
    def first(x: Any) -> dict[str, Any]:
        return {"first": x.low[0]}

    by_row = LabelingFunction("row", lambda x: 0 if x.low == "a" else None,
                              preprocessors=(lowered,))  # fmt: skip
    by_both = LabelingFunction("both", lambda x: 0 if x.first == "a" else None,
                               preprocessors=(lowered, first))  # fmt: skip

    @column_labeling_function(preprocessors=lowered, format="numpy")
    def long(size: Any) -> Any:
        return np.where(size > 1, 0, -1)

    @column_labeling_function(preprocessors=[lowered, first])
    def begins(first: Any) -> Any:
        return [0 if letter == "a" else None for letter in first]

    rows = [{"text": t} for t in ("A", "bb", "AB", "c")]
    votes = apply([by_row, by_both, long, begins], rows, labels=["k"], batch_size=2)
    assert votes.to_dense().T.tolist() == [
        [0, -1, -1, -1], [0, -1, 0, -1], [-1, 0, 0, -1], [0, -1, 0, -1],
    ]  # fmt: skip
    assert sizes == [2, 2]


@pytest.mark.parametrize("size", [None, 1, 2])
def test_rows_on_which_a_batched_preprocessor_fails_are_faults(size: int | None) -> None:
    @preprocessor(batched=True)
    def upper(text: list[str]) -> dict[str, Any]:
        return {"up": [t.upper() for t in text]}

    def by_column(up: Any) -> Any:
        return [0] * len(up)

    by_row = LabelingFunction("row", lambda x: 0, preprocessors=(upper,))
    column = LabelingFunction("column", by_column, preprocessors=(upper,), columns=("up",))
    rows = [{"text": t} for t in ("a", None, "b", "c", None)]
    votes = apply([by_row, column], rows, on_error="abstain", batch_size=size)
    assert votes.to_dense().T.tolist() == [[0, -1, 0, 0, -1]] * 2
    for name in ("row", "column"):
        assert (votes.faults[name].count, votes.faults[name].first_row) == (2, "1")
        assert votes.faults[name].error.startswith("PreprocessorError: preprocessor 'upper' failed")
    with pytest.raises(LabelingFunctionError, match=r"'row' failed on row 1: PreprocessorError"):
        apply([by_row, column], rows, batch_size=size)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ([1, 2], "must return a dict of new columns"),
        ({"a": 1}, "must return columns, found int for 'a'"),
        ({"a": "xy"}, "must return columns, found str for 'a'"),
        ({"a": [1, 2, 3]}, "returned 3 values of 'a' for 1 rows"),
    ],
)
def test_what_is_not_a_dict_of_columns_is_refused(answer: Any, message: str) -> None:
    step = preprocessor(name="odd", columns=["text"])(lambda text: answer)
    with pytest.raises(PreprocessorError, match=f"batched preprocessor 'odd' {message}"):
        step({"text": "a"})


def test_objects_of_a_data_frame_are_missing_in_one_way() -> None:
    seen = []

    def note(a: Any) -> Any:
        seen.extend(a.tolist())
        return np.zeros(len(a), dtype=int)

    frame = pd.DataFrame({"a": pd.Series(["x", np.nan, None, pd.NA, 1], dtype=object)})
    apply([LabelingFunction("f", note, columns=("a",), format="pandas")], frame)
    assert seen == ["x", None, None, None, 1]
