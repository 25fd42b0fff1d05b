"""Rows of a torch data set: read batch by batch, never all at once.

A data set has a length and gives its items by position. An item is a tensor, a dict or a tuple of
tensors; of a pair ``(x, y)`` with a label only x is used, because labels are passed to ``fit``.
"""

from __future__ import annotations

from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Dataset, default_collate

from weaklabel.endmodel.encoder import Encoder, FeatureSettings, State
from weaklabel.endmodel.rows import Rows, RowsKind
from weaklabel.errors import DataError


def item_of(data: Dataset[Any], position: int) -> Any:
    """The features of one row, without a label that comes with them."""
    item = data[position]
    if isinstance(item, tuple | list) and len(item) == 2:
        return item[0]
    return item


@final
class DatasetRows:
    """Rows of a data set that are read when a batch is made.

    Parameters
    ----------
    data : Dataset
    positions : array of int
    width : int
        Numbers in one row.
    dtype : float type
        Of real numbers in the batches.
    """

    def __init__(
        self,
        data: Dataset[Any],
        positions: npt.NDArray[np.int64],
        width: int,
        dtype: Any = np.float32,
    ) -> None:
        self.data = data
        self.positions = positions
        self.width = width
        self.dtype = np.dtype(dtype)

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def size(self) -> int:
        """Numbers in all rows, judging by the first."""
        return len(self) * self.width

    def __getitem__(self, rows: Any) -> DatasetRows:
        """Some of the rows."""
        return DatasetRows(self.data, self.positions[rows], self.width, self.dtype)

    def astype(self, dtype: Any, copy: bool = True) -> DatasetRows:
        """The rows with real numbers in another float type."""
        return DatasetRows(self.data, self.positions, self.width, dtype)

    def batch(self, device: torch.device) -> Any:
        """All rows, stacked."""
        items = [item_of(self.data, int(i)) for i in self.positions]
        try:
            stacked = default_collate(items)
        except (RuntimeError, TypeError) as error:
            raise DataError(
                f"items of the data set must be tensors of one shape, or dicts of them ({error}); "
                "pad them to one length"
            ) from error
        dtype = torch.float64 if self.dtype == np.float64 else torch.float32
        return moved(stacked, device, dtype)


def moved(value: Any, device: torch.device, dtype: torch.dtype) -> Any:
    """Tensors on a device, real numbers in a float type; dicts, lists and tuples keep their form.

    Raises
    ------
    DataError
        If a number is NaN or infinite.
    """
    if isinstance(value, dict):
        return {name: moved(part, device, dtype) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [moved(part, device, dtype) for part in value]
    if value.is_floating_point():
        if not bool(torch.isfinite(value).all()):
            raise DataError("the data set gives NaN or infinite numbers; replace them")
        value = value.to(dtype)
    return value.to(device)


@final
class DatasetEncoder(Encoder):
    """Items of a data set, unchanged.

    Parameters
    ----------
    width : int
        Numbers in one row.
    """

    name: ClassVar[str] = "dataset"
    accepts: ClassVar[RowsKind] = "dataset"

    def __init__(self, width: int) -> None:
        self.width = width

    @classmethod
    def fit(
        cls,
        rows: Rows,
        settings: FeatureSettings,
        weights: npt.NDArray[np.float64] | None = None,
    ) -> DatasetEncoder:
        """Look at the first item."""
        return cls(width_of(item_of(rows.data, 0)))

    @property
    def n_features(self) -> int:
        """Numbers in one row; a linear head or MLP needs items of one dimension."""
        return self.width

    def transform(self, rows: Rows) -> DatasetRows:
        """The rows, still unread."""
        return DatasetRows(rows.data, np.arange(len(rows)), self.width)

    def describe(self) -> str:
        """Numbers in one row."""
        return f"items of a data set ({self.width:,} numbers a row)"

    def state(self) -> State:
        """Numbers in one row."""
        return State({"width": self.width})

    @classmethod
    def from_state(cls, state: State) -> DatasetEncoder:
        """The encoder that wrote the state."""
        return cls(int(state.header["width"]))


def width_of(item: Any) -> int:
    """Numbers in one item."""
    if isinstance(item, dict):
        return sum(width_of(part) for part in item.values())
    if isinstance(item, list | tuple):
        return sum(width_of(part) for part in item)
    if isinstance(item, torch.Tensor):
        return item.numel()
    return int(np.size(item))
