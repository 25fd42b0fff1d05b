"""COSINE: self-training on sure answers, with pairs of rows pulled together or apart.

Yu et al. 2021, "Fine-tuning pre-trained language model with weak supervision: a contrastive-
regularized self-training approach". After plain training the net labels all rows itself, sharpened
(eq. 3); a row counts by how sure it is and not at all below a threshold (eq. 7). Two terms keep it
from believing itself too soon: pairs of a batch with the same label are pulled together and others
pushed apart (eq. 5 and 6), and answers are kept from the corners (eq. 9).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np
import torch

from weaklabel.endmodel.losses.base import check_range
from weaklabel.endmodel.strategies.base import Strategy
from weaklabel.endmodel.strategies.pseudo_labels import certainty, sharpened

if TYPE_CHECKING:
    from weaklabel.endmodel.problem import Batch
    from weaklabel.endmodel.state import Training


@final
@dataclass
class Cosine(Strategy):
    """Confidence-based self-training with contrastive regularisation.

    Parameters
    ----------
    warm_up : int, default 5
        Epochs of plain training first.
    period : int, default 2
        Epochs between two labellings.
    rounds : int, default 5
        Labellings.
    threshold : float, default 0.6
        Certainty (1 - entropy / log K) below which a row is left out.
    contrast : float, default 0.1
        Weight of the pairs.
    smoothing : float, default 0.1
        Weight of the divergence from the uniform answer.
    margin : float, default 1
        Distance from which on rows of different labels are left alone.

    Notes
    -----
    Distances are taken between the class probabilities of two rows, halved so that they lie in
    [0, 1]; the paper takes them between hidden vectors, which a linear head does not have. A batch
    of b rows costs O(b**2) more.
    """

    name: ClassVar[str] = "cosine"
    uses_batches: ClassVar[bool] = True
    uses_unlabelled: ClassVar[bool] = True

    warm_up: int = 5
    period: int = 2
    rounds: int = 5
    threshold: float = 0.6
    contrast: float = 0.1
    smoothing: float = 0.1
    margin: float = 1.0

    def __post_init__(self) -> None:
        check_range("warm_up", self.warm_up, 1, 10_000)
        check_range("period", self.period, 1, 10_000)
        check_range("rounds", self.rounds, 1, 10_000)
        check_range("threshold", self.threshold, 0.0, 1.0, high_open=True)
        check_range("contrast", self.contrast, 0.0, math.inf, high_open=True)
        check_range("smoothing", self.smoothing, 0.0, math.inf, high_open=True)
        check_range("margin", self.margin, 0.0, 1.0, low_open=True)

    def start_epoch(self, training: Training) -> None:
        """Label all rows with the net's own answers, every few epochs after the warm-up."""
        since = training.epoch - 1 - self.warm_up
        if since < 0 or since % self.period or since >= self.period * self.rounds:
            return
        labels = sharpened(training.probabilities())
        sure = certainty(labels)
        given = training.given
        base = np.where(given.weights > 0, given.weights, given.weights[given.weights > 0].mean())
        weights = np.where(sure >= self.threshold, base * sure, 0.0)
        if weights.sum() > 0:  # else nothing is sure yet: go on with what there is
            training.retarget(labels, weights)

    def batch_loss(self, training: Training, batch: Batch) -> torch.Tensor:
        """The loss on the targets, and after the warm-up the two terms."""
        scores = training.scores(batch.inputs)
        summed = training.loss.total(scores, batch.targets, batch.weights)
        if training.epoch <= self.warm_up:
            return summed
        logs = torch.log_softmax(scores, dim=1)
        uniform = -(logs.mean(dim=1) * batch.weights).sum() - batch.weights.sum() * math.log(
            scores.shape[1]
        )
        pairs = contrastive(logs.exp(), batch.targets.argmax(dim=1), self.margin)
        return summed + self.smoothing * uniform + self.contrast * batch.weights.sum() * pairs

    def is_finished(self, training: Training) -> bool:
        """Whether the last labelling has been made."""
        return training.epoch > self.warm_up + self.period * (self.rounds - 1)

    def is_scored(self, training: Training) -> bool:
        """Not before: the held-out labels are as noisy as the others and would stop it early."""
        return self.is_finished(training)


def contrastive(vectors: torch.Tensor, labels: torch.Tensor, margin: float) -> torch.Tensor:
    """Mean over pairs of ``d`` for equal labels and ``max(0, margin - sqrt(d))**2`` for others.

    ``d`` is half the squared distance of two vectors (Hadsell et al. 2006; COSINE eq. 5 and 6).
    """
    n = len(vectors)
    if n < 2:
        return torch.zeros((), dtype=vectors.dtype, device=vectors.device)
    squares = (vectors**2).sum(dim=1)
    half = (squares[:, None] + squares[None, :] - 2.0 * vectors @ vectors.T).clamp(min=0.0) / 2.0
    apart = (margin - (half + 1e-12).sqrt()).clamp(min=0.0) ** 2
    each = torch.where(labels[:, None] == labels[None, :], half, apart)
    return (each.sum() - each.diagonal().sum()) / (n * (n - 1))
