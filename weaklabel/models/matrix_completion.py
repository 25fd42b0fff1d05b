"""Matrix completion: tables from how often pairs of votes occur together."""

from __future__ import annotations

import warnings
from typing import Literal, get_args

from weaklabel.errors import ConvergenceWarning
from weaklabel.inference.backends import BackendKind
from weaklabel.inference.completion import CompletionProblem, aligned, complete
from weaklabel.inference.em import Progress
from weaklabel.models import checks
from weaklabel.models.dependency_setting import DependenciesLike
from weaklabel.models.moment_model import (
    Balance,
    MomentModel,
    Propensity,
)
from weaklabel.models.moment_tables import Estimated, MomentProblem, names_one_class

Orientation = Literal["average", "each"]


class MatrixCompletion(MomentModel):
    """Tables that explain how often each pair of votes occurs together.

    P(vote f and vote g) = sum_y pi[y] mu[f, y] mu[g, y] for votes of LFs that are independent given
    the class y. The table mu is found by completing that low-rank matrix where it is not known,
    among the votes of one LF and of dependent LFs (:mod:`weaklabel.inference.completion`). This is
    the estimator of MeTaL and of Snorkel's LabelModel, with three differences: the loss weighs each
    entry by its precision, it is minimised to the end by a quasi-Newton method from a fixed start,
    and the class balance, where none is given, is estimated from third moments as far as they are
    reliable.

    Made for panels of voters with errors that are independent of each other. On real rules, which
    are not independent, use :class:`~weaklabel.LabelModel`.

    Parameters
    ----------
    dependencies : None, pairs of LF names, networkx graph or Dependencies, default None
        LFs that depend on each other given the class. Cliques of the junction tree get joint
        tables.
    balance : {"estimate", "uniform"}, default "estimate"
        The class balance where ``fit`` is told none: from third moments, or 1/K.
    propensity : {"auto", "class", "assigned"}, default "auto"
        What it means that an LF votes. ``"class"``: how often it does may depend on the class, as
        for rules. ``"assigned"``: for LFs that cast several votes it does not, as for the workers
        of a crowd; then no class balance is estimated. ``"auto"``: assigned if such LFs meet much
        more or less often than independent ones would.
    orientation : {"average", "each"}, default "average"
        Votes are believed to be better than chance on average (the classes are matched by optimal
        assignment), or each of them is.
    prior_accuracy : float, default 0.75
        In (0, 1): how often a vote is believed to be right before any is seen; where the search
        starts.
    prior_strength : float, default 30
        How many rows that belief is worth. More (up to the number of rows) is safer on LFs that are
        not independent.
    min_lift : float, default 0.05
        In (0, 1): least P(vote | class) / P(vote). However rarely a vote is seen to occur in a
        class, it does not speak against the class by more than this factor.
    max_width : int, default 8
        Largest width of the junction tree: a clique has at most one LF more.
    max_iter : int, default 1000
    tol : float, default 1e-9
        Stop when no derivative of the loss is larger.
    backend : {"auto", "numpy", "numba", "torch"}, default "auto"
        For predictions.
    device : str, optional
    n_threads : int, optional

    Notes
    -----
    For two classes second moments determine the tables, and errors fall like 1 / sqrt(n_items). For
    more they do so only up to a rotation of the classes, of which the bounds and the prior pick
    one: with errors that fall unevenly a small bias stays (0.004 in the mean over the tables of
    eight LFs and three classes).

    One pass over the votes, O(sum of squared votes per row); then O((n_lfs * n_classes)^2 *
    n_classes) per step, whatever the number of rows. ``objective_trace_`` is minus the loss.

    References
    ----------
    Ratner, Hancock, Dunnmon, Sala, Pandey and Re, "Training Complex Models with Multi-Task Weak
    Supervision", 2019.

    Examples
    --------
    >>> from weaklabel.models import MatrixCompletion
    >>> votes = [[0, 0, 1], [1, 1, 1], [0, 0, 0], [1, 1, 0]] * 50
    >>> MatrixCompletion().fit(votes).predict(votes).tolist()[:4]
    [0, 1, 0, 1]
    """

    def __init__(
        self,
        *,
        dependencies: DependenciesLike = None,
        balance: Balance = "estimate",
        propensity: Propensity = "auto",
        orientation: Orientation = "average",
        prior_accuracy: float = 0.75,
        prior_strength: float = 30.0,
        min_lift: float = 0.05,
        max_width: int = 8,
        max_iter: int = 1000,
        tol: float = 1e-9,
        backend: BackendKind = "auto",
        device: str | None = None,
        n_threads: int | None = None,
    ) -> None:
        self.dependencies = dependencies
        self.balance = balance
        self.propensity = propensity
        self.orientation = orientation
        self.prior_accuracy = prior_accuracy
        self.prior_strength = prior_strength
        self.min_lift = min_lift
        self.max_width = max_width
        self.max_iter = max_iter
        self.tol = tol
        self.backend = backend
        self.device = device
        self.n_threads = n_threads

    def _check_settings(self) -> None:
        super()._check_settings()
        checks.check_choice("orientation", self.orientation, get_args(Orientation))
        checks.check_range("min_lift", self.min_lift, 1e-9, 1.0 - 1e-9)
        checks.check_range("max_iter", self.max_iter, 1, 10**9)
        checks.check_range("tol", self.tol, 1e-14, 1.0)

    def _estimate(self, problem: MomentProblem, progress: Progress | None) -> Estimated:
        found = complete(
            CompletionProblem.of(
                problem.moments,
                problem.information,
                problem.balance,
                problem.prior,
                problem.strength,
            ),
            max_iter=self.max_iter,
            tol=self.tol,
            min_lift=self.min_lift,
            at_least_even=names_one_class(problem.layout) if self.orientation == "each" else None,
            progress=progress,
        )
        if not found.converged:
            warnings.warn(f"{type(self).__name__} {found.status}", ConvergenceWarning, stacklevel=6)
        layout = problem.layout
        affinity = layout.symbols.affinity[layout.row_symbol]
        tables = aligned(found.tables, problem.balance, affinity)
        return Estimated(tables, found.trace, found.n_iter, found.status)
