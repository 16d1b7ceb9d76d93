"""Steady load from outside the server: arrivals on a schedule, and the outcome of every request.

Arrivals do not wait for answers, so a slow server cannot slow the load down. A fixed share of the
requests opens a connection of its own; the others take turns on the kept ones.
"""

from __future__ import annotations

import asyncio
import collections
import itertools
import threading
import time
from dataclasses import dataclass, field

from tests.cluster.http_exchange import Answer, Connection, ConnectionBroke, post

REFUSALS = (429, 503)
STOP_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one request; times in seconds, `at` since the load began."""

    at: float
    seconds: float
    status: int | None
    error: str | None
    was_kept_alive: bool

    @property
    def is_served(self) -> bool:
        return self.status == 200

    @property
    def is_refused(self) -> bool:
        """Told clearly to come back later."""
        return self.status in REFUSALS

    @property
    def is_lost(self) -> bool:
        return not self.is_served and not self.is_refused


@dataclass(frozen=True, slots=True)
class Target:
    """Where the requests go, and what they are."""

    host: str
    port: int
    path: str
    body: bytes


@dataclass(slots=True)
class LoadClient:
    """A running load: `rate` may be changed while it runs.

    `fresh_share` is the share of requests with a connection of their own, from 0 to 1.
    """

    target: Target
    rate: float
    fresh_share: float = 0.3
    kept_connections: int = 16
    max_in_flight: int = 400
    timeout_seconds: float = 10.0
    outcomes: list[Outcome] = field(default_factory=list)
    offered: list[tuple[float, float]] = field(default_factory=list)
    """(seconds since the beginning, rate) at each change of the rate."""
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _idle: collections.deque[Connection] = field(default_factory=collections.deque)
    _kept: int = 0
    _began: float = 0.0

    def __enter__(self) -> LoadClient:
        """Begin, on a thread with an event loop of its own."""
        self._began = time.monotonic()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> list[Outcome]:
        """Send no more, wait for what is in flight, and give every request's outcome."""
        self._stopping.set()
        assert self._thread is not None
        self._thread.join(self.timeout_seconds + STOP_SECONDS)
        if self._thread.is_alive():
            raise AssertionError("the load client did not end: a request hangs past its timeout")
        return self.outcomes

    @property
    def elapsed(self) -> float:
        """Seconds since the load began."""
        return time.monotonic() - self._began

    def set_rate(self, rate: float) -> None:
        """Offer this many requests a second from now on."""
        self.rate = rate
        self.offered.append((self.elapsed, rate))

    async def _run(self) -> None:
        self.offered.append((0.0, self.rate))
        in_flight: set[asyncio.Task[None]] = set()
        arrival = time.monotonic()
        for number in itertools.count():
            if self._stopping.is_set():
                break
            await asyncio.sleep(max(0.0, arrival - time.monotonic()))
            if len(in_flight) < self.max_in_flight:
                task = asyncio.create_task(self._send(arrival, is_fresh=self._is_fresh(number)))
                in_flight.add(task)
                task.add_done_callback(in_flight.discard)
            else:
                self._record(arrival, error="the client has too many requests in flight")
            arrival += 1.0 / self.rate
        await asyncio.gather(*in_flight)
        while self._idle:
            self._idle.popleft().close()

    def _is_fresh(self, number: int) -> bool:
        share = self.fresh_share
        return int((number + 1) * share) > int(number * share)

    async def _send(self, arrival: float, *, is_fresh: bool) -> None:
        try:
            async with asyncio.timeout(self.timeout_seconds):
                answer = await self._exchange(is_fresh=is_fresh)
        except (ConnectionBroke, OSError) as error:
            self._record(arrival, error=repr(error), was_kept_alive=not is_fresh)
        else:
            self._record(arrival, status=answer.status, was_kept_alive=not is_fresh)

    async def _exchange(self, *, is_fresh: bool) -> Answer:
        connection = None if is_fresh else self._take_kept()
        target = self.target
        if connection is None:
            connection = await Connection.open(target.host, target.port)
            self._kept += not is_fresh
        request = post(target.path, target.body, host=target.host, is_kept_alive=not is_fresh)
        is_reusable = False
        try:
            answer = await connection.exchange(request)
            is_reusable = not is_fresh and answer.is_kept_alive
            return answer
        finally:
            if is_reusable:
                self._idle.append(connection)
            else:
                connection.close()
                self._kept -= not is_fresh

    def _take_kept(self) -> Connection | None:
        """The longest unused kept connection; None while another may be opened."""
        while self._idle and self._kept >= self.kept_connections:
            connection = self._idle.popleft()
            if connection.is_usable:
                return connection
            connection.close()
            self._kept -= 1
        return None

    def _record(
        self,
        arrival: float,
        *,
        status: int | None = None,
        error: str | None = None,
        was_kept_alive: bool = False,
    ) -> None:
        seconds = time.monotonic() - arrival
        outcome = Outcome(arrival - self._began, seconds, status, error, was_kept_alive)
        self.outcomes.append(outcome)


@dataclass(frozen=True, slots=True)
class Summary:
    """How a load went as a whole."""

    sent: int
    served: int
    refused: int
    lost: int
    p95_seconds: float
    losses: tuple[str, ...]
    """What the lost requests met and when, with counts."""

    @classmethod
    def of(cls, outcomes: list[Outcome]) -> Summary:
        served = sorted(outcome.seconds for outcome in outcomes if outcome.is_served)
        lost = [outcome for outcome in outcomes if outcome.is_lost]
        met = collections.Counter(
            f"{outcome.error or f'status {outcome.status}'} at {outcome.at:.0f} s"
            for outcome in lost
        )
        return cls(
            sent=len(outcomes),
            served=len(served),
            refused=sum(outcome.is_refused for outcome in outcomes),
            lost=len(lost),
            p95_seconds=served[int(len(served) * 0.95)] if served else float("nan"),
            losses=tuple(f"{count} x {what}" for what, count in met.most_common(5)),
        )


def assert_none_lost(outcomes: list[Outcome]) -> Summary:
    """How the load went; raises AssertionError, with all of that, when a request was lost."""
    summary = Summary.of(outcomes)
    assert summary.lost == 0, summary
    return summary


def assert_all_served(outcomes: list[Outcome]) -> Summary:
    """The same, where no request may be refused either."""
    summary = assert_none_lost(outcomes)
    assert summary.refused == 0, summary
    return summary
