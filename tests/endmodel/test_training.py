"""Losses, heads, optimisers and selection against simple references."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from weaklabel.endmodel.losses import CrossEntropy
from weaklabel.endmodel.nets import (
    HEADS,
    Affine,
    HeadSettings,
    SeededDropout,
    SparseProduct,
    build_head,
)
from weaklabel.endmodel.problem import Problem
from weaklabel.endmodel.selection import MOST_HELD_OUT, fit_net, split_rows
from weaklabel.endmodel.settings import UserSettings, batch_size, read_seed
from weaklabel.endmodel.state import Build, TrainSettings
from weaklabel.endmodel.training import one_thread, train
from weaklabel.errors import ConfigError


@pytest.fixture(autouse=True)
def single_thread() -> Iterator[None]:
    """As EndModel trains small problems; tiny products on several threads wait for each other."""
    with one_thread():
        yield


def make_problem(
    n_rows: int = 60, n_features: int = 5, n_classes: int = 3, seed: int = 0
) -> Problem:
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(n_rows, n_features))
    scores = inputs @ rng.normal(size=(n_features, n_classes)) * 2.0
    targets = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return Problem(inputs, targets, rng.uniform(0.5, 2.0, size=n_rows))


def make_settings(optimizer: str, **changes: Any) -> TrainSettings:
    values: dict[str, Any] = {
        "optimizer": optimizer,
        "loss": CrossEntropy(),
        "weight_decay": 0.01,
        "learning_rate": 0.05,
        "batch_size": 16,
        "max_epochs": 100,
        "patience": 5,
        "seed": 0,
    }
    return TrainSettings(**(values | changes))


def make_net(
    problem: Problem, head: str = "linear", dtype: torch.dtype = torch.float64
) -> torch.nn.Module:
    shape = (problem.inputs.shape[1], problem.targets.shape[1])
    return build_head(head, HeadSettings(*shape, dtype=dtype), seed=0)


def builder(problem: Problem) -> Build:
    return lambda k: make_net(problem)


# -- losses ------------------------------------------------------------------------------------


def test_soft_cross_entropy_is_its_definition() -> None:
    scores, targets = torch.randn(4, 3, dtype=torch.float64), torch.rand(4, 3, dtype=torch.float64)
    targets = targets / targets.sum(dim=1, keepdim=True)
    found = CrossEntropy()(scores, targets)
    for i in range(4):
        total = sum(math.exp(s) for s in scores[i].tolist())
        expected = -sum(
            t * math.log(math.exp(s) / total)
            for s, t in zip(scores[i].tolist(), targets[i].tolist(), strict=True)
        )
        assert found[i].item() == pytest.approx(expected, abs=1e-12)


def test_cross_entropy_is_least_at_the_targets() -> None:
    targets = torch.tensor([[0.2, 0.3, 0.5]], dtype=torch.float64)
    scores = torch.log(targets).requires_grad_()
    CrossEntropy()(scores, targets).sum().backward()  # type: ignore[no-untyped-call]
    assert scores.grad is not None
    assert scores.grad.abs().max().item() < 1e-12


# -- heads -------------------------------------------------------------------------------------


def test_the_sparse_product_and_its_gradient_are_those_of_a_dense_one() -> None:
    rng = np.random.default_rng(0)
    matrix = sp.random_array((6, 4), density=0.4, format="csr", rng=rng)
    weight = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda w: SparseProduct.apply(w, matrix),
        (weight,),  # type: ignore[no-untyped-call]
    )
    dense = Affine(4, 3, torch.float64, torch.Generator().manual_seed(0))
    found, expected = dense(matrix), dense(torch.from_numpy(matrix.toarray()))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("head", HEADS)
def test_every_head_reads_sparse_and_dense_and_repeats_itself(head: str) -> None:
    problem = make_problem()
    dense = torch.from_numpy(problem.inputs)
    before = torch.get_rng_state()
    nets = [make_net(problem, head).eval() for _ in range(2)]
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(*(n.parameters() for n in nets), strict=True))
    scores = nets[0](dense)
    assert scores.shape == (60, 3)
    torch.testing.assert_close(nets[0](sp.csr_matrix(problem.inputs)), scores)


def test_dropout_keeps_the_mean_and_rests_in_evaluation() -> None:
    layer = SeededDropout(0.4, seed=0)
    ones = torch.ones(20_000)
    dropped = layer(ones)
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.03)
    assert (dropped == 0).float().mean().item() == pytest.approx(0.4, abs=0.02)
    assert torch.equal(layer.eval()(ones), ones)


# -- optimisers --------------------------------------------------------------------------------


def reference_probabilities(problem: Problem, penalty: float) -> npt.NDArray[np.float64]:
    """scikit-learn's optimum: one weighted copy of every row per class."""
    n_classes = problem.targets.shape[1]
    stacked = np.concatenate([problem.inputs] * n_classes)
    labels = np.repeat(np.arange(n_classes), len(problem))
    weights = (problem.targets * problem.weights[:, None]).T.ravel()
    model = LogisticRegression(C=1.0 / penalty, tol=1e-10, max_iter=10_000)
    model.fit(stacked, labels, sample_weight=weights)
    return np.asarray(model.predict_proba(problem.inputs))


@pytest.mark.parametrize("as_sparse", [False, True])
def test_lbfgs_finds_the_optimum_of_logistic_regression(as_sparse: bool) -> None:
    problem = make_problem()
    penalty = 2.0
    inputs = sp.csr_matrix(problem.inputs) if as_sparse else problem.inputs
    ours = Problem(inputs, problem.targets, problem.weights)
    decay = penalty / problem.weights.sum()
    run = train(builder(problem), ours, None, make_settings("lbfgs", weight_decay=decay))
    assert run.is_converged
    with torch.no_grad():
        found = torch.softmax(run.net(torch.from_numpy(problem.inputs)), dim=1).numpy()
    np.testing.assert_allclose(found, reference_probabilities(problem, penalty), atol=1e-4)


def test_adamw_comes_near_the_optimum() -> None:
    problem = make_problem(n_rows=400)
    settings = make_settings("adamw", weight_decay=0.0, learning_rate=0.02)
    run = train(builder(problem), problem, None, settings)
    entropy = -(problem.targets * np.log(problem.targets)).sum(axis=1)
    least = (problem.weights * entropy).sum() / problem.weights.sum()
    assert least - 1e-9 <= run.history[-1].loss < least + 0.01


@pytest.mark.parametrize("optimizer", ["lbfgs", "adamw"])
def test_integer_weights_are_repeated_rows_of_the_objective(optimizer: str) -> None:
    problem = make_problem()
    counts = np.arange(60) % 3 + 1
    weighted = Problem(problem.inputs, problem.targets, counts.astype(float))
    repeated = problem.take(np.repeat(np.arange(60), counts))
    repeated = Problem(repeated.inputs, repeated.targets, np.ones(len(repeated)))
    changes: dict[str, Any] = {"max_epochs": 1, "learning_rate": 1e-12}
    losses = [
        train(builder(p), p, None, make_settings(optimizer, **changes)).history[0].loss
        for p in (weighted, repeated)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


def test_early_stopping_returns_to_the_best_epoch() -> None:
    problem = make_problem(n_rows=30, n_features=20)
    heldout = make_problem(n_rows=40, n_features=20, seed=1)  # another truth: only noise to learn
    settings = make_settings("adamw", learning_rate=0.2, patience=3)
    run = train(builder(problem), problem, heldout, settings)
    scores = [epoch.heldout_loss for epoch in run.history]
    assert run.is_converged
    assert run.best_epoch == int(np.argmin(np.array(scores))) + 1 == len(scores) - 3
    with torch.no_grad():
        scores = run.net(torch.from_numpy(heldout.inputs))
        rows = CrossEntropy()(scores, torch.from_numpy(heldout.targets)).numpy()
    now = (rows * heldout.weights).sum() / heldout.weights.sum()
    assert now == pytest.approx(run.best_loss, rel=1e-9)


def test_one_thread_is_undone() -> None:
    torch.set_num_threads(2)  # the fixture restores what was before
    with one_thread(False):
        assert torch.get_num_threads() == 2
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)


# -- selection ---------------------------------------------------------------------------------


@given(st.integers(30, 200), st.integers(0, 5))
@settings(max_examples=30, deadline=None)
def test_the_split_is_disjoint_complete_and_stratified(n_rows: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    targets = np.eye(3)[rng.integers(3, size=n_rows)]
    problem = Problem(np.zeros((n_rows, 1)), targets, np.ones(n_rows))
    split = split_rows(problem, 0.2, seed)
    assert split is not None
    assert sorted(np.concatenate(split)) == list(range(n_rows))
    shares = targets[split[1]].sum(axis=0) - 0.2 * targets.sum(axis=0)
    assert np.abs(shares).max() <= 2.0


def test_few_rows_are_not_split_and_many_only_a_little() -> None:
    few = make_problem(n_rows=29)
    assert split_rows(few, 0.2, 0) is None
    n_rows = 5 * MOST_HELD_OUT + 1000
    many = Problem(np.zeros((n_rows, 1)), np.full((n_rows, 2), 0.5), np.ones(n_rows))
    split = split_rows(many, 0.2, 0)
    assert split is not None
    assert len(split[1]) == MOST_HELD_OUT


def test_noise_gets_more_weight_decay_than_signal() -> None:
    def chosen(problem: Problem) -> float:
        fitted = fit_net(
            builder(problem),
            problem,
            make_settings("lbfgs"),
            weight_decay=None,
            holdout=0.2,
        )
        return fitted.weight_decay

    signal = make_problem(n_rows=200)
    rng = np.random.default_rng(3)
    shuffled = Problem(signal.inputs, signal.targets[rng.permutation(200)], signal.weights)
    assert chosen(shuffled) > 10 * chosen(signal)


# -- settings ----------------------------------------------------------------------------------

GOOD: dict[str, Any] = {
    "head": "mlp",
    "loss": "cross_entropy",
    "strategy": "plain",
    "targets": "soft",
    "hidden": (8,),
    "dropout": 0.1,
    "optimizer": "auto",
    "weight_decay": "auto",
    "learning_rate": "auto",
    "batch_size": "auto",
    "accumulate": 1,
    "device": "cpu",
    "mixed_precision": False,
    "max_epochs": 5,
    "patience": 2,
    "holdout": 0.2,
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"head": "cnn"}, "head must be one of linear, mlp, a FineTune, .*found 'cnn'"),
        ({"loss": "hinge"}, "loss must be one of cross_entropy, .*; found 'hinge'"),
        ({"hidden": 8}, "hidden must be a tuple of layer widths, found 8"),
        ({"hidden": (0,)}, "each width in hidden must be a whole number of at least 1, found 0"),
        ({"dropout": 1.0}, r"dropout must be a number in \[0, 1\), found 1.0"),
        ({"optimizer": "sgd"}, "found 'sgd'"),
        ({"optimizer": "lbfgs"}, "head='mlp' is trained with mini-batches. Use optimizer='adamw'"),
        ({"weight_decay": -1.0}, "weight_decay must be a number"),
        ({"weight_decay": float("nan")}, "weight_decay must be a number"),
        ({"learning_rate": 0.0}, r"learning_rate must be a number in \(0, inf\)"),
        ({"batch_size": 2.5}, "batch_size must be a whole number of at least 1, found 2.5"),
        ({"max_epochs": True}, "max_epochs must be a whole number"),
        ({"patience": 0}, "patience must be a whole number"),
        ({"holdout": 0.95}, r"holdout must be a number in \[0, 0.9\], found 0.95"),
    ],
)
def test_settings_out_of_range_are_named(change: dict[str, Any], message: str) -> None:
    UserSettings(**GOOD).check()
    with pytest.raises(ConfigError, match=message):
        UserSettings(**(GOOD | change)).check()


def test_open_settings_follow_the_size_of_the_problem() -> None:
    linear = UserSettings(**(GOOD | {"head": "linear"}))
    assert linear.resolve(1000, 10_000, False, 0).optimizer == "lbfgs"
    assert linear.resolve(10**6, 10**8, True, 0).optimizer == "adamw"
    assert UserSettings(**GOOD).resolve(1000, 10_000, False, 0).optimizer == "adamw"
    assert [batch_size(n) for n in (1, 1000, 10_000, 10**7)] == [16, 32, 256, 4096]


def test_seeds_come_from_integers_generators_and_none() -> None:
    assert read_seed(7) == 7
    assert read_seed(np.random.default_rng(1)) == read_seed(np.random.default_rng(1))
    assert read_seed(np.random.RandomState(1)) == read_seed(np.random.RandomState(1))
    assert read_seed(None) != read_seed(None)
    for bad in ("a", -1, 1.5, True):
        with pytest.raises(ConfigError, match="random_state must"):
            read_seed(bad)
