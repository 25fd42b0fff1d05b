"""The contract between the training loop and a strategy.

The loop calls, in this order::

    strategy.start(training)                      once; set up the run
    for every epoch:
        strategy.start_epoch(training)            retarget, reweigh, restart, move a teacher
        for every batch (AdamW) or line search (L-BFGS):
            strategy.batch_loss(training, batch)  what is differentiated
            strategy.after_step(training)         AdamW only: average a teacher
        strategy.end_epoch(training)
        held-out loss of strategy.net(training)
    strategy.net(training)                        the answer

What a strategy may do to ``training`` (:class:`weaklabel.endmodel.state.Training`): ``retarget``,
``restart``, ``add_net``; and read ``problem`` (as changed), ``given`` (as at the start), ``dev``
(gold rows, if the user gave any), ``probabilities()``, ``row_losses()``, ``rng`` (seeded by the
epoch). Rows of weight 0 are unlabelled; they are part of the problem if ``uses_unlabelled``.

The object the user passes holds settings only. The loop works on a shallow copy of it, so what
``start`` and later hooks put on ``self`` belongs to one run. What must survive an interruption is
named in ``keeps`` (arrays, tensors, numbers, lists of them, modules); targets, weights, nets,
optimiser and epoch are kept by the loop itself. Hooks draw from ``training.rng`` only.
"""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

import torch
from torch import nn

if TYPE_CHECKING:
    from weaklabel.endmodel.problem import Batch
    from weaklabel.endmodel.state import Training


class Strategy(ABC):
    """A way to train; every hook has a default that does nothing.

    Attributes
    ----------
    name : str
        The word for ``EndModel(strategy=...)``.
    n_nets : int
        Nets trained side by side, each from its own seed.
    uses_batches : bool
        Whether ``batch_loss`` needs mini-batches, so that AdamW is used.
    uses_unlabelled : bool
        Whether rows without votes are part of the problem, with weight 0.
    uses_gold : bool
        Whether the run needs the rows of ``fit(dev=...)``.
    settles_balance : bool
        Whether it decides how frequent each class is; the answers are then not matched to the
        shares of the labels.
    keeps : tuple of str
        Attributes of a run that a checkpoint holds.
    """

    name: ClassVar[str]
    n_nets: ClassVar[int] = 1
    uses_batches: ClassVar[bool] = False
    uses_unlabelled: ClassVar[bool] = False
    uses_gold: ClassVar[bool] = False
    settles_balance: ClassVar[bool] = False
    keeps: ClassVar[tuple[str, ...]] = ()

    def start(self, training: Training) -> None:  # noqa: B027  # a hook
        """Prepare the run; the nets have their initial weights."""

    def start_epoch(self, training: Training) -> None:  # noqa: B027
        """Change targets, weights or nets before the epoch ``training.epoch``."""

    def batch_loss(self, training: Training, batch: Batch) -> torch.Tensor:
        """Sum over the rows of the batch of weight times loss, with gradients in all nets.

        Parameters
        ----------
        training : Training
        batch : Batch
            Rows of positive weight; ``batch.index`` says where they stand in the problem.

        Returns
        -------
        tensor, shape ()
            The loop divides it by the total weight.
        """
        scores = training.scores(batch.inputs)
        return training.loss.total(scores, batch.targets, batch.weights)

    def after_step(self, training: Training) -> None:  # noqa: B027
        """Follow a step of AdamW, for instance with an average of the weights."""

    def end_epoch(self, training: Training) -> None:  # noqa: B027
        """Take stock after the epoch, before it is scored."""

    def is_finished(self, training: Training) -> bool:
        """Whether nothing is planned that would change the problem.

        While this is false, neither patience nor convergence ends the run; ``max_epochs`` does.
        """
        return True

    def is_scored(self, training: Training) -> bool:
        """Whether the net after this epoch may be the answer; false while warming up."""
        return True

    def net(self, training: Training) -> nn.Module:
        """The net that answers; by default the first."""
        return training.nets[0]


@final
@dataclass
class Plain(Strategy):
    """Lower the loss on the targets as given."""

    name: ClassVar[str] = "plain"
