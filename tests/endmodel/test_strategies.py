"""Strategies against noise: their parts by brute force, and what they do on planted noise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from tests.endmodel.test_training import builder, make_problem, make_settings
from weaklabel.endmodel import EndModel
from weaklabel.endmodel import settings as settings_module
from weaklabel.endmodel.problem import Batch, Problem
from weaklabel.endmodel.state import Training
from weaklabel.endmodel.strategies import (
    STRATEGIES,
    Cosine,
    CoTeaching,
    Curriculum,
    ImpreciseEM,
    LossMixture,
    MetaCorrection,
    NeighbourConsistency,
    Propagated,
    WeaSEL,
    find_strategy,
)
from weaklabel.endmodel.strategies.cosine import contrastive
from weaklabel.endmodel.strategies.imprecise import votes_alone
from weaklabel.endmodel.strategies.loss_mixture import clean_probability
from weaklabel.endmodel.strategies.pseudo_labels import (
    certainty,
    divergence,
    expected_noise,
    sharpened,
)
from weaklabel.endmodel.strategies.weasel import Encoder
from weaklabel.endmodel.training import one_thread
from weaklabel.errors import ConfigError, DataError
from weaklabel.labels import LabelSpace
from weaklabel.soft_labels import SoftLabels

SPACE = LabelSpace(["no", "yes"])


@pytest.fixture(autouse=True)
def single_thread() -> Iterator[None]:
    with one_thread():
        yield


def planted(seed: int = 0, n: int = 600) -> tuple[Any, SoftLabels, Any, Any]:
    """Two clouds, votes of four labeling functions that are wrong at random, half of them rare."""
    rng = np.random.default_rng(seed)
    gold = rng.integers(2, size=n)
    X = rng.normal(size=(n, 6)) + 1.6 * np.outer(2 * gold - 1, [1, 1, 0, 0, 0, 0])
    votes = np.where(rng.random((n, 4)) < 0.75, gold[:, None], 1 - gold[:, None])
    votes[rng.random((n, 4)) < [0.5, 0.6, 0.7, 0.8]] = -1
    counts = np.stack([(votes == k).sum(axis=1) for k in range(2)], axis=1)
    soft = (counts + 0.5) / (counts + 0.5).sum(axis=1, keepdims=True)
    return X, SoftLabels(soft, SPACE, counts.sum(axis=1)), votes, gold


def strategy_of(name: str, votes: Any) -> Any:
    return WeaSEL(votes) if name == "weasel" else name


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_every_strategy_learns_through_planted_noise(name: str) -> None:
    X, labels, votes, gold = planted()
    test_X, _, _, test_gold = planted(seed=1)
    dev = (X[:60], np.array(SPACE.names)[gold[:60]]) if name == "meta_correction" else None
    model = EndModel(strategy=strategy_of(name, votes), max_epochs=80).fit(X, labels, dev=dev)
    assert np.mean(model.predict(test_X) == np.array(SPACE.names)[test_gold]) > 0.93


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_the_same_seed_gives_the_same_model(name: str) -> None:
    X, labels, votes, gold = planted(n=200)
    dev = (X[:30], np.array(SPACE.names)[gold[:30]]) if name == "meta_correction" else None

    def answers() -> Any:
        model = EndModel(strategy=strategy_of(name, votes), max_epochs=30)
        return model.fit(X, labels, dev=dev).predict_proba(X)

    np.testing.assert_array_equal(answers(), answers())


def test_settings_out_of_range_are_refused() -> None:
    for make in (
        lambda: CoTeaching(noise=1.0),
        lambda: Cosine(threshold=1.0),
        lambda: Curriculum(rounds=0),
        lambda: ImpreciseEM(noise=-0.1),
        lambda: LossMixture(warm_up=0),
        lambda: MetaCorrection(learning_rate=0.0),
        lambda: NeighbourConsistency(share=1.5),
        lambda: Propagated(alpha=1.0),
        lambda: WeaSEL(width=0),
    ):
        with pytest.raises(ConfigError, match="must be a number in"):
            make()
    with pytest.raises(ConfigError, match="strategy must be one of auto, plain, cosine"):
        find_strategy("cosin")


def strategy_used(y: Any, **settings: Any) -> str:
    X, _, _, _ = planted(n=200)
    status = EndModel(max_epochs=20, **settings).fit(X, y).status_
    return "imprecise" if "with strategy 'imprecise'" in status else "plain"


def test_em_is_the_default_where_a_linear_head_learns_from_soft_labels() -> None:
    _, labels, _, gold = planted(n=200)
    assert strategy_used(labels) == "imprecise"
    assert strategy_used(labels.probabilities) == "imprecise"
    assert strategy_used(gold) == "plain"
    assert strategy_used(labels, strategy="plain") == "plain"
    assert strategy_used(labels, head="mlp") == "plain"
    assert strategy_used(labels, optimizer="adamw") == "plain"
    assert strategy_used(labels, loss="focal") == "plain"
    assert strategy_used(labels, targets="majority") == "plain"


def test_em_is_not_the_default_where_the_head_is_not_trained_to_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(settings_module, "SMALL", 100)
    _, labels, _, _ = planted(n=200)
    assert strategy_used(labels) == "plain"


# -- pseudo-labels -----------------------------------------------------------------------------


def test_certainty_and_divergence_are_their_definitions() -> None:
    flat, sure = np.full((1, 4), 0.25), np.array([[1.0, 0.0, 0.0, 0.0]])
    assert certainty(flat) == pytest.approx(0.0)
    assert certainty(sure) == pytest.approx(1.0)
    assert divergence(flat, flat) == pytest.approx(0.0)
    p, q = np.array([[0.7, 0.3]]), np.array([[0.4, 0.6]])
    assert divergence(p, q) == pytest.approx(0.7 * np.log(0.7 / 0.4) + 0.3 * np.log(0.3 / 0.6))


def test_sharpening_moves_mass_to_the_likeliest_class_and_spares_the_frequent_one() -> None:
    p = np.array([[0.6, 0.4], [0.9, 0.1], [0.9, 0.1]])
    raised = p**2 / p.sum(axis=0)
    np.testing.assert_allclose(sharpened(p), raised / raised.sum(axis=1, keepdims=True))
    assert sharpened(p)[0, 1] > 0.5  # 0.4 is a lot of a class that is rarely given out
    even = np.array([[0.6, 0.4], [0.4, 0.6]])
    assert sharpened(even)[0, 0] > 0.6


def test_expected_noise_is_weighted() -> None:
    targets = np.array([[0.9, 0.1], [0.6, 0.4]])
    assert expected_noise(targets, np.array([3.0, 1.0])) == pytest.approx((3 * 0.1 + 0.4) / 4)


# -- the split by loss -------------------------------------------------------------------------


def test_the_mixture_tells_small_from_large_losses() -> None:
    rng = np.random.default_rng(0)
    losses = np.concatenate([rng.normal(0.2, 0.05, 300), rng.normal(1.5, 0.2, 100)])
    clean = clean_probability(losses, np.ones(400))
    assert clean[:300].min() > 0.9
    assert clean[300:].max() < 0.1


def test_a_larger_loss_is_never_cleaner() -> None:
    losses = np.random.default_rng(1).exponential(size=500)
    clean = clean_probability(losses, np.ones(500))
    assert (np.diff(clean[np.argsort(losses)]) <= 0).all()
    np.testing.assert_array_equal(clean_probability(np.full(5, 0.3), np.ones(5)), 1.0)


def test_rows_without_weight_do_not_shape_the_mixture() -> None:
    rng = np.random.default_rng(2)
    losses = np.concatenate([rng.normal(0.2, 0.05, 50), rng.normal(1.0, 0.1, 50)])
    more = np.concatenate([losses, np.full(400, 0.6)])
    weights = np.concatenate([np.ones(100), np.zeros(400)])
    np.testing.assert_allclose(
        clean_probability(more, weights)[:100], clean_probability(losses, np.ones(100))
    )


# -- EM ----------------------------------------------------------------------------------------


def test_what_the_votes_say_alone() -> None:
    targets, weights = np.array([[0.8, 0.2], [0.5, 0.5]]), np.array([1.0, 1.0])
    prior = np.array([0.65, 0.35])
    ratio = targets / prior
    np.testing.assert_allclose(
        votes_alone(targets, weights, noise=0.0, strength=1.0),
        ratio / ratio.max(axis=1, keepdims=True),
    )
    np.testing.assert_allclose(
        votes_alone(targets, weights, noise=0.0, strength=0.0),
        targets / targets.max(axis=1, keepdims=True),
    )


def test_a_class_outside_the_set_is_never_believed() -> None:
    rng = np.random.default_rng(3)
    gold = rng.integers(3, size=300)
    X = 3.0 * np.eye(3)[gold] + rng.normal(size=(300, 3))
    other = (gold + rng.integers(1, 3, size=300)) % 3
    sets = np.zeros((300, 3))
    sets[np.arange(300), gold] = sets[np.arange(300), other] = 0.5  # the class and a wrong one
    problem = Problem(X, sets, np.ones(300))
    training = Training(builder(problem), 1, problem, None, make_settings("lbfgs"))
    strategy = ImpreciseEM(noise=0.0, warm_up=1)
    strategy.start(training)
    training.begin_epoch(2)
    strategy.start_epoch(training)
    assert (training.problem.targets[sets == 0] == 0).all()
    model = EndModel(strategy=ImpreciseEM(noise=0.0)).fit(X, sets)
    assert (model.predict(X) == gold).mean() > 0.9


# -- pairs, weights of labeling functions, gold ------------------------------------------------


def test_the_contrastive_term_is_its_definition() -> None:
    rng = np.random.default_rng(4)
    v, labels = rng.dirichlet(np.ones(3), size=7), rng.integers(3, size=7)
    expected = []
    for i in range(7):
        for j in range(7):
            d = ((v[i] - v[j]) ** 2).sum() / 2
            if i != j:
                expected.append(d if labels[i] == labels[j] else max(0, 1 - d**0.5) ** 2)
    found = contrastive(torch.from_numpy(v), torch.from_numpy(labels), margin=1.0)
    assert float(found) == pytest.approx(np.mean(expected), abs=1e-6)


def test_weasel_starts_from_the_vote_count() -> None:
    encoder = Encoder(3, 2, 4, 8, torch.float64, torch.Generator().manual_seed(0))
    codes = torch.tensor([[0, 0, 1], [1, -1, -1], [-1, -1, -1]])
    scores = encoder(codes, torch.zeros(3, 4, dtype=torch.float64)).detach().numpy()
    root = 3**0.5
    np.testing.assert_allclose(scores, [[root * 2 / 3, root / 3], [0, root], [0, 0]])


@pytest.mark.parametrize(
    ("votes", "message"),
    [
        (None, "pass EndModel\\(strategy=WeaSEL\\(votes\\)\\)"),
        (np.zeros((10, 3)), "array of integers"),
        (np.full((200, 3), 7), "codes in -1 .. 1"),
        (np.zeros((10, 3), dtype=int), "found votes on 10 rows"),
    ],
)
def test_weasel_says_what_votes_it_needs(votes: Any, message: str) -> None:
    X, labels, _, _ = planted(n=200)
    with pytest.raises((ConfigError, DataError), match=message):
        EndModel(strategy=WeaSEL(votes)).fit(X, labels)


def test_the_slope_of_the_gold_loss_is_its_derivative() -> None:
    problem = make_problem(n_rows=40)
    training = Training(
        builder(problem), 1, problem, None, make_settings("adamw"), dev=make_problem(seed=1)
    )
    net = training.nets[0]
    with torch.no_grad():
        for k, weight in enumerate(net.parameters()):
            weight.copy_(torch.linspace(-0.3, 0.4, weight.numel()).reshape(weight.shape) + 0.1 * k)
    before = [w.detach().clone() for w in net.parameters()]
    strategy = MetaCorrection()
    strategy.start(training)
    batch = Batch.of(problem, np.arange(20))
    slope = strategy._slope(training, batch)
    for weight, old in zip(net.parameters(), before, strict=True):  # put back where it was
        torch.testing.assert_close(weight.detach(), old)

    weights = list(net.parameters())
    gold = training.loss.total(
        training.scores(torch.from_numpy(training.dev.inputs)),
        torch.from_numpy(training.dev.targets),
        torch.from_numpy(training.dev.weights),
    )
    direction = torch.autograd.grad(gold, weights)
    move = batch.inputs @ direction[0] + direction[1]  # of the scores, affine in the weights
    share = torch.softmax(net(batch.inputs).detach(), dim=1)
    exact = move - (share * move).sum(dim=1, keepdim=True)
    exact = exact / exact.square().mean().sqrt()
    torch.testing.assert_close(slope, exact, atol=0.02, rtol=0.02)


def test_gold_mends_labels_that_are_swapped() -> None:
    rng = np.random.default_rng(5)
    gold = rng.integers(3, size=900)
    X = 3.0 * np.eye(3)[gold] + rng.normal(size=(900, 3))
    swapped = np.where((gold > 0) & (rng.random(900) < 0.6), 3 - gold, gold)  # 1 and 2 mixed up
    labels = SoftLabels(np.eye(3)[swapped] * 0.85 + 0.05, LabelSpace(["a", "b", "c"]))
    names = np.array(["a", "b", "c"])

    def accuracy(strategy: Any) -> float:
        model = EndModel(strategy=strategy, optimizer="adamw", match_shares=False, max_epochs=60)
        model.fit(X, labels, dev=(X[:60], names[gold[:60]]))
        return float((model.predict(X) == names[gold]).mean())

    assert accuracy("plain") < 0.75
    assert accuracy(MetaCorrection(learning_rate=0.2)) > 0.9
