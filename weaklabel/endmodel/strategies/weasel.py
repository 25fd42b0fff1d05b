"""WeaSEL: the labels are learned together with the net, end to end.

Cachay et al. 2021, "End-to-end weak supervision". An encoder looks at the votes and features of a
row and weighs the labeling functions *for this row*; the weighted votes are a soft label (eq. 3 and
4)::

    a[i] = sqrt(m) * softmax(encoder(votes[i], x[i]))          over the LFs that vote on i
    label[i] = softmax_k( sum_j a[i, j] * [votes[i, j] = k] )

Net and encoder are each trained on the other's answer, which is held fixed (eq. 5)::

    loss(net, label) + loss(label, net)

The softmax leaves out the labeling functions that abstain; with them, as in the paper, encoder and
net can agree on saying nothing by weighing only abstentions. The soft labels that ``fit`` was given
serve to score epochs only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from weaklabel.endmodel.losses.base import check_range
from weaklabel.endmodel.nets import Affine, Inputs
from weaklabel.endmodel.strategies.base import Strategy
from weaklabel.errors import ConfigError, DataError

if TYPE_CHECKING:
    from weaklabel.endmodel.problem import Batch
    from weaklabel.endmodel.state import Training


@final
@dataclass(eq=False)
class WeaSEL(Strategy):
    """Weigh the labeling functions row by row while the net learns.

    Parameters
    ----------
    votes : VoteMatrix, or array of int of shape (n, n_lfs)
        The votes on the rows that are passed to ``fit``, in their order; -1 abstains. Not kept in a
        saved model.
    width : int, default 32
        Of the hidden layer of the encoder.
    """

    name: ClassVar[str] = "weasel"
    uses_batches: ClassVar[bool] = True

    votes: Any = None
    width: int = 32

    def __post_init__(self) -> None:
        check_range("width", self.width, 1, 100_000)

    def start(self, training: Training) -> None:
        """Read the votes and build the encoder."""
        given = training.given
        votes = _read_votes(self.votes, given.n_classes)
        if len(votes) <= given.positions.max():
            raise DataError(
                "strategy='weasel' needs the votes on all rows that are passed to fit; found "
                f"votes on {len(votes):,} rows and a row at position {given.positions.max():,}"
            )
        self.codes = votes[given.positions]
        generator = torch.Generator().manual_seed(training.settings.seed)
        n_lfs = votes.shape[1]
        example = next(training.nets[0].parameters())
        self.encoder = Encoder(
            n_lfs, given.n_classes, _width_of(given.inputs), self.width, example.dtype, generator
        )
        training.add_net(self.encoder)

    def batch_loss(self, training: Training, batch: Batch) -> torch.Tensor:
        """Each on the other's answer."""
        codes = torch.from_numpy(self.codes[batch.index]).to(batch.weights.device)
        scores = training.scores(batch.inputs)
        label_scores = self.encoder(codes, batch.inputs)
        with torch.no_grad():
            label = torch.softmax(label_scores, dim=1).to(batch.targets.dtype)
            answer = torch.softmax(scores, dim=1).to(batch.targets.dtype)
        of_net = training.loss.total(scores, label, batch.weights)
        return of_net + training.loss.total(label_scores, answer, batch.weights)


class Encoder(nn.Module):
    """Votes and features to a soft label, through a weight for each labeling function.

    Starts with equal weights, that is, from the vote count.
    """

    def __init__(
        self,
        n_lfs: int,
        n_classes: int,
        n_features: int | None,
        width: int,
        dtype: torch.dtype,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.n_classes = n_classes
        self.votes = Affine(n_lfs * n_classes, width, dtype, generator)
        self.features = None if n_features is None else Affine(n_features, width, dtype, generator)
        self.output = Affine(width, n_lfs, dtype)

    def forward(self, codes: torch.Tensor, inputs: Inputs) -> torch.Tensor:
        """Scores of the classes, shape (b, n_classes); ``codes`` has shape (b, n_lfs)."""
        is_vote = codes >= 0
        one_hot = nn.functional.one_hot(codes.clamp(min=0), self.n_classes) * is_vote[:, :, None]
        one_hot = one_hot.to(self.output.weight.dtype)
        hidden = self.votes(one_hot.flatten(1))
        if self.features is not None:
            hidden = hidden + self.features(inputs)
        strength = self.output(torch.relu(hidden)).masked_fill(
            ~is_vote, -1e9
        )  # not inf: no vote at all
        weights = torch.softmax(strength, dim=1) * math.sqrt(codes.shape[1])
        return (weights[:, :, None] * one_hot).sum(dim=1)


def _read_votes(votes: Any, n_classes: int) -> npt.NDArray[np.int64]:
    if votes is None:
        raise ConfigError(
            "strategy='weasel' learns from the votes themselves; pass "
            "EndModel(strategy=WeaSEL(votes)) with the votes on the rows that are passed to fit"
        )
    dense = np.asarray(votes.to_dense() if hasattr(votes, "to_dense") else votes)
    is_valid = dense.ndim == 2 and np.issubdtype(dense.dtype, np.integer)
    if not is_valid or (dense.size and (dense.min() < -1 or dense.max() >= n_classes)):
        raise DataError(
            "the votes of WeaSEL must be a VoteMatrix or an array of integers of shape (n, n_lfs) "
            f"with codes in -1 .. {n_classes - 1}; found {dense.dtype} of shape {dense.shape}"
        )
    return dense.astype(np.int64)


def _width_of(inputs: Any) -> int | None:
    """Columns of the features; None where the encoder looks at the votes alone."""
    return int(inputs.shape[1]) if hasattr(inputs, "shape") and len(inputs.shape) == 2 else None
