"""Models for the scenarios: an answer that names the version, at a price that can be chosen."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

WIDTH = 256
NAME = "scale"


def write_version(model: Path, version: int, *, layers: int = 0) -> None:
    """Publish `model/version/model.onnx`, whose answer is its input times the version.

    Each layer adds a product with a `WIDTH` x `WIDTH` identity matrix, to make a row dearer.
    """
    unfinished = model / f".{version}.unfinished"
    unfinished.mkdir(parents=True, exist_ok=True)
    onnx.save(_graph(version, layers), unfinished / "model.onnx")
    for path in (model, unfinished, unfinished / "model.onnx"):
        path.chmod(0o755)
    unfinished.rename(model / str(version))


def write_broken_version(model: Path, version: int) -> None:
    """Publish a version whose artifact is not a model at all."""
    folder = model / str(version)
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(b"not a model")


def request() -> bytes:
    """The body of a predict request: one row of ones."""
    row = {"name": "input", "datatype": "FP32", "shape": [1, WIDTH], "data": [1.0] * WIDTH}
    return json.dumps({"inputs": [row]}).encode()


def answered_version(body: bytes) -> int:
    """Which version computed the answer to `request`."""
    return int(json.loads(body)["outputs"][0]["data"][0])


def _graph(version: int, layers: int) -> onnx.ModelProto:
    identity = numpy.eye(WIDTH, dtype=numpy.float32)
    weights = [numpy_helper.from_array(identity, "identity")]
    weights.append(numpy_helper.from_array(numpy.array([version], numpy.float32), "factor"))
    names = ["input", *(f"layer{index}" for index in range(layers))]
    nodes = [
        helper.make_node("MatMul", [before, "identity"], [after])
        for before, after in itertools.pairwise(names)
    ]
    nodes.append(helper.make_node("Mul", [names[-1], "factor"], ["output"]))
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", WIDTH])
        for name in ("input", "output")
    ]
    graph = helper.make_graph(nodes, NAME, ends[:1], ends[1:], weights)
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="tests"
    )
