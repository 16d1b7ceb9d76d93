"""Tiny models, built when a test asks for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from longshore.backends.base import Backend, Device
from longshore.backends.registry import create_backend
from longshore.repository.artifact import FORMATS
from longshore.repository.integrity import open_verified
from longshore.repository.layout import Artifact
from longshore.repository.model_config import ModelConfig

Place = Callable[..., Artifact]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Write an artifact under its file name; `files` are those beside it."""
    directory = tmp_path.resolve() / "1"
    directory.mkdir()

    def write(content: bytes, name: str, files: tuple[str, ...] = ()) -> Artifact:
        path = directory / name
        path.write_bytes(content)
        return Artifact("tiny", "1", directory, path, FORMATS[name], files=(name, *files))

    return write


def load(artifact: Artifact, config: ModelConfig | None = None, *, threads: int = 1) -> Backend:
    with open_verified(artifact) as verified:
        return create_backend(
            verified, config=config or ModelConfig(), device=Device("cpu"), threads=threads
        )


def onnx_identity(element_type: int = TensorProto.FLOAT) -> bytes:
    shape = ["batch", 2]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "tiny",
        [helper.make_tensor_value_info("x", element_type, shape)],
        [helper.make_tensor_value_info("y", element_type, shape)],
    )
    return onnx_bytes(graph)


def onnx_bytes(graph: onnx.GraphProto) -> bytes:
    opsets = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()
