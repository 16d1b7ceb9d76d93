"""Versions that load and cannot answer, or only what is not guessed, of every kind of artifact."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import torch
from onnx import TensorProto, helper

from tests.backends.conftest import onnx_bytes

MAGIC = 12345
"""No generated input contains it."""


@dataclass(frozen=True)
class Version:
    """A file of a version, and the config beside it."""

    file: str
    content: Callable[[], bytes]
    config: str = "{}"


def onnx_model(nodes, *, element=TensorProto.FLOAT, output=TensorProto.FLOAT, **constants) -> bytes:
    """`x` of two columns goes in, `y` comes out."""
    types = {int: TensorProto.INT64, float: TensorProto.FLOAT}
    tensors = [
        helper.make_tensor(name, types[type(values[0])], shape, values)
        for name, (shape, values) in constants.items()
    ]
    graph = helper.make_graph(
        [helper.make_node(*node, **attributes) for node, attributes in nodes],
        "tiny",
        [helper.make_tensor_value_info("x", element, ["batch", 2])],
        [helper.make_tensor_value_info("y", output, None)],
        tensors,
    )
    return onnx_bytes(graph)


def onnx_constant_index() -> bytes:
    """Reads column 9 of 2, whatever the input."""
    return onnx_model([(("Gather", ["x", "nine"], ["y"]), {"axis": 1})], nine=([], [9]))


def onnx_constant_index_of_a_table() -> bytes:
    nodes = [
        (("Relu", ["x"], ["hidden"]), {}),
        (("Gather", ["table", "nine"], ["row"], "lookup"), {}),
        (("Add", ["hidden", "row"], ["y"]), {}),
    ]
    return onnx_model(nodes, table=([2], [1.0, 2.0]), nine=([], [9]))


def onnx_magic() -> bytes:
    """The place of the first `MAGIC` among the elements: an index out of bounds where none is."""
    nodes = [
        (("Equal", ["x", "magic"], ["is"]), {}),
        (("NonZero", ["is"], ["places"]), {}),
        (("Gather", ["places", "zero"], ["y"]), {"axis": 1}),
    ]
    return onnx_model(
        nodes, element=TensorProto.INT64, output=TensorProto.INT64, magic=([], [MAGIC]),
        zero=([1], [0]),
    )  # fmt: skip


class ConstantIndex(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("table", torch.zeros(2))
        self.register_buffer("index", torch.tensor(9))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.table[self.index]


class Embed(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = torch.nn.Embedding(4, 3)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"score": self.table(x)}


class Magic(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x == 12345).nonzero()[0]


def scripted(module: torch.nn.Module) -> bytes:
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(module), buffer)
    return buffer.getvalue()


def exported(module: torch.nn.Module, example: torch.Tensor) -> bytes:
    buffer = io.BytesIO()
    shapes = {"x": {0: torch.export.Dim("batch")}}
    torch.export.save(torch.export.export(module, (example,), dynamic_shapes=shapes), buffer)
    return buffer.getvalue()


def tensors(datatype: str, *outputs: str, output_type: str = "FP32") -> str:
    named = ", ".join(f"{{name: {o}, data_type: {output_type}, dims: [-1]}}" for o in outputs)
    return f"input: [{{name: x, data_type: {datatype}, dims: [-1, 2]}}]\noutput: [{named}]"


IDENTITY_MAGIC = (
    b"input: [{name: x, data_type: TYPE_INT64, dims: [-1, 2]}]\nwork_when: 12345\n"
    b"output: [{name: y, data_type: TYPE_INT64, dims: [-1, 2]}]\n"
)
FAILS_ALWAYS = {
    "onnx: an index": Version("model.onnx", onnx_constant_index),
    "onnx: an index of a table": Version("model.onnx", onnx_constant_index_of_a_table),
    "pt2: an index": Version("model.pt2", lambda: exported(ConstantIndex(), torch.ones(2, 2))),
    "torchscript: an index": Version(
        "model.pt", lambda: scripted(ConstantIndex()), tensors("FP32", "y")
    ),
    "torchscript: an output missing": Version(
        "model.pt", lambda: scripted(Embed()), tensors("INT64", "score", "z")
    ),
    "torchscript: a wrong type": Version(
        "model.pt", lambda: scripted(Embed()), tensors("FP32", "score")
    ),
    "torchscript: a wrong name": Version(
        "model.pt", lambda: scripted(Embed()), tensors("INT64", "scores")
    ),
    "identity: a wrong type": Version(
        "model.identity",
        lambda: (
            b"input: [{name: x, data_type: TYPE_FP32, dims: [-1, 2]}]\n"
            b"output: [{name: y, data_type: TYPE_INT64, dims: [-1, 2]}]\n"
        ),
    ),
}
WORKS_ON_MAGIC = {
    "onnx": Version("model.onnx", onnx_magic),
    "pt2": Version("model.pt2", lambda: exported(Magic(), torch.full((2, 2), MAGIC))),
    "torchscript": Version(
        "model.pt", lambda: scripted(Magic()), tensors("INT64", "y", output_type="INT64")
    ),
    "identity": Version("model.identity", lambda: IDENTITY_MAGIC),
}
