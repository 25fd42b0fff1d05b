"""Numbering the pairs (LF, symbol) that occur, in little memory.

Votes are read in chunks that fit the second cache, so nothing of 8 bytes per vote is ever held:
beyond the result there is one array over all possible pairs. Where that would be larger than the
votes themselves (thousands of LFs over thousands of classes), pairs are sorted instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from weaklabel.inference.rows import IntArray

CHUNK = 1 << 17


def index_pairs(
    lf_index: IntArray, symbol: IntArray, n_lfs: int, n_symbols: int
) -> tuple[IntArray, IntArray]:
    """The pairs that occur and the number of each vote's pair.

    Parameters
    ----------
    lf_index, symbol : array of int, shape (n_votes,)
    n_lfs, n_symbols : int

    Returns
    -------
    pairs : array of int64, shape (n_pairs,)
        ``lf * n_symbols + symbol``, ascending.
    number : array of uint8, uint16 or uint32, shape (n_votes,)
        ``pairs[number]`` are the pairs of the votes.

    Notes
    -----
    O(n_votes), about 3 ns a vote.
    """
    if not _fits(n_lfs * n_symbols, len(symbol)):
        found: Any = np.unique(_keys(lf_index, symbol, n_symbols), return_inverse=True)
        return found[0], found[1].astype(_smallest(len(found[0])))
    used = np.zeros(n_lfs * n_symbols, dtype=bool)
    for part in _chunks(len(symbol)):
        used[_keys(lf_index[part], symbol[part], n_symbols)] = True
        if used.all():
            break  # plain votes: every pair occurs early
    pairs = np.flatnonzero(used)
    return pairs, _numbers(pairs, used, lf_index, symbol, n_symbols)


def find_pairs(
    pairs: IntArray, lf_index: IntArray, symbol: IntArray, n_lfs: int, n_symbols: int
) -> tuple[IntArray, bool]:
    """The number of each vote's pair among known pairs.

    Parameters
    ----------
    pairs : array of int64, shape (n_pairs,)
        Known pairs ``lf * n_symbols + symbol``, ascending.
    lf_index, symbol : array of int, shape (n_votes,)
    n_lfs, n_symbols : int

    Returns
    -------
    number : array of uint8, uint16 or uint32, shape (n_votes,)
        ``n_pairs`` where a pair is not known.
    all_known : bool
    """
    if _fits(n_lfs * n_symbols, len(symbol)):
        known = np.zeros(n_lfs * n_symbols, dtype=bool)
        known[pairs] = True
        number = _numbers(pairs, known, lf_index, symbol, n_symbols)
    else:
        key = _keys(lf_index, symbol, n_symbols)
        at = np.searchsorted(pairs, key)
        if len(pairs):
            at[pairs[np.minimum(at, len(pairs) - 1)] != key] = len(pairs)
        number = at.astype(_smallest(len(pairs) + 1))
    return number, not bool(len(number)) or int(number.max()) < len(pairs)


def _numbers(
    pairs: IntArray, used: IntArray, lf_index: IntArray, symbol: IntArray, n_symbols: int
) -> IntArray:
    """The rank of each vote's pair among the used ones, ``len(pairs)`` for others."""
    rank = np.full(len(used), len(pairs), dtype=_smallest(len(pairs) + 1))
    rank[pairs] = np.arange(len(pairs))
    number = np.empty(len(symbol), dtype=rank.dtype)
    dtype = np.uint16 if len(used) <= 1 << 16 else np.intp  # narrow keys are twice as fast
    for part in _chunks(len(symbol)):
        keys = _keys(lf_index[part], symbol[part], n_symbols, dtype)
        np.take(rank, keys, out=number[part], mode="clip")
    return number


def _fits(n_possible: int, n_votes: int) -> bool:
    return n_possible <= n_votes + (1 << 20)


def _keys(
    lf_index: IntArray, symbol: IntArray, n_symbols: int, dtype: npt.DTypeLike = np.intp
) -> IntArray:
    key: IntArray = np.multiply(lf_index, n_symbols, dtype=dtype, casting="unsafe")
    return np.add(key, symbol, out=key, casting="unsafe")


def _chunks(n: int) -> Iterator[slice]:
    for start in range(0, n, CHUNK):
        yield slice(start, start + CHUNK)


def _smallest(n_values: int) -> Any:
    """The smallest unsigned type that holds ``0 .. n_values - 1``."""
    return np.min_scalar_type(max(n_values - 1, 0))
