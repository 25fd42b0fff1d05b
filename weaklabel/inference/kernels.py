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

One kernel is compiled per number of classes up to ``EXACT_WIDTHS`` and one for all larger ones, in
half a second to a second, when first used; compiled code is cached on disk. All compiled code lives
in this one file because the cache is keyed on the file: a kernel and what it calls change together.

Flags. ``nnan`` and ``ninf`` hold because callers check that tables are finite; ``reassoc`` is
allowed where a sum or maximum is taken over classes and nowhere else, since it would undo the
rounding trick in ``_exp``.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

EXACT_WIDTHS = 32
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
            return njit(nogil=True, cache=True, error_model="numpy", **options)(function)
        except RuntimeError:  # numba: "no locator available"
            return njit(nogil=True, error_model="numpy", **options)(function)

    return decorate


# Typed as Any: what a decorated function takes when called in a kernel is not what it takes here.
_bit_operation: Any = intrinsic
_vector_operation: Any = intrinsic(prefer_literal=True)
_ir_tools: Any = cgutils


# --- bits and vectors ----------------------------------------------------------------------------


@_bit_operation
def _float_of_bits(_context: Any, _bits: Any) -> Any:
    def generate(_ctx: Any, builder: Any, _sig: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), generate


@_bit_operation
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


def _fold(builder: Any, vector: Any, size: int, combine: Any) -> Any:
    """One number from a vector: halves are combined until one is left (always in this order)."""
    while size > 1:
        size //= 2
        index = ir.VectorType(ir.IntType(32), size)
        low = builder.shuffle_vector(vector, vector, index(list(range(size))))
        high = builder.shuffle_vector(vector, vector, index(list(range(size, 2 * size))))
        vector = combine(builder, low, high)
    return builder.extract_element(vector, ir.IntType(32)(0))


def _larger(builder: Any, a: Any, b: Any) -> Any:
    return builder.select(builder.fcmp_ordered(">", a, b, flags=("nnan",)), a, b)


def _plus(builder: Any, a: Any, b: Any) -> Any:
    return builder.fadd(a, b)


def _fold_row(builder: Any, row: list[Any], pieces: list[tuple[int, int]], combine: Any) -> Any:
    parts = [_fold(builder, v, size, combine) for v, (_, size) in zip(row, pieces, strict=True)]
    result = parts[0]
    for part in parts[1:]:
        result = combine(builder, result, part)
    return result


def _splat(builder: Any, value: Any, size: int) -> Any:
    vector = ir.VectorType(ir.DoubleType(), size)
    one = builder.insert_element(vector(ir.Undefined), value, ir.IntType(32)(0))
    index = ir.VectorType(ir.IntType(32), size)([0] * size)
    return builder.shuffle_vector(one, vector(ir.Undefined), index)


@_vector_operation
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
    shift: Any,
) -> Any:
    """target[at + k] = begin[column + k] + sum of table[code * stride + column + k] over codes.

    ``k`` runs over the literal ``width``; the codes are ``codes[first : first + count]``. Where the
    literal ``shift`` is 1, the maximum over k is taken off, and returned.
    """
    pieces = _pieces(width.literal_value)
    shifted = bool(shift.literal_value)
    size = types.intp
    sig = types.float64(target, size, begin, table, codes, size, size, size, size, width, shift)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        to, start, rows, index = (_data(context, builder, sig, args, k) for k in (0, 2, 3, 4))
        at, begin_at, n, stride, column = args[1], args[5], args[6], args[7], args[8]
        sums = []
        for piece in pieces:
            value = builder.load(_vector_pointer(builder, start, column, piece), align=8)
            sums.append(_ir_tools.alloca_once_value(builder, value))
        with _ir_tools.for_range(builder, n, intp=n.type) as loop:
            offset = _row_offset(builder, index, builder.add(begin_at, loop.index), stride, column)
            for piece, total in zip(pieces, sums, strict=True):
                row = builder.load(_vector_pointer(builder, rows, offset, piece), align=8)
                builder.store(builder.fadd(builder.load(total), row), total)
        values = [builder.load(total) for total in sums]
        top = ir.DoubleType()(0.0)
        if shifted:
            top = _fold_row(builder, values, pieces, _larger)
            values = [
                builder.fsub(value, _splat(builder, top, n_lanes))
                for value, (_, n_lanes) in zip(values, pieces, strict=True)
            ]
        for piece, value in zip(pieces, values, strict=True):
            builder.store(value, _vector_pointer(builder, to, at, piece), align=8)
        return top

    return sig, generate


@_vector_operation
def _sum_row(_context: Any, source: Any, source_at: Any, width: Any) -> Any:
    """The sum of source[at + k] over the literal ``width``."""
    pieces = _pieces(width.literal_value)
    sig = types.float64(source, types.intp, width)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = _data(context, builder, sig, args, 0)
        row = [builder.load(_vector_pointer(builder, data, args[1], p), align=8) for p in pieces]
        return _fold_row(builder, row, pieces, _plus)

    return sig, generate


@_vector_operation
def _scatter(
    _context: Any,
    target: Any,
    codes: Any,
    first: Any,
    count: Any,
    source: Any,
    source_at: Any,
    scale: Any,
    stride: Any,
    column: Any,
    width: Any,
) -> Any:
    """source[at + k] *= scale, then target[code * stride + column + k] += it for each code."""
    pieces = _pieces(width.literal_value)
    size = types.intp
    sig = types.void(target, codes, size, size, source, size, types.float64, size, size, width)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        to, index, source = (_data(context, builder, sig, args, k) for k in (0, 1, 4))
        begin_at, n = args[2], args[3]
        at, scale, stride, column = args[5:9]
        values = []
        for piece in pieces:
            pointer = _vector_pointer(builder, source, at, piece)
            factor = _splat(builder, scale, piece[1])
            values.append(builder.fmul(builder.load(pointer, align=8), factor))
            builder.store(values[-1], pointer, align=8)
        with _ir_tools.for_range(builder, n, intp=n.type) as loop:
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
    return value if x >= _EXP_LOWEST else 0.0


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


# --- rows of a width known at run time only: panels of 32 classes, then of 8 ----------------------


@jit(fastmath=_REDUCING, forceinline=True)
def _gather_wide(
    target: Any,
    at: int,
    begin: Any,
    table: Any,
    codes: Any,
    first: int,
    count: int,
    stride: int,
    shift: bool,
) -> float:
    column = 0
    while column + 32 <= stride:
        _gather(target, at + column, begin, table, codes, first, count, stride, column, 32, 0)
        column += 32
    while column < stride:
        _gather(target, at + column, begin, table, codes, first, count, stride, column, 8, 0)
        column += 8
    if not shift:
        return 0.0
    top = target[at]
    for k in range(1, stride):
        top = max(top, target[at + k])
    for k in range(stride):
        target[at + k] -= top
    return top  # type: ignore[no-any-return]


@jit(fastmath=_REDUCING, forceinline=True)
def _sum_row_wide(source: Any, at: int, stride: int) -> float:
    summed = 0.0
    for k in range(stride):
        summed += source[at + k]
    return summed


@jit(fastmath=_CAREFUL, forceinline=True)
def _scatter_wide(
    target: Any,
    codes: Any,
    first: int,
    count: int,
    source: Any,
    at: int,
    scale: float,
    stride: int,
) -> None:
    column = 0
    while column + 32 <= stride:
        _scatter(target, codes, first, count, source, at + column, scale, stride, column, 32)
        column += 32
    while column < stride:
        _scatter(target, codes, first, count, source, at + column, scale, stride, column, 8)
        column += 8


# --- kernels -------------------------------------------------------------------------------------


@jit(fastmath=_REDUCING, forceinline=True)
def _log_likelihood(weight: Any, top: Any, total: Any, n: int) -> float:
    """The weighted sum of log normalisers ``top + log(total)``."""
    result = 0.0
    for i in range(n):
        result += weight[i] * (top[i] + _log(total[i]))
    return result


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
        top = scratch[:n_tile]
        total = scratch[n_tile : 2 * n_tile]
        ones = scratch[2 * n_tile : 3 * n_tile]
        tile = scratch[3 * n_tile :]
        ones[:] = 1.0
        every = np.arange(n_tile)
        log_likelihood = 0.0
        for b in range(len(bucket_size)):
            size = bucket_size[b]
            low = max(start, bucket_row[b])
            high = min(stop, bucket_row[b + 1])
            for row in range(low, high, n_tile):
                n = min(n_tile, high - row)
                first = bucket_code[b] + (row - bucket_row[b]) * size
                for i in range(n):
                    at, code = i * w, first + i * size
                    if width > 0:
                        top[i] = _gather(tile, at, begin, table, codes, code, size, w, 0, width, 1)
                    else:
                        top[i] = _gather_wide(tile, at, begin, table, codes, code, size, w, True)
                for j in range(n * w):
                    tile[j] = _exp(tile[j])
                for i in range(n):
                    if width > 0:
                        total[i] = _sum_row(tile, i * w, width)
                    else:
                        total[i] = _sum_row_wide(tile, i * w, w)
                scale = weight[row : row + n] if len(weight) else ones
                log_likelihood += _log_likelihood(scale, top, total, n)
                for i in range(n):
                    total[i] = scale[i] / total[i]
                for i in range(n):
                    at, code = i * w, first + i * size
                    if width > 0:
                        _scatter(counts, codes, code, size, tile, at, total[i], w, 0, width)
                    else:
                        _scatter_wide(counts, codes, code, size, tile, at, total[i], w)
                # column sums: the rows 0 .. n - 1 of the tile, gathered
                if width > 0:
                    _gather(class_counts, 0, class_counts, tile, every, 0, n, w, 0, width, 0)
                else:
                    _gather_wide(class_counts, 0, class_counts, tile, every, 0, n, w, False)
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
        total = scratch[:n_tile]
        tile = scratch[n_tile:]
        for row in range(start, stop, n_tile):
            n = min(n_tile, stop - row)
            for i in range(n):
                at, first = i * w, np.intp(indptr[row + i])
                size = np.intp(indptr[row + i + 1]) - first
                if width > 0 and normalise:
                    _gather(tile, at, begin, table, table_row, first, size, w, 0, width, 1)
                elif width > 0:
                    _gather(tile, at, begin, table, table_row, first, size, w, 0, width, 0)
                else:
                    _gather_wide(tile, at, begin, table, table_row, first, size, w, normalise)
            total[:n] = 1.0
            if normalise:
                for j in range(n * w):
                    tile[j] = _exp(tile[j])
                for i in range(n):
                    if width > 0:
                        total[i] = _sum_row(tile, i * w, width)
                    else:
                        total[i] = _sum_row_wide(tile, i * w, w)
            for i in range(n):
                for k in range(n_classes):
                    out[row - start + i, k] = tile[i * w + k] / total[i]

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
            for k in range(posterior.shape[1]):
                scratch[k] = posterior[row, k]
            scale = weight[row] if len(weight) else 1.0
            first = np.intp(indptr[row])
            size = np.intp(indptr[row + 1]) - first
            if width > 0:
                _scatter(counts, table_row, first, size, scratch, 0, scale, w, 0, width)
            else:
                _scatter_wide(counts, table_row, first, size, scratch, 0, scale, w)
            for k in range(posterior.shape[1]):
                class_counts[k] += scratch[k]

    return count
