"""Which head: by name, by a module of the user, or an encoder to fine-tune.

A head specification builds nets of one shape and says what a file needs to build them again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, final

from torch import nn

from weaklabel.endmodel.finetune import FineTune, TunedEncoder, pretrained, untrained
from weaklabel.endmodel.modules import build_module, is_user_head
from weaklabel.endmodel.nets import HEADS, HeadSettings, build_head
from weaklabel.errors import ArtifactError, ConfigError


class HeadSpec(Protocol):
    """Builds nets of one shape."""

    @property
    def name(self) -> str:
        """In descriptions and files."""

    def build(self, settings: HeadSettings, seed: int) -> nn.Module:
        """A net with fresh weights."""

    def header(self) -> dict[str, Any]:
        """What :func:`rebuilt_head` needs beside the weights, JSON-able."""


@final
@dataclass(frozen=True)
class NamedHead:
    """A head of :data:`weaklabel.endmodel.nets.HEADS`."""

    name: str

    def build(self, settings: HeadSettings, seed: int) -> nn.Module:
        """A net with fresh weights."""
        return build_head(self.name, settings, seed)

    def header(self) -> dict[str, Any]:
        """Its name."""
        return {"name": self.name}


@final
@dataclass(frozen=True)
class ModuleHead:
    """A module of the user."""

    head: Any
    name: str = "module"

    def build(self, settings: HeadSettings, seed: int) -> nn.Module:
        """A net with fresh weights (or those of the object that was given)."""
        return build_module(self.head, settings.n_features, settings.n_classes, seed)

    def header(self) -> dict[str, Any]:
        """What the module was called; its code is not stored."""
        kind = type(self.head) if isinstance(self.head, nn.Module) else self.head
        return {"name": self.name, "was": getattr(kind, "__qualname__", repr(kind))}


@final
@dataclass(frozen=True)
class TunedHead:
    """An encoder that is trained along."""

    settings: FineTune
    name: str = "finetune"

    def build(self, settings: HeadSettings, seed: int) -> nn.Module:
        """The encoder with the weights it was found with, and a fresh linear layer."""
        return pretrained(self.settings, settings.n_classes)

    def header(self) -> dict[str, Any]:
        """Its name; the configuration is that of the trained net."""
        return {"name": self.name}


def find_head(head: Any) -> HeadSpec:
    """The head of that name, module or encoder.

    Raises
    ------
    ConfigError
        If it is none of these.
    """
    if isinstance(head, str) and head in HEADS:
        return NamedHead(head)
    if isinstance(head, FineTune):
        return TunedHead(head)
    if is_user_head(head):
        return ModuleHead(head)
    raise ConfigError(
        f"head must be one of {', '.join(HEADS)}, a FineTune, or a torch module (its class, a "
        f"function (n_features, n_classes) that makes one, or an object); found {head!r}"
    )


def head_header(spec: HeadSpec, net: nn.Module) -> dict[str, Any]:
    """What a file says of a head beside its weights."""
    config = {"config": net.config_json()} if isinstance(net, TunedEncoder) else {}
    return spec.header() | config


def rebuilt_head(header: Mapping[str, Any], settings: HeadSettings, given: Any = None) -> nn.Module:
    """A net of the shape that was stored, with any weights.

    Parameters
    ----------
    header : mapping
    settings : HeadSettings
    given : module, class or function, optional
        The user's head, whose code is in no file.

    Raises
    ------
    ArtifactError
        If the head is one of the user and none is given.
    """
    if header["name"] == "finetune":
        return untrained(header["config"], settings.n_classes)
    if header["name"] != "module":
        return build_head(header["name"], settings, seed=0)
    if given is None:
        raise ArtifactError(
            f"the model has a head of its own, {header['was']}, whose code is in no file; pass "
            f"it: EndModel.load(path, head={header['was'].rsplit('.', 1)[-1]})"
        )
    return ModuleHead(given).build(settings, 0)
