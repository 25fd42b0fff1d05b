"""Triplets: tables in closed form from how three labeling functions agree."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from weaklabel.errors import FitError
from weaklabel.inference.backends import BackendKind
from weaklabel.inference.completion import tables_from_cross
from weaklabel.inference.em import Progress
from weaklabel.inference.rows import FloatArray
from weaklabel.inference.triplets import (
    Aggregate,
    Signs,
    class_conditional_tables,
    symmetric_tables,
)
from weaklabel.models import checks
from weaklabel.models.dependency_setting import DependenciesLike
from weaklabel.models.moment_model import Balance, MomentModel, Propensity
from weaklabel.models.moment_tables import Estimated, MomentProblem

Errors = Literal["class_conditional", "symmetric"]


class Triplets(MomentModel):
    """Tables in closed form from the covariances of triplets of votes.

    For votes f, g, h of three LFs that are independent given the class, C_fg C_fh / C_gh is the
    square of how much f tells (:mod:`weaklabel.inference.triplets`). All triplets of a vote are
    combined. Nothing is iterated; more than two classes are taken one against the rest.

    ``Triplets(errors="symmetric", aggregate="mean", balance="uniform")`` is FlyingSquid: it assumes
    that an LF is as often right, and as often silent, on either class. The default does not, and
    so holds for one-sided rules.

    Parameters
    ----------
    dependencies : None, pairs of LF names, networkx graph or Dependencies, default None
        LFs that depend on each other given the class; they form no triplets with each other, and
        cliques of the junction tree get joint tables.
    balance : {"estimate", "uniform"}, default "estimate"
        The class balance where ``fit`` is told none: from third moments, or 1/K.
    propensity : {"auto", "class", "assigned"}, default "auto"
        What it means that an LF votes. ``"class"``: how often it does may depend on the class, as
        for rules. ``"assigned"``: for LFs that cast several votes it does not, as for the workers
        of a crowd; then no class balance is estimated. ``"auto"``: assigned if such LFs meet much
        more or less often than independent ones would.
    errors : {"class_conditional", "symmetric"}, default "class_conditional"
        Whether each vote has a probability of its own under each class.
    aggregate : {"pooled", "median", "mean"}, default "pooled"
        How the triplets of a vote are combined. The median is the choice of Fu et al. against a few
        dependent LFs; pooling, a ratio of sums, is more accurate on all shared sets.
    signs : {"each", "average"}, default "each"
        Each vote is better than chance, or they are on average (and some may be found to lie).
    prior_accuracy : float, default 0.75
        In (0, 1): how often a vote is believed to be right before any is seen.
    prior_strength : float, default 30
        How many rows that belief is worth.
    max_width : int, default 8
        Largest width of the junction tree: a clique has at most one LF more.
    backend : {"auto", "numpy", "numba", "torch"}, default "auto"
        For predictions.
    device : str, optional
    n_threads : int, optional

    Notes
    -----
    For two classes the tables are consistent, and errors fall like 1 / sqrt(n_items). For more they
    are where an LF that is wrong errs evenly (each vote is equally probable under all classes but
    the one it names); use :class:`~weaklabel.models.MatrixCompletion` where it does not.

    One pass over the votes, O(sum of squared votes per row), a second for third moments where the
    class balance is estimated; then O((n_lfs * n_classes)^3), whatever the number of rows.

    References
    ----------
    Fu, Chen, Sala, Hooper, Fatahalian and Re, "Fast and Three-rious: Speeding Up Weak Supervision
    with Triplet Methods", 2020.

    Examples
    --------
    >>> from weaklabel.models import Triplets
    >>> votes = [[0, 0, 1], [1, 1, 1], [0, 0, 0], [1, 1, 0]] * 50
    >>> Triplets().fit(votes).predict(votes).tolist()[:4]
    [0, 1, 0, 1]
    """

    def __init__(
        self,
        *,
        dependencies: DependenciesLike = None,
        balance: Balance = "estimate",
        propensity: Propensity = "auto",
        errors: Errors = "class_conditional",
        aggregate: Aggregate = "pooled",
        signs: Signs = "each",
        prior_accuracy: float = 0.75,
        prior_strength: float = 30.0,
        max_width: int = 8,
        backend: BackendKind = "auto",
        device: str | None = None,
        n_threads: int | None = None,
    ) -> None:
        self.dependencies = dependencies
        self.balance = balance
        self.propensity = propensity
        self.errors = errors
        self.aggregate = aggregate
        self.signs = signs
        self.prior_accuracy = prior_accuracy
        self.prior_strength = prior_strength
        self.max_width = max_width
        self.backend = backend
        self.device = device
        self.n_threads = n_threads

    def _check_settings(self) -> None:
        super()._check_settings()
        checks.check_choice("errors", self.errors, get_args(Errors))
        checks.check_choice("aggregate", self.aggregate, get_args(Aggregate))
        checks.check_choice("signs", self.signs, get_args(Signs))

    def _estimate(self, problem: MomentProblem, progress: Progress | None) -> Estimated:
        layout = problem.layout
        speaks = layout.symbols.affinity[layout.row_symbol]
        shared = (problem.balance, self.aggregate, self.signs)
        if self.errors == "symmetric":
            if not layout.symbols.is_plain:
                raise FitError(
                    "errors='symmetric' needs votes for single classes, found sets, confidences "
                    "or reasons among the votes; use errors='class_conditional'"
                )
            tables = symmetric_tables(
                problem.moments, layout.row_lf, problem.independent, speaks, *shared
            )
            found = np.ones(layout.n_rows, dtype=bool)
        else:
            tables, found = class_conditional_tables(
                problem.moments, problem.independent, speaks, *shared
            )
        tables = _with_prior(np.clip(tables, 0.0, 1.0), problem)
        tables = _others(tables, found, problem)
        status = (
            f"closed form: {int(found.sum())} of {len(found)} pairs of LF and vote from triplets "
            f"({self.aggregate}), the others by regression on them; nothing is iterated"
        )
        return Estimated(tables, np.zeros(0), 0, status)


def _with_prior(tables: FloatArray, problem: MomentProblem) -> FloatArray:
    """Averaged with the prior, which counts as ``strength`` items."""
    items = problem.moments.weight * problem.balance
    total = items * tables + problem.strength * problem.prior
    return np.asarray(total / (items + problem.strength))


def _others(tables: FloatArray, found: FloatArray, problem: MomentProblem) -> FloatArray:
    """Tables of votes without triplets, by least squares against the votes that have one."""
    rest = np.flatnonzero(~found.astype(bool))
    moments = problem.moments
    for row in rest:
        known = np.flatnonzero(found & problem.independent[row])
        tables[row] = tables_from_cross(
            moments.joint[row : row + 1, known],
            moments.mean[row : row + 1],
            tables[known],
            moments.mean[known],
            problem.balance,
            problem.prior[row : row + 1],
            np.array([problem.strength / max(moments.weight, 1e-300)]),
        )[0]
    return tables
