"""The vote cache: the same votes as without it, and nothing is asked twice."""

from __future__ import annotations

import enum
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.applier.test_invariants import LABELS, LFS, NUMBERS, TEXTS
from weaklabel import (
    Confident,
    LabelingFunction,
    Not,
    OneOf,
    Reason,
    VoteCache,
    VoteMatrix,
    apply,
    column_labeling_function,
    labeling_function,
    preprocessor,
)
from weaklabel.applier.chunks import LARGEST_CHUNK, SMALLEST_CHUNK, chunk_size
from weaklabel.errors import CacheWarning, ConfigError, LabelingFunctionError

ROWS = [{"text": f"row {i}", "n": i % 7} for i in range(3000)]


class Kind(enum.Enum):
    A = 0
    B = 1


class Asked:
    """Makes labeling functions that count calls, which their fingerprints do not see."""

    def __init__(self) -> None:
        self.n = 0

    @property
    def fingerprint(self) -> str:
        return "counts calls"

    def __call__(self, limit: int, value: Any = 1, version: str | None = None) -> LabelingFunction:
        asked = self

        def above(x: Any) -> Any:
            asked.n += 1
            return value if x["n"] > limit else None

        return LabelingFunction(f"above_{limit}", above, version=version)

    def during(self, *arguments: Any, **options: Any) -> tuple[int, VoteMatrix]:
        before = self.n
        votes = apply(*arguments, **options)
        return self.n - before, votes


@pytest.fixture
def asked() -> Asked:
    return Asked()


# -- the same votes, once --------------------------------------------------------------------------


def kinds_of(rows: list[dict[str, Any]], folder: Path) -> dict[str, Any]:
    frame = pd.DataFrame(rows)
    frame.to_csv(folder / "rows.csv", index=False)
    pq.write_table(pa.Table.from_pylist(rows), folder / "rows.parquet", row_group_size=700)
    return {
        "dicts": rows,
        "frame": frame,
        "shuffled": frame.sample(frac=1.0, random_state=3),
        "arrow": pa.Table.from_pylist(rows),
        "csv": folder / "rows.csv",
        "parquet": folder / "rows.parquet",
    }


@pytest.mark.parametrize("kind", ["dicts", "frame", "shuffled", "arrow", "csv", "parquet"])
def test_a_second_run_asks_nothing_and_gives_the_same(
    tmp_path: Path, asked: Asked, kind: str
) -> None:
    rows = kinds_of(ROWS, tmp_path)[kind]
    lfs = [asked(2), asked(4, 0)]
    expected = apply(lfs, rows, labels=["x", "y"])
    cache = tmp_path / "cache"
    n, votes = asked.during(lfs, rows, labels=["x", "y"], cache=cache)
    assert (n, votes == expected) == (6000, True)
    n, votes = asked.during(lfs, rows, labels=["x", "y"], cache=cache, batch_size=17)
    assert (n, votes == expected) == (0, True)
    assert list(votes.ids) == list(expected.ids)
    assert votes.lf_fingerprints == expected.lf_fingerprints


@settings(deadline=None, max_examples=40)
@given(st.lists(st.fixed_dictionaries({"text": TEXTS, "n": NUMBERS}), min_size=1, max_size=30))
def test_any_rows_faults_included(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    folder = tmp_path_factory.getbasetemp() / "shared cache"
    options: dict[str, Any] = {"labels": LABELS, "on_error": "abstain"}
    for given_rows in (rows, pd.DataFrame(rows), rows[::-1], rows * 2):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*(failed on every one|no labeling functi)")
            expected = apply(LFS, given_rows, **options)
            for _ in range(2):
                votes = apply(LFS, given_rows, cache=folder, **options)
                assert votes == expected
                assert dict(votes.faults) == dict(expected.faults)


def test_an_edited_function_is_the_only_one_that_is_asked(tmp_path: Path, asked: Asked) -> None:
    lfs = [asked(k) for k in range(5)]
    apply(lfs, ROWS, cache=tmp_path)
    lfs[2] = LabelingFunction("above_2", asked(6).function)
    cache = VoteCache(tmp_path)
    n, votes = asked.during(lfs, ROWS, cache=cache)
    assert n == cache.n_computed == 3000
    assert cache.n_reused == 12_000
    assert votes == apply(lfs, ROWS)
    assert asked.during([lfs[4], asked(9), lfs[0]], ROWS, cache=tmp_path)[0] == 3000


@pytest.mark.parametrize("n_before", [1, 500, 1024, 1500, 2999])
def test_appended_rows_are_the_only_ones_that_are_asked(
    tmp_path: Path, asked: Asked, n_before: int
) -> None:
    lfs = [asked(1), asked(3)]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="no labeling function voted")
        apply(lfs, ROWS[:n_before], cache=tmp_path, labels=["a", "b"])
    n, votes = asked.during(lfs, ROWS, cache=tmp_path, labels=["a", "b"])
    assert n == 2 * (3000 - n_before)
    assert votes == apply(lfs, ROWS, labels=["a", "b"])
    assert asked.during(lfs, ROWS, cache=tmp_path, labels=["a", "b"])[0] == 0


def test_rows_appended_again_and_again_and_an_edit_between(tmp_path: Path, asked: Asked) -> None:
    lfs = [asked(1), asked(3)]
    for before, after in ((0, 100), (100, 150), (150, 151), (151, 900), (900, 2200)):
        n, votes = asked.during(lfs, ROWS[:after], cache=tmp_path)
        assert n == 2 * (after - before)
        assert votes == apply(lfs, ROWS[:after])
    lfs[0] = asked(5)
    n, votes = asked.during(lfs, ROWS[:2500], cache=tmp_path)
    assert n == 2500 + 300
    assert votes == apply(lfs, ROWS[:2500])


def test_a_changed_row_is_asked_again_with_its_chunk_only(tmp_path: Path, asked: Asked) -> None:
    rows = [dict(row) for row in ROWS]
    apply([asked(1)], rows, cache=tmp_path)
    rows[1500]["text"] = "changed"
    assert asked.during([asked(1)], rows, cache=tmp_path)[0] == SMALLEST_CHUNK


def test_a_column_function_depends_on_its_columns_only(tmp_path: Path) -> None:
    seen = []

    def above(n: Any) -> Any:
        seen.append(len(n))
        return np.where(n > 3, 1, -1)

    lf = LabelingFunction("above", above, columns=("n",), format="numpy")
    apply([lf], ROWS[:1000], cache=tmp_path)
    other_text = [{**row, "text": "other", "extra": 1} for row in ROWS[:1000]]
    assert sum(seen) == 1000
    votes = apply([lf], other_text, cache=tmp_path)
    assert sum(seen) == 1000
    assert votes == apply([lf], other_text)
    apply([lf], [{**row, "n": row["n"] + 1} for row in ROWS[:1000]], cache=tmp_path)
    assert sum(seen) == 3000


def test_adding_a_column_function_leaves_row_functions_alone(tmp_path: Path, asked: Asked) -> None:
    column = LabelingFunction("c", lambda n: [0] * len(n), columns=("n",))
    apply([asked(1)], ROWS, cache=tmp_path)
    assert asked.during([asked(1), column], ROWS, cache=tmp_path)[0] == 0


def test_a_batched_preprocessor_counts_with_its_columns(tmp_path: Path) -> None:
    def make(words: int) -> LabelingFunction:
        @preprocessor(batched=True, resources={"words": words})
        def size(text: Any, words: int) -> dict[str, Any]:
            return {"size": [len(t.split()) + words for t in text]}

        return LabelingFunction(
            "f", lambda size: [v % 2 for v in size], columns=("size",), preprocessors=(size,)
        )

    rows = ROWS[:50]
    for words, extra in ((0, 50), (0, 0), (1, 50)):
        cache = VoteCache(tmp_path)
        assert apply([make(words)], rows, cache=cache) == apply([make(words)], rows)
        assert cache.n_computed == extra
    changed = [{**row, "text": row["text"] + " more", "n": 0} for row in rows]
    cache = VoteCache(tmp_path)
    assert apply([make(0)], changed, cache=cache) == apply([make(0)], changed)
    assert cache.n_computed == 50


def test_parallel_serial_and_cached_are_one(tmp_path: Path) -> None:
    frame = pd.DataFrame([*ROWS, *ROWS[:700]]).sample(frac=1.0, random_state=1)
    lfs = [LabelingFunction(f"f{k}", lambda x, k: k if x.n == k else None, resources={"k": k})
           for k in range(3)]  # fmt: skip
    lfs.append(column_labeling_function(format="numpy")(of_column))
    expected = apply(lfs, frame)
    half = apply(lfs[:2], frame, cache=tmp_path, n_jobs=2)
    assert half == apply(lfs[:2], frame)
    for n_jobs in (2, 1, 2):
        votes = apply(lfs, frame, cache=tmp_path, n_jobs=n_jobs)
        assert votes == expected
        assert list(votes.ids) == list(frame.index)


def of_column(n: Any) -> Any:
    return np.where(n > 4, 1, -1)


def test_equal_rows_share_their_votes(tmp_path: Path, asked: Asked) -> None:
    rows = [{"n": 5}] * (3 * SMALLEST_CHUNK)
    n, votes = asked.during([asked(1)], rows, cache=tmp_path)
    assert n == SMALLEST_CHUNK
    assert votes.n_votes == 3 * SMALLEST_CHUNK


def test_chunks_depend_on_the_position_only_and_grow() -> None:
    starts, start = [], 0
    while start < 2_000_000:
        starts.append(start)
        start += chunk_size(start)
    sizes = np.diff(starts)
    assert sizes[0] == SMALLEST_CHUNK
    assert sizes[-1] == LARGEST_CHUNK
    assert (np.diff(sizes) >= 0).all()
    later = sizes[32:]
    assert (later <= np.array(starts)[32:-1] / 16).all()


# -- what changes an answer changes the name -------------------------------------------------------


def test_a_changed_helper_version_or_resource_is_noticed(tmp_path: Path) -> None:
    def helper_one(n: int) -> bool:
        return n > 1

    def helper_two(n: int) -> bool:
        return n > 2

    def make(helper: Any, version: str | None = None, limit: int = 0) -> LabelingFunction:
        return LabelingFunction(
            "f", lambda x, limit: 0 if helper(x["n"]) and x["n"] > limit else None,
            resources={"limit": limit}, version=version,
        )  # fmt: skip

    for lf in (make(helper_one), make(helper_two), make(helper_one, "2"), make(helper_one, "2", 3)):
        cache = VoteCache(tmp_path)
        assert apply([lf], ROWS[:20], cache=cache) == apply([lf], ROWS[:20])
        assert (cache.n_computed, cache.n_reused) == (20, 0)


def test_a_resource_file_that_changed_is_noticed(tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    counts = []
    for text in ("1 2", "1 2", "3"):
        words.write_text(text)
        lf = LabelingFunction(
            "f", lambda x, path: 0 if str(x["n"]) in path.read_text() else None,
            resources={"path": words},
        )  # fmt: skip
        cache = VoteCache(tmp_path / "cache")
        assert apply([lf], ROWS[:20], cache=cache) == apply([lf], ROWS[:20])
        counts.append(cache.n_computed)
    assert counts == [20, 0, 20]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([{"a": 1}], [{"a": 1.0}]),
        ([{"a": 1}], [{"a": True}]),
        ([{"a": 1}], [{"a": "1"}]),
        ([{"a": 1}], [{"b": 1}]),
        ([{"a": None}], [{}]),
        ([{"a": 1, "b": 2}], [{"b": 2, "a": 1}]),
        ([{"a": "x"}], [{"a": b"x"}]),
        ([{"a": [1]}], [{"a": (1,)}]),
        ([{"a": ["xy", "z"]}], [{"a": ["x", "yz"]}]),
        ([{"a": "xy"}, {"a": "z"}], [{"a": "x"}, {"a": "yz"}]),
        ([{"a": 2**70}], [{"a": 2**70 + 1}]),
        ([{"a": 1}, {"a": 2.5}], [{"a": 1.0}, {"a": 2.5}]),
        ([{"a": "\ud800"}], [{"a": "\ud801"}]),
        ([{"a": np.array([1, 2])}], [{"a": np.array([1, 3])}]),
        ([{"a": {"k": 1}}], [{"a": {"k": 2}}]),
        ([{"a": Kind.A}], [{"a": Kind.B}]),
        ([{"a": pd.Timestamp("2020-01-01")}], [{"a": pd.Timestamp("2020-01-02")}]),
        (pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [1, 3]})),
        (pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [1.0, 2.0]})),
        (pd.DataFrame({"a": ["x", None]}), pd.DataFrame({"a": ["x", ""]})),
        (pd.DataFrame({"a": [1, 2]}), pa.table({"a": [1, 2]})),
        (pa.table({"a": [0, None]}), pa.table({"a": [0, 0]})),
        (pa.table({"a": [[1], [2, 3]]}), pa.table({"a": [[1, 2], [3]]})),
        (pa.table({"a": [{"k": 1}]}), pa.table({"a": [{"k": 2}]})),
        (pa.table({"a": [True, None]}), pa.table({"a": [True, False]})),
        (["x", "y"], ["x", "z"]),
    ],
)
def test_rows_that_a_function_could_tell_apart_are_told_apart(
    tmp_path: Path, one: Any, other: Any
) -> None:
    lf = LabelingFunction("f", lambda x: 0)
    for rows in (one, other):
        cache = VoteCache(tmp_path)
        apply([lf], rows, cache=cache)
        assert cache.n_reused == 0
    for rows in (one, other):
        cache = VoteCache(tmp_path)
        apply([lf], rows, cache=cache)
        assert cache.n_computed == 0


def test_equal_content_is_equal_however_it_lies_in_memory(tmp_path: Path, asked: Asked) -> None:
    table = pa.table({"n": [9, 1, 5, None, 7], "text": ["é", "a", None, "b", ""]})
    whole = table.slice(1, 3)
    in_pieces = pa.concat_tables([table.slice(1, 1), table.slice(2, 2)])
    copied = pa.Table.from_pylist(whole.to_pylist(), schema=table.schema)
    lf = LabelingFunction("f", lambda x: 0)
    counts = []
    for rows in (whole, in_pieces, copied):
        cache = VoteCache(tmp_path)
        apply([lf], rows, cache=cache)
        counts.append(cache.n_computed)
    assert counts == [3, 0, 0]


@dataclass
class Thing:
    n: int
    more: list[str]


def test_rows_that_are_objects_count_with_their_attributes(tmp_path: Path, asked: Asked) -> None:
    lf = LabelingFunction("f", lambda x: x.n % 2)
    for things, expected in (([1, 2], 2), ([1, 2], 0), ([1, 3], 2)):
        cache = VoteCache(tmp_path)
        rows = [Thing(n, ["a"]) for n in things]
        assert apply([lf], rows, cache=cache) == apply([lf], rows)
        assert cache.n_computed == expected


def test_rows_whose_content_cannot_be_seen_are_refused(tmp_path: Path) -> None:
    lf = LabelingFunction("f", lambda x: 0)
    with pytest.raises(ConfigError, match=r"but the column 'a' holds .*apply without cache="):
        apply([lf], [{"a": (i for i in "x")}], cache=tmp_path / "one")
    with pytest.raises(ConfigError, match=r"but the rows are .* objects, whose content"):
        apply([lf], [memoryview(b"x")], cache=tmp_path / "one")
    column = LabelingFunction("c", lambda n: [0], columns=("n",))
    assert apply([column], [{"a": (i for i in "x"), "n": 1}], cache=tmp_path / "one").n_votes == 1


# -- answers of every kind -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answers",
    [
        ["a", "b", None],
        [1, 0, -1],
        [np.int64(1), np.str_("a"), None],
        [Kind.A, Kind.B, None],
        [OneOf("a", "b"), Not("a"), Reason("why")],
        [Confident("a", 0.1), Confident("b", 1 / 3), Confident(0, 1)],
        [OneOf(Kind.A, "b"), Confident(Kind.B, 0.25), 'é\n"'],
    ],
)
def test_answers_come_back_as_they_were(tmp_path: Path, answers: list[Any]) -> None:
    lf = LabelingFunction("f", lambda x: answers[x["i"]])
    rows = [{"i": i} for i in range(3)]
    names = ["A", "B", "a", "b", 'é\n"']
    expected = apply([lf], rows, labels=names)
    for computed in (3, 0):
        cache = VoteCache(tmp_path)
        assert apply([lf], rows, labels=names, cache=cache) == expected
        assert cache.n_computed == computed


def test_classes_are_inferred_from_kept_answers_too(tmp_path: Path) -> None:
    lf = LabelingFunction("f", lambda x: Kind.B if x["n"] > 3 else None)
    for _ in range(2):
        assert apply([lf], ROWS, cache=tmp_path) == apply([lf], ROWS)


def test_the_classes_are_not_part_of_what_is_kept(tmp_path: Path, asked: Asked) -> None:
    apply([asked(1)], ROWS, labels=["a", "b"], cache=tmp_path)
    n, votes = asked.during([asked(1)], ROWS, labels=["x", "y", "z"], cache=tmp_path)
    assert (n, votes.labels.names) == (0, ("x", "y", "z"))


def test_an_enum_inside_a_function_is_not_kept_and_says_so(tmp_path: Path) -> None:
    class Local(enum.Enum):
        A = 0
        B = 1

    lf = LabelingFunction("local", lambda x: Local.A)
    for _ in range(2):
        cache = VoteCache(tmp_path)
        with pytest.warns(CacheWarning, match=r"answers of labeling function 'local' cannot be"):
            assert apply([lf], ROWS[:10], cache=cache) == apply([lf], ROWS[:10])
        assert cache.n_computed == 10


def test_faults_are_kept_for_abstain_and_raised_again_for_raise(tmp_path: Path) -> None:
    lf = LabelingFunction("picky", lambda x: 1 // (x["n"] - 3))
    rows = [{"n": 3 if i % 10 == 5 else 4} for i in range(2000)]
    with pytest.raises(LabelingFunctionError, match="on row 5: ZeroDivisionError"):
        apply([lf], rows, cache=tmp_path)
    plain = apply([lf], rows, on_error="abstain")
    for computed in (2000, 0):
        cache = VoteCache(tmp_path)
        votes = apply([lf], rows, on_error="abstain", cache=cache)
        assert votes == plain
        assert votes.faults["picky"] == plain.faults["picky"]
        assert cache.n_computed <= computed
    with pytest.raises(LabelingFunctionError, match="on row 5: ZeroDivisionError"):
        apply([lf], rows, cache=tmp_path)
    fixed = LabelingFunction("picky", lambda x: 0)
    assert apply([fixed], rows, cache=tmp_path).n_votes == 2000


def test_an_answer_that_is_no_label_is_reported_alike_with_and_without(tmp_path: Path) -> None:
    lf = LabelingFunction("typo", lambda x: "spma" if x["n"] == 6 else "ham")
    messages = []
    for cache in (None, tmp_path, tmp_path):
        with pytest.raises(LabelingFunctionError) as caught:
            apply([lf], ROWS, labels=["ham", "spam"], cache=cache)
        messages.append(str(caught.value))
    assert len(set(messages)) == 1
    assert "'typo' answered 'spma' on row 6" in messages[0]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_what_was_finished_before_a_failure_is_kept(tmp_path: Path, n_jobs: int) -> None:
    def make(at: int) -> LabelingFunction:
        return LabelingFunction("f", fails_at, resources={"at": at}, version="1")

    rows = [{"i": i} for i in range(3000)]
    good, bad = make(-1), make(2500)
    object.__setattr__(bad, "__dict__", {**vars(bad), "fingerprint": good.fingerprint})
    with pytest.raises(LabelingFunctionError, match="on row 2500"):
        apply([bad], rows, cache=tmp_path, n_jobs=n_jobs)
    cache = VoteCache(tmp_path)
    apply([good], rows, cache=cache)
    assert cache.n_computed == 3000 - 2 * SMALLEST_CHUNK


def fails_at(x: Any, at: int) -> int:
    return 1 // int(x["i"] != at) - 1


# -- processes -------------------------------------------------------------------------------------

RULES = """
    import os, signal
    from weaklabel import labeling_function

    @labeling_function(labels=["a", "b"])
    def slow(x):
        with open(os.environ["ASKED"], "a") as stream:
            stream.write(f"{x.i}\\n")
        if os.environ.get("KILL_AT") == str(x.i):
            os.kill(os.getpid(), signal.SIGKILL)
        return "a" if x.i % 3 else None

    @labeling_function(labels=["a", "b"])
    def quick(x):
        return "b" if x.i % 5 == 0 else None
"""
RUN = """
    import sys
    from weaklabel import apply, load_pack
    rows = [{"i": i} for i in range(5000)]
    votes = apply(load_pack(sys.argv[1]), rows, cache=sys.argv[2], n_jobs=int(sys.argv[4]))
    votes.save(sys.argv[3], overwrite=True)
"""


def start(folder: Path, out: str, n_jobs: int = 1, **environment: str) -> subprocess.Popen[str]:
    (folder / "rules.py").write_text(textwrap.dedent(RULES))
    (folder / "run.py").write_text(textwrap.dedent(RUN))
    command = [sys.executable, "-W", "error", str(folder / "run.py"), str(folder / "rules.py")]
    return subprocess.Popen(
        [*command, str(folder / "cache"), str(folder / out), str(n_jobs)],
        env={**os.environ, "ASKED": str(folder / f"{out}.asked"), **environment},
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def asked_in(folder: Path, out: str) -> list[int]:
    return [int(line) for line in (folder / f"{out}.asked").read_text().split()]


def expected_votes() -> list[list[int]]:
    return [[0 if i % 3 else -1, 1 if i % 5 == 0 else -1] for i in range(5000)]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_after_kill_9_the_next_run_continues_from_the_finished_chunks(tmp_path: Path) -> None:
    killed = start(tmp_path, "first.npz", KILL_AT="3500")
    killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert asked_in(tmp_path, "first.npz")[-1] == 3500
    assert not (tmp_path / "first.npz").exists()
    done = start(tmp_path, "second.npz")
    _, errors = done.communicate(timeout=60)
    assert done.returncode == 0, errors
    assert asked_in(tmp_path, "second.npz") == list(range(3 * SMALLEST_CHUNK, 5000))
    assert VoteMatrix.load(tmp_path / "second.npz").to_dense().tolist() == expected_votes()


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_runs_at_the_same_time_share_a_cache(tmp_path: Path, n_jobs: int) -> None:
    names = ["one.npz", "two.npz", "three.npz"]
    running = [start(tmp_path, name, n_jobs) for name in names]
    for process in running:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    for name in names:
        assert VoteMatrix.load(tmp_path / name).to_dense().tolist() == expected_votes()
    last = start(tmp_path, "last.npz")
    _, errors = last.communicate(timeout=60)
    assert last.returncode == 0, errors
    assert not (tmp_path / "last.npz.asked").exists()  # nothing was asked
    assert list((tmp_path / "cache" / "unfinished").iterdir()) == []


# -- damage ----------------------------------------------------------------------------------------


def files_of(folder: Path) -> list[Path]:
    return sorted((folder / "votes").glob("*/*"))


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flip(content: bytes) -> bytes:
    at = len(content) - 3
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def other_version(content: bytes) -> bytes:
    return content.replace(b"weaklabel votes 1\n", b"weaklabel votes 2\n")


@pytest.mark.parametrize("harm", [cut, flip, other_version, lambda c: b"", lambda c: b"\x80\x04."])
def test_a_damaged_file_is_noticed_ignored_and_made_anew(
    tmp_path: Path, asked: Asked, harm: Any
) -> None:
    apply([asked(1), asked(4)], ROWS, cache=tmp_path)
    path = files_of(tmp_path)[2]
    path.write_bytes(harm(path.read_bytes()))
    with pytest.warns(
        CacheWarning, match=r"cache held 1 files that could not be used and were made anew"
    ):
        n, votes = asked.during([asked(1), asked(4)], ROWS, cache=tmp_path)
    assert 0 < n <= SMALLEST_CHUNK
    assert votes == apply([asked(1), asked(4)], ROWS)
    assert asked.during([asked(1), asked(4)], ROWS, cache=tmp_path)[0] == 0


def test_files_that_changed_places_are_noticed(tmp_path: Path, asked: Asked) -> None:
    apply([asked(1)], ROWS, cache=tmp_path)
    one, two, *_ = files_of(tmp_path)
    content = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(content)
    with pytest.warns(CacheWarning, match=r"held 2 files .* \(it belongs under another name\)"):
        assert apply([asked(1)], ROWS, cache=tmp_path) == apply([asked(1)], ROWS)


def mark_of(folder: Path) -> Path:
    (mark,) = folder.glob("*.json")
    return mark


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (json.dumps({"format": 99}), "was written in format 99, and this version .* format 1"),
        ("{", "is damaged"),
        ("[]", "is damaged"),
        ("", "is damaged"),
    ],
)
def test_a_cache_of_another_version_is_noticed_once(
    tmp_path: Path, asked: Asked, content: str, message: str
) -> None:
    apply([asked(1)], ROWS, cache=tmp_path)
    mark_of(tmp_path).write_text(content)
    for path in files_of(tmp_path):
        path.write_bytes(other_version(path.read_bytes()))
    with pytest.warns(CacheWarning) as caught:
        votes = apply([asked(1)], ROWS, cache=tmp_path)
    assert votes == apply([asked(1)], ROWS)
    assert len(caught) == 2
    assert re.search(message, str(caught.list[0].message))
    assert asked.during([asked(1)], ROWS, cache=tmp_path)[0] == 0


def test_old_unfinished_files_are_swept_and_new_ones_left(tmp_path: Path) -> None:
    VoteCache(tmp_path)
    old, new = (tmp_path / "unfinished" / name for name in ("old", "new"))
    old.touch()
    new.touch()
    os.utime(old, (1, 1))
    VoteCache(tmp_path)
    assert (old.exists(), new.exists()) == (False, True)


# -- folders ---------------------------------------------------------------------------------------


def test_a_folder_with_other_things_in_it_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ConfigError, match=r"not a vote cache and not empty \(it holds 'thesis.txt"):
        apply([LabelingFunction("f", lambda x: 0)], ROWS, cache=tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]
    apply([LabelingFunction("f", lambda x: 0)], ROWS, cache=tmp_path / "own")


def test_a_file_or_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"cannot be used as a vote cache .*can be written"):
        apply([LabelingFunction("f", lambda x: 0)], ROWS, cache=tmp_path / "file")
    with pytest.raises(ConfigError, match="cannot be used as a vote cache"):
        VoteCache(tmp_path / "file" / "below")


@pytest.mark.parametrize("given_cache", [True, 3, "", ["a"]])
def test_what_is_not_a_cache_is_refused(given_cache: Any) -> None:
    with pytest.raises(ConfigError, match="cache must be the path of a folder or a VoteCache"):
        apply([LabelingFunction("f", lambda x: 0)], ROWS, cache=given_cache)


def test_a_disk_that_is_full_costs_the_cache_and_not_the_votes(
    tmp_path: Path, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = VoteCache(tmp_path)

    def full(*arguments: Any, **options: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("weaklabel.applier.cache.tempfile.NamedTemporaryFile", full)
    with pytest.warns(CacheWarning, match=r"could not be written .*No space left.*are complete"):
        votes = apply([asked(1)], ROWS, cache=cache)
    monkeypatch.undo()
    assert votes == apply([asked(1)], ROWS)


def test_it_says_what_it_did_and_how_large_it_is(tmp_path: Path, asked: Asked) -> None:
    cache = VoteCache(tmp_path)
    apply([asked(1)], ROWS[:1000], cache=cache)
    apply([asked(1)], ROWS[:1000], cache=cache)
    n_files, n_bytes = cache.size()
    assert n_files == 1
    assert n_bytes == files_of(tmp_path)[0].stat().st_size
    assert cache.summary().startswith("1,000 of 2,000 votes reused; the cache holds 1 files, 0.")
    assert cache.to_dict()["n_bytes"] == n_bytes


def test_nothing_in_it_is_a_pickle(tmp_path: Path, asked: Asked) -> None:
    apply([asked(1)], ROWS, cache=tmp_path)
    for path in files_of(tmp_path):
        content = path.read_bytes()
        assert content.startswith(b"weaklabel votes 1\n")
        line = content[len(b"weaklabel votes 1\n") + 16 :].partition(b"\n")[0]
        assert json.loads(line)["n_rows"] <= 3000


@labeling_function
def of_this_module(x: Any) -> str | None:
    return "a" if x.n > 3 else None
