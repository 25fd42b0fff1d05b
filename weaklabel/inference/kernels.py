"""Compiled kernels: gather table rows, softmax, scatter posteriors, without storing a posterior.

Items come in tiles that fit the first cache. For each tile the kernel adds up the table rows of
every item in registers, takes the softmax of the whole tile, and adds the posteriors to the counts
of the same table rows. The votes are read once; nothing of size items x classes is written.

Why there are vector instructions here. Two arrays may overlap as far as the compiler knows, so it
would not keep the running sum of an item in registers and would work class by class; that is five
times slower. ``_gather`` and ``_scatter`` state the vector operation in the compiler's own terms
(LLVM vectors), which every processor supports in the width it has. ``_exp`` and ``_log`` are
polynomials without branches or calls so that the loops around them become vector loops; both are
accurate to about one unit in the last place (relative error below 5e-16).

One kernel is compiled per number of classes up to ``EXACT_WIDTHS`` and one for all larger ones,
each in about a second, when first used; compiled code is cached on disk. All compiled code lives in
this one file because the cache is keyed on the file: a kernel and what it calls change together.

Flags. ``nnan`` and ``ninf`` hold because callers check that tables are finite; ``reassoc`` is
allowed where a sum or maximum is taken over classes and nowhere else, since it would undo the
rounding trick in ``_exp``.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

EXACT_WIDTHS = 16
"""Up to this many classes a kernel of exactly that width is compiled."""
TILE_CELLS = 2048
"""Cells (items x classes) of a tile: 16 KB, half of a small first-level cache."""

_CAREFUL = {"contract", "nnan", "ninf"}
_REDUCING = {"contract", "nnan", "ninf", "nsz", "reassoc"}

_LOG2_E = 1.4426950408889634
_LN2_HIGH = 6.93147180369123816490e-01  # 32 bits: n * _LN2_HIGH is exact
_LN2_LOW = 1.90821492927058770002e-10
_ROUND = 6755399441055744.0  # 1.5 * 2**52: adding it rounds to an integer in the low bits
_ROUND_BITS = 0x4338000000000000
_SQRT_HALF_BITS = 0x3FE6A09E667F3BCD
_EXP_LOWEST = -708.0  # below, exp would not be a normal number: taken as 0


def jit(**options: Any) -> Any:
    """``numba.njit`` without the global lock and with the disk cache where there is a place for it.

    The compiler keeps its cache beside this file, else in the user's cache folder, else where
    NUMBA_CACHE_DIR says; where none can be written, code is compiled anew in each process.
    """

    def decorate(function: Any) -> Any:
        try:
            return njit(nogil=True, cache=True, **options)(function)
        except RuntimeError:  # numba: "no locator available"
            return njit(nogil=True, **options)(function)

    return decorate


# --- bits and vectors ----------------------------------------------------------------------------


@intrinsic  # type: ignore[untyped-decorator]
def _float_of_bits(_context: Any, _bits: Any) -> Any:
    def generate(_ctx: Any, builder: Any, _sig: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def _bits_of_float(_context: Any, _value: Any) -> Any:
    def generate(_ctx: Any, builder: Any, _sig: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(64))

    return types.int64(types.float64), generate


def _pieces(width: int) -> list[tuple[int, int]]:
    """Offsets and sizes of the vectors a row of ``width`` is cut into: 10 = 8 + 2."""
    out, at = [], 0
    for size in (8, 4, 2, 1):
        while width - at >= size:
            out.append((at, size))
            at += size
    return out


def _vector_pointer(builder: Any, data: Any, offset: Any, piece: tuple[int, int]) -> Any:
    at, size = piece
    start = builder.gep(data, [builder.add(offset, ir.Constant(offset.type, at))])
    return builder.bitcast(start, ir.VectorType(ir.DoubleType(), size).as_pointer())


def _data(context: Any, builder: Any, sig: Any, args: Any, k: int) -> Any:
    return context.make_array(sig.args[k])(context, builder, args[k]).data


def _row_offset(builder: Any, codes: Any, position: Any, stride: Any, column: Any) -> Any:
    code = builder.load(builder.gep(codes, [position]))
    if code.type.width < 64:
        code = builder.zext(code, position.type)
    return builder.add(builder.mul(code, stride), column)


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def _gather(
    _context: Any,
    target: Any,
    target_at: Any,
    begin: Any,
    table: Any,
    codes: Any,
    first: Any,
    count: Any,
    stride: Any,
    column: Any,
    width: Any,
) -> Any:
    """target[at + k] = begin[column + k] + sum of table[code * stride + column + k] over codes.

    ``k`` runs over the literal ``width``; the codes are ``codes[first : first + count]``.
    """
    pieces = _pieces(width.literal_value)
    size = types.intp
    sig = types.void(target, size, begin, table, codes, size, size, size, size, width)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        to, start, rows, index = (_data(context, builder, sig, args, k) for k in (0, 2, 3, 4))
        at, begin_at, n, stride, column = args[1], args[5], args[6], args[7], args[8]
        sums = []
        for piece in pieces:
            value = builder.load(_vector_pointer(builder, start, column, piece), align=8)
            sums.append(cgutils.alloca_once_value(builder, value))
        with cgutils.for_range(builder, n, intp=n.type) as loop:
            offset = _row_offset(builder, index, builder.add(begin_at, loop.index), stride, column)
            for piece, total in zip(pieces, sums, strict=True):
                row = builder.load(_vector_pointer(builder, rows, offset, piece), align=8)
                builder.store(builder.fadd(builder.load(total), row), total)
        for piece, total in zip(pieces, sums, strict=True):
            builder.store(builder.load(total), _vector_pointer(builder, to, at, piece), align=8)
        return context.get_dummy_value()

    return sig, generate


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def _scatter(
    _context: Any,
    target: Any,
    codes: Any,
    first: Any,
    count: Any,
    source: Any,
    source_at: Any,
    stride: Any,
    column: Any,
    width: Any,
) -> Any:
    """target[code * stride + column + k] += source[source_at + k] for each code."""
    pieces = _pieces(width.literal_value)
    size = types.intp
    sig = types.void(target, codes, size, size, source, size, size, size, width)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        to, index, source = (_data(context, builder, sig, args, k) for k in (0, 1, 4))
        begin_at, n, at, stride, column = args[2], args[3], args[5], args[6], args[7]
        values = [builder.load(_vector_pointer(builder, source, at, p), align=8) for p in pieces]
        with cgutils.for_range(builder, n, intp=n.type) as loop:
            offset = _row_offset(builder, index, builder.add(begin_at, loop.index), stride, column)
            for piece, value in zip(pieces, values, strict=True):
                pointer = _vector_pointer(builder, to, offset, piece)
                builder.store(builder.fadd(builder.load(pointer, align=8), value), pointer, align=8)
        return context.get_dummy_value()

    return sig, generate


# --- elementary functions ------------------------------------------------------------------------


@jit(fastmath=_CAREFUL)
def _exp(x: float) -> float:
    """exp(x) for x <= 0: x = n ln 2 + r, a Taylor polynomial in r, and n put into the exponent."""
    y = max(x, _EXP_LOWEST)
    z = y * _LOG2_E + _ROUND
    n = z - _ROUND
    r = (y - n * _LN2_HIGH) - n * _LN2_LOW
    p = 1.0 / 6227020800.0
    p = p * r + 1.0 / 479001600.0
    p = p * r + 1.0 / 39916800.0
    p = p * r + 1.0 / 3628800.0
    p = p * r + 1.0 / 362880.0
    p = p * r + 1.0 / 40320.0
    p = p * r + 1.0 / 5040.0
    p = p * r + 1.0 / 720.0
    p = p * r + 1.0 / 120.0
    p = p * r + 1.0 / 24.0
    p = p * r + 1.0 / 6.0
    p = p * r + 0.5
    p = p * r + 1.0
    p = p * r + 1.0
    value = _float_of_bits(_bits_of_float(p) + (_bits_of_float(z) << 52))
    return value if x >= _EXP_LOWEST else 0.0  # type: ignore[no-any-return]


@jit(fastmath=_CAREFUL)
def _log(x: float) -> float:
    """log(x) for normal x > 0: x = 2^n m with m near 1, log m = 2 artanh((m - 1) / (m + 1))."""
    bits = _bits_of_float(x)
    n = (bits - _SQRT_HALF_BITS) >> 52
    f = _float_of_bits(bits - (n << 52)) - 1.0
    s = f / (2.0 + f)
    q = s * s
    p = 1.0 / 21.0
    p = p * q + 1.0 / 19.0
    p = p * q + 1.0 / 17.0
    p = p * q + 1.0 / 15.0
    p = p * q + 1.0 / 13.0
    p = p * q + 1.0 / 11.0
    p = p * q + 1.0 / 9.0
    p = p * q + 1.0 / 7.0
    p = p * q + 1.0 / 5.0
    p = p * q + 1.0 / 3.0
    exponent = _float_of_bits(n + _ROUND_BITS) - _ROUND
    return exponent * _LN2_HIGH + (2.0 * s + (2.0 * s * q * p + exponent * _LN2_LOW))  # type: ignore[no-any-return]


# --- pieces of the kernels ----------------------------------------------------------------------


@jit(fastmath=_CAREFUL, forceinline=True)
def _gather_wide(
    target: Any, at: int, begin: Any, table: Any, codes: Any, first: int, count: int, stride: int
) -> None:
    """``_gather`` for a width known at run time only: panels of 32 classes, then of 8."""
    column = 0
    while column + 32 <= stride:
        _gather(target, at + column, begin, table, codes, first, count, stride, column, 32)
        column += 32
    while column < stride:
        _gather(target, at + column, begin, table, codes, first, count, stride, column, 8)
        column += 8


@jit(fastmath=_CAREFUL, forceinline=True)
def _scatter_wide(
    target: Any, codes: Any, first: int, count: int, source: Any, at: int, stride: int
) -> None:
    """``_scatter`` for a width known at run time only."""
    column = 0
    while column + 32 <= stride:
        _scatter(target, codes, first, count, source, at + column, stride, column, 32)
        column += 32
    while column < stride:
        _scatter(target, codes, first, count, source, at + column, stride, column, 8)
        column += 8


@jit(fastmath=_REDUCING, forceinline=True)
def _exp_tile(tile: Any, top: Any, total: Any, n: int, stride: int) -> None:
    """``tile`` (n, stride) becomes exp(tile - row maximum); maxima and sums of exp are kept."""
    for i in range(n):
        at = i * stride
        largest = tile[at]
        for k in range(1, stride):
            largest = max(largest, tile[at + k])
        for k in range(stride):
            tile[at + k] -= largest
        top[i] = largest
    for j in range(n * stride):
        tile[j] = _exp(tile[j])
    for i in range(n):
        at = i * stride
        summed = tile[at]
        for k in range(1, stride):
            summed += tile[at + k]
        total[i] = summed


@jit(fastmath=_REDUCING, forceinline=True)
def _scale_tile(tile: Any, top: Any, total: Any, weight: Any, n: int, stride: int) -> float:
    """Rows are scaled to sum to their weight; returns the weighted sum of log normalisers."""
    log_likelihood = 0.0
    for i in range(n):
        log_likelihood += weight[i] * (top[i] + _log(total[i]))
    for i in range(n):
        total[i] = weight[i] / total[i]
    for i in range(n):
        scale = total[i]
        for k in range(stride):
            tile[i * stride + k] *= scale
    return log_likelihood


@jit(fastmath=_REDUCING, forceinline=True)
def _sum_columns(target: Any, tile: Any, n: int, stride: int) -> None:
    """target += column sums of the tile."""
    for k in range(stride):
        summed = 0.0
        for i in range(n):
            summed += tile[i * stride + k]
        target[k] += summed


# --- kernels -------------------------------------------------------------------------------------


@cache
def e_step_kernel(width: int) -> Any:
    """The fused E-step for ``width`` classes, or for any multiple of 8 if ``width`` is 0."""

    @jit(fastmath=_CAREFUL)
    def e_step(
        codes: Any,
        bucket_size: Any,
        bucket_row: Any,
        bucket_code: Any,
        weight: Any,
        table: Any,
        begin: Any,
        start: int,
        stop: int,
        counts: Any,
        class_counts: Any,
        scratch: Any,
        stride: int,
    ) -> float:
        """Adds the expected counts of items ``start .. stop - 1`` to ``counts``.

        Items are sorted into buckets by number of lookups: bucket b holds items ``bucket_row[b]``
        up to ``bucket_row[b + 1]``, each with ``bucket_size[b]`` codes, from ``bucket_code[b]`` on.
        ``table`` and ``counts`` (n_codes, stride), ``begin`` and ``class_counts`` (stride,) and
        ``scratch`` are flat. ``weight`` is empty where all weights are 1.
        """
        w = width if width > 0 else stride
        n_tile = max(TILE_CELLS // w, 1)
        tile = scratch[3 * n_tile :]
        top = scratch[:n_tile]
        total = scratch[n_tile : 2 * n_tile]
        ones = scratch[2 * n_tile : 3 * n_tile]
        ones[:] = 1.0
        log_likelihood = 0.0
        for b in range(len(bucket_size)):
            size = bucket_size[b]
            low = max(start, bucket_row[b])
            high = min(stop, bucket_row[b + 1])
            for row in range(low, high, n_tile):
                n = min(n_tile, high - row)
                first = bucket_code[b] + (row - bucket_row[b]) * size
                for i in range(n):
                    if width > 0:
                        _gather(
                            tile, i * w, begin, table, codes, first + i * size, size, w, 0, width
                        )
                    else:
                        _gather_wide(tile, i * w, begin, table, codes, first + i * size, size, w)
                _exp_tile(tile, top, total, n, w)
                scale = weight[row : row + n] if len(weight) else ones
                log_likelihood += _scale_tile(tile, top, total, scale, n, w)
                _sum_columns(class_counts, tile, n, w)
                for i in range(n):
                    if width > 0:
                        _scatter(counts, codes, first + i * size, size, tile, i * w, w, 0, width)
                    else:
                        _scatter_wide(counts, codes, first + i * size, size, tile, i * w, w)
        return log_likelihood

    return e_step


@cache
def posterior_kernel(width: int) -> Any:
    """Posteriors (or log joints) of items in compressed rows; ``width`` as in the E-step."""

    @jit(fastmath=_CAREFUL)
    def posterior(
        indptr: Any,
        table_row: Any,
        table: Any,
        begin: Any,
        start: int,
        stop: int,
        out: Any,
        scratch: Any,
        stride: int,
        normalise: bool,
    ) -> None:
        """Fills ``out[i - start]`` for items ``start .. stop - 1``; ``out`` is (n, n_classes)."""
        w = width if width > 0 else stride
        n_classes = out.shape[1]
        n_tile = max(TILE_CELLS // w, 1)
        tile = scratch[3 * n_tile :]
        top = scratch[:n_tile]
        total = scratch[n_tile : 2 * n_tile]
        for row in range(start, stop, n_tile):
            n = min(n_tile, stop - row)
            for i in range(n):
                first = np.intp(indptr[row + i])
                size = np.intp(indptr[row + i + 1]) - first
                if width > 0:
                    _gather(tile, i * w, begin, table, table_row, first, size, w, 0, width)
                else:
                    _gather_wide(tile, i * w, begin, table, table_row, first, size, w)
            if normalise:
                _exp_tile(tile, top, total, n, w)
            for i in range(n):
                scale = 1.0 / total[i] if normalise else 1.0
                for k in range(n_classes):
                    out[row - start + i, k] = tile[i * w + k] * scale

    return posterior


@cache
def counts_kernel(width: int) -> Any:
    """M-step statistics of a given posterior; ``width`` as in the E-step."""

    @jit(fastmath=_CAREFUL)
    def count(
        indptr: Any,
        table_row: Any,
        weight: Any,
        posterior: Any,
        start: int,
        stop: int,
        counts: Any,
        class_counts: Any,
        scratch: Any,
        stride: int,
    ) -> None:
        """Adds weight times posterior of items ``start .. stop - 1`` to the counts."""
        w = width if width > 0 else stride
        scratch[:w] = 0.0
        for row in range(start, stop):
            scale = weight[row] if len(weight) else 1.0
            for k in range(posterior.shape[1]):
                scratch[k] = posterior[row, k] * scale
                class_counts[k] += scratch[k]
            first = np.intp(indptr[row])
            size = np.intp(indptr[row + 1]) - first
            if width > 0:
                _scatter(counts, table_row, first, size, scratch, 0, w, 0, width)
            else:
                _scatter_wide(counts, table_row, first, size, scratch, 0, w)

    return count
