"""Clients that abandon their request after 0.3 s, on a model under four times its capacity."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.attacks.http_client import Connection, Outcome, post
from tests.attacks.overload import capacity
from tests.attacks.served_process import ServedProcess, identity_model, infer_body

GIVE_UP_SECONDS = 0.3
REQUEST = post("/v2/models/echo/infer", infer_body())


async def ask(port: int, give_up_seconds: float) -> str:
    """One client; says `answered`, `refused` or `abandoned`."""
    connection = await Connection.open(port)
    if isinstance(connection, Outcome):
        return "refused"
    answer = await connection.exchange(REQUEST, timeout_seconds=give_up_seconds)
    connection.close()
    if isinstance(answer, Outcome):
        return "abandoned" if answer is Outcome.HUNG else "refused"
    return "answered" if answer.status == 200 else "refused"


async def measure(
    directory: Path, *, clients: int = 600, seconds: float = 3.0
) -> dict[str, object]:
    model = identity_model(directory, "delay_seconds: 0.02\n")
    with ServedProcess(
        model, max_batch_size=0, instances=1, version_settle_seconds=0
    ) as served:  # fmt: skip
        possible = await capacity(served.port, clients=2, seconds=1.0)
        before = served.metric("longshore_inferences_total")
        tasks = []
        for _ in range(clients):
            tasks.append(asyncio.create_task(ask(served.port, GIVE_UP_SECONDS)))
            await asyncio.sleep(seconds / clients)
        outcomes = await asyncio.gather(*tasks)
        while served.metric("longshore_inflight_requests"):
            await asyncio.sleep(0.1)
        executed = served.metric("longshore_inferences_total") - before
    answered, abandoned = outcomes.count("answered"), outcomes.count("abandoned")
    return {
        "capacity, 1/s": possible,
        "clients": clients,
        "answered": answered,
        "abandoned after 0.3 s": abandoned,
        "refused": outcomes.count("refused"),
        "executed": executed,
        "executed for abandoned requests": executed - answered,
        "executed share of abandoned requests, %": round(
            100 * (executed - answered) / max(1, abandoned), 2
        ),
        "wasted share of all work, %": round(100 * (executed - answered) / max(1, executed), 2),
    }
