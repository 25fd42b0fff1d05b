"""apply answers by row: neither batches, order, company nor kind of input change a vote."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weaklabel import Confident, LabelingFunction, OneOf, Reason, VoteMatrix, apply

TEXTS = st.one_of(st.none(), st.text(alphabet='ab \n,"é', max_size=6))
NUMBERS = st.one_of(st.none(), st.integers(-3, 3))
ROWS = st.lists(st.fixed_dictionaries({"text": TEXTS, "n": NUMBERS}), min_size=1, max_size=40)
SIZES = st.one_of(st.none(), st.integers(1, 45))


def contains_a(x: Any) -> Any:
    return "p" if x.text is not None and "a" in x.text else None


def number(x: Any) -> Any:
    return None if x.n is None else ("q" if x["n"] > 0 else -1)


def rich(x: Any) -> Any:
    if x.text is None:
        return Reason("no text")
    return OneOf("p", "r") if "b" in x.text else Confident("q", min(len(x.text) / 6, 1.0))


def fails(x: Any) -> Any:
    return "r" if len(x.text) > 2 else None


LFS = [LabelingFunction(f.__name__, f) for f in (contains_a, number, rich, fails)]
LABELS = ["p", "q", "r"]


def votes_of(rows: Any, lfs: Any = LFS, **options: Any) -> VoteMatrix:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*(failed on every one|no labeling function)")
        return apply(lfs, rows, labels=LABELS, on_error="abstain", **options)


def one_by_one(rows: list[dict[str, Any]]) -> list[list[Any]]:
    """The reference: a Python loop over cells."""
    table = []
    for row in rows:
        cells = []
        for lf in LFS:
            try:
                cells.append(lf(row))
            except TypeError:
                cells.append(None)
        table.append(cells)
    return table


@given(ROWS, SIZES)
def test_the_votes_are_those_of_a_plain_loop(rows: list[dict[str, Any]], size: int | None) -> None:
    votes = votes_of(rows, batch_size=size)
    dense = votes.to_dense()
    n_failed = 0
    for i, cells in enumerate(one_by_one(rows)):
        n_failed += rows[i]["text"] is None
        for j, answer in enumerate(cells):
            symbol = votes.alphabet.read(answer)
            expected = -1 if symbol is None else votes.alphabet.code(symbol)
            assert dense[i, j] == expected
    assert (votes.faults["fails"].count if votes.faults else 0) == n_failed


@given(ROWS, SIZES)
def test_batches_change_nothing(rows: list[dict[str, Any]], size: int | None) -> None:
    one, other = votes_of(rows), votes_of(rows, batch_size=size)
    assert one == other
    assert one.faults == other.faults


@given(ROWS, SIZES)
def test_the_kind_of_input_changes_nothing(rows: list[dict[str, Any]], size: int | None) -> None:
    expected = votes_of(rows)
    schema = pa.schema({"text": pa.string(), "n": pa.int64()})
    table = pa.Table.from_pylist(rows, schema=schema)
    for kind in (pd.DataFrame(rows), pd.DataFrame(rows, dtype=object), table, table.to_pandas()):
        assert votes_of(kind, batch_size=size) == expected


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(ROWS, SIZES)
def test_a_file_changes_nothing(
    tmp_path: Path, rows: list[dict[str, Any]], size: int | None
) -> None:
    schema = pa.schema({"text": pa.string(), "n": pa.int64()})
    table = pa.Table.from_pylist(rows, schema=schema)
    pq.write_table(table, tmp_path / "rows.parquet", row_group_size=7)
    assert votes_of(tmp_path / "rows.parquet", batch_size=size) == votes_of(rows)


@given(ROWS, st.randoms(use_true_random=False))
def test_shuffled_rows_keep_their_votes_and_ids(rows: list[dict[str, Any]], random: Any) -> None:
    frame = pd.DataFrame(rows)
    order = list(range(len(rows)))
    random.shuffle(order)
    shuffled = frame.iloc[order]
    votes, expected = votes_of(shuffled, batch_size=7), votes_of(frame)
    assert votes.ids.tolist() == order
    assert votes[np.argsort(order)].to_dense().tolist() == expected.to_dense().tolist()
    assert votes.alphabet == expected.alphabet


@given(ROWS)
def test_duplicated_rows_get_the_same_votes(rows: list[dict[str, Any]]) -> None:
    dense = votes_of(rows * 2, batch_size=11).to_dense()
    assert (dense[: len(rows)] == dense[len(rows) :]).all()


@given(ROWS, st.permutations(range(len(LFS))))
def test_the_company_of_other_functions_changes_nothing(
    rows: list[dict[str, Any]], order: list[int]
) -> None:
    expected = votes_of(rows)
    votes = votes_of(rows, [LFS[j] for j in order])
    assert votes.select_lfs([lf.name for lf in LFS]) == expected


@settings(max_examples=12, deadline=None)
@given(ROWS, SIZES, st.integers(2, 3))
def test_parallel_is_serial(rows: list[dict[str, Any]], size: int | None, n_jobs: int) -> None:
    frame = pd.DataFrame(rows).sample(frac=1, random_state=1)
    for kind in (rows, frame):
        serial = votes_of(kind)
        parallel = votes_of(kind, n_jobs=n_jobs, batch_size=size)
        assert parallel == serial
        assert parallel.faults == serial.faults
