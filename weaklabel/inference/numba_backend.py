"""The E-step on compiled kernels and all cores.

Votes are coded once (:mod:`weaklabel.inference.coding`); an E-step builds the joint table, runs the
fused kernel (:mod:`weaklabel.inference.kernels`) over blocks of items, and sums the joint counts
back to table rows. Blocks depend on the problem only and are added in order, so the result has the
same bits on any number of threads.
"""

from __future__ import annotations

import numpy as np

from weaklabel.inference import kernels
from weaklabel.inference.coding import (
    choose_grouping,
    code_votes,
    expand_table,
    fold_counts,
    lf_runs,
    make_grouping,
)
from weaklabel.inference.parallel import available_threads, run_blocks
from weaklabel.inference.rows import Expected, FloatArray, VoteRows

LARGE_TABLE = 1 << 25
"""Cells of counts (256 MB) from which threads share one accumulator, one after the other."""
PAD = -1e300
"""Log score of the classes that only fill a vector; its exponential is 0."""


class NumbaBackend:
    """E-step in compiled code; see :class:`~weaklabel.inference.rows.Backend` for the methods.

    Parameters
    ----------
    rows : VoteRows
    n_threads : int, optional
        Default: the cores this process may use.
    limit : int, optional
        Largest number of joint outcomes of a group; default by the cost model of
        :mod:`~weaklabel.inference.coding`.

    Notes
    -----
    Memory beyond ``rows``: 2 or 4 bytes per lookup (at most one per vote), 8 per item where weights
    are given, and per thread one joint table of counts.
    """

    def __init__(
        self, rows: VoteRows, *, n_threads: int | None = None, limit: int | None = None
    ) -> None:
        self.rows = rows
        self.n_threads = available_threads() if n_threads is None else n_threads
        n_classes = rows.n_classes
        self._exact = 2 <= n_classes <= kernels.EXACT_WIDTHS
        self._width = n_classes if self._exact else 0
        self._stride = n_classes if self._exact else -(-n_classes // 8) * 8
        if limit is None:
            grouping, _ = choose_grouping(rows)
        else:
            grouping = make_grouping(*lf_runs(rows.row_lf), limit)
        self._coded = code_votes(rows, grouping, self.n_threads)
        self._edges = self._coded.block_edges()
        self.plan = self._describe()

    def _describe(self) -> str:
        grouping, n_lookups = self._coded.grouping, len(self._coded.codes)
        how = (
            "one lookup per vote"
            if grouping.is_identity
            else f"{grouping.n_groups} groups of labeling functions with {grouping.n_codes} codes"
        )
        return (
            f"compiled, {how}: {n_lookups} lookups for {self.rows.n_votes} votes, "
            f"{len(self._edges) - 1} blocks (least predicted time for this problem)"
        )

    @property
    def bytes_per_step(self) -> int:
        """Bytes of codes and weights that an E-step reads, each once."""
        return int(self._coded.codes.nbytes + self._coded.weight.nbytes)

    def e_step(self, log_table: FloatArray, log_prior: FloatArray) -> Expected:
        """Expected counts and log-likelihood in one pass over the votes."""
        coded, stride = self._coded, self._stride
        joint = self._joint_table(_finite(log_table, "log_table"))
        begin = self._begin(_finite(log_prior, "log_prior"))
        kernel = kernels.e_step_kernel(self._width)
        n_blocks = len(self._edges) - 1
        n_threads = 1 if joint.size >= LARGE_TABLE else min(self.n_threads, n_blocks)
        n_codes = coded.grouping.n_codes
        total = _aligned_zeros(n_codes * stride)
        # one block needs no accumulator of its own
        slots = [total if n_blocks == 1 else _aligned_zeros(total.size) for _ in range(n_threads)]
        class_slots = [np.zeros(stride) for _ in range(n_threads)]
        scratch = [self._scratch() for _ in range(n_threads)]
        class_total = np.zeros(stride)
        parts = np.zeros(n_blocks)
        layout = (coded.codes, coded.bucket_size, coded.bucket_row, coded.bucket_code, coded.weight)

        def compute(block: int, slot: int) -> None:
            where = (self._edges[block], self._edges[block + 1])
            sums = (slots[slot], class_slots[slot], scratch[slot])
            parts[block] = kernel(*layout, joint, begin, *where, *sums, stride)

        def add(_block: int, slot: int) -> None:
            nonlocal class_total
            class_total += class_slots[slot]
            class_slots[slot][:] = 0.0
            if n_blocks > 1:
                np.add(total, slots[slot], out=total)
                slots[slot][:] = 0.0

        run_blocks(n_blocks, n_threads, compute, add)
        counts = self._fold(total.reshape(n_codes, stride))
        class_counts = class_total[: self.rows.n_classes].copy()
        silent, log_z = self._silent(log_prior)
        class_counts += coded.silent_weight * silent
        log_likelihood = float(parts.sum() + coded.silent_weight * log_z)
        return Expected(counts, class_counts, log_likelihood)

    def posterior(
        self,
        log_table: FloatArray,
        log_prior: FloatArray,
        out: FloatArray | None = None,
        *,
        start: int = 0,
        stop: int | None = None,
    ) -> FloatArray:
        """Posterior of patterns ``start .. stop - 1``; rows sum to 1."""
        return self._fill(log_table, log_prior, out, start, stop, True)

    def scores(
        self,
        log_table: FloatArray,
        log_prior: FloatArray,
        out: FloatArray | None = None,
        *,
        start: int = 0,
        stop: int | None = None,
    ) -> FloatArray:
        """The log joint of patterns ``start .. stop - 1``."""
        return self._fill(log_table, log_prior, out, start, stop, False)

    def counts_of(self, posterior: FloatArray) -> Expected:
        """M-step statistics of a given posterior, shape (n_patterns, n_classes)."""
        rows, stride = self.rows, self._stride
        kernel = kernels.counts_kernel(self._width)
        weight = np.empty(0) if rows.weight is None else rows.weight
        edges = self._row_edges(0, rows.n_patterns, rows.n_table_rows)
        n_blocks = len(edges) - 1
        n_threads = min(self.n_threads, n_blocks)
        size = rows.n_table_rows * stride
        total, class_total = _aligned_zeros(size), np.zeros(stride)
        slots = [_aligned_zeros(size) for _ in range(n_threads)]
        class_slots = [np.zeros(stride) for _ in range(n_threads)]
        scratch = [self._scratch() for _ in range(n_threads)]

        def compute(block: int, slot: int) -> None:
            where = (edges[block], edges[block + 1])
            sums = (slots[slot], class_slots[slot], scratch[slot])
            kernel(rows.indptr, rows.table_row, weight, posterior, *where, *sums, stride)

        def add(_block: int, slot: int) -> None:
            for sums, part in ((total, slots[slot]), (class_total, class_slots[slot])):
                np.add(sums, part, out=sums)
                part[:] = 0.0

        run_blocks(n_blocks, n_threads, compute, add)
        k = rows.n_classes
        counts = np.ascontiguousarray(total.reshape(-1, stride)[:, :k])
        return Expected(counts, class_total[:k].copy(), float("nan"))

    def _fill(
        self,
        log_table: FloatArray,
        log_prior: FloatArray,
        out: FloatArray | None,
        start: int,
        stop: int | None,
        normalise: bool,
    ) -> FloatArray:
        rows = self.rows
        stop = rows.n_patterns if stop is None else stop
        if out is None:
            out = np.empty((stop - start, rows.n_classes))
        target = out
        kernel = kernels.posterior_kernel(self._width)
        table = self._padded(_finite(log_table, "log_table"))
        begin = self._begin(_finite(log_prior, "log_prior"))
        edges = self._row_edges(start, stop, 1)
        scratch = [self._scratch() for _ in range(self.n_threads)]

        def compute(block: int, slot: int) -> None:
            low, high = edges[block], edges[block + 1]
            part = target[low - start : high - start]
            votes = (rows.indptr, rows.table_row)
            kernel(*votes, table, begin, low, high, part, scratch[slot], self._stride, normalise)

        run_blocks(len(edges) - 1, self.n_threads, compute)
        return out

    def _row_edges(self, start: int, stop: int, n_sums: int) -> list[int]:
        """Blocks of items in the given order; their number depends on the problem only."""
        work = (self.rows.n_votes + self.rows.n_patterns) // max(1 << 16, 8 * n_sums)
        n_blocks = min(max(work, 1), 64)
        return [int(e) for e in np.linspace(start, stop, n_blocks + 1)]

    def _scratch(self) -> FloatArray:
        n_tile = max(kernels.TILE_CELLS // self._stride, 1)
        return _aligned_zeros(n_tile * (self._stride + 3))

    def _begin(self, log_prior: FloatArray) -> FloatArray:
        begin = np.full(self._stride, PAD)
        begin[: self.rows.n_classes] = log_prior
        return begin

    def _padded(self, table: FloatArray) -> FloatArray:
        """The table as flat rows of ``stride`` columns."""
        if table.shape[1] == self._stride:
            return np.ascontiguousarray(table).reshape(-1)
        wide = _aligned_zeros(len(table) * self._stride).reshape(len(table), self._stride)
        wide[:, : table.shape[1]] = table
        return wide.reshape(-1)

    def _joint_table(self, log_table: FloatArray) -> FloatArray:
        grouping = self._coded.grouping
        if grouping.is_identity:
            return self._padded(log_table)
        joint = _aligned_zeros(grouping.n_codes * self._stride)
        expand_table(
            np.ascontiguousarray(log_table),
            grouping.lf_row,
            grouping.lf_size,
            grouping.group_lf,
            grouping.group_code,
            joint.reshape(-1, self._stride),
        )
        return joint

    def _fold(self, joint: FloatArray) -> FloatArray:
        grouping = self._coded.grouping
        if grouping.is_identity:
            return np.ascontiguousarray(joint[:, : self.rows.n_classes])
        counts = np.zeros((self.rows.n_table_rows, self.rows.n_classes))
        fold_counts(
            joint,
            grouping.lf_row,
            grouping.lf_size,
            grouping.group_lf,
            grouping.group_code,
            counts,
        )
        return counts

    def _silent(self, log_prior: FloatArray) -> tuple[FloatArray, float]:
        """Posterior and log normaliser of an item without votes."""
        top = float(log_prior.max())
        q = np.exp(log_prior - top)
        return q / q.sum(), top + float(np.log(q.sum()))


def _finite(values: FloatArray, name: str) -> FloatArray:
    """Kernels assume finite numbers; one sum finds any that is not, without a temporary."""
    if not np.isfinite(values.sum()):
        raise ValueError(
            f"{name} must be finite, found NaN or infinite entries; "
            "use a large negative number such as -1e6 as a mask"
        )
    return np.asarray(values, dtype=np.float64)


def _aligned_zeros(n: int) -> FloatArray:
    """Zeros on a 64-byte boundary, so that a vector of eight does not straddle cache lines."""
    raw = np.zeros(n + 8)
    shift = (-raw.ctypes.data // 8) % 8
    return raw[shift : shift + n]
