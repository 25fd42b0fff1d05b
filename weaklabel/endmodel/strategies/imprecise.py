"""One EM for partial, noisy and missing labels: the true class is hidden, the label is evidence.

Chen et al. 2024, "Imprecise label learning: a unified framework for learning with various imprecise
label configurations". With the net's answer ``f`` and the soft label ``t`` of a row, the classes
are believed in the next epoch with (E step)::

    q[y]  ~  f[y] * ((1 - noise) * e[y] + noise * mean of e),     e[y] = t[y] / prior[y]**strength

``t / prior`` is what the votes alone say of the classes, since a soft label is their evidence times
the class balance; the net brings the balance in again. A set of classes is a target that is 0
outside; a row without votes is believed to be what the net says. The M step is an epoch of training
on ``q``.

Two E steps, not many: the net has learned from the same votes, so each further step counts them
once more. Ten steps answer no better and are far too sure of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from weaklabel.endmodel.losses.base import check_range
from weaklabel.endmodel.strategies.base import Strategy
from weaklabel.endmodel.strategies.pseudo_labels import certainty

if TYPE_CHECKING:
    from weaklabel.endmodel.state import Training


@final
@dataclass
class ImpreciseEM(Strategy):
    """Settle partial, noisy and missing labels together by EM.

    Parameters
    ----------
    noise : float, default 0.1
        Weight of the belief that a label says nothing, in [0, 1).
    strength : float, default 1
        How much of the class balance is taken out of the soft labels, from 0 to 1.
    unlabelled : float, default 0.5
        Weight of a row without votes that the net is sure of, against 1 for a labelled one.
    warm_up : int, default 3
        Epochs of plain training first.
    rounds : int, default 2
        E steps, one at the start of each of the epochs that follow.
    """

    name: ClassVar[str] = "imprecise"
    uses_unlabelled: ClassVar[bool] = True
    settles_balance: ClassVar[bool] = True

    noise: float = 0.1
    strength: float = 1.0
    unlabelled: float = 0.5
    warm_up: int = 3
    rounds: int = 2

    def __post_init__(self) -> None:
        check_range("noise", self.noise, 0.0, 1.0, high_open=True)
        check_range("strength", self.strength, 0.0, 1.0)
        check_range("unlabelled", self.unlabelled, 0.0, 1.0)
        check_range("warm_up", self.warm_up, 1, 10_000)
        check_range("rounds", self.rounds, 1, 10_000)

    def start(self, training: Training) -> None:
        """Take the class balance out of the soft labels."""
        given = training.given
        is_labelled = given.weights > 0
        self.evidence = votes_alone(given.targets, given.weights, self.noise, self.strength)
        self.evidence[~is_labelled] = 1.0
        self.is_labelled = is_labelled

    def start_epoch(self, training: Training) -> None:
        """The E step."""
        if not self.warm_up < training.epoch <= self.warm_up + self.rounds:
            return
        answers = training.probabilities()
        beliefs = answers * self.evidence
        beliefs /= beliefs.sum(axis=1, keepdims=True)
        weights = np.where(
            self.is_labelled, training.given.weights, self.unlabelled * certainty(answers)
        )
        training.retarget(beliefs, weights)

    def is_finished(self, training: Training) -> bool:
        """Whether the last E step has been made."""
        return training.epoch >= self.warm_up + self.rounds


def votes_alone(
    targets: npt.NDArray[Any], weights: npt.NDArray[Any], noise: float, strength: float
) -> npt.NDArray[np.float64]:
    """How much the label alone supports each class, mixed with no support at all; largest 1.

    Returns
    -------
    array of float64, shape (n, n_classes)
    """
    prior = np.average(targets, axis=0, weights=weights)
    support = targets / np.clip(prior, 1e-6, None) ** strength
    mixed = (1.0 - noise) * support + noise * support.mean(axis=1, keepdims=True)
    return np.asarray(mixed / mixed.max(axis=1, keepdims=True), dtype=np.float64)
