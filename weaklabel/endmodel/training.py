"""The training loop: one loop over epochs; an optimiser supplies the epoch.

Each epoch is scored on held-out *soft* labels where there are any; no gold is involved. AdamW stops
early and goes back to its best epoch; L-BFGS minimises a convex objective and runs until it has
converged.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import torch
from torch import nn

from weaklabel.endmodel.optimizers import OPTIMIZERS, TrainSettings
from weaklabel.endmodel.problem import Problem, chunk_rows, mean_loss

SMALL: Final = 5_000_000
"""Stored feature values up to which a problem counts as small: L-BFGS, float64, one thread."""


@dataclass(frozen=True)
class Epoch:
    """One line of the training history.

    Attributes
    ----------
    epoch : int
        From 1.
    loss : float
        Weighted mean over the training rows, without the penalty; for AdamW, during the epoch.
    heldout_loss : float or None
        Weighted mean over the held-out rows after the epoch.
    """

    epoch: int
    loss: float
    heldout_loss: float | None


@dataclass(frozen=True)
class Run:
    """Outcome of one training run; the net holds the weights of ``best_epoch``.

    Attributes
    ----------
    history : tuple of Epoch
    best_epoch : int
    is_converged : bool
        Whether it stopped before ``max_epochs``.
    """

    history: tuple[Epoch, ...]
    best_epoch: int
    is_converged: bool

    @property
    def best_loss(self) -> float:
        """Held-out loss of the best epoch (NaN where nothing was held out)."""
        best = self.history[self.best_epoch - 1].heldout_loss
        return float("nan") if best is None else best


def train(
    net: nn.Module,
    problem: Problem,
    heldout: Problem | None,
    settings: TrainSettings,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> Run:
    """Train a net in place.

    Parameters
    ----------
    net : Module
        Left with the weights of the best epoch, in evaluation mode.
    problem, heldout : Problem
        What to learn from and, optionally, what to score each epoch on.
    settings : TrainSettings
    on_epoch : callable
        Called after every epoch.

    Notes
    -----
    An epoch costs O(stored feature values * width of the first layer).
    """
    optimizer = OPTIMIZERS[settings.optimizer](net, problem, settings)
    heldout_chunks = list(heldout.chunks(chunk_rows(heldout))) if heldout is not None else []
    history: list[Epoch] = []
    best, best_weights = 0, copy.deepcopy(net.state_dict())
    for number in range(1, settings.max_epochs + 1):
        net.train()
        loss = optimizer.epoch()
        net.eval()
        score = mean_loss(net, heldout_chunks, settings.loss) if heldout_chunks else None
        history.append(Epoch(number, loss, score))
        on_epoch(history[-1])
        if not optimizer.stops_early or score is None or _is_better(score, history, best):
            best = number
            if optimizer.stops_early and score is not None:
                best_weights = copy.deepcopy(net.state_dict())
        if optimizer.is_done or number - best >= settings.patience:
            break
    if best < len(history):
        net.load_state_dict(best_weights)
    is_converged = optimizer.is_done or len(history) - best >= settings.patience
    return Run(tuple(history), best, is_converged)


def _is_better(score: float, history: list[Epoch], best: int) -> bool:
    if best == 0:
        return True
    before = history[best - 1].heldout_loss
    return before is None or score < before


@contextmanager
def one_thread(is_wanted: bool = True) -> Iterator[None]:
    """Run torch on one thread, so that sums are taken in the same order on every machine.

    The number of threads belongs to the process: other threads that use torch meanwhile run on one
    as well, and it is put back at the end.
    """
    before = torch.get_num_threads()
    if not is_wanted or before == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
