"""Deadlines about as long as an answer takes, on a busy server: each is met or refused."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

from tests.attacks.http_client import Answer, Connection, post
from tests.attacks.served_process import ServedProcess, identity_model, infer_body

MILLISECONDS = (0.2, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0)
CLIENTS_EACH = 10
REQUESTS_EACH = 100
BODY = infer_body(rows=200)


async def ask_again(port: int, milliseconds: float, outcomes: Counter[str]) -> None:
    request = post("/v2/models/echo/infer", BODY, f"X-Request-Timeout-Ms: {milliseconds}\r\n")
    connection = await Connection.open(port)
    for _ in range(REQUESTS_EACH):
        assert isinstance(connection, Connection)
        answer = await connection.exchange(request, timeout_seconds=5)
        outcomes[str(answer.status) if isinstance(answer, Answer) else answer.value] += 1
        if not connection.is_open:
            connection = await Connection.open(port)


async def measure(directory: Path) -> dict[str, object]:
    figures: dict[str, object] = {}
    for kind, behaviour in (("on the loop", ""), ("on a thread", "delay_seconds: 0.001\n")):
        outcomes = Counter[str]()
        with ServedProcess(
            identity_model(directory, behaviour), version_settle_seconds=0
        ) as served:
            await asyncio.gather(
                *(
                    ask_again(served.port, milliseconds, outcomes)
                    for milliseconds in MILLISECONDS * CLIENTS_EACH
                )
            )
            left = served.metric("longshore_inflight_requests")
        figures[kind] = {"outcomes": dict(outcomes), "in flight afterwards": left}
    return figures
