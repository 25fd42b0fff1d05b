"""Curriculum self-training: ever more of the net's own answers, and a fresh net for every step.

Cascante-Bonilla et al. 2021, "Curriculum labeling: revisiting pseudo-labeling for semi-supervised
learning". Round r trains a net from its initial weights on the labelled rows and on the surest
share ``r / rounds`` of the others, with the last net's answers as their labels. Starting over keeps
early mistakes from being carried along.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np
import numpy.typing as npt

from weaklabel.endmodel.losses.base import check_range
from weaklabel.endmodel.strategies.base import Strategy

if TYPE_CHECKING:
    from weaklabel.endmodel.state import Training


@final
@dataclass
class Curriculum(Strategy):
    """Add rows without votes, the surest first, and start over each time.

    Parameters
    ----------
    rounds : int, default 5
        Steps in which the rows without votes come in.
    epochs : int, default 10
        Of each round, the first one (on the labelled rows alone) included.
    weight : float, default 0.5
        Of a row with the net's own label, against 1 for a labelled one.

    Notes
    -----
    ``(rounds + 1) * epochs`` epochs. Rows are ranked by the largest class probability, within the
    class they are given, so that an easy class does not crowd out the others.
    """

    name: ClassVar[str] = "curriculum"
    uses_unlabelled: ClassVar[bool] = True

    rounds: int = 5
    epochs: int = 10
    weight: float = 0.5

    def __post_init__(self) -> None:
        check_range("rounds", self.rounds, 1, 1000)
        check_range("epochs", self.epochs, 1, 10_000)
        check_range("weight", self.weight, 0.0, 1.0, low_open=True)

    def start_epoch(self, training: Training) -> None:
        """At the start of a round: label, let in, and start over."""
        number, within = divmod(training.epoch - 1, self.epochs)
        if within or not 1 <= number <= self.rounds:
            return
        given = training.given
        others = np.flatnonzero(given.weights == 0)
        if not len(others):
            return
        answers = training.probabilities(given.inputs[others])
        chosen = _surest(answers, number / self.rounds)
        targets, weights = given.targets.copy(), given.weights.copy()
        targets[others] = np.eye(given.n_classes)[answers.argmax(axis=1)]
        weights[others[chosen]] = self.weight
        training.retarget(targets, weights)
        training.restart()

    def is_finished(self, training: Training) -> bool:
        """Whether the last round has begun."""
        return training.epoch > self.rounds * self.epochs

    def is_scored(self, training: Training) -> bool:
        """Not before: the held-out labels are as noisy as the others and would stop it early."""
        return self.is_finished(training)


def _surest(answers: npt.NDArray[np.float64], share: float) -> npt.NDArray[np.int64]:
    """Positions of that share of the rows of each class, those of largest probability."""
    classes, sure = answers.argmax(axis=1), answers.max(axis=1)
    chosen = []
    for k in np.unique(classes):
        rows = np.flatnonzero(classes == k)
        n_chosen = int(np.ceil(share * len(rows)))
        chosen.append(rows[np.argsort(-sure[rows], kind="stable")[:n_chosen]])
    return np.sort(np.concatenate(chosen))
