"""Equal vote rows, grouped.

Items with equal vote rows have equal posteriors, so a label model needs each distinct row once,
with the number of items that have it. Patterns come in an order that depends only on their content:
sums over patterns do not depend on the order of the rows, to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class VotePatterns:
    """The distinct rows of a vote matrix.

    Attributes
    ----------
    indptr : array of int, shape (n_patterns + 1,)
    lf_index, symbol : array of unsigned int, shape (n_pattern_votes,)
        The compressed-row layout of a vote matrix, one row per pattern.
    counts : array of float64, shape (n_patterns,)
        Items with each pattern; sums to n_items.
    inverse : array of int, shape (n_items,)
        The pattern of each item.
    """

    indptr: npt.NDArray[np.integer[Any]]
    lf_index: npt.NDArray[np.integer[Any]]
    symbol: npt.NDArray[np.integer[Any]]
    counts: npt.NDArray[np.float64]
    inverse: npt.NDArray[np.integer[Any]]

    @property
    def n_patterns(self) -> int:
        """Number of distinct rows."""
        return len(self.counts)


def find_patterns(
    indptr: npt.NDArray[np.integer[Any]],
    lf_index: npt.NDArray[np.integer[Any]],
    symbol: npt.NDArray[np.integer[Any]],
) -> VotePatterns:
    """Group equal rows of a compressed-row vote matrix.

    Rows are told apart by two 64-bit hashes, each the sum over the row's votes of a number drawn
    for (LF, symbol) (Zobrist hashing). Every row is then compared with the row that represents its
    group, so the result is exact whatever the hashes do.

    Parameters
    ----------
    indptr : array of int, shape (n_items + 1,)
    lf_index, symbol : array of int, shape (n_votes,)

    Returns
    -------
    VotePatterns

    Notes
    -----
    Cost O(n_votes + n_items log n_items); a few 8-byte arrays of length n_votes and n_items.

    References
    ----------
    Zobrist, "A New Hashing Method with Application for Game Playing", 1970.
    """
    n_items = len(indptr) - 1
    lengths = np.diff(indptr)
    for attempt in range(4):
        first = _row_hashes(indptr, lf_index, symbol, seed=2 * attempt)
        second = _row_hashes(indptr, lf_index, symbol, seed=2 * attempt + 1)
        order = np.lexsort((second, first))
        sorted_first, sorted_second = first[order], second[order]
        new = np.ones(n_items, dtype=bool)
        new[1:] = (sorted_first[1:] != sorted_first[:-1]) | (
            sorted_second[1:] != sorted_second[:-1]
        )
        group = np.cumsum(new) - 1
        inverse: npt.NDArray[np.integer[Any]] = np.empty(
            n_items, dtype=np.int32 if n_items < 2**31 else np.int64
        )
        inverse[order] = group
        starts = np.flatnonzero(new)
        # lexsort is stable, so the first of each run is the earliest row with that pattern
        representative = order[starts]
        if _all_equal(indptr, lf_index, symbol, representative[inverse], lengths):
            break
    else:  # pragma: no cover - four pairs of 64-bit hashes colliding
        raise RuntimeError("vote rows could not be told apart by hashing")
    counts = np.diff(np.append(starts, n_items)).astype(np.float64)
    pattern_lengths = lengths[representative]
    pattern_indptr = np.concatenate([[0], np.cumsum(pattern_lengths, dtype=np.int64)])
    take = np.repeat(indptr[representative].astype(np.int64) - pattern_indptr[:-1], pattern_lengths)
    take += np.arange(pattern_indptr[-1])
    pointers: npt.NDArray[np.integer[Any]] = np.array(pattern_indptr, dtype=indptr.dtype)
    return VotePatterns(pointers, lf_index[take], symbol[take], counts, inverse)


def _row_hashes(
    indptr: npt.NDArray[np.integer[Any]],
    lf_index: npt.NDArray[np.integer[Any]],
    symbol: npt.NDArray[np.integer[Any]],
    seed: int,
) -> npt.NDArray[np.uint64]:
    votes = _mix(lf_index.astype(np.uint64) << np.uint64(32) | symbol.astype(np.uint64), seed)
    total = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(votes, dtype=np.uint64)])
    return np.asarray(total[indptr[1:]] - total[indptr[:-1]])  # modulo 2^64, wraps on purpose


def _mix(values: npt.NDArray[np.uint64], seed: int) -> npt.NDArray[np.uint64]:
    """splitmix64: a fixed bijection of 64-bit integers that looks random."""
    offset = np.uint64((0x9E3779B97F4A7C15 * (2 * seed + 1)) % 2**64)
    z = values * np.uint64(0xD1342543DE82EF95) + offset
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)))


def _all_equal(
    indptr: npt.NDArray[np.integer[Any]],
    lf_index: npt.NDArray[np.integer[Any]],
    symbol: npt.NDArray[np.integer[Any]],
    representative: npt.NDArray[np.integer[Any]],
    lengths: npt.NDArray[np.integer[Any]],
) -> bool:
    """Whether every row equals the row that represents it."""
    if not np.array_equal(lengths, lengths[representative]):
        return False
    shift = np.repeat(indptr[representative].astype(np.int64) - indptr[:-1], lengths)
    shift += np.arange(len(lf_index))
    return bool(np.array_equal(lf_index, lf_index[shift]) and np.array_equal(symbol, symbol[shift]))
