"""Label-distributionally robust losses: the worst case over which wrong class is meant.

With the differences ``d[k] = scores[k] + margin * [k != y] - scores[y]`` and ``p`` over classes::

    LDR-KL(y)  = max_p  sum_k p[k] d[k] - lam KL(p || uniform)
               = lam log mean_k exp(d[k] / lam)
    ALDR-KL(y) = max_p max_lam  sum_k p[k] d[k] - lam KL(p || uniform) - a / 2 (lam - lam0)**2

A large ``lam`` spreads the worst case over all classes (robust, symmetric in the limit), a small
one looks at the hardest class. The adaptive loss gives each row a ``lam`` of its own. Soft targets
give the mean over ``y``. Constants are added so that both are at least 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Final, final

import torch

from weaklabel.endmodel.losses.base import RowLoss, check_range

MOST_STEPS: Final = 100
TOLERANCE: Final = 1e-9


@final
@dataclass(frozen=True)
class LDR(RowLoss):
    """LDR-KL; with temperature 1 and no margin it is cross-entropy.

    Parameters
    ----------
    temperature : float, default 1
        ``lam``, positive.
    margin : float, default 0.1
        At least 0.

    Notes
    -----
    O(n_rows * n_classes**2) with a margin, one class less in the exponent without.

    References
    ----------
    Zhu, Ying and Yang 2023, Label distributionally robust losses for multi-class
    classification: consistency, robustness and adaptivity (LDR-KL).
    """

    temperature: float = 1.0
    margin: float = 0.1

    name: ClassVar[str] = "ldr"

    def __post_init__(self) -> None:
        check_range("temperature", self.temperature, 0.0, 1e6, low_open=True)
        check_range("margin", self.margin, 0.0, 1e6)

    def __call__(self, scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Shape (n,)."""
        lam = self.temperature
        worst = torch.logsumexp(differences(scores, self.margin) / lam, dim=2) * lam
        return (targets * worst).sum(dim=1)


@final
@dataclass(frozen=True)
class AdaptiveLDR(RowLoss):
    """ALDR-KL: ``lam = lam0 - KL(p || uniform) / a`` of each row and class, with its worst p.

    Parameters
    ----------
    temperature : float, default 1
        ``lam0``, positive; what a row gets that is torn between all classes.
    alpha : float, default 2
        Above 1: ``a = alpha * log(n_classes) / lam0``, so ``lam >= lam0 * (1 - 1 / alpha)``.
        Towards infinity the loss becomes LDR-KL.
    margin : float, default 0.1
        At least 0.

    Notes
    -----
    The maximum over ``lam`` is found by iteration from ``lam0`` downwards; by the envelope theorem
    the gradient takes it as a constant.

    References
    ----------
    Zhu, Ying and Yang 2023, Label distributionally robust losses for multi-class
    classification: consistency, robustness and adaptivity (ALDR-KL).
    """

    temperature: float = 1.0
    alpha: float = 2.0
    margin: float = 0.1

    name: ClassVar[str] = "adaptive_ldr"

    def __post_init__(self) -> None:
        check_range("temperature", self.temperature, 0.0, 1e6, low_open=True)
        check_range("alpha", self.alpha, 1.0, math.inf, low_open=True, high_open=True)
        check_range("margin", self.margin, 0.0, 1e6)

    def __call__(self, scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Shape (n,)."""
        n_classes = scores.shape[1]
        d = differences(scores, self.margin)
        lam = self.temperatures(d.detach())
        value = lam * (torch.logsumexp(d / lam[:, :, None], dim=2) - math.log(n_classes))
        value = value - 0.5 * self._stiffness(n_classes) * (lam - self.temperature) ** 2
        value = value + self.temperature * math.log(n_classes)
        return (targets * value).sum(dim=1)

    def _stiffness(self, n_classes: int) -> float:
        return self.alpha * math.log(n_classes) / self.temperature

    def temperatures(self, d: torch.Tensor) -> torch.Tensor:
        """``lam`` of each row and class, from the differences; shape (n, n_classes)."""
        n_classes = d.shape[2]
        lam = torch.full(d.shape[:2], self.temperature, dtype=d.dtype, device=d.device)
        for _ in range(MOST_STEPS):  # falls monotonically, and geometrically near the end
            logs = torch.log_softmax(d / lam[:, :, None], dim=2)
            divergence = (logs.exp() * logs).sum(dim=2) + math.log(n_classes)
            new = self.temperature - divergence / self._stiffness(n_classes)
            change = (new - lam).abs().max() if lam.numel() else torch.zeros(())
            lam = new
            if change <= TOLERANCE * self.temperature:
                break
        return lam


def differences(scores: torch.Tensor, margin: float) -> torch.Tensor:
    """``d[i, y, k] = scores[i, k] + margin * [k != y] - scores[i, y]``, shape (n, K, K)."""
    n_classes = scores.shape[1]
    d = scores[:, None, :] - scores[:, :, None]
    if margin == 0.0:
        return d
    return d + margin * (1.0 - torch.eye(n_classes, dtype=scores.dtype, device=scores.device))
