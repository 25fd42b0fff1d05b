"""What a few rows whose class is known change in the posteriors of all.

The log posterior is stretched and tilted, and each vote is given more or less weight,

    log Q_y = temperature * log P_y + tilt_y + sum over votes (vote * speaks_y) + constant,

``speaks`` being 1 on the classes a vote is for and 0 elsewhere, less its mean over the classes. The
weights of votes are where gold learns which LFs are right: one number per pair (LF, class voted
for). Without gold nothing of this can be learned: a temperature chosen without gold was measured
always to choose the sharpest.

Two things hold it back. Priors draw the temperature near 1, the tilt near a given one (0, or part
of the way to a class balance that is known) and the votes near no change. Then, of the way from the
prior to the most probable parameters, the share

    kept = 1 - (effective number of parameters) / (2 * rise in log likelihood on gold), at least 0

is gone: what the same number of parameters would have gained by chance alone is expected to be half
of their number (Wilks), and gold that teaches no more than chance changes nothing. This is the
positive-part estimator of James and Stein, to the second order of the log likelihood.

A number per vote and true class, weights for the members of the average, and prior strengths chosen
by the marginal likelihood were measured to gain nothing beyond this at 50 and 100 gold rows.

References
----------
James and Stein, "Estimation with quadratic loss", 1961. Guo, Pleiss, Sun and Weinberger, "On
Calibration of Modern Neural Networks", 2017 (temperature and vector scaling).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from weaklabel.inference.rows import FloatArray, IntArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array

TEMPERATURE_STRENGTH = 10.0
TILT_STRENGTH = 10.0
VOTE_STRENGTH = 2.0  # a standard deviation of 0.7 in log-odds
LEAST_TEMPERATURE = 0.05
MAX_STEPS = 100
CG_TOLERANCE = 1e-10
EXACT_WORK = 1e10  # multiplications beyond which parameters are counted from above
BLOCK_ROWS = 1024


@dataclass(frozen=True, eq=False)
class Calibration:
    """A stretch and a tilt of log posteriors, and a change of each vote's weight.

    Attributes
    ----------
    temperature : float
    tilt : array, shape (n_classes,)
    vote : array, shape (n_table_rows,)
        Log-odds that a vote with each table row adds to the classes it speaks for; 0 for votes no
        gold row has.
    kept : float
        Share of the way from the prior, in [0, 1].
    """

    temperature: float
    tilt: FloatArray
    vote: FloatArray
    kept: float


def fit_calibration(
    posterior: FloatArray,
    gold: IntArray,
    weight: FloatArray,
    temperature: float,
    tilt: FloatArray,
    votes: csr_array,
    speaks: FloatArray,
) -> Calibration:
    """Stretch, tilt and weights of votes from gold; see the module.

    Parameters
    ----------
    posterior : array, shape (n_gold, n_classes)
    gold : array of int, shape (n_gold,)
    weight : array, shape (n_gold,)
    temperature : float
    tilt : array, shape (n_classes,)
        What they are drawn to.
    votes : csr_array, shape (n_gold, n_table_rows)
        1 where a gold row has a vote with a table row.
    speaks : array, shape (n_table_rows, n_classes)
        What a vote with each table row speaks for; rows sum to 0.

    Notes
    -----
    O(n_votes * n_classes) per step of conjugate gradients, some tens of steps per Newton step. The
    effective number of parameters costs O(n_gold * n_classes * n_parameters^2), or, where that is
    beyond ``EXACT_WORK``, is bounded from above in O(n_votes * n_classes).
    """
    used = np.unique(votes.indices)
    problem = _Problem(posterior, gold, weight, temperature, tilt, votes[:, used], speaks[used])
    found = problem.maximum()
    kept = problem.kept(found)
    moved = kept * found
    vote = np.zeros(len(speaks))
    vote[used] = moved[1 + len(tilt) :]
    return Calibration(
        float(temperature + moved[0]), tilt + moved[1 : 1 + len(tilt)], vote, float(kept)
    )


class _Problem:
    """The log likelihood of gold as a function of ``at``, the distance from the prior.

    ``at`` holds the temperature, the tilt of each class and the weight of each vote, in that order.
    """

    def __init__(
        self,
        posterior: FloatArray,
        gold: IntArray,
        weight: FloatArray,
        temperature: float,
        tilt: FloatArray,
        votes: csr_array,
        speaks: FloatArray,
    ) -> None:
        self.log_posterior = np.log(np.maximum(posterior, 1e-300))
        self.offset = temperature * self.log_posterior + tilt
        self.n_classes = len(tilt)
        self.gold, self.weight, self.speaks = gold, weight, speaks
        self.votes, self.transposed = votes, votes.T.tocsr()
        self.least = LEAST_TEMPERATURE - temperature
        self.strength = np.full(1 + len(tilt) + len(speaks), VOTE_STRENGTH)
        self.strength[0] = TEMPERATURE_STRENGTH
        self.strength[1 : 1 + len(tilt)] = TILT_STRENGTH

    def moved(self, at: FloatArray) -> FloatArray:
        """What ``at`` adds to the log posterior, shape (n_gold, n_classes)."""
        vote = at[1 + self.n_classes :, None] * self.speaks
        tilt = at[1 : 1 + self.n_classes]
        return np.asarray(at[0] * self.log_posterior + tilt + self.votes @ vote)

    def gathered(self, residual: FloatArray) -> FloatArray:
        """The transpose of :meth:`moved`."""
        votes = ((self.transposed @ residual) * self.speaks).sum(axis=1)
        stretch = float((residual * self.log_posterior).sum())
        return np.concatenate([[stretch], residual.sum(axis=0), votes])

    def log_likelihood(self, at: FloatArray) -> float:
        score = self.offset + self.moved(at)
        top = score.max(axis=1)
        log_q = score[np.arange(len(self.gold)), self.gold] - top
        log_q -= np.log(np.exp(score - top[:, None]).sum(axis=1))
        return float(self.weight @ log_q)

    def objective(self, at: FloatArray) -> float:
        return self.log_likelihood(at) - 0.5 * float(self.strength @ at**2)

    def posterior(self, at: FloatArray) -> FloatArray:
        score = self.offset + self.moved(at)
        out = np.exp(score - score.max(axis=1, keepdims=True))
        return np.asarray(out / out.sum(axis=1, keepdims=True))

    def maximum(self) -> FloatArray:
        """The most probable distance: Newton's method with step halving (it is concave)."""
        at = np.zeros(len(self.strength))
        value = self.objective(at)
        for _ in range(MAX_STEPS):
            step = self.newton_step(at)
            size, risen = 1.0, -np.inf
            while size > 1e-6:
                proposal = at + size * step
                proposal[0] = max(proposal[0], self.least)
                risen = self.objective(proposal)
                if risen >= value:
                    break
                size /= 2.0
            if risen < value:
                break
            rise, at, value = risen - value, proposal, risen
            if rise < 1e-12 * max(abs(value), 1.0):
                break
        return at

    def newton_step(self, at: FloatArray) -> FloatArray:
        """Solves (minus Hessian) step = gradient by conjugate gradients."""
        q = self.posterior(at)
        residual = -q
        residual[np.arange(len(self.gold)), self.gold] += 1.0
        rest = self.gathered(residual * self.weight[:, None]) - self.strength * at
        step, direction = np.zeros_like(at), rest
        size = float(rest @ rest)
        enough = CG_TOLERANCE**2 * size
        for _ in range(2 * len(at)):
            if size <= enough:
                break
            change = self.moved(direction)
            change -= (q * change).sum(axis=1, keepdims=True)
            bent = self.gathered(q * change * self.weight[:, None]) + self.strength * direction
            along = size / float(direction @ bent)
            step = step + along * direction
            rest = rest - along * bent
            before, size = size, float(rest @ rest)
            direction = rest + (size / before) * direction
        return step

    def kept(self, at: FloatArray) -> float:
        """How much of the way to ``at`` gold supports beyond chance."""
        rise = self.log_likelihood(at) - self.log_likelihood(np.zeros_like(at))
        if rise <= 0:
            return 0.0
        return max(0.0, 1.0 - self.n_parameters(at) / (2.0 * rise))

    def n_parameters(self, at: FloatArray) -> float:
        """Effective number of parameters: trace of A (A + 1)^-1, A the curvature in prior units.

        From above: its diagonal entries a as the sum of a / (a + 1), which is at least the trace as
        that function is concave and the diagonal is majorised by the eigenvalues.
        """
        size = len(at)
        exact = len(self.gold) * self.n_classes * float(size) ** 2 <= EXACT_WORK
        total = np.zeros((size, size) if exact else size)
        q = self.posterior(at)
        for first in range(0, len(self.gold), BLOCK_ROWS):
            part = slice(first, first + BLOCK_ROWS)
            total += self.curvature(part, q[part], exact)
        scale = 1.0 / np.sqrt(self.strength)
        if not exact:
            each = total * scale**2
            return float((each / (each + 1.0)).sum())
        scaled = scale[:, None] * total * scale
        return float(size - np.trace(np.linalg.inv(scaled + np.eye(size))))

    def curvature(self, part: slice, q: FloatArray, exact: bool) -> FloatArray:
        """Minus the Hessian of the log likelihood of some gold rows, or its diagonal."""
        x, votes, weight = self.log_posterior[part], self.votes[part], self.weight[part]
        votes = votes.toarray()
        mean_x, mean_speaks = (q * x).sum(axis=1), q @ self.speaks.T
        size = len(self.strength)
        total = np.zeros((size, size) if exact else size)
        for y in range(self.n_classes):
            slope = np.empty((len(x), size))
            slope[:, 0] = x[:, y] - mean_x
            slope[:, 1 : 1 + self.n_classes] = -q
            slope[:, 1 + y] += 1.0
            slope[:, 1 + self.n_classes :] = votes * (self.speaks[:, y] - mean_speaks)
            each = weight * q[:, y]
            total += slope.T @ (each[:, None] * slope) if exact else each @ slope**2
        return total
