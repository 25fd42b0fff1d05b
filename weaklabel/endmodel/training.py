"""The training loop: one loop over epochs; an optimiser supplies the epoch.

==========  ====================================================  ===============================
optimiser   an epoch is                                           used by default for
==========  ====================================================  ===============================
``lbfgs``   up to 10 L-BFGS iterations on all rows (float64)      linear heads that fit in memory
``adamw``   one pass over shuffled mini-batches (float32)         everything else
==========  ====================================================  ===============================

The loss is the weighted mean over rows. Each epoch is scored on held-out *soft* labels where there
are any; no gold is involved. AdamW stops early and goes back to its best epoch; L-BFGS minimises a
convex objective and runs until it has converged. An optimiser joins by an entry in
:data:`OPTIMIZERS`.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from weaklabel.endmodel.encoder import Matrix
from weaklabel.endmodel.losses import Loss
from weaklabel.endmodel.nets import Inputs

ITERATIONS_PER_EPOCH: Final = 10
SMALL: Final = 5_000_000
"""Stored feature values up to which a problem counts as small: L-BFGS, float64, one thread."""

CHUNK_CELLS: Final = 32_768
"""Cells of one chunk of scores; sums this short are taken on one thread in a fixed order."""


@dataclass(frozen=True)
class Problem:
    """Rows to learn from.

    Attributes
    ----------
    inputs : array or CSR matrix, shape (n, n_features)
    targets : array, shape (n, n_classes)
        Rows sum to 1.
    weights : array, shape (n,)
        Positive.
    """

    inputs: Matrix
    targets: npt.NDArray[Any]
    weights: npt.NDArray[Any]

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, rows: npt.NDArray[Any] | slice) -> Problem:
        """Some of the rows."""
        return Problem(self.inputs[rows], self.targets[rows], self.weights[rows])

    def astype(self, dtype: torch.dtype) -> Problem:
        """The same in another float type."""
        kind = np.float64 if dtype == torch.float64 else np.float32
        return Problem(
            self.inputs.astype(kind, copy=False),
            self.targets.astype(kind, copy=False),
            self.weights.astype(kind, copy=False),
        )

    def chunks(self, size: int) -> Iterator[Batch]:
        """The rows in order, in pieces."""
        for start in range(0, len(self), size):
            yield Batch.of(self.take(slice(start, start + size)))


@dataclass(frozen=True)
class Batch:
    """A few rows as tensors (sparse inputs stay a CSR matrix)."""

    inputs: Inputs
    targets: torch.Tensor
    weights: torch.Tensor

    @classmethod
    def of(cls, rows: Problem) -> Batch:
        """The tensors of these rows."""
        inputs = as_inputs(rows.inputs)
        return cls(inputs, torch.from_numpy(rows.targets), torch.from_numpy(rows.weights))

    def loss(self, net: nn.Module, loss: Loss) -> torch.Tensor:
        """Sum of the weighted losses of the rows."""
        return (self.weights * loss(net(self.inputs), self.targets)).sum()


def as_inputs(matrix: Matrix) -> Inputs:
    """A dense array as a tensor without copying; a sparse one as it is."""
    if isinstance(matrix, np.ndarray):
        return torch.from_numpy(np.ascontiguousarray(matrix))
    return matrix


@dataclass(frozen=True)
class TrainSettings:
    """How to train.

    Attributes
    ----------
    optimizer : str
        A key of :data:`OPTIMIZERS`.
    loss : callable
        See :mod:`weaklabel.endmodel.losses`.
    weight_decay : float
        L2 penalty ``weight_decay / 2 * sum(w**2)`` of L-BFGS, decoupled decay of AdamW; biases are
        not decayed.
    learning_rate : float
        Of AdamW.
    batch_size : int
        Of AdamW.
    max_epochs : int
    patience : int
        Epochs without a better held-out loss after which AdamW stops.
    seed : int
        Of the mini-batches.
    """

    optimizer: str
    loss: Loss
    weight_decay: float
    learning_rate: float
    batch_size: int
    max_epochs: int
    patience: int
    seed: int

    def with_decay(self, weight_decay: float) -> TrainSettings:
        """The same with another weight decay."""
        return replace(self, weight_decay=weight_decay)


@dataclass(frozen=True)
class Epoch:
    """One line of the training history.

    Attributes
    ----------
    epoch : int
        From 1.
    loss : float
        Weighted mean over the training rows, without the penalty; for AdamW, during the epoch.
    heldout_loss : float or None
        Weighted mean over the held-out rows after the epoch.
    """

    epoch: int
    loss: float
    heldout_loss: float | None


@dataclass(frozen=True)
class Run:
    """Outcome of one training run; the net holds the weights of ``best_epoch``.

    Attributes
    ----------
    history : tuple of Epoch
    best_epoch : int
    is_converged : bool
        Whether it stopped before ``max_epochs``.
    """

    history: tuple[Epoch, ...]
    best_epoch: int
    is_converged: bool

    @property
    def best_loss(self) -> float:
        """Held-out loss of the best epoch (NaN where nothing was held out)."""
        best = self.history[self.best_epoch - 1].heldout_loss
        return float("nan") if best is None else best


class Optimizer(ABC):
    """One way to go over the rows."""

    stops_early: bool
    """Whether the held-out loss ends the run."""

    @abstractmethod
    def __init__(self, net: nn.Module, problem: Problem, settings: TrainSettings) -> None: ...

    @abstractmethod
    def epoch(self) -> float:
        """Improve the net once; returns the mean training loss, without the penalty."""

    @property
    @abstractmethod
    def is_done(self) -> bool:
        """Whether another epoch would change nothing."""


@final
class LBFGS(Optimizer):
    """L-BFGS with a strong Wolfe line search on all rows."""

    stops_early = False

    def __init__(self, net: nn.Module, problem: Problem, settings: TrainSettings) -> None:
        self.net = net
        self.settings = settings
        self.total = float(problem.weights.sum())
        self.chunks = list(problem.chunks(chunk_rows(problem)))
        self.loss = float("nan")
        self.is_stuck = False
        self.optimizer = torch.optim.LBFGS(
            net.parameters(),
            max_iter=ITERATIONS_PER_EPOCH,
            max_eval=10 * ITERATIONS_PER_EPOCH,  # line searches must not end an epoch early
            tolerance_grad=1e-5,
            tolerance_change=1e-9,
            history_size=10,
            line_search_fn="strong_wolfe",
        )

    def epoch(self) -> float:
        """Up to ten iterations."""
        before = self._iterations()
        self.optimizer.step(self._objective)  # type: ignore[no-untyped-call]
        self.is_stuck = self._iterations() - before < ITERATIONS_PER_EPOCH
        return mean_loss(self.net, self.chunks, self.settings.loss)

    @property
    def is_done(self) -> bool:
        """Whether the gradient or the step became negligible."""
        return self.is_stuck

    def _iterations(self) -> int:
        state = self.optimizer.state[self.optimizer.param_groups[0]["params"][0]]
        return int(state.get("n_iter", 0))

    def _objective(self) -> float:
        """Mean loss plus penalty, with its gradient in the parameters."""
        self.optimizer.zero_grad()
        value = 0.0
        for chunk in self.chunks:
            part = chunk.loss(self.net, self.settings.loss) / self.total
            part.backward()  # type: ignore[no-untyped-call]
            value += part.item()
        for weight in decayed(self.net):
            penalty = 0.5 * self.settings.weight_decay * (weight * weight).sum()
            penalty.backward()  # type: ignore[no-untyped-call]
            value += penalty.item()
        return value


@final
class AdamW(Optimizer):
    """AdamW (Loshchilov and Hutter 2019) on shuffled mini-batches."""

    stops_early = True

    def __init__(self, net: nn.Module, problem: Problem, settings: TrainSettings) -> None:
        self.net = net
        self.problem = problem
        self.settings = settings
        self.rng = np.random.default_rng(settings.seed)
        weights = decayed(net)
        others = [p for p in net.parameters() if not any(p is w for w in weights)]
        groups: list[dict[str, Any]] = [
            {"params": weights, "weight_decay": settings.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate, fused=True)

    def epoch(self) -> float:
        """One pass; the mean weight of a row is 1, whatever batch it falls into."""
        order = self.rng.permutation(len(self.problem))
        mean_weight = float(self.problem.weights.mean())
        total = 0.0
        for start in range(0, len(order), self.settings.batch_size):
            rows = order[start : start + self.settings.batch_size]
            summed = Batch.of(self.problem.take(rows)).loss(self.net, self.settings.loss)
            self.optimizer.zero_grad()
            (summed / (len(rows) * mean_weight)).backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            total += summed.item()
        return total / (len(order) * mean_weight)

    @property
    def is_done(self) -> bool:
        """Never of its own accord."""
        return False


OPTIMIZERS: Final[dict[str, type[Optimizer]]] = {"lbfgs": LBFGS, "adamw": AdamW}


def train(
    net: nn.Module,
    problem: Problem,
    heldout: Problem | None,
    settings: TrainSettings,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> Run:
    """Train a net in place.

    Parameters
    ----------
    net : Module
        Left with the weights of the best epoch, in evaluation mode.
    problem, heldout : Problem
        What to learn from and, optionally, what to score each epoch on.
    settings : TrainSettings
    on_epoch : callable
        Called after every epoch.

    Notes
    -----
    An epoch costs O(stored feature values * width of the first layer).
    """
    optimizer = OPTIMIZERS[settings.optimizer](net, problem, settings)
    heldout_chunks = list(heldout.chunks(chunk_rows(heldout))) if heldout is not None else []
    history: list[Epoch] = []
    best, best_weights = 0, copy.deepcopy(net.state_dict())
    for number in range(1, settings.max_epochs + 1):
        net.train()
        loss = optimizer.epoch()
        net.eval()
        score = mean_loss(net, heldout_chunks, settings.loss) if heldout_chunks else None
        history.append(Epoch(number, loss, score))
        on_epoch(history[-1])
        if not optimizer.stops_early or score is None or _is_better(score, history, best):
            best = number
            if optimizer.stops_early and score is not None:
                best_weights = copy.deepcopy(net.state_dict())
        if optimizer.is_done or number - best >= settings.patience:
            break
    if best < len(history):
        net.load_state_dict(best_weights)
    is_converged = optimizer.is_done or len(history) - best >= settings.patience
    return Run(tuple(history), best, is_converged)


def _is_better(score: float, history: list[Epoch], best: int) -> bool:
    if best == 0:
        return True
    before = history[best - 1].heldout_loss
    return before is None or score < before


def mean_loss(net: nn.Module, chunks: list[Batch], loss: Loss) -> float:
    """Weighted mean loss over all chunks."""
    total, weight = 0.0, 0.0
    with torch.no_grad():
        for chunk in chunks:
            total += chunk.loss(net, loss).item()
            weight += chunk.weights.sum().item()
    return total / weight


def decayed(net: nn.Module) -> list[nn.Parameter]:
    """The parameters that decay: weight matrices, not biases."""
    return [p for p in net.parameters() if p.ndim >= 2]


def chunk_rows(problem: Problem) -> int:
    """Rows of a chunk of :data:`CHUNK_CELLS` scores."""
    n_classes = int(problem.targets.shape[1])
    return max(1, CHUNK_CELLS // n_classes)


def n_values(matrix: Matrix) -> int:
    """Stored feature values: the size of a dense array, the non-zeros of a sparse matrix."""
    return int(matrix.size)


@contextmanager
def one_thread(is_wanted: bool = True) -> Iterator[None]:
    """Run torch on one thread, so that sums are taken in the same order on every machine.

    The number of threads belongs to the process: other threads that use torch meanwhile run on one
    as well, and it is put back at the end.
    """
    before = torch.get_num_threads()
    if not is_wanted or before == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
