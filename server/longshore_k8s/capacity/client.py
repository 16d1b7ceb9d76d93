"""The load's own process: open loads of Poisson arrivals, and closed ones.

Every request is timed from the moment at which it was due, so a client that is late, or a server
that keeps all connections busy, counts as waiting (no coordinated omission). How late each was
handed to the kernel is recorded beside it.

uvloop's timers are coarse by 0.1 to 0.2 ms, so the last 2 ms before a request are spent turning the
event loop: the client needs a CPU of its own.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections import deque
from collections.abc import Sequence

import numpy as np

from longshore_k8s.capacity.arrivals import poisson_arrivals
from longshore_k8s.capacity.connection import Connection
from longshore_k8s.capacity.step import NO_ANSWER, Step

BEGIN_SECONDS = 0.05
TURNING_SECONDS = 0.002
POLL_SECONDS = 0.005
MOST_CONNECTIONS = 4_096
FIRST_CONNECTIONS = 64
NEW_AT_ONCE = 8
"""Connections without an answer yet. Were one opened for each request that waits, a stall of the
pod would end in a flood of them, which costs it more than the requests do, and overflows the
queue of its listener.
"""


class Client:
    """Connections to one address, kept from load to load; used on one event loop."""

    def __init__(self, host: str, port: int, requests: Sequence[bytes]) -> None:
        """`requests` are whole, head and body, and take turns."""
        self._address = (host, port)
        self._requests = requests
        self._idle: deque[Connection] = deque()
        self._open: set[Connection] = set()
        self._opening: set[asyncio.Task[None]] = set()
        self._new: set[Connection] = set()
        """Open, and not answered yet: the kernel opens them whether the server accepts or not."""
        self._waiting: deque[int] = deque()
        self._end = 0.0
        """Of a closed load, which sends again at once until then."""
        self._prepare(np.zeros(0))

    async def open_load(self, rate: float, count: int, seed: int, patience: float) -> Step:
        """Poisson arrivals; waits for answers at most `patience` seconds after the last.

        Raises:
            OSError: there is no server.
        """
        await self._connect(min(FIRST_CONNECTIONS, count))
        due = poisson_arrivals(rate, count, seed)
        begin = time.perf_counter() + BEGIN_SECONDS
        self._prepare(due + begin)
        gc.collect()
        gc.disable()
        try:
            await self._send_when_due()
            await self._wait(patience)
        finally:
            gc.enable()
        latency, status, lag = map(np.array, (self._latency, self._status, self._lag))
        return Step(rate, due, latency, status.astype(np.int16), lag)

    async def closed_load(self, seconds: float, connections: int) -> float:
        """Results per second while each of `connections` asks again at once; the first fifth does
        not count.
        """
        await self._connect(connections)
        self._prepare(np.zeros(0))
        counted_from = time.perf_counter() + seconds / 5
        self._end = counted_from + seconds
        for _ in range(connections):
            self._dispatch(self._add())
        await asyncio.sleep(max(0.0, self._end - time.perf_counter()))
        ends = np.array(self._due) + np.array(self._latency)
        is_counted = (np.array(self._status) == 200) & (ends >= counted_from) & (ends <= self._end)
        self._end = 0.0
        await self._wait(seconds)
        return float(is_counted.sum()) / seconds

    async def close(self) -> None:
        self._waiting.clear()
        for task in self._opening:
            task.cancel()
        for connection in self._open:
            connection.abort()
        await asyncio.sleep(POLL_SECONDS)

    # What connections tell.

    def opened(self, connection: Connection) -> None:
        self._open.add(connection)
        if self._waiting:
            self._new.add(connection)
        self._free(connection)

    def answered(self, connection: Connection, request: int, status: int) -> None:
        now = time.perf_counter()
        self._latency[request] = now - self._due[request]
        self._status[request] = status
        self._left -= 1
        if connection in self._new:
            self._new.remove(connection)
            self._open_further()
        if now < self._end:
            self._waiting.append(self._add())
        if not connection.is_closing:
            self._free(connection)

    def broke(self, connection: Connection, request: int | None) -> None:
        self._open.discard(connection)
        self._new.discard(connection)
        if request is not None:
            self._left -= 1
        elif connection in self._idle:
            self._idle.remove(connection)
        self._open_further()

    # Sending.

    def _prepare(self, due: np.ndarray) -> None:
        count = self._left = len(due)
        self._due: list[float] = due.tolist()
        self._latency = [np.inf] * count
        self._status = [NO_ANSWER] * count
        self._lag = [np.inf] * count

    def _add(self) -> int:
        """A request that is due now."""
        self._due.append(time.perf_counter())
        self._latency.append(np.inf)
        self._status.append(NO_ANSWER)
        self._lag.append(np.inf)
        self._left += 1
        return len(self._due) - 1

    async def _send_when_due(self) -> None:
        due, count, index = self._due, len(self._due), 0
        while index < count:
            now = time.perf_counter()
            while index < count and due[index] <= now:
                self._dispatch(index)
                index += 1
            if index < count:
                left = due[index] - time.perf_counter()
                await asyncio.sleep(left - TURNING_SECONDS if left > TURNING_SECONDS else 0)

    def _dispatch(self, request: int) -> None:
        if self._idle:
            self._send(self._idle.popleft(), request)
            return
        self._waiting.append(request)
        if self._lag[request] == np.inf:
            self._lag[request] = time.perf_counter() - self._due[request]
        self._open_further()

    def _send(self, connection: Connection, request: int) -> None:
        if self._lag[request] == np.inf:
            self._lag[request] = time.perf_counter() - self._due[request]
        connection.send(request, self._requests[request % len(self._requests)])

    def _free(self, connection: Connection) -> None:
        if self._waiting:
            self._send(connection, self._waiting.popleft())
        else:
            self._idle.append(connection)

    def _open_further(self) -> None:
        """A connection for those that wait, who take it or what is free before: opening is work of
        the server, and no lag of ours.
        """
        opening, new = len(self._opening), len(self._opening) + len(self._new)
        if len(self._waiting) <= opening or new >= NEW_AT_ONCE:
            return
        if len(self._open) + opening < MOST_CONNECTIONS:
            task = asyncio.ensure_future(self._try_to_open())
            self._opening.add(task)
            task.add_done_callback(self._end_opening)

    def _end_opening(self, task: asyncio.Task[None]) -> None:
        self._opening.discard(task)
        self._open_further()

    async def _try_to_open(self) -> None:
        try:
            await self._open_one()
        except OSError:
            if self._waiting and not self._open:
                self._waiting.popleft()
                self._left -= 1

    async def _open_one(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: Connection(self), *self._address)

    async def _connect(self, count: int) -> None:
        """Of an earlier load there may be more, which would make this one dearer for the pod."""
        while len(self._idle) > count:
            self._idle.pop().abort()
        for _ in range(count - len(self._idle)):
            await self._open_one()

    async def _wait(self, patience: float) -> None:
        end = time.perf_counter() + patience
        while self._left > 0 and time.perf_counter() < end:  # noqa: ASYNC110 - turns are cheap here
            await asyncio.sleep(POLL_SECONDS)
        if self._left > 0:  # a late answer must not be taken for that of the next load
            self._waiting.clear()
            for connection in self._open - set(self._idle):
                connection.abort()
            await asyncio.sleep(POLL_SECONDS)
