"""A trained end model as one file: JSON header and plain arrays, never a pickle.

The header holds the settings, what the features are, the shape of the head, the history and the
versions that wrote it; the arrays hold the vocabulary, the scaling and the weights. A model that
was read back predicts the same bits.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import scipy
import sklearn
import torch
from torch import nn

from weaklabel.endmodel.encoder import (
    Encoder,
    State,
    arrays_under,
    pack_strings,
    unpack_strings,
)
from weaklabel.endmodel.features import encoder_from_state
from weaklabel.endmodel.heads import HeadSpec, head_header, rebuilt_head
from weaklabel.endmodel.nets import HeadSettings
from weaklabel.errors import ArtifactError, MissingDependencyError, WeakLabelError
from weaklabel.storage import read_artifact, write_artifact
from weaklabel.version import __version__

KIND: Final = "end_model"
MODEL_VERSION: Final = 2
"""Raised when files of this kind change; independent of the version of the package."""

DTYPES: Final = {"float32": torch.float32, "float64": torch.float64}


@dataclass(frozen=True)
class ModelParts:
    """What a trained end model consists of.

    Attributes
    ----------
    params : mapping
        Settings of the constructor, JSON-able.
    classes : array
    features : Encoder
    head : HeadSpec or None
        None for a model that was read.
    head_settings : HeadSettings
    net : Module
    offsets : array, shape (n_classes,)
    facts : mapping
        Everything else that ends in an underscore, JSON-able.
    """

    params: Mapping[str, Any]
    classes: npt.NDArray[Any]
    features: Encoder
    head: HeadSpec | None
    head_settings: HeadSettings
    net: nn.Module
    offsets: npt.NDArray[np.float64]
    facts: Mapping[str, Any]


def write_model(
    path: str | os.PathLike[str], parts: ModelParts, *, overwrite: bool = False
) -> None:
    """Write the file.

    Raises
    ------
    ArtifactError
        If the file exists and ``overwrite`` is false, if it cannot be written, or if the classes
        are neither strings nor numbers.
    """
    state = parts.features.state()
    class_kind, class_array = _pack_classes(parts.classes)
    shape = asdict(parts.head_settings) | {"dtype": str(parts.head_settings.dtype).split(".")[1]}
    head = {} if parts.head is None else head_header(parts.head, parts.net)
    header = {
        "model_version": MODEL_VERSION,
        "params": dict(parts.params),
        "classes": class_kind,
        "features": {"name": parts.features.name, "header": state.header},
        "head": head,
        "shape": shape,
        "facts": dict(parts.facts),
        "versions": versions(),
    }
    weights = {f"net/{k}": v.detach().numpy() for k, v in parts.net.state_dict().items()}
    arrays = {
        "classes": class_array,
        "offsets": parts.offsets,
        **state.nested("features"),
        **weights,
    }
    write_artifact(path, KIND, header, arrays, overwrite=overwrite)


def read_model(path: str | os.PathLike[str], head: Any = None) -> ModelParts:
    """Read a file of :func:`write_model`.

    Parameters
    ----------
    path : path
    head : module, class or function, optional
        The head of the user, for a model that has one.

    Raises
    ------
    ArtifactError
        If the file is missing, damaged, of another kind, or from a newer version.
    """
    header, arrays = read_artifact(path, KIND)
    version = header.get("model_version")
    if isinstance(version, int) and version > MODEL_VERSION:
        wrote = header.get("versions", {}).get("weaklabel", "a newer weaklabel")
        raise ArtifactError(
            f"{path} has model version {version}, written by weaklabel {wrote}; this weaklabel "
            f"reads up to {MODEL_VERSION}: upgrade it, or train the model again"
        )
    if version != MODEL_VERSION:
        raise ArtifactError(
            f"{path} has model version {version}, which this weaklabel no longer reads; it reads "
            f"{MODEL_VERSION}: train the model again"
        )
    try:
        return _rebuild(header, arrays, head)
    except (ArtifactError, MissingDependencyError):
        raise
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError, WeakLabelError) as error:
        raise ArtifactError(
            f"{path} is damaged or not a complete end model ({type(error).__name__}: {error}); "
            "train and save the model again"
        ) from error


def _rebuild(
    header: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]], given: Any
) -> ModelParts:
    features = encoder_from_state(
        header["features"]["name"],
        State(header["features"]["header"], arrays_under(arrays, "features")),
    )
    classes = _unpack_classes(header["classes"], arrays["classes"])
    shape = dict(header["shape"])
    settings = HeadSettings(
        **{**shape, "hidden": tuple(shape["hidden"]), "dtype": DTYPES[shape["dtype"]]}
    )
    if (settings.n_features, settings.n_classes) != (features.n_features, len(classes)):
        raise ValueError(
            f"the head is {settings.n_features} x {settings.n_classes}, the model has "
            f"{features.n_features} features and {len(classes)} classes"
        )
    net = rebuilt_head(header["head"], settings, given)
    weights = {k: torch.from_numpy(v.copy()) for k, v in arrays_under(arrays, "net").items()}
    net.load_state_dict(weights)  # raises RuntimeError for missing names and wrong shapes
    net.eval()
    offsets = arrays["offsets"]
    if offsets.shape != (len(classes),):
        raise ValueError(f"{len(classes)} classes have offsets of shape {offsets.shape}")
    return ModelParts(
        header["params"], classes, features, None, settings, net, offsets, header["facts"]
    )


def versions() -> dict[str, str]:
    """Versions of what a model depends on."""
    return {
        "weaklabel": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "sklearn": sklearn.__version__,
        "torch": str(torch.__version__),
    }


def _pack_classes(classes: npt.NDArray[Any]) -> tuple[str, npt.NDArray[Any]]:
    if classes.dtype.kind in "biuf":
        return "numbers", classes
    if classes.dtype.kind in "UT" or all(isinstance(c, str) for c in classes):
        return ("objects" if classes.dtype == object else "strings"), pack_strings(classes.tolist())
    raise ArtifactError(
        f"classes must be strings or numbers to be stored, found {classes.tolist()[:3]!r}; "
        "fit the model on class names"
    )


def _unpack_classes(kind: str, packed: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if kind == "numbers":
        return packed
    names = unpack_strings(packed)
    return np.asarray(names, dtype=object if kind == "objects" else None)
