"""A number for the content of each row, so that copies of a row can be kept together.

The numbers depend on the content alone, not on the place or the machine: a split that is drawn from
them does not put one copy of a text into the training part and another one into the held-out part,
and does not change when rows are shuffled or repeated.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.sparse as sp

from weaklabel.endmodel.rows import Rows

GOLDEN: Final = 0x9E3779B97F4A7C15
ROWS_AT_ONCE: Final = 65_536


def content_keys(rows: Rows, columns: list[str] | None = None) -> npt.NDArray[np.int64]:
    """Equal numbers for equal rows, other ones for other rows but for a chance of about 2**-64.

    Parameters
    ----------
    rows : Rows
    columns : list of str, optional
        The columns of a table that count; all if None.

    Returns
    -------
    array of int64, shape (n,)

    Notes
    -----
    O(stored values). Rows that cannot be compared without reading them (a torch data set) all
    count as different.
    """
    keys: npt.NDArray[Any]
    if rows.kind == "text":
        keys = pd.util.hash_array(np.asarray(rows.data, dtype=object), categorize=True)
    elif rows.kind == "table":
        table = rows.data if columns is None else rows.data[columns]
        keys = pd.util.hash_pandas_object(table, index=False).to_numpy()
    elif rows.kind == "sparse":
        keys = _sparse_keys(rows.data)
    elif rows.kind == "dense":
        keys = _dense_keys(rows.data)
    else:
        keys = np.arange(len(rows), dtype=np.uint64)
    return np.asarray(keys, dtype=np.uint64).view(np.int64)


def scrambled(keys: npt.NDArray[Any], seed: int = 0) -> npt.NDArray[np.uint64]:
    """A pseudo-random number for each key: the finaliser of SplitMix64 (Steele et al. 2014)."""
    mixed = keys.astype(np.uint64) + np.uint64((seed + 1) * GOLDEN % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))


def _cell_keys(values: npt.NDArray[Any], columns: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """A number for each value in its column; zeros give 0, so they need not be stored."""
    bits = np.ascontiguousarray(values, dtype=np.float64).view(np.uint64)
    places = scrambled(columns, seed=1)
    return np.asarray(scrambled(bits ^ places) * (values != 0))


def _dense_keys(array: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    columns = np.arange(array.shape[1])
    parts = [
        _cell_keys(array[start : start + ROWS_AT_ONCE], columns).sum(axis=1, dtype=np.uint64)
        for start in range(0, len(array), ROWS_AT_ONCE)
    ]
    return np.concatenate(parts)


def _sparse_keys(matrix: sp.csr_matrix[Any]) -> npt.NDArray[np.uint64]:
    cells = _cell_keys(matrix.data, matrix.indices.astype(np.int64))
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(cells, dtype=np.uint64)])
    return np.asarray(sums[matrix.indptr[1:]] - sums[matrix.indptr[:-1]])  # modulo 2**64
