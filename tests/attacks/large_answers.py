"""Answers of 50 MB beside small requests: what the other clients notice of encoding them, and of
compressing them.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path

from tests.attacks.http_client import post
from tests.attacks.large_bodies import BEFORE_SECONDS, beside
from tests.attacks.served_process import ServedProcess, identity_model

ANSWER_BYTES = 50_000_000
INFER = "/v2/models/echo/infer"
GZIP = "Accept-Encoding: gzip\r\n"
FORMS = {
    "numbers, compressed": ("FP32", True, GZIP),
    "one text as JSON": ("BYTES", False, ""),
    "one text as JSON, compressed": ("BYTES", False, GZIP),
    "one text as binary data": ("BYTES", True, ""),
}
"""Datatype, whether the answer is binary, and headers."""
CONFIGS = {
    "FP32": "input:\n  - {name: INPUT0, data_type: TYPE_FP32, dims: [-1, 4]}\n",
    "BYTES": "input:\n  - {name: INPUT0, data_type: TYPE_STRING, dims: [-1, 1]}\n",
}
SMALL = {"FP32": ([1, 4], [1.0, 2.0, 3.0, 4.0]), "BYTES": ([1, 1], ["text"])}


def large_request(datatype: str, size: int, *, is_binary: bool) -> tuple[bytes, str]:
    """The body of a binary request that is answered with `size` bytes, and its header."""
    line = "Grüße, 世界. 0123456789 ".encode()
    text = line * (size // len(line))
    shape, data = [1, 1], struct.pack("<I", len(text)) + text
    if datatype == "FP32":
        shape = [size // 16, 4]
        data = struct.pack("<4f", 0.5, -1.25, 3e4, 7.0) * shape[0]
    parameters = {"binary_data_size": len(data)}
    tensor = {"name": "INPUT0", "datatype": datatype, "shape": shape, "parameters": parameters}
    document = {"inputs": [tensor], "parameters": {"binary_data_output": is_binary}}
    head = json.dumps(document).encode()
    return head + data, f"Inference-Header-Content-Length: {len(head)}\r\n"


def small_request(datatype: str) -> bytes:
    shape, data = SMALL[datatype]
    tensor = {"name": "INPUT0", "datatype": datatype, "shape": shape, "data": data}
    return post(INFER, json.dumps({"inputs": [tensor]}).encode())


def serve(directory: Path, datatype: str) -> ServedProcess:
    model = identity_model(directory)
    (model / "1" / "model.identity").write_text(CONFIGS[datatype])
    return ServedProcess(model, max_batch_size=0, version_settle_seconds=0)


async def measure_form(
    port: int, form: str, *, size: int = ANSWER_BYTES, before_seconds: float = BEFORE_SECONDS
) -> dict[str, object]:
    """At the port of a server of the form's datatype."""
    datatype, is_binary, headers = FORMS[form]
    body, length = large_request(datatype, size, is_binary=is_binary)
    return await beside(
        port, INFER, body, length + headers,
        small=small_request(datatype), before_seconds=before_seconds,
    )  # fmt: skip


async def measure(directory: Path) -> dict[str, object]:
    figures = {}
    for form, (datatype, _, _) in FORMS.items():
        with serve(directory, datatype) as served:
            figures[form] = await measure_form(served.port, form)
    return figures
