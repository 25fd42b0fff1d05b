"""Loss correction with a transition matrix: ``T[i, j]`` = P(the label says j | the truth is i).

The targets are what the labels say; the scores are of the truth. Where T is not known it is
estimated from the rows that a net trained on the labels is surest of.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar, Final, final

import numpy as np
import numpy.typing as npt
import torch

from weaklabel.endmodel.losses.base import RowLoss
from weaklabel.errors import ConfigError

Transition = tuple[tuple[float, ...], ...]

ANCHOR_QUANTILE: Final = 0.97
"""Which row speaks for a class: at this quantile of its probability, not at the very top."""


@dataclass(frozen=True)
class Corrected(RowLoss):
    """What the two corrections share.

    Parameters
    ----------
    transition : tuple of tuples of float, optional
        T, rows sum to 1. If None, EndModel first fits with cross-entropy and estimates it by
        :func:`estimate_transition`.
    """

    transition: Transition | None = None

    def __post_init__(self) -> None:
        if self.transition is None:
            return
        matrix = np.asarray(self.transition, dtype=np.float64)
        is_square = matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1]
        if not is_square or (matrix < 0).any() or not np.allclose(matrix.sum(axis=1), 1.0):
            raise ConfigError(
                "transition must be a square matrix of probabilities whose rows sum to 1, "
                f"found {self.transition!r}"
            )
        self._check(matrix)
        object.__setattr__(self, "transition", tuple(map(tuple, matrix.tolist())))

    def _check(self, matrix: npt.NDArray[np.float64]) -> None:  # a hook
        """Raise ConfigError if this correction cannot use the matrix."""

    def with_transition(self, matrix: npt.NDArray[np.float64]) -> Corrected:
        """The same loss with T."""
        return replace(self, transition=tuple(map(tuple, matrix.tolist())))

    def matrix(self, scores: torch.Tensor) -> torch.Tensor:
        """T as a tensor like the scores.

        Raises
        ------
        ConfigError
            If T is missing or of another number of classes.
        """
        n_classes = scores.shape[1]
        if self.transition is None or len(self.transition) != n_classes:
            found = "None" if self.transition is None else f"{len(self.transition)} classes"
            raise ConfigError(f"transition must have {n_classes} classes, found {found}")
        return torch.tensor(self.transition, dtype=scores.dtype, device=scores.device)

    @abstractmethod
    def __call__(self, scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Shape (n,)."""


@final
@dataclass(frozen=True)
class ForwardCorrection(Corrected):
    """``-sum_j targets[j] log sum_i p[i] T[i, j]``: what the labels would say of the answer.

    References
    ----------
    Patrini et al. 2017, Making deep neural networks robust to label noise, theorem 2.
    """

    name: ClassVar[str] = "forward_correction"

    def __call__(self, scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Shape (n,)."""
        tiny = torch.finfo(scores.dtype).tiny
        said = torch.softmax(scores, dim=1) @ self.matrix(scores)
        return -(targets * torch.log(said.clamp_min(tiny))).sum(dim=1)


@final
@dataclass(frozen=True)
class BackwardCorrection(Corrected):
    """``sum_j targets[j] (inverse(T) l)[j]`` with ``l = -log p``: unbiased, may be below 0.

    References
    ----------
    Patrini et al. 2017, Making deep neural networks robust to label noise, theorem 1.
    """

    name: ClassVar[str] = "backward_correction"

    def _check(self, matrix: npt.NDArray[np.float64]) -> None:
        if np.linalg.cond(matrix) > 1e6:
            raise ConfigError(
                "loss='backward_correction' inverts the transition matrix, and this one is nearly "
                "singular: the labels hardly tell two classes apart. Use 'forward_correction'"
            )

    def __call__(self, scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Shape (n,)."""
        losses = -torch.log_softmax(scores, dim=1)
        inverse = torch.linalg.inv(self.matrix(scores))
        found: torch.Tensor = (targets * (losses @ inverse.T)).sum(dim=1)
        return found


def estimate_transition(
    probabilities: npt.NDArray[np.float64], quantile: float = ANCHOR_QUANTILE
) -> npt.NDArray[np.float64]:
    """T from the answers of a net that was trained on the labels.

    Parameters
    ----------
    probabilities : array, shape (n, n_classes)
        P(the label says j) of each row.
    quantile : float, default 0.97
        In [0, 1]: the row of class i is the one at this quantile of ``probabilities[:, i]``.

    Returns
    -------
    array, shape (n_classes, n_classes)
        Rows sum to 1.

    References
    ----------
    Patrini et al. 2017, eqs. 12 and 13.
    """
    n_rows = len(probabilities)
    place = min(int(quantile * n_rows), n_rows - 1)
    order = np.argsort(probabilities, axis=0, kind="stable")
    rows = probabilities[order[place]]
    return np.asarray(rows / rows.sum(axis=1, keepdims=True))
