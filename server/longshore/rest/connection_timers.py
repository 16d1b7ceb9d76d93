"""The timers of one connection: for the head of a request, and for an idle connection.

They refer to the connection only while a call is scheduled, so that a closed connection is freed at
once and not by the garbage collector.
"""

from __future__ import annotations

import asyncio
from typing import Protocol


class Connection(Protocol):
    """What the timers need of a connection."""

    transport: asyncio.Transport

    @property
    def is_idle(self) -> bool:
        """No request is being received or answered."""

    def head_timed_out(self) -> None: ...


class Timer:
    """At most one scheduled call; `handle` is `None` when there is none."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self.handle: asyncio.TimerHandle | None = None
        self._loop = loop
        self._seconds = seconds

    def stop(self) -> None:
        if self.handle is not None:
            self.handle.cancel()
            self.handle = None


class HeadTimer(Timer):
    """From the first byte of a head, or from the opening of the connection, to the head's end."""

    def start(self, connection: Connection) -> None:
        self.handle = self._loop.call_later(self._seconds, self._is_due, connection)

    def _is_due(self, connection: Connection) -> None:
        self.handle = None
        connection.head_timed_out()


class IdleTimer(Timer):
    """From `since`, the last answer, to the next request.

    It is scheduled again when it fires too early; uvicorn creates and cancels a timer for each
    answer.
    """

    since: float

    def start(self, connection: Connection) -> None:
        self.since = self._loop.time()
        self._look_in(self._seconds, connection)

    def _look_in(self, seconds: float, connection: Connection) -> None:
        self.handle = self._loop.call_later(seconds, self._look, connection)

    def _look(self, connection: Connection) -> None:
        self.handle = None
        if not connection.is_idle:
            return  # the answer starts it again
        left = self.since + self._seconds - self._loop.time()
        if left > 0:
            self._look_in(left, connection)
        else:
            connection.transport.close()
