"""The Dice semimetric: a differentiable F1 score that takes soft targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch

from weaklabel.endmodel.losses.base import Loss


@final
@dataclass(frozen=True)
class Dice(Loss):
    """``1 - 2 <p, t> / (2 <p, t> + |p - t|_1)`` of each class over the rows of a batch, averaged.

    At hard targets and answers it is 1 - F1 of each class. Unlike the usual soft Dice loss it is
    least, and 0, exactly where the probabilities equal the targets, also at soft ones. Classes
    without any mass in the batch's targets are left out.

    References
    ----------
    Wang, Popordanoska, Bertels, Lemmens and Blaschko 2023, Dice semimetric losses: optimizing the
    Dice score with soft labels (DML2).
    """

    name: ClassVar[str] = "dice"
    couples_rows: ClassVar[bool] = True

    def total(
        self, scores: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor
    ) -> torch.Tensor:
        """The mean over classes times the total weight."""
        p = torch.softmax(scores, dim=1)
        column = weights[:, None]
        overlap = 2.0 * (column * p * targets).sum(dim=0)
        distance = (column * (p - targets).abs()).sum(dim=0)
        is_there = ((column * targets).sum(dim=0) > 0).to(p.dtype)
        tiny = torch.finfo(p.dtype).tiny
        losses = distance / (overlap + distance).clamp_min(tiny)
        return weights.sum() * (is_there * losses).sum() / is_there.sum().clamp_min(1.0)
