"""The confusion matrices of LFs of several classes: a few steps of EM, never to the optimum."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from weaklabel.inference.anchored.evidence import PRIOR_ACCURACY
from weaklabel.inference.anchored.literal import weight_of_empty
from weaklabel.inference.backends import make_backend
from weaklabel.inference.independence import independence, rows_to_look_at
from weaklabel.inference.layout import TableLayout
from weaklabel.inference.preweights import PreWeights, take_rows
from weaklabel.inference.regime import Regime
from weaklabel.inference.rows import Backend, Expected, FloatArray, IntArray
from weaklabel.inference.softmax import softmax
from weaklabel.inference.tables import Confusion

CONFUSION_STRENGTH = 1.0
CONFUSION_STEPS = 10
FREE_STEPS = 100  # of the fit that independence is judged by
START_POWER = 4


def fit_confusion(
    backend: Backend,
    layout: TableLayout,
    gold: Expected | None,
    weights: PreWeights,
    many: IntArray,
    regime: Regime,
    class_balance: FloatArray | None,
) -> tuple[ConfusionMember, Regime]:
    """Fit on a part of the rows as if voters were independent; then as far as they are.

    Returns
    -------
    ConfusionMember
    Regime
        With the independence that was found.
    """
    few = make_backend(take_rows(backend.rows, rows_to_look_at(backend.rows, regime.n_several)))
    free = ConfusionMember(few, layout, gold, weights, many, 1.0, class_balance)
    free.run(FREE_STEPS)
    posterior = few.posterior(free.log_table, free.log_prior)
    believed = independence(few.rows, posterior, layout, weights, many)
    regime = replace(regime, independence=believed)
    final = ConfusionMember(
        backend, layout, gold, weights, many, regime.class_exponent, class_balance
    )
    final.start_near(free, believed**START_POWER)
    final.run(CONFUSION_STEPS)
    return final, regime


class ConfusionMember:
    """EM over the LFs of several classes.

    The start is the posterior under the tables believed beforehand: sharper than a vote share where
    an LF votes for sets.
    """

    def __init__(
        self,
        backend: Backend,
        layout: TableLayout,
        gold: Expected | None,
        weights: PreWeights,
        many: IntArray,
        class_exponent: float,
        class_balance: FloatArray | None,
    ) -> None:
        self.backend, self.gold, self.class_exponent = backend, gold, class_exponent
        self.class_balance = class_balance
        self.tables = Confusion(
            layout,
            np.full(layout.n_lfs, PRIOR_ACCURACY),
            np.full(layout.n_lfs, CONFUSION_STRENGTH),
        )
        self.trust, self.scale = weights.trust[:, None], (weights.product * many)[:, None]
        self.empty = weight_of_empty(backend.rows)
        self.counts = np.zeros((layout.n_rows, layout.n_classes))
        self.log_prior = np.zeros(layout.n_classes)

    @property
    def log_table(self) -> FloatArray:
        """What a vote adds to the log joint; 0 for one-sided LFs."""
        return np.asarray(self.tables.tables(self.counts * self.trust).log_table * self.scale)

    def start_near(self, other: ConfusionMember, share: float) -> None:
        """Start from a share of what another fit found."""
        self.counts = share * other.counts
        self.log_prior = share * other.log_prior

    def run(self, n_steps: int) -> None:
        """Steps of EM."""
        for _ in range(n_steps):
            found = self.backend.e_step(self.log_table, self.log_prior)
            counts = found.counts
            classes = found.class_counts - self.empty * softmax(self.log_prior[None])[0]
            if self.gold is not None:
                counts, classes = counts + self.gold.counts, classes + self.gold.class_counts
            self.counts = counts
            if self.class_balance is None:
                if (total := classes.sum()) > 0.0:  # else no vote is believed: nothing is learned
                    share = np.maximum(classes / total, 1e-300)
                    self.log_prior = self.class_exponent * np.log(share)
            else:
                least = 1.0 / self.backend.rows.total_weight
                self.log_prior = np.log(np.maximum(self.class_balance, least))
