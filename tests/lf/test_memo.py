"""Memoised preprocessors: the same results, computed once per distinct row."""

from __future__ import annotations

import multiprocessing
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from weaklabel import LabelingFunction, Preprocessor, apply, preprocessor
from weaklabel.errors import CacheWarning, ConfigError, LabelingFunctionError
from weaklabel.lf import PreprocessorError
from weaklabel.lf.memo import memoised

ROWS = [{"text": t} for t in ("a", "bb", "a", "ccc", "bb")]


class Noting:
    """Makes a memoised preprocessor that notes what it computes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seen: list[list[Any]] = []

    @property
    def fingerprint(self) -> str:
        return "notes"

    def step(self, answer: Any = len, form: Any = "list", version: str = "") -> Preprocessor:
        noting = self

        def measured(text: Any) -> dict[str, Any]:
            values = list(text) if form == "list" else text.to_pylist()
            noting.seen.append(values)
            return {"size": [answer(t) for t in values]}

        return preprocessor(columns=["text"], memo=self.path, format=form, version=version)(
            measured
        )


@pytest.fixture
def noting(tmp_path: Path) -> Noting:
    return Noting(tmp_path / "sizes.memo")


def sizes(step: Preprocessor, rows: Any = ROWS, **options: Any) -> list[int]:
    lf = LabelingFunction("f", lambda x: x.size, preprocessors=(step,))
    return apply([lf], rows, labels=list("abcdef"), **options).to_dense()[:, 0].tolist()


@pytest.mark.parametrize("form", ["list", "arrow"])
def test_each_distinct_row_is_computed_once(noting: Noting, form: Any) -> None:
    assert sizes(noting.step(form=form)) == [1, 2, 1, 3, 2]
    assert noting.seen == [["a", "bb", "ccc"]]
    assert sizes(noting.step(form=form), pd.DataFrame(ROWS[::-1]), batch_size=2) == [2, 3, 1, 2, 1]
    assert len(noting.seen) == 1
    assert sizes(noting.step(form=form), [*ROWS, {"text": "dddd"}])[-1] == 4
    assert noting.seen[1:] == [["dddd"]]


def test_another_version_or_code_starts_afresh(noting: Noting) -> None:
    sizes(noting.step())
    assert sizes(noting.step(version="2")) == [1, 2, 1, 3, 2]
    assert sizes(noting.step(lambda t: len(t) + 1)) == [2, 3, 2, 4, 3]
    assert [len(seen) for seen in noting.seen] == [3, 3, 3]


def test_it_works_in_processes_and_with_the_vote_cache(noting: Noting, tmp_path: Path) -> None:
    rows = [{"text": "x" * (i % 5)} for i in range(300)]
    expected = [i % 5 for i in range(300)]
    assert sizes(noting.step(), rows, n_jobs=2, batch_size=50) == expected
    assert sizes(noting.step(), rows) == expected
    assert noting.seen == []  # only the worker processes computed
    assert sizes(noting.step(), rows, cache=tmp_path / "cache") == expected


VALUES = [
    None, True, 3, 2**80, 1.5, float("inf"), "é\ud800", b"\x00\xff", [1, ["a"]], (1, (2,)),
    {"b", "a"}, frozenset({1}), {"k": {"l": [None]}}, np.arange(6).reshape(2, 3),
    np.float32(0.1), np.array([], dtype=np.int8), np.array(["a", "bc"]),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_values_come_back_as_they_were(tmp_path: Path, value: Any) -> None:
    step = preprocessor(name="p", columns=["i"], memo=tmp_path / "memo")(lambda i: {"v": [value]})
    for _ in range(2):
        found = step({"i": 1})["v"]
        assert type(found) is type(value) or isinstance(value, np.generic)
        assert np.array_equal(found, value) if isinstance(value, np.ndarray) else found == value
        if isinstance(value, np.ndarray | np.generic):
            assert found.dtype == value.dtype


def test_rows_of_one_array_come_back_as_one_array(tmp_path: Path) -> None:
    shapes = []

    def norm(vector: Any) -> Any:
        shapes.append((type(vector), vector.shape, vector.dtype))
        return np.where(np.linalg.norm(vector, axis=1) > 2, 1, 0)

    @preprocessor(columns=["x"], format="numpy", memo=tmp_path / "memo")
    def embedded(x: Any) -> dict[str, Any]:
        return {"vector": np.stack([x, x + 1], axis=1).astype(np.float32)}

    lf = LabelingFunction("f", norm, columns=("vector",), preprocessors=(embedded,))
    frame = pd.DataFrame({"x": [0.0, 3.0, 1.0]})
    for _ in range(2):
        assert apply([lf], frame).to_dense()[:, 0].tolist() == [0, 1, 1]
    assert shapes == [(np.ndarray, (3, 2), np.dtype(np.float32))] * 2


def test_arrow_results_are_kept_as_python_values(tmp_path: Path) -> None:
    step = preprocessor(name="p", columns=["i"], memo=tmp_path / "m")(lambda i: {"v": pa.array(i)})
    assert [step({"i": 7})["v"], step({"i": 7})["v"]] == [7, 7]


def test_rows_at_fault_are_not_kept(noting: Noting) -> None:
    rows = [*ROWS, {"text": None}]
    lf = LabelingFunction("f", lambda x: x.size, preprocessors=(noting.step(),))
    for _ in range(2):
        votes = apply([lf], rows, on_error="abstain", labels=list("abcd"))
        assert votes.to_dense()[:, 0].tolist() == [1, 2, 1, 3, 2, -1]
        assert votes.faults["f"].count == 1
    with pytest.raises(LabelingFunctionError, match="on row 5: PreprocessorError"):
        apply([lf], rows)


# -- bad input -------------------------------------------------------------------------------------


def test_a_preprocessor_of_rows_cannot_be_memoised(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'p' has memo=, which needs columns="):
        preprocessor(name="p", memo=tmp_path / "memo")(lambda x: {})


@pytest.mark.parametrize("on_error", ["raise", "abstain"])
def test_results_that_cannot_be_kept_are_refused_by_name(noting: Noting, on_error: Any) -> None:
    with pytest.raises(
        ConfigError, match=r"'measured' cannot be memoised: 'size' holds object obj"
    ):
        sizes(noting.step(lambda t: object()), on_error=on_error)


def test_rows_whose_content_cannot_be_seen_are_refused(noting: Noting) -> None:
    with pytest.raises(ConfigError, match=r"cannot be memoised: it reads generator objects, whose"):
        sizes(noting.step(), [{"text": (c for c in "ab")}])


def test_another_file_is_left_alone(noting: Noting, tmp_path: Path) -> None:
    noting.path.write_text("years of work")
    with pytest.raises(ConfigError, match="exists and is not a memo; choose another name"):
        sizes(noting.step())
    assert noting.path.read_text() == "years of work"
    noting.path.unlink()
    database = sqlite3.connect(noting.path)
    database.execute("CREATE TABLE mine (a)")
    database.close()
    with pytest.raises(ConfigError, match="exists and is not a memo"):
        sizes(noting.step())
    with pytest.raises(ConfigError, match="is a folder; give the name of a file"):
        sizes(Noting(tmp_path).step())
    with pytest.raises(ConfigError, match="does not exist; make it first"):
        sizes(Noting(tmp_path / "no" / "memo").step())


def test_a_damaged_file_is_set_aside_and_begun_anew(noting: Noting) -> None:
    sizes(noting.step())
    content = noting.path.read_bytes()
    noting.path.write_bytes(content[:100] + b"\xa5" * (len(content) - 100))
    with pytest.warns(
        CacheWarning, match=r"is damaged .*set aside as sizes.memo.damaged and begun"
    ):
        assert sizes(noting.step()) == [1, 2, 1, 3, 2]
    assert sizes(noting.step()) == [1, 2, 1, 3, 2]
    assert len(noting.seen) == 2


def test_a_file_that_cannot_be_written_costs_the_memo_and_not_the_result(
    noting: Noting, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes(noting.step(), ROWS[:1])
    locked = sqlite3.connect(noting.path, isolation_level=None)
    locked.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr("weaklabel.lf.memo._WAIT_SECONDS", 0.05)
    with pytest.warns(CacheWarning, match=r"could not be (read|written) \(database is locked\)"):
        assert sizes(noting.step()) == [1, 2, 1, 3, 2]
    locked.rollback()
    locked.close()
    assert sizes(noting.step()) == [1, 2, 1, 3, 2]


def test_the_error_of_the_function_is_its_own(noting: Noting) -> None:
    with pytest.raises(PreprocessorError, match="'measured' failed: ZeroDivisionError"):
        noting.step(lambda t: 1 // 0)({"text": "a"})


def test_processes_may_use_one_file_at_the_same_time(tmp_path: Path) -> None:
    script = """
        import sys
        from weaklabel import LabelingFunction, apply, preprocessor

        @preprocessor(columns=["i"], memo=sys.argv[1])
        def squared(i):
            return {"square": [v * v for v in i]}

        lf = LabelingFunction("f", lambda x: x.square % 3, preprocessors=(squared,))
        rows = [{"i": i} for i in range(4000)]
        votes = apply([lf], rows, batch_size=100)
        assert votes.to_dense()[:, 0].tolist() == [i * i % 3 for i in range(4000)]
    """
    (tmp_path / "run.py").write_text(textwrap.dedent(script))
    command = [sys.executable, "-W", "error", str(tmp_path / "run.py"), str(tmp_path / "memo")]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for process in running:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors


def use_new_files(folder: str, barrier: Any, errors: Any) -> None:
    for k in range(25):
        barrier.wait()
        try:
            columns = [[k, k + 1]]
            made = memoised(Path(folder) / f"{k}.memo", "p", "1", columns, 2, doubled)
            assert made == {"v": [2 * k, 2 * k + 2]}
        except BaseException as error:
            errors.put(repr(error))


def doubled(columns: Any, n_rows: int) -> dict[str, Any]:
    return {"v": [2 * v for v in columns[0]]}


def test_processes_may_make_one_file_at_the_same_time(tmp_path: Path) -> None:
    # Regression: one that saw the file between its mark and its table took it for another's.
    context = multiprocessing.get_context("spawn")
    barrier, errors = context.Barrier(4), context.Queue()
    arguments = (str(tmp_path), barrier, errors)
    running = [context.Process(target=use_new_files, args=arguments) for _ in range(4)]
    for process in running:
        process.start()
    for process in running:
        process.join(timeout=60)
        assert process.exitcode == 0
    assert errors.empty()
