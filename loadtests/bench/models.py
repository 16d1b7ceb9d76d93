"""The models under load, made here from fixed seeds and kept by what made them."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from loadtests.bench import graph as graph_module
from loadtests.bench.graph import Graph

SEED = 7
SEQUENCE, VOCABULARY, WIDTH, HEADS, LAYERS = 128, 1000, 256, 4, 4
IMAGE = (3, 224, 224)
ENCODINGS = ("json", "binary")


@dataclass(frozen=True, slots=True)
class BenchModel:
    name: str
    input_shape: tuple[int, ...]
    """Of one row."""
    dtype: type[np.generic]
    build: Callable[[], onnx.ModelProto]
    tolerance: float
    """Largest difference between two right answers: a batch may be summed in another order."""
    cell_seconds: float
    """Long enough that the answers still under way at the end of a cell do not count."""
    encodings: tuple[str, ...] = ENCODINGS


def _input(shape: tuple[int, ...], kind: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info("x", kind, ["batch", *shape])


def build_tiny() -> onnx.ModelProto:
    """A perceptron, 64-128-10: all cost is the server's."""
    graph = Graph(SEED)
    hidden = graph.node("Relu", graph.dense("x", 64, 128))
    return graph.model(
        "tiny", _input((64,), TensorProto.FLOAT), graph.dense(hidden, 128, 10), classes=10
    )


def build_encoder() -> onnx.ModelProto:
    """A transformer encoder over token ids: compute that batches badly on a CPU."""
    graph = Graph(SEED)
    x = graph.node("Gather", graph.weight(VOCABULARY, WIDTH, fan_in=2), "x")
    x = graph.node("Add", x, graph.weight(SEQUENCE, WIDTH, fan_in=2))
    for _ in range(LAYERS):
        x = _normalised(graph, graph.node("Add", x, _attention(graph, x)))
        hidden = graph.node("Gelu", graph.dense(x, WIDTH, 4 * WIDTH))
        x = _normalised(graph, graph.node("Add", x, graph.dense(hidden, 4 * WIDTH, WIDTH)))
    pooled = graph.node("ReduceMean", x, graph.constant(np.array([1])), keepdims=0)
    ids = _input((SEQUENCE,), TensorProto.INT64)
    return graph.model("encoder", ids, graph.dense(pooled, WIDTH, 10), classes=10)


def _attention(graph: Graph, x: str) -> str:
    query, key, value = (_heads(graph, graph.dense(x, WIDTH, WIDTH)) for _ in range(3))
    scores = graph.node("MatMul", query, graph.node("Transpose", key, perm=[0, 1, 3, 2]))
    scale = graph.constant(np.array((WIDTH / HEADS) ** -0.5, np.float32))
    shares = graph.node("Softmax", graph.node("Mul", scores, scale), axis=-1)
    mixed = graph.node("Transpose", graph.node("MatMul", shares, value), perm=[0, 2, 1, 3])
    joined = graph.node("Reshape", mixed, graph.constant(np.array([0, 0, WIDTH])))
    return graph.dense(joined, WIDTH, WIDTH)


def _heads(graph: Graph, x: str) -> str:
    shape = graph.constant(np.array([0, 0, HEADS, WIDTH // HEADS]))
    return graph.node("Transpose", graph.node("Reshape", x, shape), perm=[0, 2, 1, 3])


def _normalised(graph: Graph, x: str) -> str:
    scale, bias = np.ones(WIDTH, np.float32), np.zeros(WIDTH, np.float32)
    return graph.node("LayerNormalization", x, graph.constant(scale), graph.constant(bias), axis=-1)


def build_cnn() -> onnx.ModelProto:
    """The shape of ResNet-18 (He et al., 2015) with the normalisation folded into the
    convolutions: large inputs and real compute.
    """
    graph = Graph(SEED)
    x = graph.node("Relu", _convolution(graph, "x", 3, 64, size=7, stride=2))
    x = graph.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    channels = 64
    for width in (64, 128, 256, 512):
        x = _residual(graph, x, channels, width, stride=1 if width == 64 else 2)
        x = _residual(graph, x, width, width, stride=1)
        channels = width
    pooled = graph.node("Flatten", graph.node("GlobalAveragePool", x))
    image = _input(IMAGE, TensorProto.FLOAT)
    return graph.model("cnn", image, graph.dense(pooled, 512, 1000), classes=1000)


def build_image() -> onnx.ModelProto:
    """Hardly more than a look at the image of `cnn`: all cost is its decoding."""
    graph = Graph(SEED)
    pooled = graph.node("MaxPool", "x", kernel_shape=[32, 32], strides=[32, 32])
    x = graph.node("Flatten", pooled)
    image = _input(IMAGE, TensorProto.FLOAT)
    return graph.model("image", image, graph.dense(x, 3 * 7 * 7, 10), classes=10)


def _convolution(
    graph: Graph, x: str, channels: int, width: int, *, size: int, stride: int, gain: float = 1.0
) -> str:
    fan_in = round(channels * size * size / gain)
    kernel = graph.weight(width, channels, size, size, fan_in=fan_in)
    bias = graph.constant(np.zeros(width, np.float32))
    strides, pads = [stride, stride], [size // 2] * 4
    return graph.node("Conv", x, kernel, bias, strides=strides, pads=pads)


def _residual(graph: Graph, x: str, channels: int, width: int, *, stride: int) -> str:
    hidden = graph.node("Relu", _convolution(graph, x, channels, width, size=3, stride=stride))
    # Without normalisation a full-strength branch would double the variance in every block.
    branch = _convolution(graph, hidden, width, width, size=3, stride=1, gain=0.25)
    if stride != 1 or channels != width:
        x = _convolution(graph, x, channels, width, size=1, stride=stride, gain=0.5)
    return graph.node("Relu", graph.node("Add", branch, x))


MODELS = {
    model.name: model
    for model in (
        BenchModel("tiny", (64,), np.float32, build_tiny, 1e-4, 4.0),
        BenchModel("encoder", (SEQUENCE,), np.int64, build_encoder, 1e-3, 8.0),
        BenchModel("cnn", IMAGE, np.float32, build_cnn, 5e-3, 8.0),
        BenchModel("image", IMAGE, np.float32, build_image, 1e-3, 4.0, ("json",)),
    )
}


def model_directory(model: BenchModel, cache: Path) -> Path:
    """`<cache>/models/<key>/<name>` with version 1 in it; made when it is not there yet."""
    sources = b"".join(Path(module).read_bytes() for module in (__file__, graph_module.__file__))
    key = hashlib.sha256(sources + importlib.metadata.version("onnx").encode()).hexdigest()[:16]
    directory = cache / "models" / key / model.name
    path = directory / "1" / "model.onnx"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".tmp")
        onnx.save(model.build(), draft)
        draft.replace(path)
    return directory


def artifact(directory: Path) -> Path:
    return directory / "1" / "model.onnx"
