"""Requests for one row of a model, as each wire wants them, and answers back to arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from loadtests.bench.models import VOCABULARY, BenchModel

SEED = 11
DATATYPES = {"float32": "FP32", "int64": "INT64"}
Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Payload:
    body: bytes
    headers: dict[str, str]


def random_rows(model: BenchModel, count: int) -> list[Array]:
    """`count` different inputs of shape `[1, ...]`, always the same ones."""
    random = np.random.default_rng(SEED)
    shape = (1, *model.input_shape)
    if np.issubdtype(model.dtype, np.integer):
        return [random.integers(0, VOCABULARY, shape).astype(model.dtype) for _ in range(count)]
    return [random.standard_normal(shape).astype(model.dtype) for _ in range(count)]


def v2_json(row: Array) -> Payload:
    request = {"inputs": [{**_head(row), "data": row.ravel()}]}
    body = orjson.dumps(request, option=orjson.OPT_SERIALIZE_NUMPY)
    return Payload(body, {"Content-Type": "application/json"})


def v2_binary(row: Array) -> Payload:
    request = {
        "parameters": {"binary_data_output": True},
        "inputs": [{**_head(row), "parameters": {"binary_data_size": row.nbytes}}],
    }
    head = orjson.dumps(request)
    headers = {
        "Content-Type": "application/octet-stream",
        "Inference-Header-Content-Length": str(len(head)),
    }
    return Payload(head + row.tobytes(), headers)


def plain_json(row: Array) -> Payload:
    """`{"x": [...]}`, for servers without a protocol of their own."""
    body = orjson.dumps({"x": row[0]}, option=orjson.OPT_SERIALIZE_NUMPY)
    return Payload(body, {"Content-Type": "application/json"})


def plain_json_batch(row: Array) -> Payload:
    body = orjson.dumps({"x": row}, option=orjson.OPT_SERIALIZE_NUMPY)
    return Payload(body, {"Content-Type": "application/json"})


def raw_bytes(row: Array) -> Payload:
    return Payload(row.tobytes(), {"Content-Type": "application/octet-stream"})


def read_v2_json(content: bytes, headers: dict[str, str]) -> Array:
    return np.asarray(orjson.loads(content)["outputs"][0]["data"], np.float32).ravel()


def read_v2_binary(content: bytes, headers: dict[str, str]) -> Array:
    return np.frombuffer(content[int(headers["inference-header-content-length"]) :], np.float32)


def read_plain(content: bytes, headers: dict[str, str]) -> Array:
    answer = orjson.loads(content)
    return np.asarray(answer["y"] if isinstance(answer, dict) else answer, np.float32).ravel()


@dataclass(frozen=True, slots=True)
class Wire:
    """How one encoding reaches one server."""

    path: str
    make: Callable[[Array], Payload]
    read: Callable[[bytes, dict[str, str]], Array]


def v2_wires(model: str) -> dict[str, Wire]:
    path = f"/v2/models/{model}/infer"
    return {
        "json": Wire(path, v2_json, read_v2_json),
        "binary": Wire(path, v2_binary, read_v2_binary),
    }


def _head(row: Array) -> dict[str, Any]:
    return {"name": "x", "shape": list(row.shape), "datatype": DATATYPES[str(row.dtype)]}
