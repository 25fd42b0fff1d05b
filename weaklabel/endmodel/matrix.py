"""Numeric arrays as features: dense ones standardised, sparse ones left as they are.

Dense columns get mean 0 and standard deviation 1, so that one weight decay and one learning rate
suit all of them. Sparse values are not scaled: they usually are term weights already, and rare
columns must not be blown up.
"""

from __future__ import annotations

from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from weaklabel.endmodel.encoder import Encoder, FeatureSettings, State
from weaklabel.endmodel.rows import Rows, RowsKind
from weaklabel.errors import DataError


@final
class DenseEncoder(Encoder):
    """Columns of an array, standardised with the mean and deviation of the training rows.

    Parameters
    ----------
    mean, scale : array, shape (n_features,)
    """

    name: ClassVar[str] = "dense"
    accepts: ClassVar[RowsKind] = "dense"

    def __init__(self, mean: npt.NDArray[np.float64], scale: npt.NDArray[np.float64]) -> None:
        self.mean = mean
        self.scale = scale

    @classmethod
    def fit(
        cls,
        rows: Rows,
        settings: FeatureSettings,
        weights: npt.NDArray[np.float64] | None = None,
    ) -> DenseEncoder:
        """Learn mean and deviation of each column."""
        return cls(*mean_and_scale(rows.data, weights))

    @property
    def n_features(self) -> int:
        """Number of columns."""
        return len(self.mean)

    def transform(self, rows: Rows) -> npt.NDArray[Any]:
        """Standardised columns in the float type of the rows."""
        check_width(rows.data.shape[1], self.n_features)
        dtype = rows.data.dtype
        return np.asarray(
            (rows.data - self.mean.astype(dtype)) / self.scale.astype(dtype), dtype=dtype
        )

    def describe(self) -> str:
        """Number and kind of the features."""
        return f"{self.n_features:,} standardised numeric features"

    def state(self) -> State:
        """Mean and scale."""
        return State({}, {"mean": self.mean, "scale": self.scale})

    @classmethod
    def from_state(cls, state: State) -> DenseEncoder:
        """The encoder that wrote the state."""
        return cls(state.arrays["mean"], state.arrays["scale"])


@final
class SparseEncoder(Encoder):
    """A sparse matrix, unchanged.

    Parameters
    ----------
    n_columns : int
    """

    name: ClassVar[str] = "sparse"
    accepts: ClassVar[RowsKind] = "sparse"

    def __init__(self, n_columns: int) -> None:
        self.n_columns = n_columns

    @classmethod
    def fit(
        cls,
        rows: Rows,
        settings: FeatureSettings,
        weights: npt.NDArray[np.float64] | None = None,
    ) -> SparseEncoder:
        """Remember the number of columns."""
        return cls(int(rows.data.shape[1]))

    @property
    def n_features(self) -> int:
        """Number of columns."""
        return self.n_columns

    def transform(self, rows: Rows) -> sp.csr_matrix[Any]:
        """The rows themselves."""
        check_width(rows.data.shape[1], self.n_features)
        return sp.csr_matrix(rows.data)

    def describe(self) -> str:
        """Number and kind of the features."""
        return f"{self.n_features:,} sparse features as given"

    def state(self) -> State:
        """The number of columns."""
        return State({"n_columns": self.n_columns})

    @classmethod
    def from_state(cls, state: State) -> SparseEncoder:
        """The encoder that wrote the state."""
        return cls(int(state.header["n_columns"]))


def mean_and_scale(
    columns: npt.NDArray[Any], weights: npt.NDArray[np.float64] | None = None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Weighted mean and deviation of each column; the deviation of a constant column counts as 1.

    Rounding leaves a constant column with a tiny deviation, hence the relative threshold.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        if weights is None or (weights == weights[0]).all():
            mean = np.asarray(columns.mean(axis=0, dtype=np.float64))
            deviation = np.asarray(columns.std(axis=0, dtype=np.float64))
        else:
            share = weights / weights.sum()
            mean = np.asarray(share @ columns)
            deviation = np.sqrt(share @ (columns - mean) ** 2)
    huge = np.flatnonzero(~np.isfinite(deviation))
    if len(huge):
        raise DataError(
            f"numbers of about 1e150 and more cannot be standardised; feature {huge[0]} has some: "
            "rescale it"
        )
    is_constant = deviation <= 10 * np.finfo(columns.dtype).eps * np.maximum(np.abs(mean), 1e-300)
    return mean, np.where(is_constant, 1.0, deviation)


def check_width(found: int, expected: int) -> None:
    """Raise DataError unless X has as many columns as the model was fitted on."""
    if found != expected:
        raise DataError(
            f"X has {found} features, but EndModel is expecting {expected} features as input: "
            "pass the columns the model was fitted on"
        )
