"""Losses that give up on rows they cannot explain, between cross-entropy and absolute error.

A loss is *symmetric* if its sum over all one-hot targets does not depend on the scores; symmetric
losses have the same minimiser under symmetric label noise as without it (Ghosh et al. 2017). They
are bounded, so they also learn slowly; the others trade between the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch

from weaklabel.endmodel.losses.base import RowLoss, check_range


@final
@dataclass(frozen=True)
class AbsoluteError(RowLoss):
    """``sum_k |p[k] - targets[k]|``, in [0, 2]; symmetric at one-hot targets.

    At one-hot targets it is ``2 (1 - p[y])``.

    References
    ----------
    Ghosh, Kumar and Sastry 2017, Robust loss functions under label noise for deep neural
    networks.
    """

    name: ClassVar[str] = "mae"

    def __call__(self, scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Shape (n,)."""
        return (torch.softmax(scores, dim=1) - targets).abs().sum(dim=1)


@final
@dataclass(frozen=True)
class GeneralisedCrossEntropy(RowLoss):
    """``sum_k targets[k] (1 - p[k]**q) / q``, in [0, 1 / q].

    Parameters
    ----------
    q : float, default 0.7
        In (0, 1]: towards 0 it becomes cross-entropy, at 1 half the absolute error of one-hot
        targets.

    References
    ----------
    Zhang and Sabuncu 2018, Generalized cross entropy loss for training deep neural
    networks with noisy labels.
    """

    q: float = 0.7

    name: ClassVar[str] = "generalised_cross_entropy"

    def __post_init__(self) -> None:
        check_range("q", self.q, 0.0, 1.0, low_open=True)

    def __call__(self, scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Shape (n,)."""
        logs = torch.log_softmax(scores, dim=1)
        return -(targets * torch.expm1(self.q * logs)).sum(dim=1) / self.q


@final
@dataclass(frozen=True)
class SymmetricCrossEntropy(RowLoss):
    """``alpha * CE(targets, p) + beta * CE(p, targets)`` with ``log 0`` read as ``floor``.

    Parameters
    ----------
    alpha : float, default 0.1
        Weight of cross-entropy.
    beta : float, default 1
        Weight of the reverse one; 0 with ``alpha=1`` is cross-entropy.
    floor : float, default -4
        Below 0.

    References
    ----------
    Wang et al. 2019, Symmetric cross entropy for robust learning with noisy labels.
    """

    alpha: float = 0.1
    beta: float = 1.0
    floor: float = -4.0

    name: ClassVar[str] = "symmetric_cross_entropy"

    def __post_init__(self) -> None:
        check_range("alpha", self.alpha, 0.0, 1e6)
        check_range("beta", self.beta, 0.0, 1e6)
        check_range("floor", self.floor, -1e6, 0.0, high_open=True)

    def __call__(self, scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Shape (n,)."""
        logs = torch.log_softmax(scores, dim=1)
        forward = -(targets * logs).sum(dim=1)
        target_logs = torch.log(targets).clamp_min(self.floor)
        backward = -(logs.exp() * target_logs).sum(dim=1)
        return self.alpha * forward + self.beta * backward
