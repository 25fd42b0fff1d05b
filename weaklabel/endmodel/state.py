"""The state of a training run: what the loop, the optimiser and a strategy share."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch
from torch import nn

from weaklabel.endmodel.losses import Loss, RowLoss
from weaklabel.endmodel.nets import reseed
from weaklabel.endmodel.problem import CPU, Batch, Problem, Source, as_inputs
from weaklabel.errors import ConfigError

PLAIN_ROWS: Final = 4_096
LAZY_ROWS: Final = 128
"""Rows answered at a time: many of an array, few where each may be a long text or an image."""

Build: TypeAlias = Callable[[int], nn.Module]
"""``build(k)``: the k-th net with fresh weights, always the same for the same k."""


@dataclass(frozen=True)
class TrainSettings:
    """How to train.

    Attributes
    ----------
    optimizer : str
        A key of :data:`weaklabel.endmodel.optimizers.OPTIMIZERS`.
    loss : Loss
        See :mod:`weaklabel.endmodel.losses`.
    weight_decay : float
        L2 penalty ``weight_decay / 2 * sum(w**2)`` of L-BFGS, decoupled decay of AdamW; biases are
        not decayed.
    learning_rate : float
        Of AdamW.
    batch_size : int
        Of AdamW: rows per forward pass.
    max_epochs : int
    patience : int
        Epochs without a better held-out loss after which AdamW stops.
    seed : int
        Of the mini-batches.
    accumulate : int
        Batches whose gradients are added up before a step of AdamW.
    is_mixed : bool
        Whether AdamW computes scores in bfloat16.
    is_drawn : bool
        Whether each epoch of AdamW draws one class per row from its target.
    device : torch.device
    """

    optimizer: str
    loss: Loss
    weight_decay: float
    learning_rate: float
    batch_size: int
    max_epochs: int
    patience: int
    seed: int
    accumulate: int = 1
    is_mixed: bool = False
    is_drawn: bool = False
    device: torch.device = CPU

    def with_decay(self, weight_decay: float) -> TrainSettings:
        """The same with another weight decay."""
        return replace(self, weight_decay=weight_decay)


class Training:
    """One run in progress; strategies read it and change it through its methods.

    Parameters
    ----------
    build : callable
        Makes the nets.
    n_nets : int
    problem : Problem
        Rows to learn from; rows of weight 0 are unlabelled.
    heldout : Problem, optional
        Rows each epoch is scored on.
    settings : TrainSettings
    dev : Problem, optional
        Gold rows of the user, for strategies that learn from some gold.
    start : dict, optional
        Weights the first net starts from.

    Attributes
    ----------
    nets : list of Module
        ``nets[0]`` is the answer unless the strategy says otherwise.
    given : Problem
        The problem as it was at the start.
    problem : Problem
        The problem as the strategy changed it.
    epoch : int
        From 1; 0 before the first.
    is_settled : bool
        Whether the optimiser found nothing more to improve in the last epoch (L-BFGS only).
    version : int
        Counts the changes of the problem.
    needs_optimizer : bool
        Whether the nets changed under the optimiser.
    """

    def __init__(
        self,
        build: Build,
        n_nets: int,
        problem: Problem,
        heldout: Problem | None,
        settings: TrainSettings,
        *,
        dev: Problem | None = None,
        start: dict[str, Any] | None = None,
    ) -> None:
        self._build = build
        self.nets = [build(k).to(settings.device) for k in range(n_nets)]
        if start is not None:
            self.nets[0].load_state_dict(start)
        self.given = problem
        self.problem = problem
        self.heldout = heldout
        self.dev = dev
        self.settings = settings
        self.epoch = 0
        self.is_settled = False
        self.version = 0
        self.needs_optimizer = True

    # -- reading ---------------------------------------------------------------------------------

    @property
    def loss(self) -> Loss:
        """The loss of the settings."""
        return self.settings.loss

    @property
    def rng(self) -> np.random.Generator:
        """Fresh randomness of this epoch: the same draws whatever happened in earlier epochs."""
        return np.random.default_rng([self.settings.seed, self.epoch])

    def scores(self, inputs: Any, net: nn.Module | None = None) -> torch.Tensor:
        """Scores of a batch with gradients, in mixed precision where that is on."""
        net = self.nets[0] if net is None else net
        return scored(net, inputs, self.settings)

    def row_losses(
        self, batch: Batch, net: nn.Module | None = None, targets: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Loss of each row of a batch, without weights, shape (b,).

        Raises
        ------
        ConfigError
            If the loss of the settings is not a sum over rows.
        """
        if not isinstance(self.loss, RowLoss):
            raise ConfigError(
                f"this strategy weighs rows by their loss, and loss={self.loss.name!r} is one of "
                "whole batches; use a loss such as 'cross_entropy'"
            )
        return self.loss(
            self.scores(batch.inputs, net), batch.targets if targets is None else targets
        )

    def probabilities(
        self, source: Source | None = None, net: nn.Module | None = None
    ) -> npt.NDArray[np.float64]:
        """Class probabilities of rows, by default all of the problem; nothing is learned.

        Returns
        -------
        array of float64, shape (n, n_classes)
        """
        source = self.problem.inputs if source is None else source
        net = self.nets[0] if net is None else net
        found = [link(s, self.loss) for s in scores_of(net, source, self.settings)]
        return np.concatenate(found) if found else np.zeros((0, self.problem.n_classes))

    # -- changing --------------------------------------------------------------------------------

    def retarget(
        self,
        targets: npt.NDArray[Any] | None = None,
        weights: npt.NDArray[Any] | None = None,
    ) -> None:
        """Learn from other targets or with other weights, from the next batch on.

        Parameters
        ----------
        targets : array, shape (n, n_classes), optional
        weights : array, shape (n,), optional
            0 leaves a row out; unlabelled rows come in with a positive weight.
        """
        self.problem = self.problem.retargeted(targets, weights)
        self.version += 1

    def restart(self) -> None:
        """Give every net its initial weights again, and forget the optimiser's memory."""
        for k, net in enumerate(self.nets):
            net.load_state_dict(self._build(k).state_dict())
        self.needs_optimizer = True

    def add_net(self, net: nn.Module) -> nn.Module:
        """Train another module along, such as an encoder of votes; it joins ``nets``."""
        self.nets.append(net.to(self.settings.device))
        self.needs_optimizer = True
        return net

    def frozen_copy(self, net: nn.Module | None = None) -> nn.Module:
        """A copy that is not trained, for teachers and averages."""
        twin = copy.deepcopy(self.nets[0] if net is None else net)
        return twin.eval().requires_grad_(False)

    def begin_epoch(self, number: int) -> None:
        """Set the epoch and seed what draws in it (dropout), so that a run can be resumed."""
        self.epoch = number
        for k, net in enumerate(self.nets):
            reseed(net, self.settings.seed + 7919 * k, number)
            net.train()


def scored(net: nn.Module, inputs: Any, settings: TrainSettings) -> torch.Tensor:
    """Scores of a batch, in mixed precision where that is on."""
    precision: AbstractContextManager[Any] = nullcontext()
    if settings.is_mixed:
        precision = torch.autocast(settings.device.type, dtype=torch.bfloat16)
    with precision:
        found: torch.Tensor = net(inputs)
    return found.float() if settings.is_mixed else found


def scores_of(
    net: nn.Module, source: Source, settings: TrainSettings | torch.device
) -> Iterator[torch.Tensor]:
    """Scores of all rows in order, in pieces, without gradients and without dropout.

    Parameters
    ----------
    net : Module
    source : array, CSR matrix or LazyRows
    settings : TrainSettings or device
        Those of the training, with its precision; or a device, in full precision.
    """
    device = settings if isinstance(settings, torch.device) else settings.device
    size = PLAIN_ROWS if isinstance(source, np.ndarray) or sp.issparse(source) else LAZY_ROWS
    n_rows = source.shape[0] if hasattr(source, "shape") else len(source)
    with resting(net), torch.no_grad():
        for start in range(0, n_rows, size):
            inputs = as_inputs(source[start : start + size], device)
            if isinstance(settings, torch.device):
                yield net(inputs)
            else:
                yield scored(net, inputs, settings)


@contextmanager
def resting(net: nn.Module) -> Iterator[None]:
    """Evaluation mode for a while."""
    was_training = net.training
    net.eval()
    try:
        yield
    finally:
        net.train(was_training)


def as_probabilities(scores: torch.Tensor, loss: Loss) -> npt.NDArray[np.float64]:
    """Scores as the loss reads them: competing classes, or each class alone."""
    if loss.link == "sigmoid":
        return np.asarray(torch.sigmoid(scores.detach().to("cpu", torch.float64)).numpy())
    return link(scores, loss)


def link(scores: torch.Tensor, loss: Loss) -> npt.NDArray[np.float64]:
    """Scores as class probabilities that sum to 1."""
    scores = scores.detach().to("cpu", torch.float64)
    if loss.link == "sigmoid":
        logs = torch.nn.functional.logsigmoid(scores)
        return np.asarray(torch.softmax(logs, dim=1).numpy())
    return np.asarray(torch.softmax(scores, dim=1).numpy())
