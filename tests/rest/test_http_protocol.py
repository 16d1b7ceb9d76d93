"""A connection without a socket: what its protocol does with whole requests."""

from __future__ import annotations

import asyncio
import gc

import pytest
import uvicorn
from uvicorn.server import ServerState

from longshore.rest.http_protocol import ConnectionLimits, limited_protocol

IDLE_SECONDS = 5
REQUEST = b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n%b"


class Transport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_closed = False

    def write(self, data) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class Timers:
    """The running loop, whose timers fire only when `pass_seconds` has come to them."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waiting: list[list] = []
        self.create_task = asyncio.get_running_loop().create_task

    def time(self) -> float:
        return self.now

    def call_later(self, seconds, callback):
        timer = [self.now + seconds, callback]
        self.waiting.append(timer)
        return _Handle(self, timer)

    def pass_seconds(self, seconds) -> None:
        self.now += seconds
        for timer in [timer for timer in self.waiting if timer[0] <= self.now]:
            self.waiting.remove(timer)
            timer[1]()


class _Handle:
    def __init__(self, timers, timer) -> None:
        self._timers, self._timer = timers, timer

    def cancel(self) -> None:
        if self._timer in self._timers.waiting:
            self._timers.waiting.remove(self._timer)


async def echo(scope, receive, send) -> None:
    connection = scope["connection"]
    body = connection.take_body(scope)
    if body is None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
    length = b"%d" % len(body)
    if connection.respond(scope, 200, b"content-length: %b\r\n" % length, body):
        return
    headers = [(b"content-length", length)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def connection():
    config = uvicorn.Config(
        echo, http="httptools", ws="none", lifespan="off", log_config=None,
        access_log=False, timeout_keep_alive=IDLE_SECONDS,
    )  # fmt: skip
    limits = ConnectionLimits(
        max_connections=10, max_header_bytes=65536, header_timeout_seconds=60.0,
        write_timeout_seconds=60.0, max_age_seconds=0.0,
    )  # fmt: skip
    timers, transport = Timers(), Transport()
    protocol = limited_protocol(limits)(config, ServerState(), {}, _loop=timers)
    protocol.connection_made(transport)
    return protocol, transport, timers


async def exchange(protocol, data) -> None:
    protocol.data_received(data)
    for _ in range(6):
        await asyncio.sleep(0)


async def test_a_connection_is_closed_once_idle_since_its_last_answer(connection):
    protocol, transport, timers = connection
    for _ in range(3):
        await exchange(protocol, REQUEST % b"ab")
        timers.pass_seconds(IDLE_SECONDS - 1)
        assert not transport.is_closed
    timers.pass_seconds(2)
    assert transport.is_closed


async def test_answers_share_one_timer(connection):
    protocol, _, timers = connection
    for _ in range(10):
        await exchange(protocol, REQUEST % b"ab")
    assert len(timers.waiting) == 1


async def test_a_request_on_its_way_is_not_idle(connection):
    protocol, transport, timers = connection
    await exchange(protocol, REQUEST % b"ab")
    await exchange(protocol, (REQUEST % b"cd")[:-1])
    timers.pass_seconds(IDLE_SECONDS + 1)
    assert not transport.is_closed
    await exchange(protocol, b"d")
    assert transport.written.count(b"200 OK") == 2
    timers.pass_seconds(IDLE_SECONDS)
    assert transport.is_closed


async def test_requests_sent_together_are_answered_in_their_order(connection):
    protocol, transport, _ = connection
    await exchange(protocol, b"".join(REQUEST % body for body in (b"ab", b"cd", b"ef")))
    bodies = [answer[-2:] for answer in transport.written.split(b"HTTP/1.1 200 OK")[1:]]
    assert bodies == [b"ab", b"cd", b"ef"]


async def test_nothing_of_a_request_is_left_to_the_garbage_collector(connection):
    protocol, _, _ = connection
    await exchange(protocol, REQUEST % b"ab")
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            await exchange(protocol, REQUEST % b"ab")
        assert gc.collect() == 0
    finally:
        gc.enable()
