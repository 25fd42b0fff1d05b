"""Losses on soft targets, by name.

Every loss takes scores, soft targets and a weight per row. A loss joins by an entry in
:data:`LOSSES`; one with other settings than the default is passed as an object, such as
``EndModel(loss=GeneralisedCrossEntropy(q=0.5))``.
"""

from __future__ import annotations

from typing import Final

from weaklabel.endmodel.losses.base import Loss, RowLoss
from weaklabel.endmodel.losses.cross_entropy import (
    CrossEntropy,
    Focal,
    LabelDistribution,
    LabelSmoothing,
)
from weaklabel.errors import ConfigError

LOSSES: Final[dict[str, type[Loss]]] = {
    loss.name: loss for loss in (CrossEntropy, LabelDistribution, LabelSmoothing, Focal)
}


def find_loss(loss: str | Loss) -> Loss:
    """The loss of that name with its default settings; a loss as it is.

    Raises
    ------
    ConfigError
        If there is none.
    """
    if isinstance(loss, Loss):
        return loss
    if not isinstance(loss, str) or loss not in LOSSES:
        raise ConfigError(
            f"loss must be one of {', '.join(LOSSES)}, or a loss object; found {loss!r}"
        )
    return LOSSES[loss]()


__all__ = [
    "LOSSES",
    "CrossEntropy",
    "Focal",
    "LabelDistribution",
    "LabelSmoothing",
    "Loss",
    "RowLoss",
    "find_loss",
]
