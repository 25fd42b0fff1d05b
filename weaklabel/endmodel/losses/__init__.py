"""Losses on soft targets, by name.

=============================  ==========================================  ======================
name                           what it is                                  when to think of it
=============================  ==========================================  ======================
``cross_entropy``              to the soft target                          by default
``kl``                         cross-entropy less the target's entropy     losses to be compared
``label_smoothing``            targets mixed with uniform ones             over-confident answers
``focal``                      easy rows count less                        rare classes
``mae``                        absolute error, symmetric and bounded       heavy uniform noise
``generalised_cross_entropy``  between cross-entropy and ``mae``           noise
``symmetric_cross_entropy``    cross-entropy both ways                     noise
``ldr``, ``adaptive_ldr``      worst case over which class is meant        noise, many classes
``dice``                       1 - F1 of each class, soft                  F1 is what counts
``forward_correction``,        what the labels say of each true class      noise by class
``backward_correction``
``qr``, ``rq``                 targets are beliefs, settled across rows    weak priors
``binary_cross_entropy``       each class alone                            several classes a row
``asymmetric``                 easy negatives count less                   many absent classes
``entropy_maximising``         absent means unknown                        one positive a row
``positive_unlabelled``        absent means unknown, shares are known      positives only
=============================  ==========================================  ======================

Every loss takes scores, soft targets and a weight per row. A loss joins by an entry in
:data:`LOSSES`; one with other settings than the default is passed as an object, such as
``EndModel(loss=GeneralisedCrossEntropy(q=0.5))``.
"""

from __future__ import annotations

from typing import Final

from weaklabel.endmodel.losses.base import Loss, RowLoss
from weaklabel.endmodel.losses.correction import (
    BackwardCorrection,
    Corrected,
    ForwardCorrection,
    estimate_transition,
)
from weaklabel.endmodel.losses.cross_entropy import (
    CrossEntropy,
    Focal,
    LabelDistribution,
    LabelSmoothing,
)
from weaklabel.endmodel.losses.distributional import LDR, AdaptiveLDR
from weaklabel.endmodel.losses.implicit import ForwardPosterior, ReversePosterior
from weaklabel.endmodel.losses.multilabel import (
    Asymmetric,
    BinaryCrossEntropy,
    EntropyMaximising,
    PositiveUnlabelled,
)
from weaklabel.endmodel.losses.overlap import Dice
from weaklabel.endmodel.losses.robust import (
    AbsoluteError,
    GeneralisedCrossEntropy,
    SymmetricCrossEntropy,
)
from weaklabel.errors import ConfigError

LOSSES: Final[dict[str, type[Loss]]] = {
    loss.name: loss
    for loss in (
        *(CrossEntropy, LabelDistribution, LabelSmoothing, Focal),
        *(AbsoluteError, GeneralisedCrossEntropy, SymmetricCrossEntropy, LDR, AdaptiveLDR),
        *(Dice, ForwardCorrection, BackwardCorrection, ForwardPosterior, ReversePosterior),
        *(BinaryCrossEntropy, Asymmetric, EntropyMaximising, PositiveUnlabelled),
    )
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
    "LDR",
    "LOSSES",
    "AbsoluteError",
    "AdaptiveLDR",
    "Asymmetric",
    "BackwardCorrection",
    "BinaryCrossEntropy",
    "Corrected",
    "CrossEntropy",
    "Dice",
    "EntropyMaximising",
    "Focal",
    "ForwardCorrection",
    "ForwardPosterior",
    "GeneralisedCrossEntropy",
    "LabelDistribution",
    "LabelSmoothing",
    "Loss",
    "PositiveUnlabelled",
    "ReversePosterior",
    "RowLoss",
    "SymmetricCrossEntropy",
    "estimate_transition",
    "find_loss",
]
