"""Coding votes: several LFs become one lookup, and items are sorted by number of lookups.

A *group* is a run of neighbouring LFs. The joint outcome of a group (abstentions included) is one
integer, the *code*, in mixed radix: digit 0 for "abstains", digit d for the d-th table row of the
LF. The joint log table of a group is the sum of its LFs' tables; it is built once per E-step, and
an item then costs one lookup per group in which anyone voted instead of one per vote. The joint
histogram is summed back over digits at the end. With groups of one LF a code is a vote.

Votes of an item are merged into one code only where they are neighbours, in one group, of different
LFs; whatever else comes is a code of its own, which is correct too: log tables add.

Which groups
------------
Larger groups save lookups and make larger tables. Measured on one core of a server processor with
48 KB, 1 MB and 32 MB of cache:

========================================  ====================================================
a lookup, gather and scatter              0.35 ns + 0.04 ns per class
the same, by bytes of the joint table     x 1.25 from 128 KB, x 2 from 512 KB, x 4 from 4 MB
a cell of the joint table (code, class)   2 ns an E-step: built, cleared, summed back
========================================  ====================================================

A candidate's cost is lookups (counted on a sample of items) times the first two lines plus cells
times the third; candidates limit the joint outcomes of a group to 1 (no groups), 16, 64, ...
16,384. Two classes: 20 LFs that vote on a quarter of the items become 3 or 4 groups and an E-step
takes 4.9 ns an item and core instead of 6.4. At ten classes and more, groups hardly pay: votes are
looked up one by one. Neither the number of threads nor the machine enters, so the same votes are
always coded the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from weaklabel.inference.kernels import jit
from weaklabel.inference.parallel import run_blocks
from weaklabel.inference.rows import FloatArray, IntArray, VoteRows

OUTCOME_LIMITS = (1, 16, 64, 256, 1024, 4096, 16384)
"""Candidate limits on the joint outcomes of a group."""
NS_LOOKUP, NS_LOOKUP_CLASS, NS_CELL = 0.35, 0.04, 2.0
DISTANCE = ((128 << 10, 1.0), (512 << 10, 1.25), (4 << 20, 2.0))
"""Up to so many bytes of joint table, a lookup takes so many times as long; beyond, FARTHEST."""
FARTHEST = 4.0
N_SAMPLE = 4096
CHUNK = 1 << 15
"""Items coded at a time by a thread."""


@dataclass(frozen=True, eq=False)
class Grouping:
    """Which LFs share a code, and where their joint outcomes lie in the joint table.

    Attributes
    ----------
    n_codes : int
        Rows of the joint table.
    is_identity : bool
        Whether codes are table rows: no groups.
    lf_row, lf_size : array of int64, shape (n_lfs,)
        First table row and number of table rows of each LF (LFs in the order of the rows).
    group_lf, group_code : array of int64, shape (n_groups + 1,)
        First LF and first code of each group, and the ends.
    row_group, row_rank, row_step, row_base : array of int64, shape (n_table_rows,)
        Of each table row: its group, its LF, what it adds to a code, the first code of its group.
    """

    n_codes: int
    is_identity: bool
    lf_row: IntArray
    lf_size: IntArray
    group_lf: IntArray
    group_code: IntArray
    row_group: IntArray
    row_rank: IntArray
    row_step: IntArray
    row_base: IntArray

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return len(self.group_lf) - 1


@dataclass(frozen=True, eq=False)
class CodedVotes:
    """Items as codes, sorted by number of codes (stable), for the E-step kernel.

    Attributes
    ----------
    codes : array of uint16 or uint32, shape (n_lookups,)
    bucket_size : array of int64, shape (n_buckets,)
        Codes per item of each bucket, ascending; items without codes are in no bucket.
    bucket_row, bucket_code : array of int64, shape (n_buckets + 1,)
        First item and first code of each bucket, and the ends.
    weight : array of float64, shape (n_items,) or (0,)
        Weights in sorted order; empty where all are 1.
    silent_weight : float
        Weight of the items without votes; they come first in the order.
    grouping : Grouping
    """

    codes: IntArray
    bucket_size: IntArray
    bucket_row: IntArray
    bucket_code: IntArray
    weight: FloatArray
    silent_weight: float
    grouping: Grouping

    def block_edges(self) -> list[int]:
        """Item boundaries of blocks of about equal work; they depend on the problem only."""
        cost = np.concatenate([[0], np.cumsum(np.diff(self.bucket_row) * (self.bucket_size + 2))])
        smallest = max(1 << 16, 8 * self.grouping.n_codes)  # else clearing and adding counts shows
        n_blocks = int(np.clip(cost[-1] // smallest, 1, 64))
        edges = np.interp(np.linspace(0, cost[-1], n_blocks + 1), cost, self.bucket_row)
        return [int(e) for e in edges]


def choose_grouping(rows: VoteRows) -> tuple[Grouping, float]:
    """The grouping with the least predicted time, and its lookups per item."""
    lf_row, lf_size = lf_runs(rows.row_lf)
    indptr, table_row = _sample(rows)
    best: tuple[float, Grouping, float] | None = None
    for limit in OUTCOME_LIMITS:
        grouping = make_grouping(lf_row, lf_size, limit)
        if best is not None and grouping.n_groups == best[1].n_groups:
            continue
        lookups = _count_lookups(indptr, table_row, grouping) / max(len(indptr) - 1, 1)
        cost = _predicted_ns(rows.n_patterns, lookups, grouping, rows.n_classes)
        if best is None or cost < best[0]:
            best = (cost, grouping, lookups)
    assert best is not None
    return best[1], best[2]


def _predicted_ns(n_items: int, lookups: float, grouping: Grouping, n_classes: int) -> float:
    cells = grouping.n_codes * n_classes
    factor = next((f for limit, f in DISTANCE if 8 * cells <= limit), FARTHEST)
    per_lookup = factor * (NS_LOOKUP + NS_LOOKUP_CLASS * n_classes)
    return n_items * lookups * per_lookup + (0 if grouping.is_identity else cells * NS_CELL)


def lf_runs(row_lf: IntArray) -> tuple[IntArray, IntArray]:
    """First table row and number of table rows of each LF, in the order of the rows."""
    starts = np.flatnonzero(np.diff(row_lf, prepend=row_lf[:1] - 1)).astype(np.int64)
    return starts, np.diff(starts, append=len(row_lf)).astype(np.int64)


def _sample(rows: VoteRows) -> tuple[IntArray, IntArray]:
    """About N_SAMPLE items, evenly spaced, in compressed rows."""
    step = max(rows.n_patterns // N_SAMPLE, 1)
    first = rows.indptr[:-1:step].astype(np.int64)
    sizes = rows.indptr[1::step].astype(np.int64) - first
    indptr = np.concatenate([[0], np.cumsum(sizes)])
    votes = np.repeat(first - indptr[:-1], sizes) + np.arange(indptr[-1])
    return indptr, rows.table_row[votes]


def make_grouping(lf_row: IntArray, lf_size: IntArray, limit: int) -> Grouping:
    """Neighbouring LFs share a group while their joint outcomes number at most ``limit``."""
    n_lfs, n_rows = len(lf_row), int(lf_size.sum())
    if limit <= 1:
        ends = np.append(lf_row, n_rows)
        rank = np.repeat(np.arange(n_lfs), lf_size)
        every = np.arange(n_rows)
        zero = np.zeros(n_rows, dtype=np.int64)
        return Grouping(
            n_rows, True, lf_row, lf_size, np.arange(n_lfs + 1), ends, rank, rank, zero, every
        )
    group_lf, group_code, step = [0], [0], np.empty(n_lfs, dtype=np.int64)
    outcomes = 1
    for lf, size in enumerate(lf_size.tolist()):
        if outcomes > 1 and outcomes * (size + 1) > limit:
            group_lf.append(lf)
            group_code.append(group_code[-1] + outcomes)
            outcomes = 1
        step[lf] = outcomes
        outcomes *= size + 1
    group_lf.append(n_lfs)
    group_code.append(group_code[-1] + outcomes)
    lf_group = np.repeat(np.arange(len(group_lf) - 1), np.diff(group_lf))
    rank = np.repeat(np.arange(n_lfs), lf_size)
    digit = np.arange(n_rows) - lf_row[rank] + 1
    starts = np.array(group_code)
    return Grouping(
        n_codes=group_code[-1],
        is_identity=False,
        lf_row=lf_row,
        lf_size=lf_size,
        group_lf=np.array(group_lf),
        group_code=starts,
        row_group=lf_group[rank],
        row_rank=rank,
        row_step=digit * step[rank],
        row_base=starts[lf_group[rank]],
    )


def code_votes(rows: VoteRows, grouping: Grouping, n_threads: int) -> CodedVotes:
    """Codes of all items, sorted by their number.

    Notes
    -----
    Two passes over the votes, in chunks on all threads; the place of every item is fixed by the
    counts of the chunks before its own.
    """
    n_items = rows.n_patterns
    n_chunks = max(-(-n_items // CHUNK), 1)
    longest = int(np.diff(rows.indptr).max()) if n_items else 0
    chunk_items = np.zeros((n_chunks, longest + 1), dtype=np.int64)
    tables = (grouping.row_group, grouping.row_rank)

    def count(chunk: int, _slot: int) -> None:
        start, stop = chunk * CHUNK, min((chunk + 1) * CHUNK, n_items)
        _count_chunk(rows.indptr, rows.table_row, *tables, start, stop, chunk_items[chunk])

    run_blocks(n_chunks, n_threads, count)
    sizes = np.arange(longest + 1)
    items = chunk_items.sum(axis=0)
    first_row = np.concatenate([[0], np.cumsum(items)])
    first_code = np.concatenate([[0], np.cumsum(items * sizes)])
    before = np.cumsum(chunk_items, axis=0) - chunk_items
    row_at = first_row[:-1] + before
    code_at = first_code[:-1] + before * sizes
    dtype = np.uint16 if grouping.n_codes <= 1 << 16 else np.uint32
    codes = np.empty(int(first_code[-1]), dtype=dtype)
    given = np.empty(0) if rows.weight is None else np.ascontiguousarray(rows.weight)
    weight = np.empty(len(given))
    steps = (grouping.row_step, grouping.row_base)

    def write(chunk: int, _slot: int) -> None:
        start, stop = chunk * CHUNK, min((chunk + 1) * CHUNK, n_items)
        buffer = np.empty(longest, dtype=dtype)
        place = (row_at[chunk], code_at[chunk], codes, given, weight, buffer)
        _write_chunk(rows.indptr, rows.table_row, *tables, *steps, start, stop, *place)

    run_blocks(n_chunks, n_threads, write)
    used = np.flatnonzero(items[1:]) + 1
    n_silent = int(items[0])
    return CodedVotes(
        codes=codes,
        bucket_size=used,
        bucket_row=np.append(first_row[used], n_items),
        bucket_code=np.append(first_code[used], len(codes)),
        weight=weight,
        silent_weight=float(weight[:n_silent].sum()) if len(weight) else float(n_silent),
        grouping=grouping,
    )


def _count_lookups(indptr: IntArray, table_row: IntArray, grouping: Grouping) -> int:
    sizes = np.zeros(int(np.diff(indptr).max(initial=0)) + 1, dtype=np.int64)
    _count_chunk(
        indptr, table_row, grouping.row_group, grouping.row_rank, 0, len(indptr) - 1, sizes
    )
    return int(sizes @ np.arange(len(sizes)))


@jit()
def _count_chunk(
    indptr: Any, table_row: Any, group: Any, rank: Any, start: int, stop: int, sizes: Any
) -> None:
    """Adds the number of items with each number of codes to ``sizes``."""
    for i in range(start, stop):
        last_group, last_rank, n = -1, -1, 0
        for v in range(indptr[i], indptr[i + 1]):
            r = table_row[v]
            n += (group[r] != last_group) | (rank[r] <= last_rank)  # no branch to mispredict
            last_group, last_rank = group[r], rank[r]
        sizes[n] += 1


@jit()
def _write_chunk(
    indptr: Any,
    table_row: Any,
    group: Any,
    rank: Any,
    step: Any,
    base: Any,
    start: int,
    stop: int,
    row_at: Any,
    code_at: Any,
    codes: Any,
    given: Any,
    weight: Any,
    buffer: Any,
) -> None:
    """Writes the codes (and weight) of each item to the next place among items of its size."""
    for i in range(start, stop):
        last_group, last_rank, n, code = -1, -1, 0, 0
        for v in range(indptr[i], indptr[i + 1]):
            r = table_row[v]
            new = (group[r] != last_group) | (rank[r] <= last_rank)
            code = (base[r] if new else code) + step[r]
            n += new
            buffer[n - 1] = code
            last_group, last_rank = group[r], rank[r]
        at = code_at[n]
        for k in range(n):
            codes[at + k] = buffer[k]
        code_at[n] = at + n
        if len(given):
            weight[row_at[n]] = given[i]
        row_at[n] += 1


@jit(fastmath={"contract"})
def expand_table(
    log_table: Any, lf_row: Any, lf_size: Any, group_lf: Any, group_code: Any, joint: Any
) -> None:
    """The joint log table (n_codes, stride): each code's row is the sum over its digits."""
    n_classes = log_table.shape[1]
    for g in range(len(group_lf) - 1):
        base, outcomes = group_code[g], 1
        joint[base, :] = 0.0
        for lf in range(group_lf[g], group_lf[g + 1]):
            for d in range(lf_size[lf]):
                for c in range(outcomes):
                    target = base + (d + 1) * outcomes + c
                    for k in range(n_classes):
                        joint[target, k] = joint[base + c, k] + log_table[lf_row[lf] + d, k]
            outcomes *= lf_size[lf] + 1


@jit(fastmath={"contract"})
def fold_counts(
    joint: Any, lf_row: Any, lf_size: Any, group_lf: Any, group_code: Any, counts: Any
) -> None:
    """Sums joint counts (n_codes, stride) over digits into ``counts``; overwrites ``joint``."""
    n_classes = counts.shape[1]
    for g in range(len(group_lf) - 1):
        base, outcomes = group_code[g], group_code[g + 1] - group_code[g]
        for lf in range(group_lf[g + 1] - 1, group_lf[g] - 1, -1):
            outcomes //= lf_size[lf] + 1
            for d in range(lf_size[lf]):
                for c in range(outcomes):
                    source = base + (d + 1) * outcomes + c
                    for k in range(n_classes):
                        value = joint[source, k]
                        counts[lf_row[lf] + d, k] += value
                        joint[base + c, k] += value
