"""Three times the model's capacity, from clients with a deadline of one second.

The load is open-loop: each request is sent on schedule, whatever became of the others.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.attacks.http_client import Answer, Connection, Outcome, post
from tests.attacks.served_process import ServedProcess, identity_model, infer_body

DEADLINE_SECONDS = 1.0
REQUEST = post("/v2/models/echo/infer", infer_body(), "X-Request-Timeout-Ms: 1000\r\n")


@dataclass(slots=True)
class Load:
    """The outcomes of an open-loop load."""

    outcomes: Counter[str] = field(default_factory=Counter)
    served: list[tuple[float, float]] = field(default_factory=list)
    """(sent, seconds) of each answer 200 within the deadline."""

    def percentile(self, share: float, *, after: float = 0.0, before: float = 1e18) -> float:
        seconds = sorted(took for sent, took in self.served if after <= sent < before)
        return seconds[min(len(seconds) - 1, int(share * len(seconds)))] if seconds else 0.0


class OpenClients:
    """Sends at a rate over connections that are reused as they fall free."""

    def __init__(self, port: int, request: bytes = REQUEST) -> None:
        self._port = port
        self._request = request
        self._free: list[Connection] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.load = Load()

    async def send(self, rate: float, seconds: float) -> None:
        """Send `rate` requests a second for `seconds`; answers may still be on their way."""
        started = time.monotonic()
        sent = 0
        while (passed := time.monotonic() - started) < seconds:
            while sent < passed * rate:
                task = asyncio.create_task(self._one())
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                sent += 1
            await asyncio.sleep(0.004)

    async def settle(self) -> None:
        while self._tasks:
            await asyncio.wait(self._tasks)

    def close(self) -> None:
        """Close the connections that are free: all of them, once the answers have settled."""
        for connection in self._free:
            connection.close()

    async def _one(self) -> None:
        sent = time.monotonic()
        connection: Connection | Outcome = (
            self._free.pop() if self._free else await Connection.open(self._port)
        )
        if isinstance(connection, Outcome):
            self.load.outcomes[connection.value] += 1
            return
        answer = await connection.exchange(self._request, timeout_seconds=DEADLINE_SECONDS)
        if isinstance(answer, Answer):
            self._free.append(connection)
            self.load.outcomes[str(answer.status)] += 1
            if answer.status == 200:
                self.load.served.append((sent, time.monotonic() - sent))
        else:
            self.load.outcomes[answer.value] += 1


async def capacity(port: int, *, clients: int = 8, seconds: float = 3.0) -> float:
    """Answers a second to clients that each wait for theirs before they ask again."""
    until = time.monotonic() + seconds
    answered = 0

    async def ask_again() -> None:
        nonlocal answered
        connection = await Connection.open(port)
        assert isinstance(connection, Connection)
        while time.monotonic() < until:
            answer = await connection.exchange(REQUEST, timeout_seconds=10)
            answered += isinstance(answer, Answer) and answer.status == 200

    await asyncio.gather(*(ask_again() for _ in range(clients)))
    return answered / seconds


async def overload_once(
    directory: Path,
    *,
    max_queue_seconds: float,
    seconds: float = 8.0,
    normal_seconds: float = 3.0,
    times: float = 3.0,
) -> dict[str, object]:
    """Normal load, overload, normal load again, on a model of 2 instances and 10 ms each."""
    model = identity_model(directory, "delay_seconds: 0.01\n")
    with ServedProcess(
        model, max_batch_size=0, instances=2, version_settle_seconds=0,
        max_queue_seconds=max_queue_seconds,
    ) as served:  # fmt: skip
        possible = await capacity(served.port, seconds=normal_seconds)
        clients = OpenClients(served.port)
        await clients.send(possible * 0.5, normal_seconds)
        normal = clients.load.percentile(0.99)
        flooded_at = time.monotonic()
        await clients.send(possible * times, seconds)
        over_at = time.monotonic()
        await clients.send(possible * 0.5, normal_seconds)
        await clients.settle()
        clients.close()
        executed = served.metric("longshore_inferences_total")
    load = clients.load
    steady = [took for sent, took in load.served if flooded_at + 1 <= sent < over_at]
    goodput = len(steady) / (over_at - flooded_at - 1)
    bound = min(max_queue_seconds, DEADLINE_SECONDS)
    return {
        "capacity, 1/s": round(possible, 1),
        "offered, 1/s": round(possible * times, 1),
        "goodput, 1/s": round(goodput, 1),
        "goodput, % of capacity": round(100 * goodput / possible, 1),
        "normal p99, ms": round(1000 * normal, 1),
        "accepted p99, ms": round(1000 * load.percentile(0.99, after=flooded_at, before=over_at)),
        "accepted p99 / bound": round(
            load.percentile(0.99, after=flooded_at, before=over_at) / bound, 2
        ),
        "back to normal after, s": round(_recovery(load, over_at, normal), 2),
        "outcomes": dict(load.outcomes),
        "executed in all": executed,
    }


def _recovery(load: Load, over_at: float, normal: float) -> float:
    """Until the last answer that took more than twice the normal p99 (and 20 ms) was sent for."""
    slow = [sent for sent, took in load.served if took > max(2 * normal, normal + 0.02)]
    return max([0.0, *(sent - over_at for sent in slow if sent >= over_at)])


async def measure(directory: Path) -> dict[str, object]:
    return {
        f"max_queue_seconds={bound:g}, deadline 1 s": await overload_once(
            directory, max_queue_seconds=bound
        )
        for bound in (0.25, 10.0)
    }
