"""A small writer of ONNX graphs: nodes are named as they are added, weights stand in the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8
"""The pair of ONNX 1.12, which every ONNX Runtime since 1.12 reads."""

Shape = Sequence[str | int]
ELEMENT = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64}


class Graph:
    """Collects nodes and weights; `finish` returns the checked, self-contained model.

    Example: `g = Graph("double"); g.input("x", "float32", ["B"]); y = g.add("Add", "x", "x")`.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, element: str, shape: Shape) -> str:
        """Declare an input; a text in `shape` names a dimension that a request chooses."""
        self._inputs.append(helper.make_tensor_value_info(name, ELEMENT[element], list(shape)))
        return name

    def weight(self, values: NDArray[np.generic]) -> str:
        """Store an array in the model and return its name."""
        name = f"weight_{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(np.asarray(values, order="C"), name))
        return name

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:  # noqa: ANN401  (ONNX decides)
        """Append a node with one output and return the output's name."""
        name = f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [name], name=name, **attributes))
        return name

    def finish(self, output: str, *, name: str, shape: Shape, about: Mapping[str, str]) -> bytes:
        """Return the model with one float32 output called `name`."""
        self._nodes.append(helper.make_node("Identity", [output], [name], name="output"))
        result = helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))
        graph = helper.make_graph(self._nodes, self._name, self._inputs, [result], self._weights)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="gradus"
        )
        model.ir_version = IR_VERSION
        helper.set_model_props(model, dict(about))
        onnx.checker.check_model(model, full_check=True)
        blob: bytes = model.SerializeToString(deterministic=True)
        return blob
