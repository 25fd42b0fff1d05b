"""What the user passes as X, read into one of four kinds of rows.

========  =====================================================================  ==================
kind      accepted                                                               held as
========  =====================================================================  ==================
text      list, tuple, Series, Arrow array or 1-D NumPy array of strings         list of str
table     pandas DataFrame, Arrow table, list of dicts                           DataFrame
dense     2-D NumPy array (or what NumPy can read as one: tensors, nested lists)  2-D float array
sparse    SciPy sparse matrix or array                                           CSR matrix
dataset   torch data set with a length                                           itself
========  =====================================================================  ==================

Rows are checked here once and trusted afterwards. A missing text in a list is an error, because a
list says that every row has one; a table may have missing values in any column.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import scipy.sparse as sp
from torch.utils.data import Dataset, IterableDataset, Subset

from weaklabel.errors import DataError

RowsKind: TypeAlias = Literal["text", "table", "dense", "sparse", "dataset"]

KIND_IN_WORDS: dict[RowsKind, str] = {
    "text": "a list of texts",
    "table": "a table with named columns",
    "dense": "a dense numeric array",
    "sparse": "a sparse matrix",
    "dataset": "a torch data set",
}


@dataclass(frozen=True)
class Rows:
    """Rows of one kind, checked.

    Attributes
    ----------
    kind : {"text", "table", "dense", "sparse", "dataset"}
    data : list of str, DataFrame, array (n, d), CSR matrix (n, d) or Dataset
    index : array, shape (n,), optional
        The index of a pandas object, where it is more than a count of the rows.
    """

    kind: RowsKind
    data: Any
    index: npt.NDArray[Any] | None = None

    def __len__(self) -> int:
        return int(self.data.shape[0]) if self.kind == "sparse" else len(self.data)

    def take(self, positions: npt.NDArray[np.int64]) -> Rows:
        """The rows at these positions, in this order."""
        if self.kind == "text":
            return Rows("text", [self.data[i] for i in positions.tolist()])
        if self.kind == "table":
            return Rows("table", self.data.iloc[positions])
        if self.kind == "dataset":
            return Rows("dataset", Subset(self.data, positions.tolist()))
        return Rows(self.kind, self.data[positions])


def read_rows(X: Any) -> Rows:
    """Read and check what the user passed as X.

    Raises
    ------
    DataError
        If there are no rows, a text is missing, a number is NaN or infinite, or X is none of the
        accepted kinds.
    """
    rows = _read(X)
    if not len(rows):
        raise DataError("X has no rows (0 samples); at least one is needed")
    return rows


def _read(X: Any) -> Rows:
    if isinstance(X, Rows):
        return X
    if isinstance(X, pd.DataFrame):
        return _read_frame(X)
    if isinstance(X, pd.Series):
        return _read_series(X)
    if isinstance(X, pa.Array | pa.ChunkedArray):
        return Rows("text", _check_texts(X.to_pylist()))
    if isinstance(X, pa.Table | pa.RecordBatch):
        return _read_frame(X.to_pandas(date_as_object=False))
    if sp.issparse(X):
        return Rows("sparse", _check_sparse(X))
    if hasattr(X, "__arrow_c_stream__"):  # tables of other libraries
        return _read(pa.table(X))
    if isinstance(X, str | bytes | Mapping):
        raise DataError(
            f"X must hold many rows, found a single {type(X).__name__}; wrap it in a list"
        )
    if isinstance(X, Dataset):
        return _read_dataset(X)
    if isinstance(X, Sequence) and not len(X):
        return Rows("text", [])
    if isinstance(X, Sequence) and (first := _first_present(X)) is not None:
        if isinstance(first, Mapping):
            return _read_frame(pd.DataFrame(_check_dicts(X)))
        if isinstance(first, str | bytes):
            return Rows("text", _check_texts(list(X)))
    return _read_array(X)


def _read_dataset(data: Dataset[Any]) -> Rows:
    if isinstance(data, IterableDataset) or not hasattr(data, "__len__"):
        raise DataError(
            "a torch data set must have a length and give its items by position, because labels "
            f"belong to positions; found {type(data).__name__}. Write __len__ and __getitem__"
        )
    return Rows("dataset", data)


def _read_frame(frame: pd.DataFrame) -> Rows:
    names = [str(c) for c in frame.columns]
    repeated = sorted({n for n in names if names.count(n) > 1})
    if repeated:
        raise DataError(f"column names must be unique, found {repeated} more than once")
    if not names:
        raise DataError("the table has no columns; at least one is needed")
    plain = frame.set_axis(names, axis=1)
    return Rows("table", plain.reset_index(drop=True), _telling_index(frame))


def _read_series(series: pd.Series[Any]) -> Rows:
    if pd.api.types.is_numeric_dtype(series.dtype):
        raise DataError(
            f"a single column of X must hold text, found {series.dtype}; "
            "pass a table with series.to_frame()"
        )
    return Rows("text", _check_texts(series.tolist()), _telling_index(series))


def _telling_index(owner: pd.DataFrame | pd.Series[Any]) -> npt.NDArray[Any] | None:
    """The index, unless it merely counts the rows."""
    return None if isinstance(owner.index, pd.RangeIndex) else np.asarray(owner.index)


def _first_present(values: Sequence[Any]) -> Any:
    return next((v for v in values if not is_missing(v)), None)


def is_missing(value: Any) -> bool:
    """True for None, NaN, NaT and pandas' NA."""
    return value is None or (np.ndim(value) == 0 and bool(pd.isna(value)))


def _check_dicts(records: Sequence[Any]) -> list[Mapping[str, Any]]:
    for position, record in enumerate(records):
        if not isinstance(record, Mapping):
            raise DataError(
                f"rows must all be dicts, row {position} is {record!r} "
                f"of type {type(record).__name__}"
            )
    return list(records)


def _check_texts(values: list[Any]) -> list[str]:
    if all(type(v) is str for v in values):
        return values
    missing = [i for i, v in enumerate(values) if is_missing(v)]
    if missing:
        raise DataError(
            f"every row needs a text; it is missing in row {missing[0]} "
            f"({len(missing)} of {len(values)} rows). Put an empty string there "
            "(for instance texts.fillna('')), or leave out those rows and their labels"
        )
    for position, value in enumerate(values):
        if not isinstance(value, str):
            raise DataError(
                f"texts must be strings, row {position} is {value!r} of type {type(value).__name__}"
            )
    return [str(v) for v in values]


def _check_sparse(X: Any) -> sp.csr_matrix[Any]:
    if X.ndim != 2:
        raise DataError(f"a sparse X must have two dimensions, found shape {X.shape}")
    matrix = sp.csr_matrix(X, dtype=_float_type(X.dtype))
    if not np.isfinite(matrix.data).all():
        bad = int(np.flatnonzero(~np.isfinite(matrix.data))[0])
        row = int(np.searchsorted(matrix.indptr, bad, side="right")) - 1
        _raise_not_finite(matrix.data[bad], row, int(matrix.indices[bad]))
    return matrix


def _read_array(X: Any) -> Rows:
    try:
        array = np.asarray(X)
    except (TypeError, ValueError) as error:
        raise DataError(f"X cannot be read as an array ({error})") from error
    if array.ndim == 1 and array.dtype.kind in "OUT" and len(array):
        return Rows("text", _check_texts(array.tolist()))
    if array.ndim != 2:
        raise DataError(
            "X must be a list of texts, a table, or an array with two dimensions (rows, features); "
            f"found an array of shape {array.shape}. Reshape your data: X.reshape(-1, 1) for one "
            "feature, X.reshape(1, -1) for one row"
        )
    return Rows("dense", _check_dense(array))


def _check_dense(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if array.dtype.kind == "c":
        raise DataError("Complex data not supported: X must hold real numbers")
    try:
        numbers = np.ascontiguousarray(array, dtype=_float_type(array.dtype))
    except (TypeError, ValueError) as error:
        raise DataError(
            f"a 2-D array X must hold numbers ({error}); pass mixed columns as a pandas DataFrame, "
            "a single column of text as a 1-D list"
        ) from error
    if numbers.size and not np.isfinite(numbers.sum()):  # a sum is cheap; look closer if it fails
        bad = np.argwhere(~np.isfinite(numbers))
        if len(bad):
            row, column = bad[0].tolist()
            _raise_not_finite(numbers[row, column], row, column)
    if not array.shape[1]:
        raise DataError(f"0 feature(s) (shape={array.shape}) while a minimum of 1 is required.")
    return numbers


def _float_type(dtype: np.dtype[Any]) -> type[np.float32] | type[np.float64]:
    return np.float32 if dtype == np.float32 else np.float64


def _raise_not_finite(value: Any, row: int, column: int) -> None:
    found = "NaN" if np.isnan(value) else "inf"
    raise DataError(
        f"the features in X must be finite, found {found} in row {row}, column {column}; "
        "replace it, or pass a pandas DataFrame, where missing values (not inf) are allowed"
    )
