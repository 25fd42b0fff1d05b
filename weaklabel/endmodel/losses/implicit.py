"""Implicit-posterior losses: targets are beliefs, to be agreed on across rows.

The net's answer ``q[i]`` is read as the posterior of a generative model that is never written down:
``P(row i | class k)`` is ``q[i, k] / sum_j q[j, k]``. With the beliefs ``t[i]`` as priors, the
posterior this implies is ``r[i, k]``, proportional to ``t[i, k] q[i, k] / sum_j q[j, k]``. The
losses ask answer and implied posterior to agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, final

import torch

from weaklabel.endmodel.losses.base import Loss

LEAST_BELIEF: Final = 1e-9
"""Belief a class has at least; the logarithm of 0 would forbid the answer altogether."""


def implied(log_q: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """``log r`` of each row, shape (n, n_classes); rows count by their weights."""
    counts = torch.log((weights[:, None] * log_q.exp()).sum(dim=0))
    beliefs = torch.log(targets.clamp_min(LEAST_BELIEF))
    return torch.log_softmax(log_q - counts + beliefs, dim=1)


@final
@dataclass(frozen=True)
class ForwardPosterior(Loss):
    """QR: ``KL(q || r)`` of each row.

    References
    ----------
    Rolf, Malkin, Graikos, Jojic, Robinson and Jojic 2022, Resolving label uncertainty with implicit
    posterior models (QR).
    """

    name: ClassVar[str] = "qr"
    couples_rows: ClassVar[bool] = True

    def total(
        self, scores: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor
    ) -> torch.Tensor:
        """Weighted sum over rows."""
        log_q = torch.log_softmax(scores, dim=1)
        log_r = implied(log_q, targets, weights)
        return (weights * (log_q.exp() * (log_q - log_r)).sum(dim=1)).sum()


@final
@dataclass(frozen=True)
class ReversePosterior(Loss):
    """RQ: ``KL(r || q)`` of each row; at one-hot targets it is cross-entropy.

    References
    ----------
    Rolf et al. 2022 (see :class:`ForwardPosterior`), RQ.
    """

    name: ClassVar[str] = "rq"
    couples_rows: ClassVar[bool] = True

    def total(
        self, scores: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor
    ) -> torch.Tensor:
        """Weighted sum over rows."""
        log_q = torch.log_softmax(scores, dim=1)
        log_r = implied(log_q, targets, weights)
        return (weights * (log_r.exp() * (log_r - log_q)).sum(dim=1)).sum()
