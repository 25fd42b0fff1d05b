"""The training loop keeps its promises to strategies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from tests.endmodel.test_training import builder, make_problem, make_settings
from weaklabel.endmodel import EndModel
from weaklabel.endmodel.optimizers import OPTIMIZERS, draw_classes
from weaklabel.endmodel.problem import Batch, Problem
from weaklabel.endmodel.state import Training
from weaklabel.endmodel.strategies import Plain, Strategy, find_strategy
from weaklabel.endmodel.training import one_thread, train
from weaklabel.errors import ConfigError


@pytest.fixture(autouse=True)
def single_thread() -> Any:
    with one_thread():
        yield


@dataclass
class Diary(Strategy):
    """Writes down which hook was called."""

    name: ClassVar[str] = "diary"
    n_nets: ClassVar[int] = 2
    uses_batches: ClassVar[bool] = True
    calls: list[str] = field(default_factory=list)

    def start(self, training: Training) -> None:
        self.calls.append(f"start {training.epoch}")

    def start_epoch(self, training: Training) -> None:
        self.calls.append(f"epoch {training.epoch}")

    def batch_loss(self, training: Training, batch: Batch) -> torch.Tensor:
        self.calls.append("batch")
        rows = sum(training.row_losses(batch, net) for net in training.nets)
        return (batch.weights * rows).sum()

    def after_step(self, training: Training) -> None:
        self.calls.append("step")

    def end_epoch(self, training: Training) -> None:
        self.calls.append("end")

    def net(self, training: Training) -> nn.Module:
        return training.nets[1]


def test_the_hooks_come_in_the_order_of_the_contract() -> None:
    problem = make_problem(n_rows=64)
    diary = Diary()
    run = train(
        builder(problem), problem, None, make_settings("adamw", max_epochs=2), strategy=diary
    )
    batches = ["batch", "step"] * 4
    assert diary.calls == ["start 0", "epoch 1", *batches, "end", "epoch 2", *batches, "end"]
    assert len(run.history) == 2


def test_gradients_are_added_up_over_batches_before_a_step() -> None:
    problem = make_problem(n_rows=64)
    diary = Diary()
    settings = make_settings("adamw", max_epochs=1, batch_size=16, accumulate=3)
    train(builder(problem), problem, None, settings, strategy=diary)
    assert diary.calls[2:-1] == ["batch"] * 3 + ["step"] + ["batch", "step"]
    big = make_settings("adamw", max_epochs=3, batch_size=48)
    small = make_settings("adamw", max_epochs=3, batch_size=16, accumulate=3)
    weights = [train(builder(problem), problem, None, s).net.state_dict() for s in (big, small)]
    for name in weights[0]:
        torch.testing.assert_close(weights[0][name], weights[1][name], atol=1e-10, rtol=1e-10)


@dataclass
class Swap(Strategy):
    """Learns other targets from the third epoch on."""

    targets: Any = None
    name: ClassVar[str] = "swap"

    def start_epoch(self, training: Training) -> None:
        if training.epoch == 3:
            training.retarget(self.targets, np.ones(len(training.problem)))

    def is_finished(self, training: Training) -> bool:
        return training.epoch >= 3


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_new_targets_count_and_rows_of_weight_zero_do_not(optimizer: str) -> None:
    problem = make_problem(n_rows=90)
    other = problem.targets[:, [1, 2, 0]]
    half = Problem(problem.inputs, problem.targets, np.repeat([1.0, 0.0], [45, 45]))
    settings = make_settings(optimizer, weight_decay=0.001)
    run = train(builder(problem), half, None, settings, strategy=Swap(other))
    with torch.no_grad():
        found = run.net(torch.from_numpy(problem.inputs)).argmax(dim=1).numpy()
    assert len(run.history) >= 3
    assert (found == other.argmax(axis=1)).mean() > 0.9
    plain = train(builder(problem), half, None, settings)
    alone = train(builder(problem), half.take(np.arange(45)), None, settings)
    for name, value in alone.net.state_dict().items():
        torch.testing.assert_close(plain.net.state_dict()[name], value, atol=1e-6, rtol=1e-6)


def test_a_run_leaves_the_object_of_the_user_alone() -> None:
    @dataclass
    class Counter(Strategy):
        name: ClassVar[str] = "counter"

        def start(self, training: Training) -> None:
            self.n_epochs = 0

        def end_epoch(self, training: Training) -> None:
            self.n_epochs += 1

    counter = Counter()
    problem = make_problem()
    train(builder(problem), problem, None, make_settings("lbfgs"), strategy=counter)
    assert vars(counter) == {}


def test_restarts_added_nets_and_frozen_copies() -> None:
    problem = make_problem()
    training = Training(builder(problem), 1, problem, None, make_settings("adamw"))
    with torch.no_grad():
        training.nets[0].input.bias.add_(1.0)
    teacher = training.frozen_copy()
    training.restart()
    assert training.nets[0].input.bias.abs().max().item() == 0.0
    assert teacher.input.bias.min().item() == 1.0
    assert not any(p.requires_grad for p in teacher.parameters())
    training.needs_optimizer = False
    training.add_net(nn.Linear(2, 2))
    assert training.needs_optimizer
    assert len(training.nets) == 2
    np.testing.assert_allclose(training.probabilities(), 1 / 3)


def test_draws_depend_on_the_epoch_and_follow_the_targets() -> None:
    problem = make_problem()
    training = Training(builder(problem), 1, problem, None, make_settings("adamw"))
    draws = []
    for epoch in (1, 2, 1):
        training.begin_epoch(epoch)
        draws.append(training.rng.random(3).tolist())
    assert draws[0] == draws[2] != draws[1]
    targets = np.tile([[0.2, 0.0, 0.8]], (20_000, 1))
    one_hot = draw_classes(targets, np.random.default_rng(0))
    assert set(one_hot.ravel()) == {0.0, 1.0}
    np.testing.assert_array_equal(one_hot.sum(axis=1), 1.0)
    np.testing.assert_allclose(one_hot.mean(axis=0), targets[0], atol=0.01)


@dataclass
class Curious(Strategy):
    """Looks at what it is given."""

    seen: list[Any] = field(default_factory=list)
    name: ClassVar[str] = "curious"
    uses_unlabelled: ClassVar[bool] = True

    def start(self, training: Training) -> None:
        self.seen.append((training.problem.positions.tolist(), training.problem.weights.tolist()))


def test_uncovered_rows_are_there_for_strategies_that_ask() -> None:
    texts = ["win cash", "see you at noon", "cash prize", "lunch at noon", "nothing said"]
    labels: list[str | None] = ["spam", "ham", "spam", "ham", None]
    curious = Curious()
    EndModel(strategy=curious).fit(texts, labels, sample_weight=[1, 2, 1, 0, 1])
    assert curious.seen == [([0, 1, 2, 4], [1.0, 2.0, 1.0, 0.0])]


def test_names_and_mistakes() -> None:
    assert isinstance(find_strategy("plain"), Plain)
    with pytest.raises(ConfigError, match=r"strategy must be one of auto, plain.*found 'magic'"):
        EndModel(strategy="magic").fit(["a b", "c d"], [0, 1])
    with pytest.raises(ConfigError, match="strategy='diary' is trained with mini-batches"):
        EndModel(strategy=Diary(), optimizer="lbfgs").fit(["a b", "c d"], [0, 1])
