"""Losses on soft targets, by name.

A loss takes scores and target probabilities and returns one value per row; weights and the mean
are applied by the training loop. A loss joins by an entry in :data:`LOSSES`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import torch

from weaklabel.errors import ConfigError

Loss: TypeAlias = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""``loss(scores, targets)``: both of shape (n, n_classes); returns shape (n,), at least 0."""


def soft_cross_entropy(scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """``-sum_k targets[k] log softmax(scores)[k]`` of each row.

    Its minimum over scores is the entropy of the targets, reached where the softmax equals them. At
    one-hot targets it is the ordinary cross-entropy.

    Parameters
    ----------
    scores : tensor, shape (n, n_classes)
        Unnormalised log probabilities.
    targets : tensor, shape (n, n_classes)
        Rows sum to 1.

    Returns
    -------
    tensor, shape (n,)
    """
    return -(targets * torch.log_softmax(scores, dim=1)).sum(dim=1)


LOSSES: Final[dict[str, Loss]] = {"cross_entropy": soft_cross_entropy}


def find_loss(name: str) -> Loss:
    """The loss of that name.

    Raises
    ------
    ConfigError
        If there is none.
    """
    if name not in LOSSES:
        raise ConfigError(f"loss must be one of {', '.join(LOSSES)}; found {name!r}")
    return LOSSES[name]
