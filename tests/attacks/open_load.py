"""Requests at a steady rate, whatever becomes of those before.

The gaps are those of a Poisson process, and repeat themselves: any two stretches as long as a
period hold the same arrivals, so what differs in their latencies is not the luck of the draw. (Of
1,400 requests the 99th percentile is set by the two or three worst bursts.)
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, pairwise
from random import Random

import numpy as np

from tests.attacks.http_client import Answer, Connection, Outcome

TIMEOUT_SECONDS = 30.0


def departures(rate: float, period_seconds: float) -> Iterator[float]:
    """Seconds since the begin, for ever: those of the first period again in each."""
    random, offsets = Random(1), list[float]()
    offset = random.expovariate(rate)
    while offset < period_seconds:
        offsets.append(offset)
        offset += random.expovariate(rate)
    for turn in count():
        yield from (turn * period_seconds + offset for offset in offsets)


@dataclass(slots=True)
class OpenLoad:
    """Of one request, to a model that gives the same answer each time."""

    port: int
    request: bytes
    rate: float
    period_seconds: float
    is_over: bool = False
    outcomes: Counter[str] = field(default_factory=Counter)
    latencies: list[tuple[float, float]] = field(default_factory=list)
    """When it was due, and seconds from then to the answer."""
    wrong: int = 0
    """Answers that differ from the first."""
    first: np.ndarray | None = None
    _idle: list[Connection] = field(default_factory=list)

    async def run(self) -> None:
        tasks: set[asyncio.Task[None]] = set()
        begun = time.monotonic()
        for offset in departures(self.rate, self.period_seconds):
            due = begun + offset
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if self.is_over:
                break
            task = asyncio.create_task(self._ask(due))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)

    async def _ask(self, due: float) -> None:
        connection: Connection | Outcome | None = None
        while self._idle and (connection is None or not connection.is_open):
            connection = self._idle.pop()
        if connection is None or not connection.is_open:
            connection = await Connection.open(self.port)
        if isinstance(connection, Outcome):
            self.outcomes[connection.value] += 1
            return
        answer = await connection.exchange(self.request, timeout_seconds=TIMEOUT_SECONDS)
        outcome = str(answer.status) if isinstance(answer, Answer) else answer.value
        self.outcomes[outcome] += 1
        self.latencies.append((due, time.monotonic() - due))
        if isinstance(answer, Answer) and answer.status == 200:
            outputs = np.asarray(json.loads(answer.body)["outputs"][0]["data"])
            self.first = outputs if self.first is None else self.first
            self.wrong += not np.allclose(outputs, self.first, atol=1e-3)
        self._idle.append(connection)

    @property
    def lost(self) -> int:
        """Requests that were not answered by 200."""
        return self.outcomes.total() - self.outcomes["200"]

    def percentile(self, begin: float, end: float, share: float = 99.0) -> float:
        """Milliseconds, of the requests that were due in that time."""
        found = [seconds for due, seconds in self.latencies if begin <= due < end]
        return round(1000 * float(np.percentile(found, share)), 1) if found else 0.0

    def worst_second(self, begin: float, end: float) -> float:
        """The largest 99th percentile of a second of that time, in milliseconds."""
        return max(self.percentile(one, two) for one, two in pairwise(np.arange(begin, end + 1)))


async def capacity(port: int, request: bytes, seconds: float = 3.0, clients: int = 8) -> float:
    """Answers a second to clients that never pause."""
    end, done = time.monotonic() + seconds, 0

    async def ask() -> None:
        nonlocal done
        connection = await Connection.open(port)
        assert isinstance(connection, Connection)
        while time.monotonic() < end:
            await connection.exchange(request, timeout_seconds=10)
            done += 1

    await asyncio.gather(*(ask() for _ in range(clients)))
    return done / seconds
