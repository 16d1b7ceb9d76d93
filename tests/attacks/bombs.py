"""Many small bodies at once that decompress to the largest that is allowed."""

from __future__ import annotations

import asyncio
import gzip
from collections import Counter
from pathlib import Path

from tests.attacks.http_client import Answer, ask, post
from tests.attacks.served_process import ServedProcess, identity_model

BOMBS = 60
BODY_LIMIT_BYTES = 32 * 1024 * 1024
PROMISED_TIMES = 4
"""Bodies of the largest size that the server holds at once."""


async def measure(directory: Path, *, bombs: int = BOMBS) -> dict[str, object]:
    bomb = gzip.compress(bytes(BODY_LIMIT_BYTES))
    request = post("/v2/models/echo/infer", bomb, "Content-Encoding: gzip\r\n")
    with ServedProcess(
        identity_model(directory), max_batch_size=0, version_settle_seconds=0,
        max_body_bytes=BODY_LIMIT_BYTES,
    ) as served:  # fmt: skip
        before = served.resident_bytes
        answers = await asyncio.gather(
            *(ask(served.port, request, timeout_seconds=60) for _ in range(bombs))
        )
        outcomes = Counter(str(a.status) if isinstance(a, Answer) else a.value for a in answers)
        return {
            "bytes of a bomb": len(bomb),
            "outcomes": dict(outcomes),
            "memory before, MiB": before >> 20,
            "memory at its peak, MiB": served.peak_bytes >> 20,
            "promised, MiB": PROMISED_TIMES * BODY_LIMIT_BYTES >> 20,
            "ready after": bool(served.health().get("ready")),
        }
