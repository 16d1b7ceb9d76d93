"""The termination of a pod under load, as the clients of its Service see it.

Clients go on sending for the endpoint lag after SIGTERM, on kept and on fresh connections. Beside
them come late ones that no Service would send: around the moment when the listener closes, on
connections that have been idle ever since, and on fresh ones.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.attacks.http_client import Answer, Connection, Outcome, ask, post
from tests.attacks.served_process import ServedProcess, identity_model, infer_body

REQUEST = post("/v2/models/echo/infer", infer_body())
HANG_SECONDS = 10.0
LAG_SECONDS = 3.0


@dataclass(slots=True)
class DrainResult:
    """Outcomes by name; `ok` is an answer 200."""

    before: Counter[str] = field(default_factory=Counter)
    during_lag: Counter[str] = field(default_factory=Counter)
    late: Counter[str] = field(default_factory=Counter)
    exit_codes: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    """From SIGTERM to the end of the process."""

    def add(self, other: DrainResult) -> None:
        self.before += other.before
        self.during_lag += other.during_lag
        self.late += other.late
        self.exit_codes += other.exit_codes
        self.seconds += other.seconds

    @property
    def requests(self) -> int:
        return self.before.total() + self.during_lag.total() + self.late.total()

    def count(self, outcome: str) -> int:
        return self.before[outcome] + self.during_lag[outcome] + self.late[outcome]

    @property
    def served_share_of_lag(self) -> float:
        return self.during_lag["ok"] / max(1, self.during_lag.total())


class _Clients:
    """Keep sending until the lag is over."""

    def __init__(self, port: int, pause_seconds: float) -> None:
        self._port = port
        self._pause = pause_seconds
        self.result = DrainResult()
        self.terminated_at = float("inf")

    async def keep_alive(self) -> None:
        connection: Connection | Outcome = Outcome.REFUSED
        while not self._is_over():
            sent = time.monotonic()
            if isinstance(connection, Outcome) or not connection.is_open:
                connection = await Connection.open(self._port)
            if isinstance(connection, Outcome):
                self._note(sent, connection)
            else:
                self._note(sent, await connection.exchange(REQUEST, timeout_seconds=HANG_SECONDS))
            await asyncio.sleep(self._pause * random.uniform(0.5, 1.5))

    async def fresh(self) -> None:
        while not self._is_over():
            sent = time.monotonic()
            self._note(sent, await ask(self._port, REQUEST, timeout_seconds=HANG_SECONDS))
            await asyncio.sleep(self._pause * random.uniform(0.5, 1.5))

    async def late(self, delay_seconds: float, *, is_idle: bool) -> None:
        """One request within 0.3 s of the moment when the listener closes."""
        connection = await Connection.open(self._port) if is_idle else Outcome.REFUSED
        while self.terminated_at == float("inf"):
            await asyncio.sleep(0.02)
        at = self.terminated_at + delay_seconds + random.uniform(-0.3, 0.3)
        await asyncio.sleep(max(0.0, at - time.monotonic()))
        if not is_idle:
            connection = await Connection.open(self._port)
        if isinstance(connection, Outcome):
            self.result.late[connection] += 1
            return
        outcome = await connection.exchange(REQUEST, timeout_seconds=HANG_SECONDS)
        self.result.late[_name(outcome)] += 1

    def _is_over(self) -> bool:
        return time.monotonic() > self.terminated_at + LAG_SECONDS

    def _note(self, sent: float, answer: Answer | Outcome) -> None:
        phase = self.result.during_lag if sent >= self.terminated_at else self.result.before
        phase[_name(answer)] += 1


def _name(answer: Answer | Outcome) -> str:
    if isinstance(answer, Outcome):
        return answer.value
    return "ok" if answer.status == 200 else str(answer.status)


async def drain_once(
    directory: Path,
    *,
    is_first_process: bool,
    clients: int = 8,
    pause_seconds: float = 0.03,
    seconds_before: float = 1.5,
    late_clients: int = 10,
) -> DrainResult:
    """Serve, load, SIGTERM, and what became of every request."""
    model = identity_model(directory, "delay_seconds: 0.005\n")
    delay = LAG_SECONDS + 1
    with ServedProcess(
        model, drain_delay_seconds=delay, is_first_process=is_first_process,
        version_settle_seconds=0,
    ) as served:  # fmt: skip
        load = _Clients(served.port, pause_seconds)
        tasks = [load.keep_alive() for _ in range(clients)] + [load.fresh() for _ in range(clients)]
        tasks += [load.late(delay, is_idle=bool(i % 2)) for i in range(late_clients)]
        running = asyncio.gather(*tasks)
        await asyncio.sleep(seconds_before)
        load.terminated_at = time.monotonic()
        served.terminate()
        await running
        code = await asyncio.to_thread(served.wait)
        load.result.seconds.append(time.monotonic() - load.terminated_at)
        load.result.exit_codes[code] += 1
    return load.result


async def measure(directory: Path, *, drains: int = 20) -> dict[str, object]:
    total = DrainResult()
    for number in range(drains):
        total.add(await drain_once(directory, is_first_process=bool(number % 2)))
    return {
        "drains": drains,
        "of which as process 1": drains // 2,
        "requests": total.requests,
        "before SIGTERM": dict(total.before),
        "during the 3 s lag": dict(total.during_lag),
        "within 0.3 s of the listener's end": dict(total.late),
        "lost": total.count("lost"),
        "hung": total.count("hung"),
        "served during the lag, %": round(100 * total.served_share_of_lag, 3),
        "exit codes": dict(total.exit_codes),
        "slowest end after SIGTERM, s": round(max(total.seconds), 2),
    }
