"""A small builder of ONNX graphs: nodes with names of their own, constants, inputs."""

from __future__ import annotations

from typing import Any, Final, final

import numpy as np
import numpy.typing as npt

from weaklabel.errors import MissingDependencyError

OPSETS: Final = {"": 18, "ai.onnx.ml": 3, "com.microsoft": 1}
IR_VERSION: Final = 9


def import_onnx() -> Any:
    """The package onnx.

    Raises
    ------
    MissingDependencyError
        If it is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingDependencyError("onnx", "onnx") from error
    return onnx


@final
class Graph:
    """Nodes in the order in which they are computed; real numbers are float64.

    Dates and large numbers have more digits than float32, whatever the type of the weights.
    """

    def __init__(self) -> None:
        self.onnx = import_onnx()
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.inputs: list[Any] = []

    @property
    def real_type(self) -> int:
        """ONNX's number for the real type."""
        return int(self.onnx.TensorProto.DOUBLE)

    def input(self, name: str, shape: list[str | int], *, is_text: bool = False) -> str:
        """Declare an input of the model: text, or numbers of the real type."""
        kind = self.onnx.TensorProto.STRING if is_text else self.real_type
        self.inputs.append(self.onnx.helper.make_tensor_value_info(name, kind, shape))
        return name

    def constant(self, array: npt.NDArray[Any]) -> str:
        """An array; real numbers get the real type, texts stay texts."""
        name = f"constant_{len(self.constants)}"
        if array.dtype.kind == "f":
            array = array.astype(np.float64)
        elif array.dtype.kind == "U":
            array = array.astype(object)
        self.constants.append(self.onnx.numpy_helper.from_array(array, name))
        return name

    def number(self, value: float) -> str:
        """A real number."""
        return self.constant(np.array(value, dtype=np.float64))

    def add(self, op: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """A node with one output; returns the name of the output."""
        output = f"{op.lower()}_{len(self.nodes)}"
        node = self.onnx.helper.make_node(op, list(inputs), [output], domain=domain, **attributes)
        self.nodes.append(node)
        return output

    def as_real(self, name: str) -> str:
        """A cast to the real type."""
        return self.add("Cast", name, to=self.real_type)

    def model(self, outputs: list[Any], doc: str) -> Any:
        """The checked model."""
        helper = self.onnx.helper
        graph = helper.make_graph(
            self.nodes, "end_model", self.inputs, outputs, self.constants, doc_string=doc
        )
        opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, doc_string=doc)
