"""Rows to learn from, in pieces.

A problem holds arrays; a batch holds tensors of a few of its rows. Dense inputs become tensors,
sparse ones stay SciPy CSR matrices on the CPU and become torch's on an accelerator. Rows of weight
0 are not learned from: they are the unlabelled rows, and a strategy may give them targets and
weights (:meth:`weaklabel.endmodel.state.Training.retarget`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch

from weaklabel.endmodel.encoder import Matrix

CHUNK_CELLS: Final = 32_768
"""Cells of one chunk of scores; sums this short are taken on one thread in a fixed order."""

CPU: Final = torch.device("cpu")


class LazyRows(Protocol):
    """Rows that become tensors batch by batch, such as token ids or a torch data set."""

    def __len__(self) -> int: ...

    @property
    def size(self) -> int:
        """About how many numbers the rows hold."""

    def __getitem__(self, rows: Any) -> LazyRows:
        """Some of the rows, by positions or a slice."""

    def astype(self, dtype: Any, copy: bool = True) -> LazyRows:
        """The rows with real numbers in another float type."""

    def batch(self, device: torch.device) -> Any:
        """All rows as what the net reads."""


Source: TypeAlias = "Matrix | LazyRows"


@dataclass(frozen=True, eq=False)
class Problem:
    """Rows to learn from.

    Attributes
    ----------
    inputs : array, CSR matrix or LazyRows, n rows
    targets : array, shape (n, n_classes)
        Rows sum to 1.
    weights : array, shape (n,)
        At least 0; rows of weight 0 are there to be predicted, not learned from.
    positions : array of int, shape (n,)
        Where each row stood in what was passed to ``fit``; 0 .. n-1 if not given.
    """

    inputs: Source
    targets: npt.NDArray[Any]
    weights: npt.NDArray[Any]
    positions: npt.NDArray[np.int64] = None  # type: ignore[assignment]  # filled in below

    def __post_init__(self) -> None:
        if self.positions is None:
            object.__setattr__(self, "positions", np.arange(len(self.targets)))

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return int(self.targets.shape[1])

    @property
    def labelled(self) -> npt.NDArray[np.int64]:
        """Rows that are learned from."""
        return np.flatnonzero(self.weights)

    def take(self, rows: npt.NDArray[Any] | slice) -> Problem:
        """Some of the rows."""
        return Problem(
            self.inputs[rows], self.targets[rows], self.weights[rows], self.positions[rows]
        )

    def learned(self) -> Problem:
        """The rows that are learned from."""
        rows = self.labelled
        return self if len(rows) == len(self) else self.take(rows)

    def retargeted(
        self, targets: npt.NDArray[Any] | None, weights: npt.NDArray[Any] | None
    ) -> Problem:
        """The same rows with other targets, other weights, or both."""
        new = self
        if targets is not None:
            new = replace(new, targets=np.asarray(targets, dtype=self.targets.dtype))
        if weights is not None:
            new = replace(new, weights=np.asarray(weights, dtype=self.weights.dtype))
        return new

    def astype(self, dtype: torch.dtype) -> Problem:
        """The same in another float type."""
        kind = np.float64 if dtype == torch.float64 else np.float32
        return Problem(
            self.inputs.astype(kind, copy=False),
            self.targets.astype(kind, copy=False),
            self.weights.astype(kind, copy=False),
            self.positions,
        )

    def chunks(self, size: int, device: torch.device = CPU) -> Iterator[Batch]:
        """The rows in order, in pieces."""
        for start in range(0, len(self), size):
            yield Batch.of(self, np.arange(start, min(start + size, len(self))), device)


@dataclass(frozen=True, eq=False)
class Batch:
    """A few rows of a problem as tensors.

    Attributes
    ----------
    index : array of int, shape (b,)
        Which rows of the problem.
    inputs : tensor, CSR matrix or what the LazyRows make
    targets : tensor, shape (b, n_classes)
    weights : tensor, shape (b,)
    """

    index: npt.NDArray[np.int64]
    inputs: Any
    targets: torch.Tensor
    weights: torch.Tensor

    @classmethod
    def of(
        cls, problem: Problem, index: npt.NDArray[np.int64], device: torch.device = CPU
    ) -> Batch:
        """The tensors of these rows."""
        return cls(
            index,
            as_inputs(problem.inputs[index], device),
            torch.from_numpy(problem.targets[index]).to(device),
            torch.from_numpy(problem.weights[index]).to(device),
        )


def as_inputs(source: Source, device: torch.device = CPU, *, keep_scipy: bool = True) -> Any:
    """What a net reads: a dense array as a tensor, a sparse matrix as it is or as torch's."""
    if isinstance(source, np.ndarray):
        return torch.from_numpy(np.ascontiguousarray(source)).to(device)
    if not sp.issparse(source):
        return source.batch(device)
    if device.type == "cpu" and keep_scipy:  # SciPy's products are faster there
        return source
    matrix = sp.coo_matrix(sp.csr_matrix(source))
    places = torch.from_numpy(np.stack([matrix.row, matrix.col]).astype(np.int64))
    values = torch.from_numpy(matrix.data)
    return torch.sparse_coo_tensor(
        places, values, size=matrix.shape, is_coalesced=True, check_invariants=False
    ).to(device)


def chunk_rows(problem: Problem) -> int:
    """Rows of a chunk of :data:`CHUNK_CELLS` scores."""
    return max(1, CHUNK_CELLS // problem.n_classes)


def n_values(source: Source) -> int:
    """Stored feature values: the size of a dense array, the non-zeros of a sparse matrix."""
    return int(source.size)
