"""From rows and labels to a trained net: what :meth:`EndModel.fit` does, step by step."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch

from weaklabel.endmodel.checkpoint import Checkpoint
from weaklabel.endmodel.content import content_keys
from weaklabel.endmodel.encoder import Encoder, FeatureSettings
from weaklabel.endmodel.features import fit_encoder
from weaklabel.endmodel.losses import Corrected, CrossEntropy, estimate_transition
from weaklabel.endmodel.nets import HeadSettings
from weaklabel.endmodel.problem import Problem, n_values
from weaklabel.endmodel.rows import Rows, read_rows
from weaklabel.endmodel.selection import FEWEST_ROWS, Fitted, fit_net
from weaklabel.endmodel.settings import UserSettings, find_device
from weaklabel.endmodel.shares import class_offsets
from weaklabel.endmodel.state import Build, TrainSettings, link, scores_of
from weaklabel.endmodel.strategies import Plain, Strategy
from weaklabel.endmodel.table import TableEncoder
from weaklabel.endmodel.target_modes import apply_mode
from weaklabel.endmodel.targets import (
    Targets,
    check_classes,
    check_match,
    read_dev,
    read_targets,
    row_weights,
)
from weaklabel.endmodel.training import SMALL, Epoch, one_thread
from weaklabel.errors import ConfigError, FitError


@dataclass(frozen=True, eq=False)
class Prepared:
    """Rows and labels, read and checked, as numbers.

    Attributes
    ----------
    encoder : Encoder
    problem : Problem
        With the targets of the mode.
    labels : array, shape (n, n_classes)
        The probabilities as given.
    groups : array of int, shape (n,)
        Equal for equal rows.
    dev : Problem, optional
    targets : Targets
        Of all rows that were passed.
    strategy : Strategy
    """

    encoder: Encoder
    problem: Problem
    labels: npt.NDArray[np.float64]
    groups: npt.NDArray[np.int64]
    dev: Problem | None
    targets: Targets
    strategy: Strategy

    @property
    def n_used(self) -> int:
        """Rows that are learned from."""
        return len(self.problem.labelled)


@dataclass(frozen=True, eq=False)
class Outcome:
    """A trained net and what goes with it.

    Attributes
    ----------
    fitted : Fitted
    head : HeadSettings
    settings : TrainSettings
    offsets : array, shape (n_classes,)
        Added to the scores.
    """

    fitted: Fitted
    head: HeadSettings
    settings: TrainSettings
    offsets: npt.NDArray[np.float64]


def prepare(
    X: Any,
    y: Any,
    user: UserSettings,
    features: FeatureSettings,
    *,
    encoder_name: Any,
    uncovered: str,
    sample_weight: Any = None,
    dev: Any = None,
    needs_keys: bool = True,
) -> Prepared:
    """Read rows and labels, learn the features, and turn rows into numbers.

    Keys of the content of rows cost a pass over the values; they are needed to hold rows out and to
    tell whether a checkpoint is of these rows.
    """
    rows, targets = read_rows(X), read_targets(y, are_marks=user.targets == "multilabel")
    check_match(rows, targets, y)
    weights = row_weights(targets, uncovered, sample_weight)
    are_soft = is_soft(targets.probabilities[weights > 0])
    strategy = user.strategy_for(are_soft=are_soft)
    check_classes(targets.probabilities[weights > 0], weights[weights > 0], targets.classes)
    used = np.flatnonzero(weights)
    if strategy.uses_unlabelled:  # rows without votes are there with weight 0
        used = np.flatnonzero(row_weights(targets, "keep", sample_weight))
    rows = rows.take(used) if len(used) < len(rows) else rows
    weights = weights[used]
    encoder = fit_encoder(encoder_name, rows, features, weights)
    labels = targets.probabilities[used]
    problem = Problem(encoder.transform(rows), apply_mode(labels, user.targets), weights, used)
    groups = np.arange(len(rows))
    if needs_keys:
        groups = content_keys(rows, columns_in_use(encoder))
    gold = None if dev is None else _prepare_dev(dev, encoder, targets, user)
    if strategy.uses_gold and gold is None:
        raise ConfigError(
            f"strategy={strategy.name!r} learns from some gold rows; pass them: "
            "fit(X, y, dev=(X_gold, y_gold))"
        )
    strategy = user.strategy_for(are_soft=are_soft, n_values=n_values(problem.inputs))
    return Prepared(encoder, problem, labels, groups, gold, targets, strategy)


def _prepare_dev(dev: Any, encoder: Encoder, targets: Targets, user: UserSettings) -> Problem:
    rows, gold = read_dev(dev, targets.classes)
    inputs = encoder.transform(encoder.read(rows))
    return Problem(inputs, apply_mode(gold, user.targets), np.ones(len(gold)))


def columns_in_use(encoder: Encoder) -> list[str] | None:
    """The columns a table encoder reads; None for other encoders."""
    return list(encoder.encoders) if isinstance(encoder, TableEncoder) else None


def fit_prepared(
    data: Prepared,
    user: UserSettings,
    seed: int,
    *,
    match_shares: bool,
    checkpoint: Checkpoint | None = None,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> Outcome:
    """Train the head on prepared rows.

    Raises
    ------
    FitError
        If the weights became infinite.
    """
    problem, dev = data.problem, data.dev
    size = n_values(problem.inputs)
    settings = user.resolve(data.n_used, size, sp.issparse(problem.inputs), seed)
    head = HeadSettings(
        data.encoder.n_features,
        data.targets.n_classes,
        tuple(int(width) for width in user.hidden),
        float(user.dropout),
        torch.float64 if settings.optimizer == "lbfgs" else torch.float32,
    )
    problem = problem.astype(head.dtype)
    dev = None if dev is None else dev.astype(head.dtype)

    def build(k: int) -> torch.nn.Module:
        return user.head_spec.build(head, seed + k)

    is_small = size <= SMALL and user.head_spec.name in ("linear", "mlp")
    with one_thread(is_small), own_randomness(user):
        settings = with_loss(settings, problem, build, user, data)
        strategy = data.strategy
        fitted = fit_net(
            build,
            problem,
            settings,
            weight_decay=None if user.weight_decay == "auto" else float(user.weight_decay),
            holdout=float(user.holdout),
            groups=data.groups,
            dev=dev,
            strategy=None if isinstance(strategy, Plain) else strategy,
            checkpoint=checkpoint,
            on_epoch=on_epoch,
        )
        check_finite(fitted)
        offsets = np.zeros(head.n_classes)
        can_match = settings.loss.link == "softmax" and data.n_used >= FEWEST_ROWS
        can_match &= not strategy.settles_balance
        if match_shares and can_match and is_soft(data.labels):
            offsets = offsets_of(fitted, problem, data.labels, settings)
    return Outcome(fitted, head, settings, offsets)


def is_soft(labels: npt.NDArray[np.float64]) -> bool:
    """Whether any label is less than certain."""
    return bool((labels.max(axis=1, initial=0.0) < 1.0 - 1e-9).any())


def offsets_of(
    fitted: Fitted,
    problem: Problem,
    labels: npt.NDArray[np.float64],
    settings: TrainSettings,
) -> npt.NDArray[np.float64]:
    """Class offsets from the rows that were learned from."""
    rows = problem.labelled
    learned = problem.learned()
    answers = np.concatenate(
        [link(s, settings.loss) for s in scores_of(fitted.net, learned.inputs, settings)]
    )
    return class_offsets(answers, labels[rows], learned.weights.astype(np.float64))


def with_loss(
    settings: TrainSettings, problem: Problem, build: Build, user: UserSettings, data: Prepared
) -> TrainSettings:
    """The settings with everything filled in that the loss takes from the data.

    A transition matrix that is not known is estimated from the answers of a first fit with
    cross-entropy.
    """
    loss = settings.loss
    if isinstance(loss, Corrected) and loss.transition is None:
        first = fit_net(
            build,
            problem,
            replace(settings, loss=CrossEntropy()),
            weight_decay=None if user.weight_decay == "auto" else float(user.weight_decay),
            holdout=float(user.holdout),
            groups=data.groups,
        )
        learned = problem.learned()
        scores = scores_of(first.net, learned.inputs, settings)
        answers = np.concatenate([link(s, CrossEntropy()) for s in scores])
        return replace(settings, loss=loss.with_transition(estimate_transition(answers)))
    learned = problem.learned()
    targets, weights = torch.from_numpy(learned.targets), torch.from_numpy(learned.weights)
    return replace(settings, loss=loss.resolve(targets, weights))


def own_randomness(user: UserSettings) -> Any:
    """Keep torch's global generator as it is; modules of the user draw from a seeded one."""
    device = find_device(user.device)
    return torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])


def check_finite(fitted: Fitted) -> None:
    """Raise FitError if a weight is not finite."""
    if not all(bool(torch.isfinite(p).all()) for p in fitted.net.parameters()):
        raise FitError(
            "the training diverged: weights became infinite; use a lower learning_rate or a "
            "higher weight_decay"
        )


def checkpoint_of(
    folder: Any, params: dict[str, Any], data: Prepared, seed: int
) -> Checkpoint | None:
    """The checkpoint of a fit, bound to its rows, labels and settings."""
    if folder is None:
        return None
    same = {k: v for k, v in params.items() if k not in ("device", "progress")}
    digest = hashlib.sha256(json.dumps(same, sort_keys=True, default=repr).encode())
    arrays = (data.groups, data.problem.targets, data.problem.weights, data.problem.positions)
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    digest.update(str(seed).encode())
    return Checkpoint(Path(folder), digest.hexdigest())


def chunks_of(rows: Rows, size: int) -> Any:
    """The rows in pieces."""
    if len(rows) <= size:
        yield rows
        return
    for start in range(0, len(rows), size):
        yield rows.take(np.arange(start, min(start + size, len(rows))))
