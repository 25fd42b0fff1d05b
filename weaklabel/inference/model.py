"""A label model as mathematics: tables, class prior, silence and gold, put together for the loop.

:class:`TableModel` turns expected counts into parameters (:meth:`TableModel.parameters`) and, with
an E-step, into the EM map that :func:`weaklabel.inference.em.maximise` iterates. Items whose class
is known take no part in the E-step: their expected counts are constant, and so they enter as counts
to add and as the log joint of those counts,

    objective = sum_i w_i logsumexp(score_i) + <gold counts, log_table> + <gold classes, log_prior>
                + penalties,

all divided by the number of items.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from weaklabel.inference.em import Outcome, Progress, maximise
from weaklabel.inference.priors import ClassPrior, Propensity
from weaklabel.inference.rows import Backend, Expected, FloatArray
from weaklabel.inference.tables import Parametrisation


@dataclass(frozen=True, eq=False)
class Parameters:
    """What the E-step needs, and what it was made of.

    Attributes
    ----------
    log_table : array, shape (n_rows, n_classes)
        With the votes' part of the propensities, if silence is evidence.
    log_prior : array, shape (n_classes,)
        With ``silence`` added, if silence is evidence.
    log_class : array, shape (n_classes,)
        log P(class) alone.
    silence : array, shape (n_active, n_classes), or None
        log P(LF is silent | class).
    penalty : float
    """

    log_table: FloatArray
    log_prior: FloatArray
    log_class: FloatArray
    silence: FloatArray | None
    penalty: float


@dataclass(frozen=True, eq=False)
class TableModel:
    """Tables, class prior and silence.

    Attributes
    ----------
    tables : Parametrisation
    prior : ClassPrior
    propensity : Propensity or None
        None: an LF's silence says nothing.
    """

    tables: Parametrisation
    prior: ClassPrior
    propensity: Propensity | None = None

    def parameters(self, counts: FloatArray, class_counts: FloatArray) -> Parameters:
        """The M-step: parameters from expected counts (gold included)."""
        found = self.tables.tables(counts)
        log_class, penalty = self.prior.log_prior(class_counts)
        penalty += found.penalty
        if self.propensity is None:
            return Parameters(found.log_table, log_class, log_class, None, penalty)
        log_vote, log_silence, more = self.propensity.logs(counts, class_counts)
        log_prior = log_class + self.propensity.fold(found, log_vote, log_silence)
        return Parameters(found.log_table, log_prior, log_class, log_silence, penalty + more)

    def step(
        self, backend: Backend, gold: Expected | None, n_items: float
    ) -> Callable[[FloatArray], tuple[float, FloatArray]]:
        """The EM map on the flat vector of expected counts of the items without gold.

        Parameters
        ----------
        backend : Backend
            Over the items without gold.
        gold : Expected or None
            Constant counts of the items with gold.
        n_items : float
            What the objective is divided by.
        """
        shape = (backend.rows.n_table_rows, backend.rows.n_classes)

        def step(x: FloatArray) -> tuple[float, FloatArray]:
            parameters = self.parameters(*with_gold(*unpack(x, shape), gold))
            expected = backend.e_step(parameters.log_table, parameters.log_prior)
            objective = expected.log_likelihood + parameters.penalty
            if gold is not None:
                objective += float(np.vdot(gold.counts, parameters.log_table))
                objective += float(gold.class_counts @ parameters.log_prior)
            return objective / n_items, pack(expected)

        return step

    def fit(
        self,
        backend: Backend,
        start: Expected,
        gold: Expected | None,
        n_items: float,
        *,
        max_iter: int,
        tol: float,
        accelerate: bool = True,
        progress: Progress | None = None,
    ) -> Outcome:
        """Run the loop from given expected counts; see :func:`weaklabel.inference.em.maximise`."""
        return maximise(
            self.step(backend, gold, n_items),
            pack(start),
            max_iter=max_iter,
            tol=tol,
            accelerate=accelerate,
            progress=progress,
        )


def pack(expected: Expected) -> FloatArray:
    """Counts and class counts as one vector."""
    return np.concatenate([expected.counts.ravel(), expected.class_counts])


def unpack(x: FloatArray, shape: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
    """The counts, shape ``shape``, and class counts in a vector made by :func:`pack`."""
    size = shape[0] * shape[1]
    return x[:size].reshape(shape), x[size:]


def with_gold(
    counts: FloatArray, class_counts: FloatArray, gold: Expected | None
) -> tuple[FloatArray, FloatArray]:
    """Expected counts with those of the gold items added."""
    if gold is None:
        return counts, class_counts
    return counts + gold.counts, class_counts + gold.class_counts
