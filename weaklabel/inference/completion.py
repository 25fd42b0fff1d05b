"""Tables from second moments alone: masked low-rank completion.

If LFs f and g are independent given the class y, the joint probability of a vote f and a vote g of
different LFs factors over the classes,

    O[f, g] = P(f and g) = sum_y pi[y] mu[f, y] mu[g, y],    mu[f, y] = P(vote f | y),

and so O is a matrix of rank n_classes off the blocks of votes of one LF (and of dependent LFs),
which are masked. With m[f] = P(f), the variance of an entry is about m[f] m[g] / n, so entries are
weighted by its inverse. In the units z[f, y] = mu[f, y] / sqrt(m[f]) and
N[f, g] = O[f, g] / sqrt(m[f] m[g]) that is plain least squares,

    loss(z) = 1/2 sum_{f, g unmasked} (N[f, g] - sum_y pi[y] z[f, y] z[g, y])^2
              + sum_f (sum_y pi[y] z[f, y] - sqrt(m[f]))^2
              + strength / n * sum_f sum_y pi[y] (z[f, y] - z0[f, y])^2,

whose last term is worth ``strength`` items of prior belief and fades with n. It is minimised by
L-BFGS-B with the analytic gradient, from the prior; probabilities stay within bounds. The cost does
not depend on n.

References
----------
Ratner, Hancock, Dunnmon, Sala, Pandey and Re, "Training Complex Models with Multi-Task Weak
Supervision", 2019, section 4. The loss without the weights and the prior is that of Snorkel's
LabelModel. Byrd, Lu, Nocedal and Zhu, "A Limited Memory Algorithm for Bound Constrained
Optimization", 1995.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from weaklabel.inference.em import Progress
from weaklabel.inference.moments import Moments
from weaklabel.inference.rows import FloatArray, IntArray

LIFT_FLOOR = 1e-3
"""Least P(event | class) / P(event) of events that are regressed on votes."""


@dataclass(frozen=True, eq=False)
class CompletionProblem:
    """What is minimised.

    Attributes
    ----------
    target : array, shape (n_rows, n_rows)
        N; entries outside the mask do not matter.
    mask : array, shape (n_rows, n_rows)
        What an entry counts, at least 0: 0 for votes of one LF or of dependent LFs, 1 otherwise,
        or less where few items tell it.
    scale : array, shape (n_rows,)
        sqrt(m).
    balance : array, shape (n_classes,)
        pi, adds up to 1.
    prior : array, shape (n_rows, n_classes)
        z0.
    strength : float
        Prior items per item, at least 0.
    """

    target: FloatArray
    mask: FloatArray
    scale: FloatArray
    balance: FloatArray
    prior: FloatArray
    strength: float

    @staticmethod
    def of(
        moments: Moments,
        information: IntArray,
        balance: FloatArray,
        prior: FloatArray,
        strength: float,
    ) -> CompletionProblem:
        """The problem for some moments.

        Parameters
        ----------
        moments : Moments
        information : array, shape (n_rows, n_rows)
            What each pair of votes counts: 0 unless their LFs are independent given the class.
        balance : array, shape (n_classes,)
        prior : array, shape (n_rows, n_classes)
            P(vote | class) believed beforehand.
        strength : float
            Items that belief is worth.
        """
        scale = np.sqrt(np.maximum(moments.mean, 1e-300))
        return CompletionProblem(
            moments.joint / np.outer(scale, scale),
            information.astype(np.float64),
            scale,
            balance,
            prior / scale[:, None],
            strength / max(moments.weight, 1e-300),
        )

    def loss(self, z: FloatArray) -> tuple[float, FloatArray]:
        """The loss and its gradient, shape (n_rows, n_classes).

        Notes
        -----
        O(n_rows^2 * n_classes).
        """
        pi = self.balance
        missing = self.target - (z * pi) @ z.T
        weighted = self.mask * missing
        off = z @ pi - self.scale
        moved = z - self.prior
        value = 0.5 * np.vdot(weighted, missing) + off @ off
        value += self.strength * np.vdot(moved * pi, moved)
        gradient = weighted @ z
        gradient *= -2.0
        gradient += 2.0 * off[:, None]
        gradient += (2.0 * self.strength) * moved
        return float(value), np.asarray(gradient * pi)

    def bounds(
        self, min_lift: float, at_least_even: IntArray | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Least and largest z: mu is at least ``min_lift`` times P(vote), and at most 1.

        ``at_least_even``, bool of shape (n_rows, n_classes), marks pairs for which a vote must be
        at least as probable under the class as it is overall (and so, for two classes, at most as
        probable under the other).
        """
        low = np.broadcast_to(min_lift * self.scale[:, None], self.prior.shape).copy()
        if at_least_even is not None:
            low = np.where(at_least_even, self.scale[:, None], low)
        high = np.broadcast_to(1.0 / self.scale[:, None], self.prior.shape)
        if at_least_even is not None and len(self.balance) == 2:
            high = np.where(at_least_even[:, ::-1], self.scale[:, None], high)
        return low, np.maximum(high, low)


@dataclass(frozen=True, eq=False)
class Completed:
    """What was found.

    Attributes
    ----------
    tables : array, shape (n_rows, n_classes)
        mu, in (0, 1].
    trace : array
        Minus the loss after each step; never falls.
    n_iter : int
    converged : bool
    status : str
    """

    tables: FloatArray
    trace: FloatArray
    n_iter: int
    converged: bool
    status: str


def complete(
    problem: CompletionProblem,
    *,
    max_iter: int,
    tol: float,
    min_lift: float,
    at_least_even: IntArray | None = None,
    progress: Progress | None = None,
) -> Completed:
    """Minimise the loss from the prior.

    Parameters
    ----------
    problem : CompletionProblem
    max_iter : int
    tol : float
        Stop when no derivative (along the bounds) is larger than this.
    min_lift : float
        Least P(vote | class) / P(vote), in (0, 1).
    at_least_even : array of bool, shape (n_rows, n_classes), optional
        See :meth:`CompletionProblem.bounds`.
    progress : callable, optional
        Called as ``progress(n_iter, -loss)``.
    """
    from scipy.optimize import Bounds, minimize

    low, high = problem.bounds(min_lift, at_least_even)
    start = np.clip(problem.prior, low, high)
    shape = start.shape
    trace = [-problem.loss(start)[0]]
    found = minimize(
        _flat(problem, shape),
        start.ravel(),
        jac=True,
        method="L-BFGS-B",
        bounds=Bounds(low.ravel(), high.ravel()),
        callback=_recorder(trace, progress),
        options={
            "maxiter": max_iter,
            "maxfun": 20 * max_iter,
            "gtol": tol,
            "ftol": 0,
            "maxcor": 20,
        },
    )
    z = np.clip(found.x.reshape(shape), low, high)
    slope = _along_bounds(z, problem.loss(z)[1], low, high)
    converged = bool(slope <= max(10.0 * tol, 1e-7))
    n_iter = int(found.nit)
    if converged:
        status = f"converged in {n_iter} steps: largest derivative {slope:.1e} (tol={tol:g})"
    else:
        status = (
            f"stopped after {n_iter} steps (max_iter={max_iter}) with a derivative of {slope:.1e} "
            f"left (tol={tol:g}); raise max_iter or prior_strength"
        )
    tables = z * problem.scale[:, None]
    return Completed(tables, np.asarray(trace), n_iter, converged, status)


def _flat(problem: CompletionProblem, shape: tuple[int, ...]) -> Callable[[FloatArray], Any]:
    def value_and_gradient(x: FloatArray) -> tuple[float, FloatArray]:
        value, gradient = problem.loss(x.reshape(shape))
        return value, gradient.ravel()

    return value_and_gradient


def _recorder(trace: list[float], progress: Progress | None) -> Callable[[Any], None]:
    # scipy passes the state by this name only
    def record(intermediate_result: Any) -> None:
        trace.append(-float(intermediate_result.fun))
        if progress is not None:
            progress(len(trace) - 1, trace[-1])

    return record


def _along_bounds(z: FloatArray, gradient: FloatArray, low: FloatArray, high: FloatArray) -> float:
    """The largest step along minus the gradient that the bounds allow, up to a step of 1."""
    if z.size == 0:
        return 0.0
    return float(np.abs(np.clip(z - gradient, low, high) - z).max())


def aligned(tables: FloatArray, balance: FloatArray, affinity: FloatArray) -> FloatArray:
    """The columns in the order in which votes are right as often as possible.

    Moments do not tell classes of equal share apart. Of the orders that leave the loss as it is,
    take the one with the largest P(vote speaks for the class), by optimal assignment.

    Parameters
    ----------
    tables : array, shape (n_rows, n_classes)
        P(vote | class).
    balance : array, shape (n_classes,)
    affinity : array, shape (n_rows, n_classes)
        Literal reading of each vote.

    Returns
    -------
    array, shape (n_rows, n_classes)
    """
    from scipy.optimize import linear_sum_assignment

    right = affinity.T @ (tables * balance)  # P(votes speak for v, class y)
    order = np.arange(len(balance))
    shares = np.round(balance, 9)
    for share in np.unique(shares):
        group = np.flatnonzero(shares == share)
        spoken, column = linear_sum_assignment(-right[np.ix_(group, group)])
        order[group[spoken]] = group[column]
    return np.asarray(tables[:, order])


def tables_from_cross(
    cross: FloatArray,
    mean: FloatArray,
    known: FloatArray,
    known_mean: FloatArray,
    balance: FloatArray,
    prior: FloatArray,
    strength: FloatArray,
) -> FloatArray:
    """P(event | class) of further events from their joint probabilities with votes.

    If event e is independent of the votes f given the class, cross[e, f] = sum_y pi[y] theta[e, y]
    mu[f, y] is linear in theta, and the weighted least squares of :class:`CompletionProblem` has a
    closed form.

    Parameters
    ----------
    cross : array, shape (n_events, n_votes)
        P(event and vote).
    mean : array, shape (n_events,)
        P(event).
    known : array, shape (n_votes, n_classes)
        P(vote | class).
    known_mean : array, shape (n_votes,)
        P(vote).
    balance : array, shape (n_classes,)
    prior : array, shape (n_events, n_classes)
        P(event | class) believed beforehand.
    strength : array, shape (n_events,)
        Weight of that belief against one item; above 0.

    Returns
    -------
    array, shape (n_events, n_classes)
        In (0, 1]; sum_y pi[y] theta[e, y] = mean[e].

    Notes
    -----
    O(n_events * n_classes * (n_votes + n_classes^2)).
    """
    weighted = known / np.maximum(known_mean, 1e-300)[:, None]
    gram = balance[:, None] * (known.T @ weighted + 1.0) * balance
    grams = gram + strength[:, None, None] * np.diag(balance)
    right = balance * (cross @ weighted + mean[:, None] + strength[:, None] * prior)
    theta = np.linalg.solve(grams, right[:, :, None])[:, :, 0]
    theta = np.clip(theta, LIFT_FLOOR * mean[:, None], 1.0)
    return np.asarray(theta * (mean / np.maximum(theta @ balance, 1e-300))[:, None])
