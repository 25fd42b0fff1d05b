"""Losses that ask of each class alone whether it applies (sigmoid in place of softmax).

Targets are probabilities in [0, 1] of each class; they need not sum to 1. The losses are means over
classes. Where a label is only ever positive (nobody says that a class does not apply), the target 0
means "unknown", which the last two losses take seriously.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal, final

import torch
from torch.nn.functional import logsigmoid, softplus

from weaklabel.endmodel.losses.base import Loss, RowLoss, check_range


@final
@dataclass(frozen=True)
class BinaryCrossEntropy(RowLoss):
    """``mean_k -t[k] log f[k] - (1 - t[k]) log(1 - f[k])`` with ``f = sigmoid(scores)``."""

    name: ClassVar[str] = "binary_cross_entropy"
    link: ClassVar[Literal["softmax", "sigmoid"]] = "sigmoid"

    def __call__(self, scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Shape (n,)."""
        return (targets * softplus(-scores) + (1.0 - targets) * softplus(scores)).mean(dim=1)


@final
@dataclass(frozen=True)
class Asymmetric(RowLoss):
    """Binary cross-entropy whose negatives are focused more, and dropped below a margin.

    ``-t (1 - f)**positive log f - (1 - t) g**negative log(1 - g)`` with ``g = max(f - margin, 0)``.

    Parameters
    ----------
    positive, negative : float, default 0 and 4
        Focusing exponents, at least 0.
    margin : float, default 0.05
        In [0, 1). All three at 0 give binary cross-entropy.

    References
    ----------
    Ben-Baruch et al. 2021, Asymmetric loss for multi-label classification.
    """

    positive: float = 0.0
    negative: float = 4.0
    margin: float = 0.05

    name: ClassVar[str] = "asymmetric"
    link: ClassVar[Literal["softmax", "sigmoid"]] = "sigmoid"

    def __post_init__(self) -> None:
        check_range("positive", self.positive, 0.0, 100.0)
        check_range("negative", self.negative, 0.0, 100.0)
        check_range("margin", self.margin, 0.0, 1.0, high_open=True)

    def __call__(self, scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Shape (n,)."""
        tiny = torch.finfo(scores.dtype).tiny
        yes, no = torch.sigmoid(scores), torch.sigmoid(-scores)
        shifted = (yes - self.margin).clamp_min(0.0)
        log_rest = torch.log((no + self.margin).clamp(tiny, 1.0))
        if self.margin == 0.0:
            log_rest = logsigmoid(-scores)
        positives = -((no + tiny) ** self.positive) * logsigmoid(scores)
        negatives = -((shifted + tiny) ** self.negative) * log_rest
        return (targets * positives + (1.0 - targets) * negatives).mean(dim=1)


@final
@dataclass(frozen=True)
class EntropyMaximising(RowLoss):
    """Positives by cross-entropy; what nobody marked is pulled towards "unknown", not "no".

    ``mean_k -t[k] log f[k] - alpha (1 - t[k]) H(f[k])`` with H the entropy of a coin; ``alpha
    log 2`` is added so that it is at least 0.

    Parameters
    ----------
    alpha : float, default 0.2
        At least 0: weight of the unknown.

    References
    ----------
    Zhou, Chen, Wang, Chen and Heng 2022, Acknowledging the unknown for multi-label learning with
    single positive labels.
    """

    alpha: float = 0.2

    name: ClassVar[str] = "entropy_maximising"
    link: ClassVar[Literal["softmax", "sigmoid"]] = "sigmoid"

    def __post_init__(self) -> None:
        check_range("alpha", self.alpha, 0.0, 100.0)

    def __call__(self, scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Shape (n,)."""
        f = torch.sigmoid(scores)
        entropy = f * softplus(-scores) + (1.0 - f) * softplus(scores)
        unknown = torch.log(torch.tensor(2.0, dtype=f.dtype)) - entropy
        return (targets * softplus(-scores) + self.alpha * (1.0 - targets) * unknown).mean(dim=1)


@final
@dataclass(frozen=True)
class PositiveUnlabelled(Loss):
    """Non-negative PU risk of each class against the rest, averaged over classes.

    With ``pi`` the true share of the class, P its marked rows and U all rows::

        pi mean_P l(s) + max(0, mean_U l(-s) - pi mean_P l(-s))

    where ``l(s) = log(1 + exp(-s))``. Soft targets weigh the rows of P.

    Parameters
    ----------
    class_prior : tuple of float, optional
        True share of each class, in (0, 1). By default the share in the targets, which says that
        every positive is marked: then the risk is binary cross-entropy.

    References
    ----------
    Kiryo, Niu, du Plessis and Sugiyama 2017, Positive-unlabeled learning with non-negative risk
    estimator.
    """

    class_prior: tuple[float, ...] | None = None

    name: ClassVar[str] = "positive_unlabelled"
    link: ClassVar[Literal["softmax", "sigmoid"]] = "sigmoid"
    couples_rows: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for share in self.class_prior or ():
            check_range("each share in class_prior", share, 0.0, 1.0, low_open=True, high_open=True)

    def resolve(self, targets: torch.Tensor, weights: torch.Tensor) -> PositiveUnlabelled:
        """With the shares of the targets where none are given."""
        if self.class_prior is not None:
            return self
        shares = (weights[:, None] * targets).sum(dim=0) / weights.sum()
        return replace(self, class_prior=tuple(shares.clamp(1e-6, 1 - 1e-6).tolist()))

    def total(
        self, scores: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor
    ) -> torch.Tensor:
        """The risk times the total weight."""
        shares = self.resolve(targets, weights).class_prior
        prior = torch.tensor(shares, dtype=scores.dtype, device=scores.device)
        marked = weights[:, None] * targets
        mass = marked.sum(dim=0)
        is_there = (mass > 0).to(scores.dtype)
        mass = mass.clamp_min(torch.finfo(scores.dtype).tiny)
        positive = prior * is_there * (marked * softplus(-scores)).sum(dim=0) / mass
        as_negative = prior * is_there * (marked * softplus(scores)).sum(dim=0) / mass
        unlabelled = (weights[:, None] * softplus(scores)).sum(dim=0) / weights.sum()
        risk = positive + (unlabelled - as_negative).clamp_min(0.0)
        return weights.sum() * risk.mean()
