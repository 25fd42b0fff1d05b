"""Several processes: the same votes, whatever the labeling functions are made of."""

from __future__ import annotations

import enum
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from joblib.externals.loky import get_reusable_executor

from weaklabel import LabelingFunction, apply, labeling_function, load_pack, preprocessor
from weaklabel.errors import (
    ConfigError,
    CoverageWarning,
    DataError,
    LabelingFunctionError,
    PackError,
)
from weaklabel.votes import VoteMatrix

FRAME = pd.DataFrame({"n": np.arange(500) % 7, "text": [f"row {i % 11}" for i in range(500)]})


class Kind(enum.Enum):
    HAM = 0
    SPAM = 1


@labeling_function
def of_this_module(x: Any) -> Kind | None:
    return Kind.SPAM if x.n > helper() else None


def helper() -> int:
    return 3


def identical(one: VoteMatrix, other: VoteMatrix) -> bool:
    return (
        one == other
        and one.faults == other.faults
        and one.lf_fingerprints == other.lf_fingerprints
        and one.indptr.dtype == other.indptr.dtype
    )


def both(lfs: Any, rows: Any, **options: Any) -> tuple[VoteMatrix, VoteMatrix]:
    return apply(lfs, rows, **options), apply(lfs, rows, n_jobs=2, **options)


@pytest.mark.parametrize("batch_size", [None, 33])
def test_module_closure_lambda_and_local_enum(batch_size: int | None) -> None:
    class Local(enum.Enum):
        A = "a"
        B = "b"

    def keyword(word: str) -> LabelingFunction:
        return LabelingFunction(word, lambda x: Local.A if word in x.text else Local.B)

    serial, parallel = both([of_this_module], FRAME, batch_size=batch_size)
    assert identical(serial, parallel)
    assert serial.labels.names == ("HAM", "SPAM")
    serial, parallel = both([keyword("1"), keyword("row 3")], FRAME, batch_size=batch_size)
    assert identical(serial, parallel)
    assert serial.labels.names == ("a", "b")


def test_shared_preprocessors_and_resources() -> None:
    @preprocessor(resources={"separator": " "})
    def words(x: Any, separator: str) -> dict[str, Any]:
        return {"words": x.text.split(separator)}

    lfs = [
        LabelingFunction("one", lambda x: int(x.words[1]) % 2, preprocessors=(words,)),
        LabelingFunction(
            "two", lambda x, low: 1 if int(x.words[1]) < low else None, resources={"low": 4},
            preprocessors=(words,),
        ),
    ]  # fmt: skip
    assert identical(*both(lfs, FRAME))


PACK = """
import enum
from pack_neighbour_xyz import LIMIT
from weaklabel import labeling_function

class LABELS(enum.Enum):
    HAM = 0
    SPAM = 1

@labeling_function
def large(x):
    return LABELS.SPAM if above(x.n) else None

@labeling_function
def small(x):
    return LABELS.HAM if not above(x.n) else None

def above(n):
    return n > LIMIT
"""


def test_a_pack_file_is_loaded_again_by_its_workers(tmp_path: Path) -> None:
    (tmp_path / "pack_neighbour_xyz.py").write_text("LIMIT = 3\n")
    path = tmp_path / "pack.py"
    path.write_text(PACK)
    pack = load_pack(path)
    assert identical(*both(pack, FRAME))
    path.write_text(PACK.replace("n > LIMIT", "n < LIMIT"))  # the workers are still alive
    changed = load_pack(path)
    assert identical(*both(changed, FRAME))
    assert apply(changed, FRAME) != apply(pack, FRAME)
    assert identical(*both(pack, FRAME))  # the older version still works, by value
    apply(changed, FRAME, n_jobs=2, batch_size=1)  # so many tasks that each worker loads it
    path.write_text(PACK + "\n# edited behind our back\n")
    assert identical(*both(changed, FRAME))  # these workers have seen the version that is meant
    get_reusable_executor().shutdown()
    with pytest.raises(PackError, match="has changed since it was loaded; load it again"):
        apply(changed, FRAME, n_jobs=2)


def test_every_source_and_size(tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "rows.csv", index=False)
    FRAME.to_parquet(tmp_path / "rows.parquet", row_group_size=60)
    lf = LabelingFunction("f", lambda x: int(x.n) % 3 if x.n else None)
    expected = apply([lf], FRAME)
    shuffled = FRAME.sample(frac=1, random_state=0)
    for rows in (
        tmp_path / "rows.csv",
        tmp_path / "rows.parquet",
        FRAME.to_dict("records"),
        [row for _, row in FRAME.iterrows()],
    ):
        for batch_size in (None, 7, 1000):
            assert apply([lf], rows, n_jobs=2, batch_size=batch_size) == expected
    votes = apply([lf], shuffled, n_jobs=2, batch_size=13)
    assert votes.ids.tolist() == shuffled.index.tolist()
    assert votes == apply([lf], shuffled)


def test_failures_read_the_same() -> None:
    def picky(x: Any) -> int:
        if x.n == 5:
            raise ValueError(f"no {x.n}")
        return 0

    lfs = [LabelingFunction("picky", picky), LabelingFunction("fine", lambda x: 0)]
    assert identical(*both(lfs, FRAME, on_error="abstain"))
    messages = []
    for n_jobs in (1, 2):
        with pytest.raises(LabelingFunctionError) as caught:
            apply(lfs, FRAME, n_jobs=n_jobs, batch_size=3)
        messages.append(str(caught.value))
        assert isinstance(caught.value.__cause__, ValueError)
        assert (caught.value.lf_name, caught.value.row_id) == ("picky", 5)
    assert messages[0] == messages[1]
    assert "in picky" in caught.value.__notes__[0]
    with pytest.raises(LabelingFunctionError, match=r"answered 0\.5"):
        apply([LabelingFunction("odd", lambda x: 0.5)], FRAME, n_jobs=2)


class Unfriendly(Exception):
    """Cannot be unpickled: its constructor wants two arguments."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one}{two}")


def test_an_exception_that_cannot_travel_does_not_hide_the_failure() -> None:
    def function(x: Any) -> int:
        raise Unfriendly(1, 2)

    with pytest.raises(LabelingFunctionError, match="'f' failed on row 0: Unfriendly: 12"):
        apply([LabelingFunction("f", function)], FRAME, n_jobs=2)
    with pytest.warns(CoverageWarning, match="Unfriendly: 12"):
        votes = apply(
            [LabelingFunction("f", function), LabelingFunction("fine", lambda x: 0)],
            FRAME,
            n_jobs=2,
            on_error="abstain",
        )
    assert votes.faults["f"].count == 500


def test_what_cannot_be_sent_is_named() -> None:
    lock = threading.Lock()
    holds = LabelingFunction("holds_a_lock", lambda x: 0 if lock else 1)
    with pytest.raises(ConfigError, match=r"'holds_a_lock' cannot be sent to.*n_jobs=1"):
        apply([of_this_module, holds], FRAME, n_jobs=2)
    lf = LabelingFunction("f", lambda x: 0)
    with pytest.raises(DataError, match=r"the rows cannot be sent to worker processes.*n_jobs=1"):
        apply([lf], [{"lock": threading.Lock()}] * 10, n_jobs=2)
    assert apply([lf], [{"lock": threading.Lock()}] * 10).n_votes == 10


def test_a_file_damaged_after_the_check_is_an_error_not_a_hang(tmp_path: Path) -> None:
    from weaklabel.applier.parallel import answer_in_processes
    from weaklabel.applier.progress import Pace
    from weaklabel.applier.sources import open_rows

    path = tmp_path / "rows.csv"
    FRAME.to_csv(path, index=False)
    source = open_rows(path)
    path.write_text("n,text\n1,a\n2\n")
    pace = Pace(fixed=10)
    tasks = ((batch, None) for batch in source.batches(pace))
    with pytest.raises(DataError, match="Expected 2 columns, got 1"):
        list(answer_in_processes(tasks, [of_this_module], "raise", 2, pace))


def test_a_worker_that_dies_is_an_error_not_a_hang() -> None:
    import os

    lf = LabelingFunction("dies", lambda x: os._exit(3))
    with pytest.raises(LabelingFunctionError, match=r"a worker process died.*n_jobs=1 to see"):
        apply([lf], FRAME, n_jobs=2)
    assert apply([of_this_module], FRAME, n_jobs=2) == apply([of_this_module], FRAME)


def test_no_file_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    apply([of_this_module], FRAME, n_jobs=2)
    with pytest.raises(LabelingFunctionError):
        apply([LabelingFunction("f", lambda x: 0.5)], FRAME, n_jobs=2)
    assert [p for p in tmp_path.iterdir() if p.suffix == ".task"] == []


SCRIPT = """
import sys, time
from weaklabel import LabelingFunction, apply

def slow(x):
    time.sleep(0.05)
    return 1

if "--script" in sys.argv:  # no guard: importing this again would start processes without end
    votes = apply([LabelingFunction("slow", slow)], [{"i": i} for i in range(8)], n_jobs=2)
    print(votes.n_votes)
else:
    print("started", flush=True)
    apply([LabelingFunction("slow", slow)], [{"i": i} for i in range(10_000)], n_jobs=N_JOBS)
"""


def test_a_script_needs_no_guard(tmp_path: Path) -> None:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, str(path), "--script"], capture_output=True, text=True, timeout=60
    )
    assert (done.stdout.strip(), done.stderr) == ("8", "")


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_interrupt_ends_it_cleanly(tmp_path: Path, n_jobs: int) -> None:
    path = tmp_path / "script.py"
    path.write_text(textwrap.dedent(SCRIPT).replace("N_JOBS", str(n_jobs)))
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    time.sleep(3)
    start = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all processes of the group
    _, errors = process.communicate(timeout=30)
    assert time.monotonic() - start < 15
    assert process.returncode != 0
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert list(tmp_path.glob("*.task")) == []
