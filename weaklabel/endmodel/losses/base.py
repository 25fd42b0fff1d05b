"""What a loss is: scores, soft targets and weights in, a number to lower out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

import torch

from weaklabel.errors import ConfigError


class Loss(ABC):
    """A loss on soft targets.

    Attributes
    ----------
    name : str
        The word for ``EndModel(loss=...)``.
    link : {"softmax", "sigmoid"}
        How scores become probabilities: they compete, or each class is asked alone.
    couples_rows : bool
        Whether the value of a batch is more than the sum over its rows; such a loss is trained
        with mini-batches.
    """

    name: ClassVar[str]
    link: ClassVar[Literal["softmax", "sigmoid"]] = "softmax"
    couples_rows: ClassVar[bool] = False

    @abstractmethod
    def total(
        self, scores: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor
    ) -> torch.Tensor:
        """The loss of a batch times its total weight.

        Parameters
        ----------
        scores : tensor, shape (n, n_classes)
            Any real numbers.
        targets : tensor, shape (n, n_classes)
            Class probabilities; rows sum to 1 unless the link is a sigmoid.
        weights : tensor, shape (n,)
            At least 0.

        Returns
        -------
        tensor, shape ()
        """

    def resolve(self, targets: torch.Tensor, weights: torch.Tensor) -> Loss:
        """The loss with what it takes from the training rows filled in; by default itself."""
        return self


class RowLoss(Loss):
    """A loss that is a weighted sum over rows."""

    @abstractmethod
    def __call__(self, scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The loss of each row, at least 0.

        Parameters
        ----------
        scores, targets : tensor, shape (n, n_classes)

        Returns
        -------
        tensor, shape (n,)
        """

    def total(
        self, scores: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor
    ) -> torch.Tensor:
        """``sum_i weights[i] * loss[i]``."""
        return (weights * self(scores, targets)).sum()


def check_range(
    name: str,
    value: Any,
    low: float,
    high: float,
    *,
    low_open: bool = False,
    high_open: bool = False,
) -> None:
    """Raise ConfigError unless a number lies in an interval."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    is_border = (low_open and value == low) or (high_open and value == high)
    if is_number and not is_border and low <= value <= high:
        return
    interval = f"{'(' if low_open else '['}{low:g}, {high:g}{')' if high_open else ']'}"
    raise ConfigError(f"{name} must be a number in {interval}, found {value!r}")
