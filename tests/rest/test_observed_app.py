"""The observed application on a connection: what is told is what was sent and read."""

from __future__ import annotations

import asyncio
import gc

import pytest

from longshore.rest.boundary import ErrorBoundary
from longshore.rest.observation.observed_app import ObservedApp
from longshore.rest.responses import Answer, send_answer
from tests.rest.connection import REQUEST, Echo, Timers, Transport, exchange, make_protocol
from tests.rest.observed import LoggedRequests


class Connected:
    """A connection to `app`, observed."""

    def __init__(self, app, logged: LoggedRequests, **limits) -> None:
        observer = logged.observer
        self.transport = Transport()
        self.protocol = make_protocol(
            ObservedApp(app, observer), Timers(), on_refusal=observer.note_refusal, **limits
        )
        self.protocol.connection_made(self.transport)

    async def send(self, data: bytes) -> None:
        await exchange(self.protocol, data)


@pytest.fixture
async def logged(metrics, clock):
    return LoggedRequests(metrics, clock)


async def test_bytes_are_those_of_the_bodies(logged):
    connected = Connected(Echo(repeat=3), logged)
    await connected.send(REQUEST % b"ab")
    (line,) = await logged.lines()

    assert (line["status"], line["bytes_in"], line["bytes_out"]) == (200, 2, 6)
    assert connected.transport.writes == 1


async def test_a_body_that_comes_in_pieces_is_counted_whole(logged):
    connected = Connected(Echo(), logged)
    await connected.send(b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 200000\r\n\r\n")
    for _ in range(4):
        await connected.send(b"x" * 50_000)
    (line,) = await logged.lines()

    assert (line["bytes_in"], line["bytes_out"]) == (200_000, 200_000)


async def test_an_answer_by_asgis_messages_is_told_alike(logged):
    async def app(scope, receive, send):
        await send_answer(scope, send, Answer(b"{}", 200))

    boundary = ErrorBoundary(app, must_close=lambda at: True)
    connected = Connected(boundary, logged)
    await connected.send(b"GET /v2 HTTP/1.1\r\nHost: h\r\n\r\n")
    (line,) = await logged.lines()

    assert b"connection: close" in connected.transport.written
    assert (line["status"], line["bytes_out"]) == (200, 2)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"rubbish\r\n\r\n", {"status": 400}),
        (b"GET /a?b HTTP/1.1\r\n\r\n", {"status": 400, "method": "GET", "path": "/a"}),
        (b"POST /a HTTP/1.1\r\nHost: h\r\nA: " + b"b" * 70_000,
         {"status": 431, "method": "POST", "path": "/a"}),
    ],
    ids=["no HTTP", "no host", "a head too large"],
)  # fmt: skip
async def test_what_never_reaches_the_application_has_its_line(logged, data, told):
    connected = Connected(Echo(), logged)
    await connected.send(data)
    (line,) = await logged.lines()

    body = connected.transport.written.partition(b"\r\n\r\n")[2]
    assert line == {**told, "bytes_out": len(body)}


async def test_a_connection_too_many_has_its_line(logged):
    connected = Connected(Echo(), logged, max_connections=0)
    (line,) = await logged.lines()

    assert connected.transport.is_closed
    assert line["status"] == 503


async def test_a_body_that_is_malformed_is_one_request_and_one_line(logged):
    connected = Connected(Echo(), logged)
    await connected.send(b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
    await connected.send(b"no length\r\n")
    connected.protocol.connection_lost(None)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    (line,) = await logged.lines()

    assert (line["method"], line["status"]) == ("POST", 400)
    assert connected.transport.written.startswith(b"HTTP/1.1 400")


async def test_an_answer_that_comes_after_its_client_has_left_is_not_counted_as_sent(logged):
    computed = asyncio.Event()

    async def app(scope, receive, send):
        await computed.wait()
        await send_answer(scope, send, Answer(b"{}", 200))

    connected = Connected(ErrorBoundary(app, must_close=lambda at: False), logged)
    await connected.send(b"GET /v2 HTTP/1.1\r\nHost: h\r\n\r\n")
    connected.protocol.connection_lost(None)
    computed.set()
    for _ in range(4):
        await asyncio.sleep(0)
    (line,) = await logged.lines()

    assert line["status"] == 499
    assert "bytes_out" not in line


async def test_nothing_of_an_observed_request_is_left_to_the_garbage_collector(logged):
    connected = Connected(Echo(), logged)
    await connected.send(REQUEST % b"ab")
    await asyncio.sleep(0)
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            await connected.send(REQUEST % b"ab")
        await asyncio.sleep(0)
        assert gc.collect() == 0
    finally:
        gc.enable()
    assert len(await logged.lines()) == 21
