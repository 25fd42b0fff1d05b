"""How strongly to decay the weights, chosen on held-out soft labels.

Without gold, the best evidence for a setting is how well a net trained on one part of the soft
labels predicts the other part. The candidates go from strong to weak decay; a net of L-BFGS starts
from its predecessor, which makes the path cheap. The winner is then trained on all rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
from torch import nn

from weaklabel.endmodel.optimizers import TrainSettings
from weaklabel.endmodel.problem import Problem
from weaklabel.endmodel.training import Epoch, Run, train

PENALTIES: Final = (100.0, 10.0, 1.0, 0.1, 0.01)
"""Candidate penalties of L-BFGS on the summed loss, 1 / C of scikit-learn's LogisticRegression; the
weight decay of the mean loss is the penalty divided by the total weight of the rows."""

DEFAULT_PENALTY: Final = 0.1
SHRINKAGES: Final = (1e-3, 1e-4, 1e-5)
"""Candidates of AdamW: the share of a weight lost per step; its weight decay is the share divided
by the learning rate."""
DEFAULT_SHRINKAGE: Final = 1e-4

FEWEST_ROWS: Final = 30
"""Rows below which none are held out: a handful of them could not judge anything."""
MOST_HELD_OUT: Final = 10_000


@dataclass(frozen=True)
class Fitted:
    """A trained net and how it came about.

    Attributes
    ----------
    net : Module
    weight_decay : float
        As used on all rows.
    selection : Run or None
        The run of the chosen candidate on the part that was not held out.
    final : Run
        The run on all rows.
    n_heldout : int
    n_candidates : int
    """

    net: nn.Module
    weight_decay: float
    selection: Run | None
    final: Run
    n_heldout: int
    n_candidates: int


def fit_net(
    build: Callable[[], nn.Module],
    problem: Problem,
    settings: TrainSettings,
    *,
    weight_decay: float | None,
    holdout: float,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> Fitted:
    """Choose weight decay and number of epochs on held-out rows, then train on all.

    Parameters
    ----------
    build : callable
        Returns a net with fresh weights, always the same.
    problem : Problem
        All rows in use.
    settings : TrainSettings
        Its weight decay is ignored.
    weight_decay : float, optional
        Chosen if None.
    holdout : float
        Share of the rows to hold out; 0 for none.
    on_epoch : callable
        Called after every epoch of every run.
    """
    rows = split_rows(problem, holdout, settings.seed)
    if rows is None:
        decay = default_decay(problem, settings) if weight_decay is None else weight_decay
        net = build()
        final = train(net, problem, None, settings.with_decay(decay), on_epoch)
        return Fitted(net, decay, None, final, 0, 1)
    part, heldout = problem.take(rows[0]), problem.take(rows[1])
    decays = candidates(part, settings) if weight_decay is None else [weight_decay]
    chosen, run, net = _best(build, part, heldout, settings, decays, on_epoch)
    if settings.optimizer == "lbfgs":
        scale = 1.0 if weight_decay is not None else part.weights.sum() / problem.weights.sum()
        final_settings = settings.with_decay(float(chosen * scale))
    else:  # as many epochs as were best; there is nothing left to stop on
        final_settings = replace(settings, weight_decay=chosen, max_epochs=run.best_epoch)
        net = build()
    final = train(net, problem, None, final_settings, on_epoch)
    return Fitted(net, final_settings.weight_decay, run, final, len(heldout), len(decays))


def _best(
    build: Callable[[], nn.Module],
    part: Problem,
    heldout: Problem,
    settings: TrainSettings,
    decays: list[float],
    on_epoch: Callable[[Epoch], None],
) -> tuple[float, Run, nn.Module]:
    """The candidate with the lowest held-out loss; stops after two that are worse."""
    net = build()
    best: tuple[float, Run, nn.Module] | None = None
    worse = 0
    for decay in decays:
        run = train(net, part, heldout, settings.with_decay(decay), on_epoch)
        if best is None or run.best_loss < best[1].best_loss:
            best, worse = (decay, run, net), 0
        else:
            worse += 1
        if worse == 2:
            break
        start, net = net, build()
        if settings.optimizer == "lbfgs":
            net.load_state_dict(start.state_dict())
    assert best is not None  # there is at least one candidate
    return best


def candidates(problem: Problem, settings: TrainSettings) -> list[float]:
    """Weight decays to try, from strong to weak."""
    if settings.optimizer == "lbfgs":
        total = float(problem.weights.sum())
        return [penalty / total for penalty in PENALTIES]
    return [shrinkage / settings.learning_rate for shrinkage in SHRINKAGES]


def default_decay(problem: Problem, settings: TrainSettings) -> float:
    """The weight decay where nothing is held out."""
    if settings.optimizer == "lbfgs":
        return DEFAULT_PENALTY / float(problem.weights.sum())
    return DEFAULT_SHRINKAGE / settings.learning_rate


def split_rows(
    problem: Problem, holdout: float, seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]] | None:
    """Rows to train on and rows to hold out, the same share of each likeliest class.

    Returns
    -------
    tuple of arrays, or None
        Ascending positions; None if there are too few rows to hold any out.
    """
    n_rows = len(problem)
    if holdout <= 0.0 or n_rows < FEWEST_ROWS:
        return None
    share = min(holdout, MOST_HELD_OUT / n_rows)
    rng = np.random.default_rng(seed)
    order = rng.permutation(n_rows)
    ranked = order[np.argsort(problem.targets[order].argmax(axis=1), kind="stable")]
    # Every 1/share-th row of the list sorted by class: each class gives its share, or nearly.
    n_held = max(1, math.floor(n_rows * share))
    picks = ((np.arange(n_held) + rng.random()) * (n_rows / n_held)).astype(np.int64)
    is_held = np.zeros(n_rows, dtype=bool)
    is_held[ranked[np.minimum(picks, n_rows - 1)]] = True
    return np.flatnonzero(~is_held), np.flatnonzero(is_held)
