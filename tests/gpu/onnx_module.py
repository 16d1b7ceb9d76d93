"""An ONNX graph as a torch module with the same weights, so that one model has all three forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnx
import torch
from onnx import numpy_helper
from torch.nn import functional

Tensor = torch.Tensor


class OnnxModule(torch.nn.Module):
    """Runs the nodes one after the other; knows the operators of `loadtests.bench.models`."""

    def __init__(self, model: onnx.ModelProto) -> None:
        super().__init__()
        self._shapes: dict[str, list[int]] = {}
        for weight in model.graph.initializer:
            array = numpy_helper.to_array(weight).copy()
            if array.dtype.kind == "i":
                self._shapes[weight.name] = array.tolist()
            else:
                self.register_buffer(weight.name, torch.from_numpy(array))
        self._nodes = [
            (node.op_type, list(node.input), node.output[0], _attributes(node))
            for node in model.graph.node
        ]

    def forward(self, x: Tensor) -> Tensor:
        values: dict[str, Any] = {"x": x, **self._shapes, **dict(self.named_buffers())}
        for kind, inputs, output, attributes in self._nodes:
            values[output] = _OPERATORS[kind](*(values[name] for name in inputs), **attributes)
        y: Tensor = values["y"]
        return y


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}


def _reshape(x: Tensor, shape: list[int]) -> Tensor:
    return x.reshape([x.shape[axis] if size == 0 else size for axis, size in enumerate(shape)])


def _normalise(x: Tensor, scale: Tensor, bias: Tensor, axis: int) -> Tensor:
    assert axis == -1
    return functional.layer_norm(x, x.shape[-1:], scale, bias)


def _convolve(x: Tensor, kernel: Tensor, bias: Tensor, strides: Any, pads: Any) -> Tensor:
    return functional.conv2d(x, kernel, bias, stride=list(strides), padding=list(pads[:2]))


def _pool(x: Tensor, kernel_shape: Any, strides: Any, pads: Any) -> Tensor:
    return functional.max_pool2d(x, list(kernel_shape), list(strides), list(pads[:2]))


_OPERATORS: dict[str, Callable[..., Tensor]] = {
    "Add": torch.add,
    "Conv": _convolve,
    "Flatten": lambda x: x.flatten(1),
    "Gather": lambda table, index: table[index],
    "Gelu": functional.gelu,
    "GlobalAveragePool": lambda x: x.mean((2, 3), keepdim=True),
    "Identity": lambda x: x.clone(),
    "LayerNormalization": _normalise,
    "MatMul": torch.matmul,
    "MaxPool": _pool,
    "Mul": torch.mul,
    "ReduceMean": lambda x, axes, keepdims: x.mean(axes, keepdim=bool(keepdims)),
    "Relu": functional.relu,
    "Reshape": _reshape,
    "Softmax": lambda x, axis: x.softmax(axis),
    "Transpose": lambda x, perm: x.permute(list(perm)),
}
