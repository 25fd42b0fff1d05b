"""The one iteration loop: expectation-maximisation, accelerated and never downhill.

A model supplies ``step``, the EM map on expected counts, and a start; :func:`maximise` does the
rest. The state is the vector of expected counts x >= 0 (tables, classes, and whatever else the
M-step needs). One step turns counts into parameters (M), evaluates the objective there, and returns
the counts expected under them (E):

    step(x) -> objective at M(x), F(x) = E(M(x))

Counts suit acceleration: any x >= 0 is a valid state whatever the parametrisation, and the map is
smooth. Anderson mixing (the multi-secant quasi-Newton method) proposes

    x' = F_k - sum_i gamma_i (F_{k-i+1} - F_{k-i}),   gamma = argmin |f_k - sum_i gamma_i df_i|,

with f = F(x) - x, each entry held between a tenth and ten times that of the plain EM step. Where a
proposal lowers the objective, the iteration is leaving a saddle or drifting to a border, where
entries grow or shrink by a factor each step; then a leap along the EM step is tried in logarithms,

    log x' = log x + omega (log F - log x),

with omega doubling from one leap to the next. If that lowers the objective too, the plain EM step
is taken, so the trace never falls.

References
----------
Walker and Ni, "Anderson Acceleration for Fixed-Point Iterations", 2011, Algorithm AA.
Henderson and Varadhan, "Damped Anderson Acceleration with Restarts and Monotonicity Control for
Accelerating EM and EM-like Algorithms", 2019.
Salakhutdinov and Roweis, "Adaptive Overrelaxed Bound Optimization Methods", 2003.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from weaklabel.errors import FitError
from weaklabel.inference.rows import FloatArray

Step: TypeAlias = Callable[[FloatArray], tuple[float, FloatArray]]
"""Counts to (objective per item at the parameters they imply, expected counts there)."""

Progress: TypeAlias = Callable[[int, float], None]
"""Called after each step with its number and the objective per item."""

HISTORY = 6
HISTORY_BYTES = 256 << 20
MIX_LIMIT = 10.0
LEAP_LIMIT = 5.0
TINY = 1e-300


@dataclass(frozen=True, eq=False)
class Outcome:
    """How an iteration ended.

    Attributes
    ----------
    counts : array
        The state whose parameters have the last objective of the trace.
    trace : array, shape (n_accepted,)
        Objective per item; never falls.
    n_iter : int
        E-steps taken, rejected proposals included.
    converged : bool
    status : str
        One sentence.
    """

    counts: FloatArray
    trace: FloatArray
    n_iter: int
    converged: bool
    status: str

    @property
    def objective(self) -> float:
        """The last objective per item."""
        return float(self.trace[-1])


def maximise(
    step: Step,
    start: FloatArray,
    *,
    max_iter: int,
    tol: float,
    accelerate: bool = True,
    progress: Progress | None = None,
) -> Outcome:
    """Iterate ``step`` from ``start`` until the objective stops rising.

    Parameters
    ----------
    step : callable
        The EM map.
    start : array, shape (n_state,)
        Nonnegative counts.
    max_iter : int
        Most E-steps, at least 1.
    tol : float
        Stop when the objective per item rises by less than this in two steps running.
    accelerate : bool, default True
    progress : callable, optional
        Called as ``progress(n_iter, objective)``.

    Returns
    -------
    Outcome

    Raises
    ------
    FitError
        If the objective is not finite.

    Notes
    -----
    One call of ``step`` per iteration. Memory: up to ``2 * HISTORY + 4`` states, fewer where a
    state is large.
    """
    proposals = _Accelerated(len(start)) if accelerate else _Plain()
    x = start
    objective, image = _checked(step, x, 1)
    trace, n_iter, small = [objective], 1, 0
    if progress is not None:
        progress(n_iter, objective)
    while n_iter < max_iter:
        for proposal in proposals.of(x, image):
            value, next_image = _checked(step, proposal, n_iter + 1)
            n_iter += 1
            if value >= objective:
                break
        rise = value - objective
        x, image, objective = proposal, next_image, value
        trace.append(objective)
        if progress is not None:
            progress(n_iter, objective)
        small = small + 1 if rise < tol else 0
        if small >= 2:
            status = (
                f"converged in {n_iter} steps: the objective per item rose by less than "
                f"tol={tol:g} twice running"
            )
            return Outcome(x, np.asarray(trace), n_iter, True, status)
    status = (
        f"stopped after max_iter={max_iter} steps with the objective per item still rising by "
        f"{trace[-1] - trace[-2] if len(trace) > 1 else math.inf:.3g} (tol={tol:g}); "
        "raise max_iter or tol"
    )
    return Outcome(x, np.asarray(trace), n_iter, False, status)


def best_of(outcomes: list[Outcome]) -> Outcome:
    """The outcome with the highest objective; the first of equals."""
    return max(outcomes, key=lambda outcome: outcome.objective)


def _checked(step: Step, x: FloatArray, n_iter: int) -> tuple[float, FloatArray]:
    objective, image = step(x)
    if not math.isfinite(objective):
        raise FitError(
            f"the objective must stay finite, found {objective} at step {n_iter}; "
            "check weights and priors, or raise prior_strength"
        )
    return objective, image


def _history(size: int) -> int:
    return int(np.clip(HISTORY_BYTES // (16 * max(size, 1)), 1, HISTORY))


class _Plain:
    """The EM step and nothing else."""

    def of(self, x: FloatArray, image: FloatArray) -> Iterator[FloatArray]:
        yield image


class _Accelerated:
    """Where to go next: proposals in the order to try them; the last is the EM step."""

    def __init__(self, size: int) -> None:
        self.mixing = _Anderson(_history(size))
        self.stride = 1.0

    def of(self, x: FloatArray, image: FloatArray) -> Iterator[FloatArray]:
        mixed = self.mixing.propose(x, image)
        yield mixed
        if mixed is image:
            return  # the EM step falls only by rounding
        self.mixing.clear()
        self.stride *= 2.0
        yield _leap(x, image, self.stride)
        self.stride = 1.0
        yield image


def _leap(x: FloatArray, image: FloatArray, stride: float) -> FloatArray:
    before, after = np.log(np.maximum(x, TINY)), np.log(np.maximum(image, TINY))
    leap = before + stride * (after - before)
    return np.exp(np.clip(leap, after - LEAP_LIMIT, after + LEAP_LIMIT))


class _Anderson:
    """Anderson mixing over the last few states and their images."""

    def __init__(self, history: int) -> None:
        self.history = history
        self.clear()

    def clear(self) -> None:
        self._last: tuple[FloatArray, FloatArray] | None = None
        self._d_residual: list[FloatArray] = []
        self._d_image: list[FloatArray] = []

    def propose(self, x: FloatArray, image: FloatArray) -> FloatArray:
        residual = image - x
        if self._last is not None:
            last_residual, last_image = self._last
            self._d_residual.append(residual - last_residual)
            self._d_image.append(image - last_image)
            del self._d_residual[: -self.history], self._d_image[: -self.history]
        self._last = (residual, image)
        if not self._d_residual:
            return image
        gamma = self._mixing_weights(residual)
        out = image.copy()
        for weight, difference in zip(gamma, self._d_image, strict=True):
            out -= weight * difference
        return np.clip(out, image / MIX_LIMIT, image * MIX_LIMIT + TINY, out=out)

    def _mixing_weights(self, residual: FloatArray) -> FloatArray:
        n = len(self._d_residual)
        gram = np.empty((n, n))
        for i in range(n):
            for j in range(i + 1):
                gram[i, j] = gram[j, i] = self._d_residual[i] @ self._d_residual[j]
        right = np.array([d @ residual for d in self._d_residual])
        scale = np.sqrt(np.maximum(np.diag(gram), 1e-300))
        gram /= np.outer(scale, scale)
        gram[np.diag_indices(n)] += 1e-10  # secants become parallel near the optimum
        return np.asarray(np.linalg.solve(gram, right / scale) / scale)
