"""Clients that read their answers slowly, and clients that never read while they send on.

The first are to get all of it, however long that takes; the second are to be cut off within the
write timeout, where their few bytes fit into the kernel's buffers too.
"""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

from tests.attacks.http_client import connect_with_small_buffer, post
from tests.attacks.served_process import ServedProcess, identity_model, infer_body

INFER = "/v2/models/echo/infer"
BYTES_PER_SECOND = 1_500_000
WRITE_TIMEOUT_SECONDS = 3.0
ANSWER_BYTES = 12_000_000
PIPELINED = 149
PIECE_BYTES = 65536


def binary_request(size: int) -> bytes:
    """A request of `size` bytes of FP32 rows, answered with as many."""
    shape = [size // 16, 4]
    tensor = {
        "name": "INPUT0", "datatype": "FP32", "shape": shape,
        "parameters": {"binary_data_size": 16 * shape[0]},
    }  # fmt: skip
    head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    headers = f"Inference-Header-Content-Length: {len(head)}\r\nConnection: close\r\n"
    return post(INFER, head + bytes(16 * shape[0]), headers)


async def read_steadily(port: int, size: int, bytes_per_second: float) -> dict[str, object]:
    """Until the server ends the connection: what arrived of an answer of `size` bytes."""
    loop = asyncio.get_running_loop()
    arrived, error = 0, ""
    with await connect_with_small_buffer(port) as client:
        await loop.sock_sendall(client, binary_request(size))
        started = time.monotonic()
        try:
            while piece := await loop.sock_recv(client, PIECE_BYTES):
                arrived += len(piece)
                ahead = arrived / bytes_per_second - (time.monotonic() - started)
                await asyncio.sleep(max(0.0, ahead))
        except OSError as reason:
            error = type(reason).__name__
    seconds = round(time.monotonic() - started, 1)
    return {"bytes": arrived, "is whole": arrived > size, "seconds": seconds, "error": error}


async def never_read(port: int, *, give_up_seconds: float) -> float | None:
    """Seconds until the server cut off a client that sends small requests for ever."""
    loop = asyncio.get_running_loop()
    request = post(INFER, infer_body())
    with await connect_with_small_buffer(port) as client:
        started = time.monotonic()
        try:
            await loop.sock_sendall(client, PIPELINED * request)
            while (passed := time.monotonic() - started) < give_up_seconds:
                await asyncio.sleep(0.1)
                async with asyncio.timeout(give_up_seconds - passed):
                    await loop.sock_sendall(client, request)
        except TimeoutError:
            return None
        except OSError:
            return round(time.monotonic() - started, 2)
    return None


async def measure(
    directory: Path,
    *,
    size: int = ANSWER_BYTES,
    write_timeout_seconds: float = WRITE_TIMEOUT_SECONDS,
) -> dict[str, object]:
    with ServedProcess(
        identity_model(directory), max_batch_size=0, version_settle_seconds=0,
        write_timeout_seconds=write_timeout_seconds,
    ) as served:  # fmt: skip
        return {
            "write timeout, s": write_timeout_seconds,
            "steady reader": await read_steadily(served.port, size, BYTES_PER_SECOND),
            "never reads, cut off after, s": await never_read(
                served.port, give_up_seconds=4 * write_timeout_seconds
            ),
        }
