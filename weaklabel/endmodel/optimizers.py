"""Optimisers: what one epoch over the rows is.

==========  ====================================================  ===============================
optimiser   an epoch is                                           used by default for
==========  ====================================================  ===============================
``lbfgs``   up to 10 L-BFGS iterations on all rows (float64)      linear heads on small problems
``adamw``   one pass over shuffled mini-batches (float32)         everything else
==========  ====================================================  ===============================

Both minimise the weighted mean of the loss over rows, with decay of the weights but not of the
biases. An optimiser joins by an entry in :data:`OPTIMIZERS`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, Final, final

import numpy as np
import torch
from torch import nn

from weaklabel.endmodel.losses import Loss
from weaklabel.endmodel.problem import Batch, Problem, chunk_rows, mean_loss

ITERATIONS_PER_EPOCH: Final = 10


@dataclass(frozen=True)
class TrainSettings:
    """How to train.

    Attributes
    ----------
    optimizer : str
        A key of :data:`OPTIMIZERS`.
    loss : callable
        See :mod:`weaklabel.endmodel.losses`.
    weight_decay : float
        L2 penalty ``weight_decay / 2 * sum(w**2)`` of L-BFGS, decoupled decay of AdamW; biases are
        not decayed.
    learning_rate : float
        Of AdamW.
    batch_size : int
        Of AdamW.
    max_epochs : int
    patience : int
        Epochs without a better held-out loss after which AdamW stops.
    seed : int
        Of the mini-batches.
    """

    optimizer: str
    loss: Loss
    weight_decay: float
    learning_rate: float
    batch_size: int
    max_epochs: int
    patience: int
    seed: int

    def with_decay(self, weight_decay: float) -> TrainSettings:
        """The same with another weight decay."""
        return replace(self, weight_decay=weight_decay)


class Optimizer(ABC):
    """One way to go over the rows."""

    stops_early: bool
    """Whether the held-out loss ends the run."""

    @abstractmethod
    def __init__(self, net: nn.Module, problem: Problem, settings: TrainSettings) -> None: ...

    @abstractmethod
    def epoch(self) -> float:
        """Improve the net once; returns the mean training loss, without the penalty."""

    @property
    @abstractmethod
    def is_done(self) -> bool:
        """Whether another epoch would change nothing."""


@final
class LBFGS(Optimizer):
    """L-BFGS with a strong Wolfe line search on all rows."""

    stops_early = False

    def __init__(self, net: nn.Module, problem: Problem, settings: TrainSettings) -> None:
        self.net = net
        self.settings = settings
        self.total = float(problem.weights.sum())
        self.chunks = list(problem.chunks(chunk_rows(problem)))
        self.loss = float("nan")
        self.is_stuck = False
        self.optimizer = torch.optim.LBFGS(
            net.parameters(),
            max_iter=ITERATIONS_PER_EPOCH,
            max_eval=10 * ITERATIONS_PER_EPOCH,  # line searches must not end an epoch early
            tolerance_grad=1e-5,
            tolerance_change=1e-9,
            history_size=10,
            line_search_fn="strong_wolfe",
        )

    def epoch(self) -> float:
        """Up to ten iterations."""
        before = self._iterations()
        self.optimizer.step(self._objective)  # type: ignore[no-untyped-call]
        self.is_stuck = self._iterations() - before < ITERATIONS_PER_EPOCH
        return mean_loss(self.net, self.chunks, self.settings.loss)

    @property
    def is_done(self) -> bool:
        """Whether the gradient or the step became negligible."""
        return self.is_stuck

    def _iterations(self) -> int:
        state = self.optimizer.state[self.optimizer.param_groups[0]["params"][0]]
        return int(state.get("n_iter", 0))

    def _objective(self) -> float:
        """Mean loss plus penalty, with its gradient in the parameters."""
        self.optimizer.zero_grad()
        value = 0.0
        for chunk in self.chunks:
            part = chunk.loss(self.net, self.settings.loss) / self.total
            part.backward()  # type: ignore[no-untyped-call]
            value += part.item()
        for weight in decayed(self.net):
            penalty = 0.5 * self.settings.weight_decay * (weight * weight).sum()
            penalty.backward()  # type: ignore[no-untyped-call]
            value += penalty.item()
        return value


@final
class AdamW(Optimizer):
    """AdamW (Loshchilov and Hutter 2019) on shuffled mini-batches."""

    stops_early = True

    def __init__(self, net: nn.Module, problem: Problem, settings: TrainSettings) -> None:
        self.net = net
        self.problem = problem
        self.settings = settings
        self.rng = np.random.default_rng(settings.seed)
        weights = decayed(net)
        others = [p for p in net.parameters() if not any(p is w for w in weights)]
        groups: list[dict[str, Any]] = [
            {"params": weights, "weight_decay": settings.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate, fused=True)

    def epoch(self) -> float:
        """One pass; the mean weight of a row is 1, whatever batch it falls into."""
        order = self.rng.permutation(len(self.problem))
        mean_weight = float(self.problem.weights.mean())
        total = 0.0
        for start in range(0, len(order), self.settings.batch_size):
            rows = order[start : start + self.settings.batch_size]
            summed = Batch.of(self.problem.take(rows)).loss(self.net, self.settings.loss)
            self.optimizer.zero_grad()
            (summed / (len(rows) * mean_weight)).backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            total += summed.item()
        return total / (len(order) * mean_weight)

    @property
    def is_done(self) -> bool:
        """Never of its own accord."""
        return False


OPTIMIZERS: Final[dict[str, type[Optimizer]]] = {"lbfgs": LBFGS, "adamw": AdamW}


def decayed(net: nn.Module) -> list[nn.Parameter]:
    """The parameters that decay: weight matrices, not biases."""
    return [p for p in net.parameters() if p.ndim >= 2]
