"""A connection without a socket: what its protocol does with whole requests."""

from __future__ import annotations

import asyncio
import gc

import pytest
import uvicorn
from uvicorn.server import ServerState

from longshore.errors import LongshoreError
from longshore.rest.body import BodyReader
from longshore.rest.http_protocol import ConnectionLimits, limited_protocol

IDLE_SECONDS = 5
MAX_BODY_BYTES = 300_000
REQUEST = b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n%b"


class Transport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_closed = False
        self.pauses = 0

    def write(self, data) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    def pause_reading(self) -> None:
        self.pauses += 1

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


class Echo:
    """Answers what it is sent; remembers the errors that reading met."""

    def __init__(self) -> None:
        self.reader = BodyReader(max_bytes=MAX_BODY_BYTES, timeout_seconds=60.0)
        self.errors: list[str] = []

    async def __call__(self, scope, receive, send) -> None:
        status = 200
        try:
            body = self.reader.take_whole(scope)
            if body is None:
                body = await self.reader.read(scope, receive)
        except LongshoreError as error:
            status, body = error.status, b""
            self.errors.append(type(error).__name__)
        length = b"%d" % len(body)
        headers = b"content-length: %b\r\n" % length
        if scope["connection"].respond(scope, status, headers, body):
            return
        start = {"type": "http.response.start", "status": status}
        await send({**start, "headers": [(b"content-length", length)]})
        await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def connection():
    config = uvicorn.Config(
        Echo(), http="httptools", ws="none", lifespan="off", log_config=None,
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


def in_pieces(body, size=100_000):
    head = b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(body)
    return [head, *(body[begin : begin + size] for begin in range(0, len(body), size))]


async def test_a_long_body_piles_up_without_a_stop(connection):
    protocol, transport, _ = connection
    body = bytes(range(250)) * 1000
    for piece in in_pieces(body):
        await exchange(protocol, piece)
    assert transport.written.endswith(b"\r\n\r\n" + body)
    assert transport.pauses == 0


async def test_the_rest_of_a_huge_body_comes_in_stops_so_that_others_have_a_turn(
    connection, monkeypatch
):
    monkeypatch.setattr("longshore.rest.body.PILED_BYTES", 150_000)
    protocol, transport, _ = connection
    body = bytes(range(250)) * 1200
    for piece in in_pieces(body):
        await exchange(protocol, piece)
    assert transport.written.endswith(b"\r\n\r\n" + body)
    assert transport.pauses == 2


async def test_a_long_body_may_share_its_last_piece_with_the_next_requests(connection):
    protocol, transport, _ = connection
    *pieces, last = in_pieces(b"x" * 250_000)
    for piece in pieces:
        await exchange(protocol, piece)
    await exchange(protocol, last + REQUEST % b"ab" + REQUEST % b"cd")
    answers = transport.written.split(b"HTTP/1.1 200 OK")[1:]
    assert [answer[-2:] for answer in answers] == [b"xx", b"ab", b"cd"]


@pytest.mark.parametrize("end", [b"", b"0\r\n\r\n"], ids=["going on", "at its end"])
async def test_no_more_is_read_of_a_body_that_is_too_long(connection, end):
    protocol, transport, _ = connection
    await exchange(protocol, b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(MAX_BODY_BYTES // 100_000):
        await exchange(protocol, b"186a0\r\n" + b"x" * 100_000 + b"\r\n")
    assert (transport.written, transport.pauses) == (b"", 0)
    await exchange(protocol, b"1\r\nx\r\n" + end)
    assert transport.written.startswith(b"HTTP/1.1 413 ")
    assert transport.pauses == 1


async def test_a_client_that_asks_first_is_told_to_go_on(connection):
    protocol, transport, _ = connection
    head, *pieces = in_pieces(b"x" * 200_000)
    await exchange(protocol, head[:-2] + b"Expect: 100-continue\r\n\r\n")
    assert transport.written == b"HTTP/1.1 100 Continue\r\n\r\n"
    for piece in pieces:
        await exchange(protocol, piece)
    assert b"HTTP/1.1 200 OK" in transport.written


async def test_a_client_that_leaves_amid_its_body_ends_the_reading(connection):
    protocol, transport, _ = connection
    head, piece, *_ = in_pieces(b"x" * 200_000)
    await exchange(protocol, head)
    await exchange(protocol, piece)
    protocol.connection_lost(None)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert protocol.config.app.errors == ["RequestCancelled"]
    assert transport.written == b""


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
