"""Heads made by the user: any torch module from features to class scores.

The module is given as a class, a function or an object. A class or function is called with
``(n_features, n_classes)`` and returns the module; an object is copied. Its ``forward`` reads a
batch of features as a float32 tensor of shape ``(b, n_features)`` (a sparse tensor where the
features are sparse, which ``torch.nn.Linear`` reads; what the data set gives where X is one) and
returns scores of shape ``(b, n_classes)``, without a softmax.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

import scipy.sparse as sp
import torch
from torch import nn

from weaklabel.endmodel.problem import as_inputs
from weaklabel.errors import ConfigError

Factory: TypeAlias = Callable[[int, int], nn.Module]


class UserHead(nn.Module):
    """A module of the user, with its scores checked.

    Parameters
    ----------
    module : Module
    n_classes : int
    """

    draws_globally: ClassVar[bool] = True
    """Whether it may draw from torch's global generator, which is seeded for it meanwhile."""

    def __init__(self, module: nn.Module, n_classes: int) -> None:
        super().__init__()
        self.module = module
        self.n_classes = n_classes

    def forward(self, inputs: Any) -> torch.Tensor:
        """Scores, shape (n, n_classes)."""
        if sp.issparse(inputs):
            inputs = as_inputs(inputs, torch.device("cpu"), keep_scipy=False)
        scores = self.module(inputs)
        if not isinstance(scores, torch.Tensor) or scores.shape[1:] != (self.n_classes,):
            found = tuple(scores.shape) if isinstance(scores, torch.Tensor) else type(scores)
            raise ConfigError(
                f"the head must return scores of shape (rows, {self.n_classes}), found {found}"
            )
        return scores


def build_module(head: Any, n_features: int, n_classes: int, seed: int) -> UserHead:
    """The user's module with fresh weights; torch's global state is as before afterwards.

    Raises
    ------
    ConfigError
        If the class or function does not return a module.
    """
    if isinstance(head, nn.Module):
        return UserHead(copy.deepcopy(head), n_classes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = head(n_features, n_classes)
    if not isinstance(module, nn.Module):
        raise ConfigError(
            "head is called with (n_features, n_classes) and must return a torch.nn.Module, "
            f"found {module!r}"
        )
    return UserHead(module.float(), n_classes)


def is_user_head(head: Any) -> bool:
    """Whether a head is a module, or a class or function that makes one."""
    return isinstance(head, nn.Module) or (callable(head) and not isinstance(head, str))
