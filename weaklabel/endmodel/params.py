"""Settings of an EndModel as JSON and back.

Losses, encoders and encoders to fine-tune are small objects of settings; they are stored by name
and fields. What is data and not a setting (arrays in a strategy, an encoder object) is left out: it
is not needed to predict.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Final

from weaklabel.endmodel.embeddings import Embeddings
from weaklabel.endmodel.finetune import FineTune
from weaklabel.endmodel.losses import LOSSES, Loss
from weaklabel.endmodel.modules import is_user_head
from weaklabel.endmodel.strategies import STRATEGIES, Strategy

TUPLES: Final = ("hidden", "ngrams")
USER_HEAD: Final = "module"


def stored_params(model: Any, seed: int) -> dict[str, Any]:
    """The settings of a model, JSON-able."""
    params: dict[str, Any] = model.get_params(deep=False)
    if not isinstance(model.random_state, int | None):
        params["random_state"] = seed  # a generator has moved on; its draw is the seed
    params["columns"] = None if model.columns is None else dict(model.columns)
    params["checkpoint"] = None  # a place on this machine, of no use elsewhere
    return {name: stored_value(value) for name, value in params.items()}


def user_params(stored: Mapping[str, Any], head: Any = None) -> dict[str, Any]:
    """The settings for the constructor."""
    params = {name: restored_value(value) for name, value in stored.items()}
    for name in TUPLES:
        params[name] = tuple(params[name])
    if params["head"] == USER_HEAD:
        params["head"] = head
    return params


def stored_value(value: Any) -> Any:
    """A setting as JSON: plain values as they are, objects by name and fields."""
    if is_user_head(value) and not isinstance(value, Loss | Strategy):
        return USER_HEAD
    if not is_dataclass(value):
        return value if _is_json(value) else None
    kind = {Loss: "loss", Strategy: "strategy", Embeddings: "embeddings", FineTune: "finetune"}
    group = next((word for base, word in kind.items() if isinstance(value, base)), None)
    settings = {f.name: getattr(value, f.name) for f in fields(value) if f.init}
    plain = {name: part for name, part in settings.items() if _is_json(part)}
    return {"object": group, "name": getattr(value, "name", ""), "settings": plain}


def restored_value(value: Any) -> Any:
    """The setting of :func:`stored_value`."""
    if not isinstance(value, Mapping) or "object" not in value:
        return value
    kinds: dict[str, Any] = {
        "loss": LOSSES.get(value["name"]),
        "strategy": STRATEGIES.get(value["name"]),
        "embeddings": Embeddings,
        "finetune": FineTune,
    }
    kind = kinds.get(value["object"])
    if kind is None:  # an own subclass: by its name, which only training would look up
        return value["name"]
    return kind(**{name: _as_tuples(part) for name, part in value["settings"].items()})


def _as_tuples(value: Any) -> Any:
    return tuple(_as_tuples(part) for part in value) if isinstance(value, list) else value


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value)
    except TypeError:
        return False
    return True
