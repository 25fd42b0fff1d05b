"""Rows to learn from, in pieces, and the loss over them.

A problem holds arrays; a batch holds tensors of a few of its rows. Dense inputs become tensors
without copying, sparse ones stay CSR matrices.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from weaklabel.endmodel.encoder import Matrix
from weaklabel.endmodel.losses import Loss
from weaklabel.endmodel.nets import Inputs

CHUNK_CELLS: Final = 32_768
"""Cells of one chunk of scores; sums this short are taken on one thread in a fixed order."""


@dataclass(frozen=True)
class Problem:
    """Rows to learn from.

    Attributes
    ----------
    inputs : array or CSR matrix, shape (n, n_features)
    targets : array, shape (n, n_classes)
        Rows sum to 1.
    weights : array, shape (n,)
        Positive.
    """

    inputs: Matrix
    targets: npt.NDArray[Any]
    weights: npt.NDArray[Any]

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, rows: npt.NDArray[Any] | slice) -> Problem:
        """Some of the rows."""
        return Problem(self.inputs[rows], self.targets[rows], self.weights[rows])

    def astype(self, dtype: torch.dtype) -> Problem:
        """The same in another float type."""
        kind = np.float64 if dtype == torch.float64 else np.float32
        return Problem(
            self.inputs.astype(kind, copy=False),
            self.targets.astype(kind, copy=False),
            self.weights.astype(kind, copy=False),
        )

    def chunks(self, size: int) -> Iterator[Batch]:
        """The rows in order, in pieces."""
        for start in range(0, len(self), size):
            yield Batch.of(self.take(slice(start, start + size)))


@dataclass(frozen=True)
class Batch:
    """A few rows as tensors (sparse inputs stay a CSR matrix)."""

    inputs: Inputs
    targets: torch.Tensor
    weights: torch.Tensor

    @classmethod
    def of(cls, rows: Problem) -> Batch:
        """The tensors of these rows."""
        inputs = as_inputs(rows.inputs)
        return cls(inputs, torch.from_numpy(rows.targets), torch.from_numpy(rows.weights))

    def loss(self, net: nn.Module, loss: Loss) -> torch.Tensor:
        """Sum of the weighted losses of the rows."""
        return (self.weights * loss(net(self.inputs), self.targets)).sum()


def as_inputs(matrix: Matrix) -> Inputs:
    """A dense array as a tensor without copying; a sparse one as it is."""
    if isinstance(matrix, np.ndarray):
        return torch.from_numpy(np.ascontiguousarray(matrix))
    return matrix


def mean_loss(net: nn.Module, chunks: list[Batch], loss: Loss) -> float:
    """Weighted mean loss over all chunks."""
    total, weight = 0.0, 0.0
    with torch.no_grad():
        for chunk in chunks:
            total += chunk.loss(net, loss).item()
            weight += chunk.weights.sum().item()
    return total / weight


def chunk_rows(problem: Problem) -> int:
    """Rows of a chunk of :data:`CHUNK_CELLS` scores."""
    n_classes = int(problem.targets.shape[1])
    return max(1, CHUNK_CELLS // n_classes)


def n_values(matrix: Matrix) -> int:
    """Stored feature values: the size of a dense array, the non-zeros of a sparse matrix."""
    return int(matrix.size)
