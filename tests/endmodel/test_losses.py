"""Every loss: its gradient, its limits, where it is least, and what its paper promises."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from weaklabel.endmodel.losses import (
    LDR,
    LOSSES,
    AbsoluteError,
    AdaptiveLDR,
    Asymmetric,
    BackwardCorrection,
    BinaryCrossEntropy,
    Corrected,
    CrossEntropy,
    Dice,
    EntropyMaximising,
    Focal,
    ForwardCorrection,
    ForwardPosterior,
    GeneralisedCrossEntropy,
    LabelDistribution,
    LabelSmoothing,
    Loss,
    PositiveUnlabelled,
    ReversePosterior,
    RowLoss,
    SymmetricCrossEntropy,
    estimate_transition,
    find_loss,
)
from weaklabel.endmodel.losses.distributional import differences
from weaklabel.endmodel.state import link
from weaklabel.errors import ConfigError

NOISE = ((0.7, 0.2, 0.1), (0.1, 0.8, 0.1), (0.05, 0.15, 0.8))
ONE_HOT = torch.eye(3, dtype=torch.float64)
CE = CrossEntropy()


def tensor(values: Any) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def example(loss: type[Loss]) -> Loss:
    """The loss with its default settings, and with a matrix or shares where it needs them."""
    if loss is PositiveUnlabelled:
        return PositiveUnlabelled((0.4, 0.4, 0.4))
    return loss(NOISE) if issubclass(loss, Corrected) else loss()  # type: ignore[call-arg]


def random_rows(seed: int = 0, n: int = 5) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    scores = torch.from_numpy(rng.normal(size=(n, 3)) * 2.0)
    targets = torch.from_numpy(rng.dirichlet([0.7, 0.7, 0.7], size=n))
    return scores, targets, torch.from_numpy(rng.uniform(0.5, 2.0, size=n))


EXAMPLES = [pytest.param(example(loss), id=name) for name, loss in LOSSES.items()]
BOUNDED_BELOW = [p for p in EXAMPLES if p.id != "backward_correction"]
OF_ROWS = [p for p in EXAMPLES if isinstance(p.values[0], RowLoss)]
COUPLED = [p for p in EXAMPLES if not isinstance(p.values[0], RowLoss)]


# -- what holds for all ------------------------------------------------------------------------


@pytest.mark.parametrize("loss", EXAMPLES)
def test_the_gradient_is_that_of_the_value(loss: Loss) -> None:
    scores, targets, weights = random_rows()
    scores.requires_grad_()
    assert torch.autograd.gradcheck(lambda s: loss.total(s, targets, weights), (scores,))


@pytest.mark.parametrize("loss", BOUNDED_BELOW)
@given(st.lists(st.floats(-300, 300), min_size=6, max_size=6))
@settings(max_examples=40, deadline=None)
def test_values_and_gradients_are_finite_and_values_not_negative(
    loss: Loss, values: list[float]
) -> None:
    scores = tensor(values).reshape(2, 3).requires_grad_()
    total = loss.total(scores, tensor([[1.0, 0.0, 0.0], [0.2, 0.3, 0.5]]), tensor([1.0, 2.0]))
    total.backward()  # type: ignore[no-untyped-call]
    assert total.shape == ()
    assert bool(torch.isfinite(total))
    assert total.item() >= -1e-9
    assert scores.grad is not None
    assert bool(torch.isfinite(scores.grad).all())


@pytest.mark.parametrize("loss", EXAMPLES)
def test_a_weight_of_two_is_the_row_twice_and_of_zero_none(loss: Loss) -> None:
    scores, targets, _ = random_rows()
    rows = [0, 0, 1, 2, 2, 3]
    weighted = loss.total(scores, targets, tensor([2.0, 1.0, 2.0, 1.0, 0.0]))
    repeated = loss.total(scores[rows], targets[rows], torch.ones(6).double())
    torch.testing.assert_close(weighted, repeated)


@pytest.mark.parametrize("loss", EXAMPLES)
def test_the_order_of_the_classes_does_not_matter(loss: Loss) -> None:
    order = [2, 0, 1]
    scores, targets, weights = random_rows()
    other = loss
    if isinstance(loss, Corrected):
        other = loss.with_transition(np.array(NOISE)[order][:, order])
    torch.testing.assert_close(
        loss.total(scores, targets, weights),
        other.total(scores[:, order], targets[:, order], weights),
    )


@pytest.mark.parametrize("loss", OF_ROWS)
def test_a_loss_of_rows_is_linear_in_the_targets(loss: RowLoss) -> None:
    """The loss of a soft target is the expected loss of a drawn one, except as named below."""
    scores, targets, _ = random_rows()
    expected = sum(
        targets[:, k] * loss(scores, ONE_HOT[k].expand(5, 3)) for k in range(scores.shape[1])
    )
    found = loss(scores, targets)
    if isinstance(loss, LabelDistribution):
        found = found + torch.special.entr(targets).sum(dim=1)
    if isinstance(loss, AbsoluteError | SymmetricCrossEntropy):
        assert bool((found <= expected + 1e-9).all())
    else:
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("loss", COUPLED)
def test_a_loss_of_batches_says_so(loss: Loss) -> None:
    assert loss.couples_rows
    scores, targets, weights = random_rows()
    parts = [loss.total(*(t[i : i + 1] for t in (scores, targets, weights))) for i in range(5)]
    assert abs(sum(parts).item() - loss.total(scores, targets, weights).item()) > 1e-3


# -- limits that are another loss --------------------------------------------------------------

SCORES, TARGETS, WEIGHTS = random_rows(seed=1)
BINARY = BinaryCrossEntropy()


@pytest.mark.parametrize(
    ("loss", "limit"),
    [
        (LabelSmoothing(0.0), CE(SCORES, TARGETS)),
        (LabelSmoothing(0.3), CE(SCORES, 0.7 * TARGETS + 0.1)),
        (Focal(0.0), CE(SCORES, TARGETS)),
        (GeneralisedCrossEntropy(1e-9), CE(SCORES, TARGETS)),
        (SymmetricCrossEntropy(alpha=1.0, beta=0.0), CE(SCORES, TARGETS)),
        (LDR(temperature=1.0, margin=0.0), CE(SCORES, TARGETS)),
        (LDR(temperature=2.0, margin=0.0), 2.0 * CE(SCORES / 2.0, TARGETS)),
        (AdaptiveLDR(alpha=1e9), LDR()(SCORES, TARGETS)),
        (AdaptiveLDR(alpha=1e9, margin=0.0), CE(SCORES, TARGETS)),
        (ForwardCorrection(tuple(map(tuple, np.eye(3)))), CE(SCORES, TARGETS)),
        (BackwardCorrection(tuple(map(tuple, np.eye(3)))), CE(SCORES, TARGETS)),
        (Asymmetric(positive=0.0, negative=0.0, margin=0.0), BINARY(SCORES, TARGETS)),
    ],
    ids=lambda value: repr(value) if isinstance(value, Loss) else "",
)
def test_limits(loss: RowLoss, limit: torch.Tensor) -> None:
    torch.testing.assert_close(loss(SCORES, TARGETS), limit, atol=1e-7, rtol=1e-7)


def test_limits_at_one_hot_targets() -> None:
    y = ONE_HOT[[0, 2, 1, 1, 0]]
    p = torch.softmax(SCORES, dim=1)
    rest = 1.0 - (p * y).sum(dim=1)
    torch.testing.assert_close(AbsoluteError()(SCORES, y), 2.0 * rest)
    torch.testing.assert_close(GeneralisedCrossEntropy(1.0)(SCORES, y), rest)
    torch.testing.assert_close(LabelDistribution()(SCORES, y), CE(SCORES, y))
    reverse = SymmetricCrossEntropy(alpha=0.0, beta=1.0, floor=-2.0)(SCORES, y)
    torch.testing.assert_close(reverse, AbsoluteError()(SCORES, y))
    # the belief in the other classes is 1e-9, not 0
    rq = ReversePosterior().total(SCORES, y, WEIGHTS)
    torch.testing.assert_close(rq, CE.total(SCORES, y, WEIGHTS), atol=1e-6, rtol=1e-6)


def test_pu_with_the_shares_of_the_targets_is_binary_cross_entropy() -> None:
    found = PositiveUnlabelled().total(SCORES, TARGETS, WEIGHTS)
    torch.testing.assert_close(found, BINARY.total(SCORES, TARGETS, WEIGHTS))
    resolved = PositiveUnlabelled().resolve(TARGETS, WEIGHTS)
    shares = (WEIGHTS[:, None] * TARGETS).sum(dim=0) / WEIGHTS.sum()
    np.testing.assert_allclose(resolved.class_prior, shares.numpy())


# -- where they are least ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "loss", [CE, LabelDistribution(), LDR(margin=0.0), Dice(), AbsoluteError(), BINARY]
)
def test_proper_losses_are_least_at_the_targets(loss: Loss) -> None:
    """No other answers do better; for Dice this is what usual soft Dice losses fail."""
    _, targets, weights = random_rows(seed=2)
    at_targets = torch.logit(targets) if loss.link == "sigmoid" else torch.log(targets)
    least = loss.total(at_targets, targets, weights).item()
    for seed in range(30):
        step = torch.from_numpy(np.random.default_rng(seed).normal(size=targets.shape)) * 0.3
        assert loss.total(at_targets + step, targets, weights).item() > least
    if loss.name in ("kl", "dice", "mae"):
        assert least == pytest.approx(0.0, abs=1e-12)


def test_forward_correction_is_least_at_the_truth_behind_the_noise() -> None:
    truth = tensor([[0.6, 0.3, 0.1], [0.1, 0.2, 0.7]])
    said = truth @ tensor(NOISE)
    loss = ForwardCorrection(NOISE)
    scores = torch.log(truth).requires_grad_()
    loss(scores, said).sum().backward()  # type: ignore[no-untyped-call]
    assert scores.grad is not None
    assert scores.grad.abs().max().item() < 1e-12


def test_backward_correction_is_unbiased() -> None:
    """Theorem 1 of Patrini et al.: its mean over noisy labels is cross-entropy of the true one."""
    loss = BackwardCorrection(NOISE)
    each = torch.stack([loss(SCORES, ONE_HOT[j].expand(5, 3)) for j in range(3)], dim=1)
    for truth in range(3):
        expected = each @ tensor(NOISE)[truth]
        torch.testing.assert_close(expected, CE(SCORES, ONE_HOT[truth].expand(5, 3)))


def test_the_transition_is_found_from_anchors() -> None:
    rng = np.random.default_rng(0)
    truth = np.eye(3)[rng.integers(3, size=900)]
    truth[::2] = rng.dirichlet(np.ones(3), size=450)  # half of the rows are between classes
    np.testing.assert_allclose(estimate_transition(truth @ np.array(NOISE)), NOISE, atol=1e-9)


# -- noise, boundedness, symmetry --------------------------------------------------------------


def sum_over_classes(loss: RowLoss, scores: torch.Tensor) -> torch.Tensor:
    rows = [loss(scores, ONE_HOT[k].expand(len(scores), 3)) for k in range(3)]
    return torch.stack(rows).sum(dim=0)


@pytest.mark.parametrize(
    ("loss", "constant"),
    [
        (AbsoluteError(), 4.0),
        (GeneralisedCrossEntropy(1.0), 2.0),
        (SymmetricCrossEntropy(alpha=0.0, beta=1.0, floor=-4.0), 8.0),
    ],
)
def test_symmetric_losses_sum_to_a_constant(loss: RowLoss, constant: float) -> None:
    sums = sum_over_classes(loss, random_rows(n=50)[0] * 5.0)
    np.testing.assert_allclose(sums.numpy(), constant)


def test_cross_entropy_is_not_symmetric_and_ldr_becomes_so() -> None:
    scores = random_rows(n=50)[0]
    spread = [
        float(np.ptp(sum_over_classes(loss, scores).numpy()))
        for loss in (CE, LDR(temperature=10.0, margin=0.0), LDR(temperature=1000.0, margin=0.0))
    ]
    assert spread[0] > 2.0
    assert spread[0] > spread[1] > spread[2]
    assert spread[2] < 0.05


@pytest.mark.parametrize(
    ("loss", "bound"),
    [(AbsoluteError(), 2.0), (GeneralisedCrossEntropy(0.5), 2.0), (Dice(), 1.0)],
)
def test_bounded_losses_stay_within_their_bound(loss: Loss, bound: float) -> None:
    wrong = tensor([[500.0, -500.0, 0.0]])
    assert loss.total(wrong, ONE_HOT[[1]], tensor([1.0])).item() == pytest.approx(bound)
    assert CE(wrong, ONE_HOT[[1]]).item() == pytest.approx(1000.0)


@pytest.mark.parametrize("loss", [AbsoluteError(), GeneralisedCrossEntropy()])
def test_robust_losses_pull_less_at_rows_they_cannot_explain(loss: RowLoss) -> None:
    scores = tensor([[6.0, 0.0, 0.0], [0.5, 0.0, 0.0]]).requires_grad_()
    loss(scores, ONE_HOT[[1, 1]]).sum().backward()  # type: ignore[no-untyped-call]
    assert scores.grad is not None
    pull = scores.grad.abs().sum(dim=1)
    assert pull[0].item() < 0.5 * pull[1].item()


# -- what is particular ------------------------------------------------------------------------


def test_focal_counts_easy_rows_less() -> None:
    scores = tensor([[3.0, 0.0, 0.0], [-1.0, 0.0, 0.0]])
    share = Focal()(scores, ONE_HOT[[0, 0]]) / CE(scores, ONE_HOT[[0, 0]])
    assert share[0].item() < 0.02
    assert share[1].item() > 0.7


def test_adaptive_temperature_solves_its_equation_and_is_a_maximum() -> None:
    loss = AdaptiveLDR(temperature=1.5, alpha=3.0)
    d = differences(random_rows(seed=3, n=8)[0], loss.margin)
    lam = loss.temperatures(d)
    logs = torch.log_softmax(d / lam[:, :, None], dim=2)
    divergence = (logs.exp() * logs).sum(dim=2) + math.log(3)
    a = 3.0 * math.log(3) / 1.5
    torch.testing.assert_close(lam, 1.5 - divergence / a, atol=1e-7, rtol=1e-7)
    assert bool(((lam >= 1.0 - 1e-9) & (lam <= 1.5)).all())

    def value(at: torch.Tensor) -> torch.Tensor:
        inner = at * torch.logsumexp(d / at[:, :, None], dim=2) - at * math.log(3)
        return inner - 0.5 * a * (at - 1.5) ** 2

    for step in (-0.02, 0.02):
        assert bool((value(lam) >= value(lam + step)).all())


def test_adaptive_temperature_is_highest_where_a_row_is_torn() -> None:
    lam = AdaptiveLDR(margin=0.0).temperatures(differences(tensor([[0.0] * 3, [9.0, 0, 0]]), 0.0))
    np.testing.assert_allclose(lam[0].numpy(), 1.0)
    assert lam[1].max().item() < 0.6


def test_dice_at_hard_answers_is_one_minus_f1() -> None:
    answers, truth = [0, 0, 1, 1, 2, 2], [0, 1, 1, 1, 2, 0]
    scores, targets = ONE_HOT[answers] * 1000.0, ONE_HOT[truth]
    f1 = [2 * 1 / (2 + 2), 2 * 2 / (2 + 3), 2 * 1 / (2 + 1)]
    found = Dice().total(scores, targets, torch.ones(6).double()).item() / 6
    assert found == pytest.approx(1.0 - float(np.mean(f1)))


def test_asymmetric_drops_easy_negatives() -> None:
    quiet = BINARY(tensor([[-4.0]]), tensor([[0.0]])).item()
    assert Asymmetric()(tensor([[-4.0]]), tensor([[0.0]])).item() < 1e-6 < quiet


def test_unmarked_classes_are_pulled_to_unknown() -> None:
    scores = tensor([[2.0, -3.0, 0.0]]).requires_grad_()
    EntropyMaximising()(scores, tensor([[0.0, 0.0, 0.0]])).sum().backward()  # type: ignore[no-untyped-call]
    assert scores.grad is not None
    assert scores.grad[0, 0].item() > 0 > scores.grad[0, 1].item()
    assert scores.grad[0, 2].item() == pytest.approx(0.0, abs=1e-12)


def test_pu_never_goes_below_the_positive_risk() -> None:
    """The negative part is cut at 0, where plain unbiased PU would fall without end."""
    loss = PositiveUnlabelled(class_prior=(0.4,))
    targets = tensor([[1.0], [1.0], [0.0], [0.0]])
    scores = tensor([[60.0], [60.0], [-60.0], [-60.0]])
    assert loss.total(scores, targets, torch.ones(4).double()).item() >= 0.0
    known = PositiveUnlabelled(class_prior=(0.75,)).total(
        tensor([[2.0]] * 4), targets, torch.ones(4).double()
    )
    blind = BINARY.total(tensor([[2.0]] * 4), targets, torch.ones(4).double())
    assert known.item() < blind.item()  # unmarked rows may well be positive


def test_implied_posterior_follows_belief_and_answer() -> None:
    sure = tensor([[4.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 4.0]])
    vague = torch.full((3, 3), 1 / 3).double()
    ones = torch.ones(3).double()
    for loss in (ForwardPosterior(), ReversePosterior()):
        agreeing = loss.total(sure, 0.1 + 0.7 * ONE_HOT, ones).item()
        opposed = loss.total(sure, 0.1 + 0.7 * ONE_HOT[[1, 2, 0]], ones).item()
        assert agreeing < 0.2 < opposed
        assert loss.total(sure, vague, ones).item() == pytest.approx(0.0, abs=1e-9)


def test_sigmoid_losses_answer_with_probabilities_too() -> None:
    scores = tensor([[0.0, 0.0, 0.0], [8.0, -8.0, -8.0]])
    p = link(scores, BINARY)
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    np.testing.assert_allclose(p[0], 1 / 3)
    assert p[1, 0] > 0.99


# -- settings ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GeneralisedCrossEntropy(0.0), r"q must be a number in \(0, 1\], found 0.0"),
        (lambda: LabelSmoothing(1.0), r"smoothing must be a number in \[0, 1\), found 1.0"),
        (lambda: Focal(-1.0), "gamma must be"),
        (lambda: AdaptiveLDR(alpha=1.0), r"alpha must be a number in \(1, inf\)"),
        (lambda: PositiveUnlabelled((0.5, 1.0)), r"each share in class_prior must be .*found 1.0"),
        (lambda: ForwardCorrection(((0.5, 0.4), (0.0, 1.0))), "rows sum to 1"),
        (lambda: ForwardCorrection(((1.0, 0.0),)), "square matrix"),
        (lambda: BackwardCorrection(((0.5, 0.5), (0.5, 0.5))), "nearly singular"),
        (lambda: ForwardCorrection()(SCORES, TARGETS), "must have 3 classes, found None"),
        (lambda: find_loss("hinge"), "loss must be one of cross_entropy.*found 'hinge'"),
        (lambda: find_loss(3), "found 3"),  # type: ignore[arg-type]
    ],
)
def test_bad_settings_are_named(make: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()
