"""100 MB of JSON beside small requests: the latency of the other clients.

The body is sent, and its answer read, by a thread that only waits for the kernel, so that the
measured delay is the server's.
"""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable
from pathlib import Path

from tests.attacks.http_client import Answer, parse_answer, post
from tests.attacks.overload import REQUEST, OpenClients
from tests.attacks.served_process import ServedProcess, identity_model

BODY_BYTES = 100_000_000
RATE = 100.0
"""Small requests a second."""
BEFORE_SECONDS = 2.0
"""Of small requests alone."""
ROW = b"0.123,-4.5,67.25,8e-3"
INFER, PREDICT = "/v2/models/echo/infer", "/v1/models/echo:predict"


def flat(size: int) -> bytes:
    return _tensor(b"[" + b",".join([ROW] * (size // (len(ROW) + 1))) + b"]", size)


def nested(size: int) -> bytes:
    return _tensor(b"[" + b",".join([b"[%b]" % ROW] * (size // (len(ROW) + 3))) + b"]", size)


def predict(size: int) -> bytes:
    rows = b",".join([b"[%b]" % ROW] * (size // (len(ROW) + 3)))
    return b'{"instances":[' + rows + b"]}"


def texts(size: int) -> bytes:
    return _tensor(b"[" + b",".join([b'"text"'] * (size // 7)) + b"]", size)


def no_json(size: int) -> bytes:
    return b"[" * size


def _tensor(data: bytes, size: int) -> bytes:
    rows = data.count(ROW)
    shape = json.dumps([max(rows, 1), 4]).encode()
    head = b'{"inputs":[{"name":"INPUT0","datatype":"FP32","shape":%b,"data":' % shape
    return head + data + b"}]}"


FORMS: dict[str, tuple[str, Callable[[int], bytes]]] = {
    "flat list": (INFER, flat),
    "nested lists": (INFER, nested),
    "V1 rows": (PREDICT, predict),
    "texts for numbers": (INFER, texts),
    "only brackets": (INFER, no_json),
    "JSON header of a binary request": (INFER, nested),
}


def exchange_whole(port: int, request: bytes) -> tuple[int, float]:
    """Status and seconds of one request on a blocking socket."""
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=120) as client:
        client.sendall(request)
        received = bytearray()
        wanted: int | None = None
        while wanted is None or len(received) < wanted:
            piece = client.recv(1 << 20)
            if not piece:
                break
            received += piece
            wanted = wanted or _whole_length(received)
    return int(bytes(received[9:12])), time.monotonic() - started


def _whole_length(received: bytearray) -> int | None:
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = parse_answer(bytes(received[:end]).replace(b"content-length:", b"x:") + b"\r\n\r\n")
    assert isinstance(head, Answer)
    return end + 4 + int(head.headers[b"x"])


async def beside(
    port: int,
    path: str,
    body: bytes,
    headers: str,
    *,
    small: bytes = REQUEST,
    before_seconds: float = BEFORE_SECONDS,
) -> dict[str, object]:
    """Requests `small` before and while one large body is sent, computed and answered."""
    clients = OpenClients(port, small)
    await clients.send(RATE, before_seconds)
    before = clients.load.percentile(0.99)
    begun = time.monotonic()
    sending = asyncio.create_task(
        asyncio.to_thread(exchange_whole, port, post(path, body, headers))
    )
    while not sending.done():
        await clients.send(RATE, 0.2)
    await clients.settle()
    clients.close()
    status, seconds = await sending
    took = [s for sent, s in clients.load.served if sent >= begun]
    return {
        "status": status,
        "seconds": round(seconds, 2),
        "others' p99 before, ms": round(1000 * before, 1),
        "others' p99, ms": round(1000 * clients.load.percentile(0.99, after=begun), 1),
        "others' slowest, ms": round(1000 * max(took), 1),
        "others": dict(clients.load.outcomes),
    }


def serve(directory: Path) -> ServedProcess:
    return ServedProcess(identity_model(directory), max_batch_size=0, version_settle_seconds=0)


async def measure_form(
    port: int, form: str, *, size: int = BODY_BYTES, before_seconds: float = BEFORE_SECONDS
) -> dict[str, object]:
    path, make = FORMS[form]
    body = make(size)
    headers = f"Inference-Header-Content-Length: {len(body)}\r\n" if "binary" in form else ""
    return await beside(port, path, body, headers, before_seconds=before_seconds)


async def measure(directory: Path) -> dict[str, object]:
    figures = {}
    for form in FORMS:
        with serve(directory) as served:
            figures[form] = await measure_form(served.port, form)
    return figures
