"""What stands beside the tables: the class prior, and whether an LF votes at all.

Both are functions of expected counts with a penalty, exactly like the parametrisations of
:mod:`~weaklabel.inference.tables`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from weaklabel.inference.layout import TableLayout
from weaklabel.inference.rows import FloatArray
from weaklabel.inference.tables import COUNT_FLOOR, Inference, Tables

PROBABILITY_FLOOR = 1e-10


@dataclass(frozen=True, eq=False)
class ClassPrior:
    """P(class): given, or estimated under a symmetric Dirichlet prior.

    Attributes
    ----------
    given : array, shape (n_classes,), or None
        A distribution that is not estimated.
    pseudo_count : float
        Pseudo-items per class, at least 0 (``"vb"``: above 0).
    inference : {"map", "vb"}
    """

    given: FloatArray | None
    pseudo_count: float
    inference: Inference = "map"

    def log_prior(self, class_counts: FloatArray) -> tuple[FloatArray, float]:
        """log P(class), shape (n_classes,), and its penalty."""
        if self.given is not None:
            return np.log(np.maximum(self.given, PROBABILITY_FLOOR)), 0.0
        alpha = class_counts + self.pseudo_count
        if self.inference == "vb":
            from scipy.special import digamma, gammaln

            log_prior = digamma(alpha) - digamma(alpha.sum())
            n_classes = len(alpha)
            divergence = (
                gammaln(alpha.sum())
                - gammaln(n_classes * self.pseudo_count)
                - (gammaln(alpha) - gammaln(self.pseudo_count)).sum()
                + class_counts @ log_prior
            )
            return log_prior, -float(divergence)
        alpha = np.maximum(alpha, COUNT_FLOOR)
        log_prior = np.log(alpha / alpha.sum())
        return log_prior, float(self.pseudo_count * log_prior.sum())


@dataclass(frozen=True, eq=False)
class Propensity:
    """P(LF j votes | class): silence as evidence.

    With e[j, y] that probability, a vote adds log e[j, y] to its table row, and silence adds
    log(1 - e[j, y]). So that only votes cost time, all LFs count as silent beforehand,

        log_prior[y] += sum_j log(1 - e[j, y]),   log_table[r, y] += log e[j, y] - log(1 - e[j, y]).

    The prior is a Beta around the LF's coverage: without evidence to the contrary, whether it votes
    does not depend on the class. LFs that never vote say nothing.

    Attributes
    ----------
    layout : TableLayout
    coverage : array, shape (n_active,)
        Share of items each LF that has rows votes on, in (0, 1).
    strength : float
        Pseudo-items per class, above 0.
    inference : {"map", "vb"}
    """

    layout: TableLayout
    coverage: FloatArray
    strength: float
    inference: Inference = "map"

    def logs(
        self, counts: FloatArray, class_counts: FloatArray
    ) -> tuple[FloatArray, FloatArray, float]:
        """log e and log(1 - e), each of shape (n_active, n_classes), and the penalty."""
        votes = self.layout.per_lf(counts)
        silences = np.maximum(class_counts - votes, 0.0)
        prior_vote = self.strength * self.coverage[:, None]
        prior_silence = self.strength - prior_vote
        a, b = votes + prior_vote, silences + prior_silence
        if self.inference == "vb":
            from scipy.special import betaln, digamma

            log_vote = digamma(a) - digamma(a + b)
            log_silence = digamma(b) - digamma(a + b)
            gain = betaln(a, b) - betaln(prior_vote, prior_silence)
            gain -= votes * log_vote + silences * log_silence
            return log_vote, log_silence, float(gain.sum())
        e = np.clip(a / (a + b), PROBABILITY_FLOOR, 1.0 - PROBABILITY_FLOOR)
        log_vote, log_silence = np.log(e), np.log1p(-e)
        penalty = (prior_vote * log_vote + prior_silence * log_silence).sum()
        return log_vote, log_silence, float(penalty)

    def fold(self, tables: Tables, log_vote: FloatArray, log_silence: FloatArray) -> FloatArray:
        """Add the votes' part to the tables in place; returns the part of the class prior."""
        tables.log_table[...] += (log_vote - log_silence)[self.layout.segment]
        return np.asarray(log_silence.sum(axis=0))
