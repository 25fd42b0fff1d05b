"""A whole end model as one ONNX file: from rows to class names and probabilities.

The file needs onnxruntime to run and neither weaklabel nor torch. Its outputs are ``label`` (the
class names or numbers) and ``probabilities``, of shape (n, n_classes).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import nn

from weaklabel.endmodel.encoder import Encoder
from weaklabel.endmodel.losses import Loss
from weaklabel.endmodel.nets import Affine, LinearHead, MLPHead, SeededDropout
from weaklabel.endmodel.onnx_features import add_features
from weaklabel.endmodel.onnx_graph import Graph
from weaklabel.errors import ConfigError
from weaklabel.storage import atomic_path


def write_onnx(
    path: str | os.PathLike[str],
    encoder: Encoder,
    net: nn.Module,
    classes: npt.NDArray[Any],
    offsets: npt.NDArray[np.float64],
    loss: Loss,
    doc: str,
    *,
    temperature: float = 1.0,
    overwrite: bool = False,
) -> Path:
    """Write the model.

    Raises
    ------
    ConfigError
        If features or head have no counterpart in ONNX.
    MissingDependencyError
        If onnx is not installed.
    ArtifactError
        If the file exists and ``overwrite`` is false, or cannot be written.
    """
    graph = Graph()
    scores = add_head(graph, add_features(graph, encoder), net)
    scores = graph.add("Add", scores, graph.constant(offsets))
    if temperature != 1.0:
        scores = graph.add("Div", scores, graph.number(temperature))
    outputs = add_answers(graph, scores, classes, loss)
    model = graph.model(outputs, doc)
    graph.onnx.checker.check_model(model)
    with atomic_path(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(model.SerializeToString())
    return Path(path)


def add_head(graph: Graph, features: str, net: nn.Module) -> str:
    """Nodes from features to scores."""
    if isinstance(net, LinearHead):
        layers: list[nn.Module] = [net.input]
    elif isinstance(net, MLPHead):
        layers = list(net.layers)
    else:
        raise ConfigError(
            "only models with head='linear' or 'mlp' are exported whole; for a module of your own "
            "use torch.onnx.export on model.net_"
        )
    value = features
    for layer in layers:
        if isinstance(layer, Affine):
            weight, bias = (p.detach().numpy() for p in (layer.weight, layer.bias))
            value = graph.add("MatMul", value, graph.constant(weight))
            value = graph.add("Add", value, graph.constant(bias))
        elif isinstance(layer, nn.ReLU):
            value = graph.add("Relu", value)
        elif not isinstance(layer, SeededDropout):  # which rests when answering
            raise ConfigError(f"a layer {type(layer).__name__} cannot be exported to ONNX")
    return value


def add_answers(graph: Graph, scores: str, classes: npt.NDArray[Any], loss: Loss) -> list[Any]:
    """Nodes from scores to probabilities and class names; returns the two outputs."""
    if loss.link == "sigmoid":  # log sigmoid(s) = -softplus(-s)
        scores = graph.add("Neg", graph.add("Softplus", graph.add("Neg", scores)))
    probabilities = graph.add("Softmax", scores, axis=1)
    best = graph.add("ArgMax", probabilities, axis=1, keepdims=0)
    is_named = classes.dtype.kind not in "biuf"
    names = np.asarray([str(c) for c in classes]) if is_named else classes.astype(np.int64)
    label = graph.add("Gather", graph.constant(names), best, axis=0)
    graph.add("Identity", probabilities)
    graph.nodes[-1].output[0] = "probabilities"
    graph.add("Identity", label)
    graph.nodes[-1].output[0] = "label"
    helper, types = graph.onnx.helper, graph.onnx.TensorProto
    kind = types.STRING if is_named else types.INT64
    return [
        helper.make_tensor_value_info("label", kind, ["n"]),
        helper.make_tensor_value_info("probabilities", graph.real_type, ["n", len(classes)]),
    ]
