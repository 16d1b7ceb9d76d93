"""The protocol of a connection on timers of the test's own, with an application that echoes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import uvicorn
from msgspec.structs import replace
from uvicorn.server import ServerState

from longshore.errors import LongshoreError
from longshore.rest.body import BodyReader
from longshore.rest.http_protocol import (
    ConnectionLimits,
    LimitedProtocol,
    OnRefusal,
    limited_protocol,
)
from longshore.rest.request_head import read_head

IDLE_SECONDS = 75
WRITE_SECONDS = 30
HEAD_SECONDS = 60
MAX_HEADER_BYTES = 65536
MAX_BODY_BYTES = 300_000
HEAD = b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n"
REQUEST = HEAD % 2 + b"%b"


class Transport(asyncio.Transport):
    """Takes all that is written, at once."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.writes = 0
        self.is_closed = False
        self.pauses = 0
        self.protocol: asyncio.BaseProtocol | None = None
        self.unparsed = 0

    def write(self, data) -> None:
        self.written += data
        self.writes += 1

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    def set_protocol(self, protocol) -> None:
        self.protocol = protocol

    def deliver(self, data: bytes, first: asyncio.Protocol) -> None:
        """To the protocol that was set, or the `first` one, as an event loop does: a buffer is held
        until it was reported.
        """
        while data and isinstance(self.protocol, asyncio.BufferedProtocol):
            with self.protocol.get_buffer(-1)[: len(data)] as buffer:
                buffer[:] = data[: len(buffer)]
                self.unparsed += len(buffer)
                data = data[len(buffer) :]
                self.protocol.buffer_updated(len(buffer))
        if data:
            (self.protocol or first).data_received(data)

    def pause_reading(self) -> None:
        self.pauses += 1

    def resume_reading(self) -> None:
        pass


class Timers:
    """The running loop, whose timers fire only once `pass_seconds` reaches them."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waiting: list[_Timer] = []
        self.create_task = asyncio.get_running_loop().create_task

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, callback: Callable[..., None], *args: object) -> _Timer:
        timer = _Timer(self, self.now + seconds, callback, args)
        self.waiting.append(timer)
        return timer

    def pass_seconds(self, seconds: float) -> None:
        until = self.now + seconds
        while due := [timer for timer in self.waiting if timer.due <= until]:
            timer = min(due, key=lambda timer: timer.due)
            self.now = max(self.now, timer.due)
            timer.cancel()
            timer.callback(*timer.args)
        self.now = until


class _Timer:
    def __init__(self, timers: Timers, due: float, callback, args) -> None:
        self.due, self.callback, self.args = due, callback, args
        self._timers = timers

    def cancel(self) -> None:
        if self in self._timers.waiting:
            self._timers.waiting.remove(self)


class Echo:
    """Answers what it is sent, `repeat` times; remembers the errors that reading met."""

    def __init__(self, repeat: int = 1, *, timeout_seconds: float = 60.0) -> None:
        self.reader = BodyReader(max_bytes=MAX_BODY_BYTES, timeout_seconds=timeout_seconds)
        self.repeat = repeat
        self.errors: list[str] = []

    async def __call__(self, scope, receive, send) -> None:
        status = 200
        try:
            head = read_head(scope["header_map"])
            body = self.reader.take_whole(scope, head)
            if body is None:
                with self.reader.share() as share:
                    body = await self.reader.read(scope, receive, head, share)
        except LongshoreError as error:
            status, body = error.status, b""
            self.errors.append(type(error).__name__)
        body *= self.repeat
        length = b"%d" % len(body)
        headers = b"content-length: %b\r\n" % length
        if scope["connection"].respond(scope, status, headers, body):
            return
        start = {"type": "http.response.start", "status": status}
        await send({**start, "headers": [(b"content-length", length)]})
        await send({"type": "http.response.body", "body": body})


def make_protocol(
    app: Callable[..., Any],
    timers: Timers,
    *,
    state: ServerState | None = None,
    on_refusal: OnRefusal | None = None,
    **limits: Any,
) -> LimitedProtocol:
    """`limits` other than those of this module."""
    config = uvicorn.Config(
        app, http="httptools", ws="none", lifespan="off", log_config=None,
        access_log=False, timeout_keep_alive=IDLE_SECONDS,
    )  # fmt: skip
    usual = ConnectionLimits(
        max_connections=10, max_header_bytes=MAX_HEADER_BYTES, header_timeout_seconds=HEAD_SECONDS,
        write_timeout_seconds=WRITE_SECONDS, max_age_seconds=0.0,
    )  # fmt: skip
    make = limited_protocol(replace(usual, **limits), on_refusal)
    return make(config, state or ServerState(), {}, _loop=timers)  # type: ignore[arg-type]


async def exchange(protocol: LimitedProtocol, data: bytes) -> None:
    """Let `data` arrive, and whatever follows from it."""
    protocol.transport.deliver(data, protocol)
    for _ in range(6):
        await asyncio.sleep(0)
