"""Optimisers: what one epoch over the rows is.

==========  ====================================================  ===============================
optimiser   an epoch is                                           used by default for
==========  ====================================================  ===============================
``lbfgs``   up to 10 L-BFGS iterations on all rows (float64)      linear heads on small problems
``adamw``   one pass over shuffled mini-batches (float32)         everything else
==========  ====================================================  ===============================

Both minimise the weighted mean of the strategy's loss over rows of positive weight, with decay of
the weights but not of the biases. An optimiser joins by an entry in :data:`OPTIMIZERS`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from weaklabel.endmodel.problem import Batch, Problem, chunk_rows
from weaklabel.endmodel.state import Training
from weaklabel.endmodel.strategies import Strategy

ITERATIONS_PER_EPOCH: Final = 10


class Optimizer(ABC):
    """One way to go over the rows.

    Parameters
    ----------
    training : Training
        Its nets are improved; its problem may change between epochs.
    strategy : Strategy
        Supplies the loss of a batch.
    """

    stops_early: bool
    """Whether the held-out loss ends the run."""

    def __init__(self, training: Training, strategy: Strategy) -> None:
        self.training = training
        self.strategy = strategy
        self.optimizer = self._make()

    @abstractmethod
    def _make(self) -> torch.optim.Optimizer: ...

    @abstractmethod
    def epoch(self) -> float:
        """Improve the nets once; returns the mean training loss, without the penalty."""

    @property
    def is_done(self) -> bool:
        """Whether another epoch on the same problem would change nothing."""
        return False

    def state(self) -> dict[str, Any]:
        """What :meth:`restore` needs."""
        return {"optimizer": self.optimizer.state_dict()}

    def restore(self, stored: dict[str, Any]) -> None:
        """Go on as the optimiser that wrote the state."""
        self.optimizer.load_state_dict(stored["optimizer"])


@final
class LBFGS(Optimizer):
    """L-BFGS with a strong Wolfe line search on all rows."""

    stops_early = False

    def _make(self) -> torch.optim.Optimizer:
        self.version = -1
        self.is_stuck = False
        return torch.optim.LBFGS(
            [p for net in self.training.nets for p in net.parameters()],
            max_iter=ITERATIONS_PER_EPOCH,
            max_eval=10 * ITERATIONS_PER_EPOCH,  # line searches must not end an epoch early
            tolerance_grad=1e-5,
            tolerance_change=1e-9,
            history_size=10,
            line_search_fn="strong_wolfe",
        )

    def epoch(self) -> float:
        """Up to ten iterations."""
        if self.version != self.training.version:
            if self.version >= 0:
                self.optimizer = self._make()  # its memory is of another objective
            self._read()
        before = self._iterations()
        self.optimizer.step(self._objective)
        self.is_stuck = self._iterations() - before < ITERATIONS_PER_EPOCH
        with torch.no_grad():
            return sum(self._loss_of(chunk).item() for chunk in self.chunks)

    def _read(self) -> None:
        problem = self.training.problem.learned()
        self.total = float(problem.weights.sum())
        size, device = chunk_rows(problem), self.training.settings.device
        rows = self.training.problem.labelled
        self.chunks = [
            Batch(rows[chunk.index], chunk.inputs, chunk.targets, chunk.weights)
            for chunk in problem.chunks(size, device)
        ]
        self.version = self.training.version

    @property
    def is_done(self) -> bool:
        """Whether the gradient or the step became negligible."""
        return self.is_stuck

    def restore(self, stored: dict[str, Any]) -> None:
        """Go on with the same memory, on the problem as it is now."""
        super().restore(stored)
        self._read()

    def _iterations(self) -> int:
        state = self.optimizer.state[self.optimizer.param_groups[0]["params"][0]]
        return int(state.get("n_iter", 0))

    def _loss_of(self, chunk: Batch) -> torch.Tensor:
        return self.strategy.batch_loss(self.training, chunk) / self.total

    def _objective(self) -> float:
        """Mean loss plus penalty, with its gradient in the parameters."""
        self.optimizer.zero_grad()
        value = 0.0
        for chunk in self.chunks:
            part = self._loss_of(chunk)
            part.backward()  # type: ignore[no-untyped-call]
            value += part.item()
        for weight in (w for net in self.training.nets for w in decayed(net)):
            penalty = 0.5 * self.training.settings.weight_decay * (weight * weight).sum()
            penalty.backward()  # type: ignore[no-untyped-call]
            value += penalty.item()
        return value


@final
class AdamW(Optimizer):
    """AdamW (Loshchilov and Hutter 2019) on shuffled mini-batches."""

    stops_early = True

    def _make(self) -> torch.optim.Optimizer:
        settings = self.training.settings
        weights = [w for net in self.training.nets for w in decayed(net)]
        are_weights = {id(w) for w in weights}
        others = [
            p for net in self.training.nets for p in net.parameters() if id(p) not in are_weights
        ]
        groups: list[dict[str, Any]] = [
            {"params": weights, "weight_decay": settings.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(
            [group for group in groups if group["params"]], lr=settings.learning_rate, fused=True
        )

    def epoch(self) -> float:
        """One pass; the mean weight of a row is 1, whatever batch it falls into."""
        training, settings = self.training, self.training.settings
        rows = training.problem.labelled
        order = rows[training.rng.permutation(len(rows))]
        problem = drawn(training) if settings.is_drawn else training.problem
        mean_weight = float(problem.weights[rows].mean())
        step = settings.batch_size * settings.accumulate
        total = 0.0
        for start in range(0, len(order), step):
            group = order[start : start + step]
            self.optimizer.zero_grad()
            for first in range(0, len(group), settings.batch_size):
                part = group[first : first + settings.batch_size]
                summed = self.strategy.batch_loss(
                    training, Batch.of(problem, part, settings.device)
                )
                (summed / (len(group) * mean_weight)).backward()  # type: ignore[no-untyped-call]
                total += summed.item()
            self.optimizer.step()
            self.strategy.after_step(training)
        return total / (len(order) * mean_weight)


OPTIMIZERS: Final[dict[str, type[Optimizer]]] = {"lbfgs": LBFGS, "adamw": AdamW}


def decayed(net: nn.Module) -> list[nn.Parameter]:
    """The parameters that decay: weight matrices, not biases."""
    return [p for p in net.parameters() if p.ndim >= 2 and p.requires_grad]


def drawn(training: Training) -> Problem:
    """The problem with one class per row, drawn from its target; other draws in every epoch."""
    targets = training.problem.targets
    return training.problem.retargeted(draw_classes(targets, training.rng), None)


def draw_classes(targets: npt.NDArray[Any], rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """One-hot rows drawn from the rows of targets, shape (n, n_classes)."""
    edges = np.cumsum(targets, axis=1, dtype=np.float64)
    spots = rng.random(len(targets)) * edges[:, -1]
    classes = np.minimum((edges <= spots[:, None]).sum(axis=1), targets.shape[1] - 1)
    one_hot = np.zeros(targets.shape)
    one_hot[np.arange(len(targets)), classes] = 1.0
    return one_hot
