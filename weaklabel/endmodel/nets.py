"""Heads: networks from features to class scores, by name.

Layers read dense tensors and SciPy CSR matrices alike, so sparse features are never
densified. Randomness (initial weights, dropout) comes from a generator that is passed in; the
global state of torch is neither read nor changed. A head joins by an entry in :data:`HEADS`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, TypeAlias

import numpy as np
import scipy.sparse as sp
import torch
from torch import nn

from weaklabel.errors import ConfigError

Inputs: TypeAlias = "torch.Tensor | sp.csr_matrix[Any]"


@dataclass(frozen=True)
class HeadSettings:
    """What shapes a head.

    Attributes
    ----------
    n_features, n_classes : int
    hidden : tuple of int
        Width of each hidden layer of an MLP.
    dropout : float
        Share of hidden units switched off in training, in [0, 1).
    dtype : torch.dtype
        float64 where the problem is small, float32 where it is large.
    """

    n_features: int
    n_classes: int
    hidden: tuple[int, ...] = (64,)
    dropout: float = 0.2
    dtype: torch.dtype = torch.float32


class SparseProduct(torch.autograd.Function):
    """``matrix @ weight`` of a SciPy CSR matrix, differentiable in the weight.

    SciPy's product runs on one thread in a fixed order, so it gives the same bits everywhere; its
    backward pass (the transposed product) costs the same, while torch's own takes 20 times longer.
    """

    @staticmethod
    def forward(ctx: Any, weight: torch.Tensor, matrix: sp.csr_matrix[Any]) -> torch.Tensor:
        """The product, shape (n, width)."""
        ctx.matrix = matrix
        return torch.from_numpy(matrix @ weight.detach().numpy())

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None]:
        """The gradient by the weight, shape (n_features, width)."""
        return torch.from_numpy(ctx.matrix.T @ grads[0].contiguous().numpy()), None


class Affine(nn.Module):
    """An affine map of dense or sparse inputs.

    Parameters
    ----------
    n_features, width : int
    dtype : torch.dtype
    generator : torch.Generator, optional
        Draws the initial weights; zeros if None.
    """

    def __init__(
        self,
        n_features: int,
        width: int,
        dtype: torch.dtype,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(n_features, width, dtype=dtype))
        self.bias = nn.Parameter(torch.zeros(width, dtype=dtype))
        if generator is not None:
            bound = math.sqrt(6.0 / (n_features + width))  # Glorot and Bengio 2010, eq. 16
            nn.init.uniform_(self.weight, -bound, bound, generator=generator)

    def forward(self, inputs: Inputs) -> torch.Tensor:
        """Shape (n, width)."""
        if isinstance(inputs, torch.Tensor):  # torch's own sparse matrices included
            return inputs @ self.weight + self.bias
        product: torch.Tensor = SparseProduct.apply(self.weight, inputs)  # type: ignore[no-untyped-call]
        return product + self.bias


class SeededDropout(nn.Module):
    """Dropout whose draws come from a seed of its own; see :func:`reseed`.

    Parameters
    ----------
    rate : float
    seed : int
    """

    def __init__(self, rate: float, seed: int) -> None:
        super().__init__()
        self.rate = rate
        self.seed = seed
        self._generator: torch.Generator | None = None

    def set_seed(self, seed: int) -> None:
        """Start another sequence of draws."""
        self.seed, self._generator = seed, None

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """The values, in training with some set to 0 and the rest scaled up."""
        if not self.training or self.rate == 0.0:
            return values
        if self._generator is None or self._generator.device != values.device:
            self._generator = torch.Generator(values.device).manual_seed(self.seed)
        draws = torch.rand(values.shape, generator=self._generator, device=values.device)
        return values * (draws >= self.rate) / (1.0 - self.rate)


def reseed(net: nn.Module, seed: int, epoch: int) -> None:
    """Seed everything in a net that draws, so that an epoch draws the same whenever it is run."""
    state = np.random.SeedSequence([seed, epoch])
    if getattr(net, "draws_globally", False):  # modules of the user know no other generator
        torch.manual_seed(int(state.generate_state(1)[0]))
    drawing = [m for m in net.modules() if isinstance(m, SeededDropout)]
    for module, word in zip(drawing, state.generate_state(len(drawing) + 1)[1:], strict=True):
        module.set_seed(int(word))


class LinearHead(nn.Module):
    """Multinomial logistic regression; starts at zero, so it needs no randomness."""

    def __init__(self, settings: HeadSettings, generator: torch.Generator) -> None:
        super().__init__()
        self.input = Affine(settings.n_features, settings.n_classes, settings.dtype)

    def forward(self, inputs: Inputs) -> torch.Tensor:
        """Scores, shape (n, n_classes)."""
        scores: torch.Tensor = self.input(inputs)
        return scores


class MLPHead(nn.Module):
    """Hidden layers with ReLU and dropout, then a linear layer that starts at zero."""

    def __init__(self, settings: HeadSettings, generator: torch.Generator) -> None:
        super().__init__()
        widths = [settings.n_features, *settings.hidden]
        layers: list[nn.Module] = []
        for number, (n_in, n_out) in enumerate(pairwise(widths)):
            layers.append(Affine(n_in, n_out, settings.dtype, generator))
            layers.append(nn.ReLU())
            layers.append(SeededDropout(settings.dropout, seed=number))
        layers.append(Affine(widths[-1], settings.n_classes, settings.dtype))
        self.layers = nn.Sequential(*layers)

    def forward(self, inputs: Inputs) -> torch.Tensor:
        """Scores, shape (n, n_classes)."""
        scores: torch.Tensor = self.layers(inputs)
        return scores


Head: TypeAlias = Callable[[HeadSettings, torch.Generator], nn.Module]

HEADS: Final[dict[str, Head]] = {"linear": LinearHead, "mlp": MLPHead}


def build_head(name: str, settings: HeadSettings, seed: int) -> nn.Module:
    """A head with fresh weights.

    Raises
    ------
    ConfigError
        If there is no head of that name.
    """
    if name not in HEADS:
        raise ConfigError(f"head must be one of {', '.join(HEADS)}; found {name!r}")
    return HEADS[name](settings, torch.Generator().manual_seed(seed))
