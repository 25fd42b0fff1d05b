"""The training loop: one loop over epochs; an optimiser supplies the epoch, a strategy the rest.

Each epoch is scored on held-out *soft* labels (or gold rows of the user) where there are any. AdamW
stops early and goes back to its best epoch; L-BFGS minimises until it has converged. What a
strategy may do meanwhile is told in :mod:`weaklabel.endmodel.strategies.base`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import nn

from weaklabel.endmodel.checkpoint import Checkpoint, restored
from weaklabel.endmodel.losses import Loss
from weaklabel.endmodel.optimizers import OPTIMIZERS, Optimizer
from weaklabel.endmodel.problem import Batch, Problem, chunk_rows
from weaklabel.endmodel.state import Build, Training, TrainSettings
from weaklabel.endmodel.strategies import Plain, Strategy
from weaklabel.errors import ArtifactError

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


@dataclass(frozen=True, eq=False)
class Run:
    """Outcome of one training run.

    Attributes
    ----------
    net : Module
        The answer, with the weights of ``best_epoch``, in evaluation mode.
    history : tuple of Epoch
    best_epoch : int
    is_converged : bool
        Whether it stopped before ``max_epochs``.
    """

    net: nn.Module
    history: tuple[Epoch, ...]
    best_epoch: int
    is_converged: bool

    @property
    def best_loss(self) -> float:
        """Held-out loss of the best epoch (NaN where nothing was held out)."""
        best = self.history[self.best_epoch - 1].heldout_loss
        return float("nan") if best is None else best


def train(
    build: Build,
    problem: Problem,
    heldout: Problem | None,
    settings: TrainSettings,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
    *,
    strategy: Strategy | None = None,
    dev: Problem | None = None,
    start: dict[str, Any] | None = None,
    checkpoint: Checkpoint | None = None,
) -> Run:
    """Train nets with a strategy.

    Parameters
    ----------
    build : callable
        ``build(k)`` makes the k-th net.
    problem, heldout : Problem
        What to learn from and, optionally, what to score each epoch on.
    settings : TrainSettings
    on_epoch : callable
        Called after every epoch.
    strategy : Strategy, optional
        By default the loss on the targets is lowered and nothing else.
    dev : Problem, optional
        Gold rows for strategies that learn from some.
    start : dict, optional
        Weights the first net starts from.
    checkpoint : Checkpoint, optional
        Where the state is kept after every epoch, and read if it is there.

    Notes
    -----
    An epoch costs O(stored feature values * width of the first layer).
    """
    strategy = copy.copy(strategy or Plain())  # what the hooks put on it belongs to this run
    training = Training(build, strategy.n_nets, problem, heldout, settings, dev=dev, start=start)
    strategy.start(training)
    loop = _Loop(training, strategy, settings)
    stored = None if checkpoint is None else checkpoint.read()
    if stored is not None:
        loop.resume(stored)
    while not loop.is_over:
        epoch = loop.epoch()
        if checkpoint is not None:
            checkpoint.write(loop.state())
        on_epoch(epoch)
    return loop.outcome()


class _Loop:
    """What the loop itself remembers: the optimiser, the history and the best epoch."""

    def __init__(self, training: Training, strategy: Strategy, settings: TrainSettings) -> None:
        self.training = training
        self.strategy = strategy
        self.settings = settings
        heldout = training.heldout
        size = 0 if heldout is None else chunk_rows(heldout)
        self.heldout = [] if heldout is None else list(heldout.chunks(size, settings.device))
        self.history: list[Epoch] = []
        self.best = 0
        self.best_net: nn.Module | None = None
        self.optimizer: Optimizer | None = None
        self.is_over = False
        self.is_converged = False

    def epoch(self) -> Epoch:
        """Run the next epoch; sets ``is_over`` after the last one."""
        training, strategy = self.training, self.strategy
        training.begin_epoch(len(self.history) + 1)
        strategy.start_epoch(training)
        if training.needs_optimizer or self.optimizer is None:
            self.optimizer = OPTIMIZERS[self.settings.optimizer](training, strategy)
            training.needs_optimizer = False
        loss = self.optimizer.epoch()
        training.is_settled = self.optimizer.is_done
        for net in training.nets:
            net.eval()
        strategy.end_epoch(training)
        score = None
        if self.heldout:
            score = mean_loss(training, strategy.net(training), self.heldout)
        self.history.append(Epoch(training.epoch, loss, score))
        self._judge(score)
        return self.history[-1]

    def _judge(self, score: float | None) -> None:
        """Keep the best net, and see whether to go on."""
        assert self.optimizer is not None  # an epoch has just been run
        training, strategy, number = self.training, self.strategy, len(self.history)
        if not strategy.is_scored(training):
            self.is_over = number >= self.settings.max_epochs
            return
        is_last_best = not self.optimizer.stops_early or score is None
        if is_last_best or self._is_better(score):
            self.best = number
            if not is_last_best:
                self.best_net = copy.deepcopy(strategy.net(training))
        is_stuck = number - self.best >= self.settings.patience or self.optimizer.is_done
        self.is_converged = is_stuck and strategy.is_finished(training)
        self.is_over = self.is_converged or number >= self.settings.max_epochs

    def _is_better(self, score: float | None) -> bool:
        if self.best == 0 or score is None:
            return True
        before = self.history[self.best - 1].heldout_loss
        return before is None or score < before

    def state(self) -> dict[str, Any]:
        """What :meth:`resume` needs; draws are seeded by the epoch, so no generator is kept."""
        training = self.training
        changed = training.version > 0
        return {
            "nets": [net.state_dict() for net in training.nets],
            "best_net": None if self.best_net is None else self.best_net.state_dict(),
            "optimizer": None if self.optimizer is None else self.optimizer.state(),
            "history": [[e.epoch, e.loss, e.heldout_loss] for e in self.history],
            "best": self.best,
            "is_over": self.is_over,
            "is_converged": self.is_converged,
            "is_settled": training.is_settled,
            "version": training.version,
            "needs_optimizer": training.needs_optimizer,
            "targets": training.problem.targets if changed else None,
            "weights": training.problem.weights if changed else None,
            "strategy": {name: getattr(self.strategy, name) for name in self.strategy.keeps},
        }

    def resume(self, stored: dict[str, Any]) -> None:
        """Go on from a stored state; the strategy has been started."""
        training, strategy = self.training, self.strategy
        if len(training.nets) != len(stored["nets"]):
            raise ArtifactError(
                f"the checkpoint has {len(stored['nets'])} nets and strategy={strategy.name!r} "
                f"starts {len(training.nets)}; delete the folder and fit from the start"
            )
        for net, weights in zip(training.nets, stored["nets"], strict=True):
            net.load_state_dict(weights)
        if stored["targets"] is not None:
            training.problem = training.given.retargeted(
                stored["targets"].numpy(), stored["weights"].numpy()
            )
        training.version = stored["version"]
        training.is_settled = stored["is_settled"]
        training.needs_optimizer = stored["needs_optimizer"]
        for name, value in stored["strategy"].items():
            setattr(strategy, name, restored(value, getattr(strategy, name)))
        if stored["optimizer"] is not None:
            self.optimizer = OPTIMIZERS[self.settings.optimizer](training, strategy)
            self.optimizer.restore(stored["optimizer"])
        self.history = [Epoch(*line) for line in stored["history"]]
        training.epoch = len(self.history)
        self.best = stored["best"]
        self.is_over, self.is_converged = stored["is_over"], stored["is_converged"]
        if stored["best_net"] is not None:
            self.best_net = copy.deepcopy(strategy.net(training))
            self.best_net.load_state_dict(stored["best_net"])

    def outcome(self) -> Run:
        """The best net and how it came about."""
        net = self.strategy.net(self.training)
        if self.best_net is not None and self.best < len(self.history):
            net = self.best_net
        best = self.best or len(self.history)
        return Run(net.eval(), tuple(self.history), best, self.is_converged)


def mean_loss(training: Training, net: nn.Module, chunks: list[Batch]) -> float:
    """Weighted mean of the loss of the settings over all chunks."""
    loss: Loss = training.loss
    total, weight = 0.0, 0.0
    with torch.no_grad():
        for chunk in chunks:
            scores = training.scores(chunk.inputs, net)
            total += loss.total(scores, chunk.targets, chunk.weights).item()
            weight += chunk.weights.sum().item()
    return total / weight


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
