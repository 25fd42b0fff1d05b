"""What soft labels are turned into before training: four ways of reading a distribution.

================  ================================================================================
mode              a row is trained towards
================  ================================================================================
``soft``          its distribution
``sharpened``     its distribution to the power of 2, which the votes' own ties survive
``majority``      its likeliest class, evenly where several tie
``draw``          one class, drawn from the distribution anew in every epoch
``multilabel``    any of the classes with at least 0.3, whichever the net finds likeliest
================  ================================================================================

References: Barsoum, Zhang, Canton Ferrer and Zhang 2016, Training deep networks for facial
expression recognition with crowd-sourced label distribution, section 4 (all but ``sharpened``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal, TypeAlias, final, get_args

import numpy as np
import numpy.typing as npt
import torch

from weaklabel.endmodel.losses import CrossEntropy, Loss, RowLoss
from weaklabel.errors import ConfigError, DataError

TargetMode: TypeAlias = Literal["soft", "sharpened", "majority", "draw", "multilabel"]
TARGET_MODES: Final[tuple[str, ...]] = get_args(TargetMode)

SHARPENING: Final = 2.0
ENOUGH: Final = 0.3
"""Probability from which a class counts as one of a row's labels."""
TIED: Final = 1e-9


@final
@dataclass(frozen=True)
class AnyOf(RowLoss):
    """``-max_k log p[k]`` over the classes marked in the target: one right label is enough.

    References
    ----------
    Barsoum et al. 2016, section 4 (multi-label learning).
    """

    name: ClassVar[str] = "any_of"

    def __call__(self, scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Shape (n,)."""
        logs = torch.log_softmax(scores, dim=1)
        return -logs.masked_fill(targets <= 0, -torch.inf).amax(dim=1)


def apply_mode(probabilities: npt.NDArray[np.float64], mode: str) -> npt.NDArray[np.float64]:
    """The targets of a mode, shape (n, n_classes); those of ``"draw"`` are drawn while training."""
    p = probabilities
    if mode == "sharpened":
        powered = p**SHARPENING
        return np.asarray(powered / powered.sum(axis=1, keepdims=True))
    is_top = p >= p.max(axis=1, keepdims=True) - TIED
    if mode == "majority":
        return np.asarray(is_top / is_top.sum(axis=1, keepdims=True))
    if mode == "multilabel":
        return np.asarray((p >= ENOUGH) | is_top, dtype=np.float64)
    return p


def loss_of_mode(loss: Loss, mode: str) -> Loss:
    """The loss a mode is trained with.

    Raises
    ------
    ConfigError
        If the mode marks several classes of a row and the loss wants a distribution.
    """
    if mode not in TARGET_MODES:
        raise ConfigError(f"targets must be one of {', '.join(TARGET_MODES)}; found {mode!r}")
    if mode != "multilabel" or loss.link == "sigmoid":
        return loss
    if isinstance(loss, CrossEntropy):
        return AnyOf()
    raise ConfigError(
        "targets='multilabel' marks several classes of a row, and "
        f"loss={loss.name!r} is for one distribution over classes; use loss='cross_entropy' or a "
        "loss of single classes such as 'binary_cross_entropy'"
    )


def check_marks(marks: npt.NDArray[Any]) -> None:
    """Raise DataError unless every mark lies in [0, 1] and every row has one."""
    bad = np.flatnonzero(~((marks >= 0) & (marks <= 1)).all(axis=1) | ~(marks > 0).any(axis=1))
    if len(bad):
        raise DataError(
            "with targets='multilabel', y holds for each class a number in [0, 1], and some class "
            f"above 0 in every row; row {bad[0]} is {marks[bad[0]].tolist()[:8]}"
        )
