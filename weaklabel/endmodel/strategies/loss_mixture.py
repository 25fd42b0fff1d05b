"""Clean or noisy: a mixture of two Gaussians tells which rows a net contradicts.

After some epochs of plain training the losses of rightly labelled rows are small and those of wrong
ones large. A mixture of two components over the losses gives each row a probability of being clean
(Arazo et al. 2019, "Unsupervised label noise modeling and loss correction"; with Gaussians as in Li
et al. 2020, "DivideMix"). The target becomes a mean of the given one and the net's own answer with
that weight (Arazo et al., section 3.2, dynamic bootstrapping)::

    target[i] = clean[i] * given[i] + (1 - clean[i]) * answer[i]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, final

import numpy as np
import numpy.typing as npt

from weaklabel.endmodel.losses.base import check_range
from weaklabel.endmodel.strategies.base import Strategy
from weaklabel.endmodel.strategies.pseudo_labels import divergence

if TYPE_CHECKING:
    from weaklabel.endmodel.state import Training

STEPS: Final = 50
SMALLEST_DEVIATION: Final = 1e-3


@final
@dataclass
class LossMixture(Strategy):
    """Lean on the net's own answer where the mixture says that the label is noise.

    Parameters
    ----------
    warm_up : int, default 5
        Epochs of plain training first.
    rounds : int, default 5
        Epochs after which the split is drawn anew, one epoch each.
    """

    name: ClassVar[str] = "loss_mixture"

    warm_up: int = 5
    rounds: int = 5

    def __post_init__(self) -> None:
        check_range("warm_up", self.warm_up, 1, 10_000)
        check_range("rounds", self.rounds, 1, 10_000)

    def start_epoch(self, training: Training) -> None:
        """Split the rows anew."""
        if not self.warm_up < training.epoch <= self.warm_up + self.rounds:
            return
        answers = training.probabilities()
        given = training.given.targets
        clean = clean_probability(divergence(given, answers), training.given.weights)[:, None]
        training.retarget(clean * given + (1.0 - clean) * answers)

    def is_finished(self, training: Training) -> bool:
        """Whether the last split has been drawn."""
        return training.epoch >= self.warm_up + self.rounds


def clean_probability(
    losses: npt.NDArray[Any], weights: npt.NDArray[Any]
) -> npt.NDArray[np.float64]:
    """Probability that a loss belongs to the lower of two Gaussians, fitted by EM.

    Parameters
    ----------
    losses, weights : array, shape (n,)
        Rows of weight 0 are judged but not fitted to.

    Returns
    -------
    array of float64, shape (n,)
        All 1 where the losses do not differ. Never rises with the loss: what lies beyond the upper
        component counts as noisy and what lies below the lower one as clean.

    Notes
    -----
    O(n * 50). Starts from the halves of the range, so the answer needs no randomness.
    """
    used = weights > 0
    low, high = losses[used].min(), losses[used].max()
    if high - low < 1e-9:
        return np.ones(len(losses))
    scaled = np.clip((losses - low) / (high - low), 0.0, 1.0)
    x, w = scaled[used], np.asarray(weights[used], dtype=np.float64)
    mean, deviation = np.array([0.0, 1.0]), np.array([0.25, 0.25])
    share = np.array([0.5, 0.5])
    for _ in range(STEPS):
        belongs = _responsibilities(x, mean, deviation, share) * w[:, None]
        mass = np.maximum(belongs.sum(axis=0), 1e-9)
        mean = (belongs * x[:, None]).sum(axis=0) / mass
        spread = (belongs * (x[:, None] - mean) ** 2).sum(axis=0) / mass
        deviation = np.maximum(np.sqrt(spread), SMALLEST_DEVIATION)
        share = mass / mass.sum()
    if mean[0] > mean[1]:
        mean, deviation, share = mean[::-1], deviation[::-1], share[::-1]
    clean = _responsibilities(scaled, mean, deviation, share)[:, 0]
    clean = np.where(scaled <= mean[0], clean.max(), clean)
    order = np.argsort(scaled, kind="stable")
    clean[order] = np.minimum.accumulate(clean[order])
    return np.asarray(clean)


def _responsibilities(
    x: npt.NDArray[Any],
    mean: npt.NDArray[np.float64],
    deviation: npt.NDArray[np.float64],
    share: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    logs = np.log(share) - np.log(deviation) - 0.5 * ((x[:, None] - mean) / deviation) ** 2
    logs -= logs.max(axis=1, keepdims=True)
    found = np.exp(logs)
    return np.asarray(found / found.sum(axis=1, keepdims=True))
