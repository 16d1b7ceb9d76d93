"""ONNX graphs written node by node, with weights from a fixed seed."""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET, IR_VERSION = 20, 10


class Graph:
    """Nodes and weights in the order they are added; methods return the name of the output."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []

    def node(self, kind: str, *inputs: str, **attributes: object) -> str:
        output = f"{kind.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def constant(self, value: NDArray[np.generic]) -> str:
        name = f"weight_{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(value, name))
        return name

    def weight(self, *shape: int, fan_in: int) -> str:
        """Normal weights that keep the variance of what passes through (He et al., 2015)."""
        values = self._random.normal(0.0, (2.0 / fan_in) ** 0.5, shape)
        return self.constant(values.astype(np.float32))

    def dense(self, x: str, inputs: int, outputs: int) -> str:
        product = self.node("MatMul", x, self.weight(inputs, outputs, fan_in=inputs))
        return self.node("Add", product, self.constant(np.zeros(outputs, np.float32)))

    def model(
        self, name: str, x: onnx.ValueInfoProto, output: str, classes: int
    ) -> onnx.ModelProto:
        """The checked model, one input, one output `[batch, classes]` named `y`."""
        self._nodes.append(helper.make_node("Identity", [output], ["y"]))
        y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", classes])
        graph = helper.make_graph(self._nodes, name, [x], [y], self._weights)
        opset = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION)
        onnx.checker.check_model(model)
        return model
