"""Meta label correction: a small net mends the labels so that the big one does well on gold.

Zheng et al. 2021, "Meta label correction for noisy label learning". A corrector turns the given
label t and the net's answer f of a row into the label q it is trained on. A step of the net with
learning rate eta changes the loss G on gold rows, to first order, by

    dG/dq[i, c] = eta * d/de log f(c | x[i]; w + e v),     v = gradient of G at the net's weights

so the corrector's gradient needs one more forward pass with the weights moved along v, and no
second derivatives (the finite difference of Liu et al. 2019, DARTS, eq. 8).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, final

import torch
from torch import nn

from weaklabel.endmodel.losses.base import check_range
from weaklabel.endmodel.problem import Batch
from weaklabel.endmodel.strategies.base import Strategy

if TYPE_CHECKING:
    from weaklabel.endmodel.state import Training

STEP: Final = 0.01
"""Length of the move along the gradient of the gold loss."""
FLOOR: Final = 1e-4
"""Probabilities enter the corrector as logarithms, not below that of this."""


@final
@dataclass
class MetaCorrection(Strategy):
    """Learn from a few gold rows how the soft labels are to be corrected.

    Parameters
    ----------
    learning_rate : float, default 0.05
        Of the corrector.
    warm_up : int, default 3
        Epochs on the labels as given first.

    Notes
    -----
    The corrector is one affine map per class of ``log t`` and ``log f`` with a softmax; it starts
    as the identity on t. It learns the confusions of the labels, not those of single rows, which a
    few dozen gold rows could not tell. Three times the cost of plain training.
    """

    name: ClassVar[str] = "meta_correction"
    uses_batches: ClassVar[bool] = True
    uses_gold: ClassVar[bool] = True
    keeps: ClassVar[tuple[str, ...]] = ("corrector",)

    learning_rate: float = 0.05
    warm_up: int = 3

    def __post_init__(self) -> None:
        check_range("learning_rate", self.learning_rate, 0.0, math.inf, low_open=True)
        check_range("warm_up", self.warm_up, 1, 10_000)

    def start(self, training: Training) -> None:
        """Read the gold rows and make the corrector."""
        dev = training.dev
        assert dev is not None  # the estimator has checked it
        self.gold = list(dev.chunks(4096, training.settings.device))
        dtype = next(training.nets[0].parameters()).dtype
        self.corrector = Corrector(dev.n_classes, dtype).to(training.settings.device)

    def batch_loss(self, training: Training, batch: Batch) -> torch.Tensor:
        """The loss on the corrected labels."""
        scores = training.scores(batch.inputs)
        self.batch, self.answers = batch, scores.detach()
        with torch.no_grad():
            labels = self.corrector(batch.targets, torch.log_softmax(self.answers, dim=1))
        return training.loss.total(scores, labels, batch.weights)

    def after_step(self, training: Training) -> None:
        """Move the corrector against the gradient of the gold loss."""
        if training.epoch <= self.warm_up:
            return
        batch, logs = self.batch, torch.log_softmax(self.answers, dim=1)
        slope = self._slope(training, batch)
        labels = self.corrector(batch.targets, logs)
        harm = (batch.weights[:, None] * labels * slope).sum() / batch.weights.sum()
        parameters = list(self.corrector.parameters())
        for parameter, gradient in zip(
            parameters, torch.autograd.grad(harm, parameters), strict=True
        ):
            with torch.no_grad():
                parameter.sub_(gradient, alpha=self.learning_rate)

    def _slope(self, training: Training, batch: Batch) -> torch.Tensor:
        """``d log f / de`` along the gradient of the gold loss, scaled to a mean square of 1."""
        net = training.nets[0]
        weights = [p for p in net.parameters() if p.requires_grad]
        loss = sum(
            (
                training.loss.total(training.scores(g.inputs), g.targets, g.weights)
                for g in self.gold
            ),
            start=torch.zeros((), device=batch.weights.device),
        )
        gradient = torch.autograd.grad(loss, weights, allow_unused=True)
        moves = [
            torch.zeros_like(w) if g is None else g for w, g in zip(weights, gradient, strict=True)
        ]
        length = torch.sqrt(sum(((m * m).sum() for m in moves), start=torch.zeros(())))
        step = STEP / float(length + 1e-12)
        with torch.no_grad():
            before = torch.log_softmax(training.scores(batch.inputs), dim=1)
            _move(weights, moves, step)
            after = torch.log_softmax(training.scores(batch.inputs), dim=1)
            _move(weights, moves, -step)
            change = after - before
            return change / (change.square().mean().sqrt() + 1e-12)


class Corrector(nn.Module):
    """``softmax(A log t + B log f + c)``; starts as the identity on t."""

    def __init__(self, n_classes: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.of_label = nn.Parameter(torch.eye(n_classes, dtype=dtype))
        self.of_answer = nn.Parameter(torch.zeros(n_classes, n_classes, dtype=dtype))
        self.bias = nn.Parameter(torch.zeros(n_classes, dtype=dtype))

    def forward(self, targets: torch.Tensor, log_answers: torch.Tensor) -> torch.Tensor:
        """Corrected labels, shape (n, n_classes); rows sum to 1."""
        log_targets = torch.log(targets.clamp(min=FLOOR))
        scores = log_targets @ self.of_label + log_answers @ self.of_answer + self.bias
        return torch.softmax(scores, dim=1)


def _move(weights: list[nn.Parameter], moves: list[torch.Tensor], step: float) -> None:
    for weight, move in zip(weights, moves, strict=True):
        weight.add_(move, alpha=step)
