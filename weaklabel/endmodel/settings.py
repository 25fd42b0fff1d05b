"""Training settings: checked, and where left open, chosen by the size of the problem."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass, fields
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import torch

from weaklabel.endmodel.heads import HeadSpec, find_head
from weaklabel.endmodel.losses import Loss, find_loss
from weaklabel.endmodel.optimizers import OPTIMIZERS
from weaklabel.endmodel.state import TrainSettings
from weaklabel.endmodel.strategies import ImpreciseEM, Plain, Strategy, find_strategy
from weaklabel.endmodel.target_modes import loss_of_mode
from weaklabel.endmodel.training import SMALL
from weaklabel.errors import ConfigError

Auto: TypeAlias = Literal["auto"]

LEARNING_RATE: Final = {"linear": 0.02, "mlp": 0.003, "module": 0.003, "finetune": 5e-5}
SPARSE_LEARNING_RATE: Final = {"linear": 0.02, "mlp": 0.01}
"""Rows of length 1 over many features have small values, which ask for larger steps."""
STEPS_PER_EPOCH: Final = 30  # aimed at by the automatic batch size
SMALLEST_BATCH: Final = 16
LARGEST_BATCH: Final = 4096
FINETUNE_BATCH: Final = 32


@dataclass(frozen=True)
class UserSettings:
    """What the constructor of EndModel was given about training; see there."""

    head: Any
    loss: str | Loss
    strategy: str | Strategy
    targets: str
    hidden: Any
    dropout: float
    optimizer: str
    weight_decay: float | Auto
    learning_rate: float | Auto
    batch_size: int | Auto
    accumulate: int
    max_epochs: int
    patience: int
    holdout: float
    device: str
    mixed_precision: bool

    @classmethod
    def of(cls, model: Any) -> UserSettings:
        """The settings of an EndModel."""
        return cls(**{field.name: getattr(model, field.name) for field in fields(cls)})

    @property
    def head_spec(self) -> HeadSpec:
        """The head."""
        return find_head(self.head)

    @property
    def plain_loss(self) -> Loss:
        """The loss, as the target mode wants it."""
        return loss_of_mode(find_loss(self.loss), self.targets)

    def check(self) -> None:
        """Raise ConfigError for the first setting that is out of its range."""
        find_head(self.head)
        loss_of_mode(find_loss(self.loss), self.targets)
        self._check_optimizer()
        _in_range("dropout", self.dropout, 0.0, 1.0, high_open=True)
        _in_range("holdout", self.holdout, 0.0, 0.9)
        for name in ("max_epochs", "patience", "accumulate"):
            _whole(name, getattr(self, name))
        if self.batch_size != "auto":
            _whole("batch_size", self.batch_size)
        if self.weight_decay != "auto":
            _in_range("weight_decay", self.weight_decay, 0.0, math.inf, high_open=True)
        if self.learning_rate != "auto":
            rate = self.learning_rate
            _in_range("learning_rate", rate, 0.0, math.inf, low_open=True, high_open=True)
        if not isinstance(self.hidden, tuple | list) or not self.hidden:
            raise ConfigError(f"hidden must be a tuple of layer widths, found {self.hidden!r}")
        for width in self.hidden:
            _whole("each width in hidden", width)
        if not isinstance(self.mixed_precision, bool):
            raise ConfigError(
                f"mixed_precision must be True or False, found {self.mixed_precision!r}"
            )
        find_device(self.device)

    def _check_optimizer(self) -> None:
        needs_batches = self._needs_batches()
        _one_of("optimizer", self.optimizer, ("auto", *OPTIMIZERS))
        if self.optimizer == "lbfgs" and needs_batches:
            raise ConfigError(
                f"optimizer='lbfgs' sums a loss over all rows at once, and {needs_batches} is "
                "trained with mini-batches. Use optimizer='adamw' or 'auto'"
            )

    def _needs_batches(self) -> str:
        """What of the settings needs mini-batches, in words; empty if nothing does."""
        loss, strategy = find_loss(self.loss), self.strategy_for(are_soft=False)
        if self.head != "linear":
            return f"head={self.head_spec.name!r}"
        if loss.couples_rows:
            return f"loss={loss.name!r}"
        if strategy.uses_batches:
            return f"strategy={strategy.name!r}"
        if self.targets == "draw":
            return "targets='draw'"
        return "mixed_precision=True" if self.mixed_precision else ""

    def strategy_for(self, *, are_soft: bool, n_values: int = 0) -> Strategy:
        """The strategy; ``"auto"`` is EM where a linear head can be trained to the end each time.

        Measured: with mini-batches EM did not help. What the user chose otherwise (a loss, a target
        mode) is done as it is said.
        """
        if self.strategy != "auto":
            return find_strategy(self.strategy)
        is_usual = self.targets == "soft" and self.loss == "cross_entropy"
        is_exact = self.optimizer != "adamw" and not self.mixed_precision and n_values <= SMALL
        is_linear = self.head == "linear"
        return ImpreciseEM() if are_soft and is_usual and is_exact and is_linear else Plain()

    def resolve(self, n_rows: int, n_values: int, is_sparse: bool, seed: int) -> TrainSettings:
        """The settings in full, for a problem of this size."""
        optimizer = self.optimizer
        if optimizer == "auto":
            is_small = not self._needs_batches() and n_values <= SMALL
            optimizer = "lbfgs" if is_small else "adamw"
        head = self.head_spec.name
        rates = SPARSE_LEARNING_RATE if is_sparse and head != "module" else LEARNING_RATE
        rate = self.learning_rate
        batch = self.batch_size
        if batch == "auto":
            batch = FINETUNE_BATCH if head == "finetune" else batch_size(n_rows)
        return TrainSettings(
            optimizer=optimizer,
            loss=self.plain_loss,
            weight_decay=0.0,  # chosen later
            learning_rate=rates[head] if rate == "auto" else rate,
            batch_size=batch,
            max_epochs=self.max_epochs,
            patience=self.patience,
            seed=seed,
            accumulate=self.accumulate,
            is_mixed=self.mixed_precision,
            is_drawn=self.targets == "draw",
            device=find_device(self.device),
        )


def batch_size(n_rows: int) -> int:
    """The power of two that makes about 30 steps an epoch, within 16 .. 4096."""
    power = round(math.log2(max(1.0, n_rows / STEPS_PER_EPOCH)))
    return int(min(max(2**power, SMALLEST_BATCH), LARGEST_BATCH))


def find_device(device: Any) -> torch.device:
    """The device of that name; ``"auto"`` is an accelerator if there is one.

    Raises
    ------
    ConfigError
        If there is none of that name here.
    """
    if device == "auto":
        has_one = torch.accelerator.is_available()
        found = torch.accelerator.current_accelerator() if has_one else None
        return found if found is not None else torch.device("cpu")
    try:
        wanted = torch.device(device)
        torch.empty(0, device=wanted)
    except (RuntimeError, TypeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError(
            f"device must be 'auto', 'cpu', or an accelerator of this machine such as 'cuda'; "
            f"found {device!r} ({reason})"
        ) from error
    return wanted


def read_seed(random_state: Any) -> int:
    """A seed from an int, a NumPy generator, or fresh entropy for None.

    Raises
    ------
    ConfigError
        If it is none of these.
    """
    if random_state is None:
        return int(np.random.default_rng().integers(2**31))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**31))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    if isinstance(random_state, numbers.Integral) and not isinstance(random_state, bool):
        seed = int(random_state)
        if 0 <= seed < 2**32:
            return seed
        raise ConfigError(f"random_state must lie in 0 .. 2**32 - 1, found {random_state}")
    raise ConfigError(
        f"random_state must be an integer, a NumPy generator or None, found {random_state!r}"
    )


def _one_of(name: str, value: Any, allowed: Any) -> None:
    if value not in allowed:
        raise ConfigError(f"{name} must be one of {', '.join(allowed)}; found {value!r}")


def _whole(name: str, value: Any) -> None:
    is_whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not is_whole or value < 1:
        raise ConfigError(f"{name} must be a whole number of at least 1, found {value!r}")


def _in_range(
    name: str,
    value: Any,
    low: float,
    high: float,
    *,
    low_open: bool = False,
    high_open: bool = False,
) -> None:
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    is_border = (low_open and value == low) or (high_open and value == high)
    if is_number and not is_border and math.isfinite(value) and low <= value <= high:
        return
    interval = f"{'(' if low_open else '['}{low:g}, {high:g}{')' if high_open else ']'}"
    raise ConfigError(f"{name} must be a number in {interval}, found {value!r}")
