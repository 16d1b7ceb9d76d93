"""Requests made from what a server says about its model (Open Inference Protocol v2).

Only the standard library: locust's image has no numpy.
"""

from __future__ import annotations

import json
import math
import random
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

LENGTH_HEADER = "Inference-Header-Content-Length"
STRUCT_CODES = {
    "BOOL": "?", "UINT8": "B", "UINT16": "H", "UINT32": "I", "UINT64": "Q",
    "INT8": "b", "INT16": "h", "INT32": "i", "INT64": "q", "FP16": "e", "FP32": "f", "FP64": "d",
}  # fmt: skip
"""The protocol's datatypes as codes of `struct`; `BYTES` is framed apart."""


@dataclass(frozen=True, slots=True)
class Body:
    content: bytes
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class InputSizes:
    """Sizes and ranges that the metadata does not fix."""

    rows: int = 1
    """For a first dimension of -1."""
    dynamic_size: int = 16
    """For any other dimension of -1."""
    max_integer: int = 9
    """Integers are drawn from 0 to this: token ids must stay inside the vocabulary."""


class PayloadMaker:
    """Random valid requests for one model; the same seed makes the same requests.

    Raises:
        ValueError: the metadata names a datatype that has no form in a request.
    """

    def __init__(self, metadata: dict[str, Any], sizes: InputSizes, *, seed: int) -> None:
        self._inputs = metadata["inputs"]
        self._sizes = sizes
        self._random = random.Random(seed)
        for spec in self._inputs:
            if spec["datatype"] not in (*STRUCT_CODES, "BYTES"):
                raise ValueError(f"input {spec['name']!r} has the datatype {spec['datatype']!r}")

    def json_body(self) -> Body:
        inputs = [{**_head(spec, shape), "data": values} for spec, shape, values in self._tensors()]
        content = json.dumps({"inputs": inputs}, separators=(",", ":")).encode()
        return Body(content, {"Content-Type": "application/json"})

    def binary_body(self) -> Body:
        """Tensors as raw little-endian bytes behind the JSON head, the outputs asked for alike."""
        inputs, blobs = [], []
        for spec, shape, values in self._tensors():
            blobs.append(_pack(spec["datatype"], values))
            parameters = {"binary_data_size": len(blobs[-1])}
            inputs.append({**_head(spec, shape), "parameters": parameters})
        request = {"parameters": {"binary_data_output": True}, "inputs": inputs}
        head = json.dumps(request, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/octet-stream", LENGTH_HEADER: str(len(head))}
        return Body(head + b"".join(blobs), headers)

    def _tensors(self) -> list[tuple[dict[str, Any], list[int], list[Any]]]:
        tensors = []
        for spec in self._inputs:
            shape = concrete_shape(spec["shape"], self._sizes)
            values = [self._value(spec["datatype"]) for _ in range(math.prod(shape))]
            tensors.append((spec, shape, values))
        return tensors

    def _value(self, datatype: str) -> Any:
        if datatype == "BYTES":
            return f"text {self._random.randrange(1000)}"
        if datatype == "BOOL":
            return self._random.random() < 0.5
        if datatype.startswith("FP"):
            return round(self._random.gauss(0, 1), 6)
        return self._random.randint(0, self._sizes.max_integer)


def concrete_shape(shape: Sequence[int], sizes: InputSizes) -> list[int]:
    """`shape` with numbers for its open dimensions (-1)."""
    return [
        size if size != -1 else (sizes.dynamic_size if axis else sizes.rows)
        for axis, size in enumerate(shape)
    ]


def _head(spec: dict[str, Any], shape: list[int]) -> dict[str, Any]:
    return {"name": spec["name"], "shape": shape, "datatype": spec["datatype"]}


def _pack(datatype: str, values: list[Any]) -> bytes:
    if datatype == "BYTES":
        texts = [value.encode() for value in values]
        return b"".join(struct.pack("<I", len(text)) + text for text in texts)
    return struct.pack(f"<{len(values)}{STRUCT_CODES[datatype]}", *values)
