"""What to send: requests made from the model's metadata, or from a recorded file."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from longshore.errors import SettingsError

SEED = 5
VARIANTS = 16
"""Different requests, which take turns."""
OPEN_SIZE = 16
"""Of a dimension that the model leaves open, the first excepted."""
MOST_INTEGER = 9
"""Integers are drawn from 0 to this, so that token ids stay inside a vocabulary."""
JSON_HEADERS = "Content-Type: application/json\r\n"
_BINARY_HEADERS = (
    "Content-Type: application/octet-stream\r\nInference-Header-Content-Length: {length}\r\n"
)
_DTYPES = {
    "BOOL": "?", "UINT8": "u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "INT8": "i1",
    "INT16": "<i2", "INT32": "<i4", "INT64": "<i8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Payload:
    """A body and the headers that say how it is written, each ended by CRLF."""

    content: bytes
    headers: str = JSON_HEADERS

    def request(self, path: str, host: str, more_headers: Sequence[str] = ()) -> bytes:
        """The whole of an HTTP/1.1 POST."""
        more = "".join(f"{header}\r\n" for header in more_headers)
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {host}\r\n{self.headers}{more}"
            f"Content-Length: {len(self.content)}\r\n\r\n"
        )
        return head.encode("latin-1") + self.content


def generated(metadata: dict[str, Any], *, rows: int, encoding: str) -> list[Payload]:
    """Random requests of `rows` rows, in `json` or `binary`.

    Raises:
        SettingsError: the model cannot take so many rows, or takes no random request.
    """
    random = np.random.default_rng(SEED)
    inputs = metadata["inputs"]
    for spec in inputs:
        first = spec["shape"][0] if spec["shape"] else -1
        if first not in (-1, rows):
            raise SettingsError(
                f"--rows: the model takes {first} rows in '{spec['name']}', not {rows}"
            )
    make = _json_payload if encoding == "json" else _binary_payload
    return [make([(spec, _values(spec, rows, random)) for spec in inputs]) for _ in range(VARIANTS)]


def recorded(file: Path) -> list[Payload]:
    """From a body of `/infer`, or a list of them, as in `samples.json` beside an artifact.

    Raises:
        SettingsError: it is neither.
    """
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"--payload: {file} cannot be read as JSON: {error}") from error
    bodies = found if isinstance(found, list) else [found]
    for number, body in enumerate(bodies):
        if not isinstance(body, dict) or not isinstance(body.get("inputs"), list):
            raise SettingsError(
                f"--payload: entry {number} of {file} is no body of /infer: it has no list 'inputs'"
            )
    if not bodies:
        raise SettingsError(f"--payload: {file} has no request")
    return [Payload(json.dumps(body, separators=(",", ":")).encode()) for body in bodies]


def rows_of(payloads: Sequence[Payload], recorded_rows: int) -> int:
    """Rows of a request: as asked for where it was made here, else the mean of those recorded."""
    if not payloads[0].content.startswith(b"{"):
        return recorded_rows
    counts = []
    for payload in payloads:
        if payload.headers != JSON_HEADERS:
            return recorded_rows
        shape = json.loads(payload.content)["inputs"][0].get("shape") or [recorded_rows]
        counts.append(int(shape[0]))
    return max(1, round(sum(counts) / len(counts)))


def _values(spec: dict[str, Any], rows: int, random: np.random.Generator) -> Any:
    shape = [
        size if size != -1 else (OPEN_SIZE if axis else rows)
        for axis, size in enumerate(spec["shape"])
    ]
    datatype = spec["datatype"]
    if datatype == "BYTES":
        count = math.prod(shape)
        texts = [f"text {number}" for number in random.integers(0, 1000, count)]
        return np.array(texts, object).reshape(shape)
    if datatype not in _DTYPES:
        raise SettingsError(
            f"input '{spec['name']}' has the datatype {datatype}: record requests, and give them "
            "by --payload"
        )
    if datatype == "BOOL":
        return random.random(shape) < 0.5
    if datatype.startswith("FP"):
        return random.standard_normal(shape).astype(_DTYPES[datatype])
    return random.integers(0, MOST_INTEGER, shape, endpoint=True).astype(_DTYPES[datatype])


def _json_payload(tensors: Sequence[tuple[dict[str, Any], Any]]) -> Payload:
    inputs = []
    for spec, values in tensors:
        data = np.round(values, 6) if spec["datatype"].startswith("FP") else values
        inputs.append({**_head(spec, values), "data": data.ravel().tolist()})
    return Payload(json.dumps({"inputs": inputs}, separators=(",", ":")).encode())


def _binary_payload(tensors: Sequence[tuple[dict[str, Any], Any]]) -> Payload:
    inputs, blobs = [], []
    for spec, values in tensors:
        blobs.append(_packed(values))
        parameters = {"binary_data_size": len(blobs[-1])}
        inputs.append({**_head(spec, values), "parameters": parameters})
    request = {"parameters": {"binary_data_output": True}, "inputs": inputs}
    head = json.dumps(request, separators=(",", ":")).encode()
    return Payload(head + b"".join(blobs), _BINARY_HEADERS.format(length=len(head)))


def _head(spec: dict[str, Any], values: Any) -> dict[str, Any]:
    return {"name": spec["name"], "shape": list(values.shape), "datatype": spec["datatype"]}


def _packed(values: Any) -> bytes:
    if values.dtype != object:
        return bytes(values.tobytes())
    texts = [text.encode() for text in values.ravel()]
    return b"".join(len(text).to_bytes(4, "little") + text for text in texts)
