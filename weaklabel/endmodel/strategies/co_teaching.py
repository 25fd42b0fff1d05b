"""Co-teaching: two nets, each learning from the rows that the other one finds easy.

Nets learn what is regular before what is noise, so rows of small loss are more likely to be
labelled right. A net that chose them for itself would confirm its own mistakes; here each net
chooses for the other one (Han et al. 2018, "Co-teaching: robust training of deep neural networks
with extremely noisy labels", algorithm 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

import torch

from weaklabel.endmodel.losses.base import check_range
from weaklabel.endmodel.strategies.base import Strategy
from weaklabel.endmodel.strategies.pseudo_labels import expected_noise

if TYPE_CHECKING:
    from weaklabel.endmodel.problem import Batch
    from weaklabel.endmodel.state import Training

NUDGE = 0.01
"""Size of the random step by which two nets that start alike are told apart."""


@final
@dataclass
class CoTeaching(Strategy):
    """Each of two nets learns from the rows of small loss under the other one.

    Parameters
    ----------
    noise : float, optional
        Share of the rows to leave out in the end, in [0, 1). By default what the soft labels
        themselves expect: the mean of 1 - their largest probability.
    ramp : int, default 10
        Epochs over which that share grows from 0.

    Notes
    -----
    Twice the cost of plain training. The loss of a row is its divergence from the target, so rows
    are left out for being contradicted, not for being unsure. Heads that start at zero (linear)
    get a small random step, and stay more alike than deep ones.
    """

    name: ClassVar[str] = "co_teaching"
    n_nets: ClassVar[int] = 2
    uses_batches: ClassVar[bool] = True
    keeps: ClassVar[tuple[str, ...]] = ("share",)

    noise: float | None = None
    ramp: int = 10

    def __post_init__(self) -> None:
        if self.noise is not None:
            check_range("noise", self.noise, 0.0, 1.0, high_open=True)
        check_range("ramp", self.ramp, 1, 10_000)

    def start(self, training: Training) -> None:
        """Tell the nets apart, and decide how many rows to leave out."""
        problem = training.problem.learned()
        noise = expected_noise(problem.targets, problem.weights)
        self.share = noise if self.noise is None else self.noise
        generator = torch.Generator().manual_seed(training.settings.seed)
        for parameter in training.nets[1].parameters():
            if parameter.ndim >= 2:
                step = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
                with torch.no_grad():
                    parameter.add_(step.to(parameter.device), alpha=NUDGE)

    def batch_loss(self, training: Training, batch: Batch) -> torch.Tensor:
        """Both nets on what the other one chose, scaled up to the weight of the batch."""
        left_out = self.share * min(1.0, (training.epoch - 1) / self.ramp)
        n_kept = max(1, round(len(batch.index) * (1.0 - left_out)))
        losses = [training.row_losses(batch, net) for net in training.nets]
        with torch.no_grad():
            floor = _entropy(batch.targets)
            chosen = [torch.argsort(loss - floor, stable=True)[:n_kept] for loss in losses]
        total = batch.weights.sum()
        summed = torch.zeros((), dtype=losses[0].dtype, device=losses[0].device)
        for loss, rows in zip(losses, reversed(chosen), strict=True):
            weights = batch.weights[rows]
            summed = summed + (weights * loss[rows]).sum() * (total / weights.sum())
        return summed / len(losses)

    def is_scored(self, training: Training) -> bool:
        """Not before all rows that are to be left out are."""
        return training.epoch > self.ramp

    def is_finished(self, training: Training) -> bool:
        """Whether the share of rows left out is final."""
        return training.epoch > self.ramp


def _entropy(targets: torch.Tensor) -> torch.Tensor:
    return -torch.xlogy(targets, targets).sum(dim=1)
