"""How strongly to decay the weights, chosen on held-out soft labels.

Without gold, the best evidence for a setting is how well a net trained on one part of the soft
labels predicts the other part. The candidates go from strong to weak decay; a net of L-BFGS starts
from its predecessor, which makes the path cheap. The winner is then trained on all rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from torch import nn

from weaklabel.endmodel.checkpoint import Checkpoint
from weaklabel.endmodel.content import scrambled
from weaklabel.endmodel.problem import Problem
from weaklabel.endmodel.state import Build, TrainSettings
from weaklabel.endmodel.strategies import Strategy
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


@dataclass(frozen=True, eq=False)
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
    build: Build,
    problem: Problem,
    settings: TrainSettings,
    *,
    weight_decay: float | None,
    holdout: float,
    groups: npt.NDArray[np.int64] | None = None,
    dev: Problem | None = None,
    strategy: Strategy | None = None,
    checkpoint: Checkpoint | None = None,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> Fitted:
    """Choose weight decay and number of epochs on held-out rows, then train on all.

    The weight decay is chosen without the strategy; the number of epochs with it.

    Parameters
    ----------
    build : callable
        ``build(k)`` returns the k-th net with fresh weights, always the same.
    problem : Problem
        All rows in use.
    settings : TrainSettings
        Its weight decay is ignored.
    weight_decay : float, optional
        Chosen if None.
    holdout : float
        Share of the rows to hold out; 0 for none.
    groups : array of int, shape (n,), optional
        Rows of one group are held out together or not at all.
    dev : Problem, optional
        Gold rows to choose on instead of held-out ones.
    strategy : Strategy, optional
    checkpoint : Checkpoint, optional
        Where the runs keep their state.
    on_epoch : callable
        Called after every epoch of every run.
    """
    runs = _Runs(build, settings, strategy, dev, checkpoint, on_epoch)
    part, heldout = problem, dev
    if dev is None:
        rows = split_rows(problem, holdout, settings.seed, groups)
        if rows is not None:
            part, heldout = problem.take(rows[0]), problem.take(rows[1])
    if heldout is None:
        decay = default_decay(problem, settings) if weight_decay is None else weight_decay
        final = runs.with_strategy("final", problem, None, settings.with_decay(decay))
        return Fitted(final.net, decay, None, final, 0, 1)
    decays = candidates(part, settings) if weight_decay is None else [weight_decay]
    chosen, run = runs.best(part, heldout, decays)
    start = None
    if settings.optimizer == "lbfgs":
        share = part.weights.sum() / problem.weights.sum()
        scale = 1.0 if weight_decay is not None else float(share)
        final_settings = settings.with_decay(chosen * scale)
        start = run.net.state_dict() if strategy is None else None
    else:  # as many epochs as were best; there is nothing left to stop on
        final_settings = replace(settings, weight_decay=chosen, max_epochs=run.best_epoch)
    final = runs.with_strategy("final", problem, None, final_settings, start)
    return Fitted(final.net, final_settings.weight_decay, run, final, len(heldout), len(decays))


@dataclass(frozen=True, eq=False)
class _Runs:
    """What the runs of one fit share."""

    build: Build
    settings: TrainSettings
    strategy: Strategy | None
    dev: Problem | None
    checkpoint: Checkpoint | None
    on_epoch: Callable[[Epoch], None]

    def best(self, part: Problem, heldout: Problem, decays: list[float]) -> tuple[float, Run]:
        """The weight decay with the lowest held-out loss, and its run.

        Candidates are tried without the strategy, from strong to weak, until two were worse.
        """
        found: tuple[float, Run] | None = None
        start: dict[str, Any] | None = None
        worse = 0
        for number, decay in enumerate(decays if len(decays) > 1 or not self.strategy else []):
            settings = self.settings.with_decay(decay)
            run = self._plain(f"candidate-{number}", part, heldout, settings, start)
            if found is None or run.best_loss < found[1].best_loss:
                found, worse = (decay, run), 0
            else:
                worse += 1
            if worse == 2:
                break
            start = run.net.state_dict() if settings.optimizer == "lbfgs" else None
        decay = decays[0] if found is None else found[0]
        if found is not None and self.strategy is None:
            return found
        settings = self.settings.with_decay(decay)
        return decay, self.with_strategy("chosen", part, heldout, settings)

    def _plain(
        self,
        name: str,
        part: Problem,
        heldout: Problem,
        settings: TrainSettings,
        start: dict[str, Any] | None,
    ) -> Run:
        own = None if self.checkpoint is None else self.checkpoint.of(name)
        return train(
            self.build, part, heldout, settings, self.on_epoch, start=start, checkpoint=own
        )

    def with_strategy(
        self,
        name: str,
        problem: Problem,
        heldout: Problem | None,
        settings: TrainSettings,
        start: dict[str, Any] | None = None,
    ) -> Run:
        """A run with the strategy, if there is one."""
        return train(
            self.build,
            problem,
            heldout,
            settings,
            self.on_epoch,
            strategy=self.strategy,
            dev=self.dev,
            start=start,
            checkpoint=None if self.checkpoint is None else self.checkpoint.of(name),
        )


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
    problem: Problem, holdout: float, seed: int, groups: npt.NDArray[np.int64] | None = None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]] | None:
    """Rows to train on and rows to hold out, the same share of each likeliest class.

    Groups are held out whole. The split depends on the keys of the groups and on nothing else, so
    it is the same in any order of the rows, and whether a row is there twice or weighs 2. Rows of
    weight 0 always stay in the training part.

    Parameters
    ----------
    problem : Problem
    holdout : float
        Share of the groups to hold out.
    seed : int
    groups : array of int, shape (n,), optional
        Key of the content of each row; the positions if None.

    Returns
    -------
    tuple of arrays, or None
        Ascending positions; None if there are too few groups to hold any out.
    """
    rows = problem.labelled
    keys = problem.positions[rows] if groups is None else groups[rows]
    found, group_of = np.unique(keys, return_inverse=True)
    n_groups = len(found)
    if holdout <= 0.0 or n_groups < FEWEST_ROWS:
        return None
    share = min(holdout, MOST_HELD_OUT / n_groups)
    mass = np.zeros((n_groups, problem.n_classes))
    np.add.at(mass, group_of, problem.targets[rows] * problem.weights[rows, None])
    order = np.argsort(scrambled(found, seed), kind="stable")
    ranked = order[np.argsort(mass[order].argmax(axis=1), kind="stable")]
    # Every 1/share-th group of the list sorted by class: each class gives its share, or nearly.
    n_held = max(1, math.floor(n_groups * share))
    offset = np.random.default_rng(seed).random()
    picks = ((np.arange(n_held) + offset) * (n_groups / n_held)).astype(np.int64)
    is_held = np.zeros(n_groups, dtype=bool)
    is_held[ranked[np.minimum(picks, n_groups - 1)]] = True
    is_held_row = np.zeros(len(problem), dtype=bool)
    is_held_row[rows] = is_held[group_of]
    return np.flatnonzero(~is_held_row), np.flatnonzero(is_held_row)
