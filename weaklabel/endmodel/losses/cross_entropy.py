"""Cross-entropy and its relatives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch

from weaklabel.endmodel.losses.base import RowLoss, check_range


@final
@dataclass(frozen=True)
class CrossEntropy(RowLoss):
    """``-sum_k targets[k] log softmax(scores)[k]`` of each row.

    Its minimum over scores is the entropy of the targets, reached where the softmax equals them. At
    one-hot targets it is the ordinary cross-entropy.
    """

    name: ClassVar[str] = "cross_entropy"

    def __call__(self, scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Shape (n,)."""
        return -(targets * torch.log_softmax(scores, dim=1)).sum(dim=1)


@final
@dataclass(frozen=True)
class LabelDistribution(RowLoss):
    """``KL(targets || softmax(scores))``: cross-entropy less the entropy of the targets.

    The gradient is that of cross-entropy; the value is 0 where the answer is right.

    References
    ----------
    Geng 2016, Label distribution learning.
    """

    name: ClassVar[str] = "kl"

    def __call__(self, scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Shape (n,)."""
        own: torch.Tensor = torch.special.entr(targets)
        cross = -(targets * torch.log_softmax(scores, dim=1))
        return (cross - own).sum(dim=1).clamp_min(0.0)


@final
@dataclass(frozen=True)
class LabelSmoothing(RowLoss):
    """Cross-entropy to ``(1 - smoothing) * targets + smoothing / K``.

    Parameters
    ----------
    smoothing : float, default 0.1
        In [0, 1); 0 is cross-entropy.

    References
    ----------
    Szegedy et al. 2016, Rethinking the inception architecture, section 7.
    """

    smoothing: float = 0.1

    name: ClassVar[str] = "label_smoothing"

    def __post_init__(self) -> None:
        check_range("smoothing", self.smoothing, 0.0, 1.0, high_open=True)

    def __call__(self, scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Shape (n,)."""
        n_classes = scores.shape[1]
        smooth = (1.0 - self.smoothing) * targets + self.smoothing / n_classes
        return -(smooth * torch.log_softmax(scores, dim=1)).sum(dim=1)


@final
@dataclass(frozen=True)
class Focal(RowLoss):
    """``-sum_k targets[k] (1 - p[k])**gamma log p[k]``: rows that are easy count less.

    Parameters
    ----------
    gamma : float, default 2
        At least 0; 0 is cross-entropy.

    References
    ----------
    Lin et al. 2017, Focal loss for dense object detection, eq. 4.
    """

    gamma: float = 2.0

    name: ClassVar[str] = "focal"

    def __post_init__(self) -> None:
        check_range("gamma", self.gamma, 0.0, 100.0)

    def __call__(self, scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Shape (n,)."""
        logs = torch.log_softmax(scores, dim=1)
        # 1 - p of the likeliest class underflows its gradient at gamma < 1 without the floor
        rest = (-torch.expm1(logs)).clamp_min(torch.finfo(logs.dtype).tiny)
        return -(targets * rest**self.gamma * logs).sum(dim=1)
