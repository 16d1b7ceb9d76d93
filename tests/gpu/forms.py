"""The bench's models as ONNX, TorchScript and `torch.export`, made when they are asked for."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnx
import torch

from loadtests.bench.models import MODELS, BenchModel, artifact, model_directory
from loadtests.bench.payloads import VOCABULARY
from tests.gpu.onnx_module import OnnxModule

FORMS = ("onnx", "torchscript", "pt2")
CACHE = Path.home() / ".cache/longshore-bench"
_CONFIG = """\
input: [{{name: x, data_type: {input_type}, dims: [-1, {dims}]}}]
output: [{{name: y, data_type: TYPE_FP32, dims: [-1, {classes}]}}]
"""
_FILES = {"torchscript": "model.pt", "pt2": "model.pt2"}


def form_directory(name: str, form: str, cache: Path = CACHE) -> Path:
    """The directory of the model `name` in one form, with version 1 in it."""
    model = MODELS[name]
    onnx_directory = model_directory(model, cache)
    if form == "onnx":
        return onnx_directory
    directory = onnx_directory.parent / form / name
    path = directory / "1" / _FILES[form]
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        proto = onnx.load(artifact(onnx_directory))
        module = OnnxModule(proto).eval()
        (_export if form == "pt2" else _trace)(module, model, path)
        classes = proto.graph.output[0].type.tensor_type.shape.dim[1].dim_value
        (directory / "config.yaml").write_text(_config(model, classes))
    return directory


def random_batch(model: BenchModel, rows: int, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    shape = (rows, *model.input_shape)
    if np.issubdtype(model.dtype, np.integer):
        return generator.integers(0, VOCABULARY, shape).astype(model.dtype)
    return generator.standard_normal(shape).astype(model.dtype)


def _trace(module: OnnxModule, model: BenchModel, path: Path) -> None:
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(module, torch.from_numpy(random_batch(model, 2)))
        torch.jit.save(traced, str(path))


def _export(module: OnnxModule, model: BenchModel, path: Path) -> None:
    example = (torch.from_numpy(random_batch(model, 2)),)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shapes = {"x": {0: torch.export.Dim("batch", max=65536)}}
        torch.export.save(torch.export.export(module, example, dynamic_shapes=shapes), path)


def _config(model: BenchModel, classes: int) -> str:
    kind = "TYPE_INT64" if np.issubdtype(model.dtype, np.integer) else "TYPE_FP32"
    dims = ", ".join(map(str, model.input_shape))
    return _CONFIG.format(input_type=kind, dims=dims, classes=classes)
