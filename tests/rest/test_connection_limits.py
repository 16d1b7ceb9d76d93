"""The bounds of one connection, on timers of the test's own."""

from __future__ import annotations

import asyncio
import random

import pytest
from uvicorn.server import ServerState

from tests.rest.connection import (
    HEAD_SECONDS,
    IDLE_SECONDS,
    MAX_HEADER_BYTES,
    REQUEST,
    Echo,
    Timers,
    Transport,
    exchange,
    make_protocol,
)


class Opened:
    """A connection to `app`, under `limits`."""

    def __init__(self, app=None, *, state: ServerState | None = None, **limits) -> None:
        self.timers, self.transport = Timers(), Transport()
        self.protocol = make_protocol(app or Echo(), self.timers, state=state, **limits)
        self.protocol.connection_made(self.transport)

    async def send(self, data: bytes) -> None:
        await exchange(self.protocol, data)

    @property
    def statuses(self) -> list[int]:
        lines = self.transport.written.split(b"HTTP/1.1 ")[1:]
        return [int(line[:3]) for line in lines]


async def test_one_connection_more_than_allowed_is_refused():
    state = ServerState()
    opened = [Opened(state=state, max_connections=2) for _ in range(3)]
    for connection in opened[:2]:
        await connection.send(REQUEST % b"ab")

    assert [connection.statuses for connection in opened] == [[200], [200], [503]]
    assert [connection.transport.is_closed for connection in opened] == [False, False, True]


async def test_what_a_refused_connection_sends_is_not_looked_at():
    state = ServerState()
    _, refused = [Opened(state=state, max_connections=1) for _ in range(2)]
    await refused.send(REQUEST % b"ab")

    assert refused.statuses == [503]


async def test_connections_grow_old_at_different_ages(monkeypatch):
    bounds = []
    monkeypatch.setattr(random, "uniform", lambda *given: bounds.append(given) or 1.0)
    seen = []

    async def app(scope, receive, send) -> None:
        seen.append(scope["closes_at"])

    for max_age in (100.0, 0.0):
        await Opened(app, max_age_seconds=max_age).send(REQUEST % b"ab")

    assert bounds == [(0.8, 1.2)]
    assert seen == [100.0, float("inf")]


def head_of(size: int, ends: bool = True) -> bytes:
    """A head of `size` bytes."""
    begin, end = b"GET /x HTTP/1.1\r\nHost: h\r\nX: ", b"\r\n\r\n" if ends else b""
    return begin + b"x" * (size - len(begin) - len(end)) + end


@pytest.mark.parametrize("before", [0, 1, 2], ids="the request {}".format)
@pytest.mark.parametrize(("more", "statuses"), [(0, []), (1, [431])])
async def test_a_head_that_goes_on_has_a_largest_size(before, more, statuses):
    connection = Opened()
    for _ in range(before):
        await connection.send(REQUEST % b"ab")
    await connection.send(head_of(MAX_HEADER_BYTES + more, ends=False))

    assert connection.statuses == [200] * before + statuses


@pytest.mark.parametrize(("more", "status"), [(0, 200), (1, 431)])
async def test_a_head_that_comes_whole_counts_without_its_line_ends(more, status):
    """URL, names and values: what is sent with the head may be a body, or the next request."""
    size = len("/x") + len("Host" + "h") + len("X")
    value = b"x" * (MAX_HEADER_BYTES - size + more)
    connection = Opened()
    await connection.send(b"GET /x HTTP/1.1\r\nHost: h\r\nX: %b\r\n\r\n" % value)

    assert connection.statuses == [status]
    assert connection.transport.is_closed is (status != 200)


async def test_a_body_behind_a_short_head_is_no_head():
    connection = Opened()
    body = b"x" * (2 * MAX_HEADER_BYTES)
    await connection.send(
        b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    )

    assert connection.statuses == [200]


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /x HTTP/1.1\r\n\r\n", 400),
        (b"GET /x HTTP/1.0\r\n\r\n", 200),
        (b"GET /x HTTP/1.0\r\nHost: h\r\n\r\n", 200),
        (b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n", 200),
    ],
)
async def test_a_host_is_named_since_http_1_1(head, status):
    connection = Opened()
    await connection.send(head)

    assert connection.statuses == [status]


async def test_what_is_no_http_is_refused_once():
    connection = Opened()
    await connection.send(b"\x00\x01\r\n\r\n")
    connection.timers.pass_seconds(HEAD_SECONDS + 1)
    await connection.send(REQUEST % b"ab")

    assert connection.statuses == [400]
    assert connection.transport.is_closed


@pytest.mark.parametrize("before", [0, 1], ids=["the first", "a later one"])
async def test_a_head_has_to_come_in_time(before):
    connection = Opened()
    for _ in range(before):
        await connection.send(REQUEST % b"ab")
    await connection.send(b"GET /x HTTP/1.1\r\n")
    connection.timers.pass_seconds(HEAD_SECONDS - 1)
    assert not connection.transport.is_closed
    connection.timers.pass_seconds(2)

    assert connection.statuses == [200] * before + [408]
    assert connection.transport.is_closed


async def test_a_connection_without_a_request_is_closed_in_silence():
    connection = Opened()
    connection.timers.pass_seconds(HEAD_SECONDS + 1)

    assert connection.transport.is_closed
    assert connection.transport.written == b""


async def test_a_request_that_is_being_answered_is_not_out_of_time():
    answered = asyncio.Event()

    async def app(scope, receive, send) -> None:
        await answered.wait()
        scope["connection"].respond(scope, 200, b"content-length: 0\r\n", b"")

    connection = Opened(app)
    await connection.send(REQUEST % b"ab")
    connection.timers.pass_seconds(HEAD_SECONDS + 1)
    answered.set()
    await connection.send(b"")

    assert connection.statuses == [200]
    assert not connection.transport.is_closed


async def test_a_connection_is_idle_from_its_last_answer_on_to_the_second():
    connection = Opened()
    await connection.send(REQUEST % b"ab")
    connection.timers.pass_seconds(0.5)
    await connection.send(REQUEST % b"ab")
    connection.timers.pass_seconds(IDLE_SECONDS - 0.1)
    assert not connection.transport.is_closed
    connection.timers.pass_seconds(0.1)

    assert connection.transport.is_closed


@pytest.mark.parametrize("before", [0, 1], ids=["new", "used"])
async def test_an_idle_connection_lingers_for_half_a_second_at_the_end(before):
    connection = Opened()
    for _ in range(before):
        await connection.send(REQUEST % b"ab")
    connection.protocol.shutdown()
    connection.timers.pass_seconds(0.4)
    assert not connection.transport.is_closed
    connection.timers.pass_seconds(0.2)

    assert connection.transport.is_closed


@pytest.mark.parametrize("is_late", [False, True], ids=["before the end", "while it lingers"])
async def test_a_request_at_the_end_is_answered_and_told_so(is_late):
    connection = Opened()
    if is_late:
        connection.protocol.shutdown()
    await connection.send((REQUEST % b"ab")[:-1])
    if not is_late:
        connection.protocol.shutdown()
    connection.timers.pass_seconds(0.6)
    assert not connection.transport.is_closed
    await connection.send(b"b")

    assert connection.statuses == [200]
    assert b"connection: close\r\n" in connection.transport.written
    assert connection.transport.is_closed


async def test_a_head_that_has_begun_at_the_end_may_come_whole():
    connection = Opened()
    connection.protocol.shutdown()
    await connection.send(REQUEST[:20])
    connection.timers.pass_seconds(0.6)
    assert not connection.transport.is_closed
    await connection.send((REQUEST % b"ab")[20:])

    assert connection.statuses == [200]


@pytest.mark.parametrize(("size", "writes"), [(256 * 1024 - 2, 1), (256 * 1024, 2)])
async def test_a_large_answer_is_not_copied_behind_its_head(size, writes):
    connection = Opened(Echo(repeat=size // 2))
    await connection.send(REQUEST % b"ab")

    assert connection.transport.writes == writes
    assert len(connection.transport.written.partition(b"\r\n\r\n")[2]) == size


async def test_answers_are_counted_and_carry_the_headers_of_all():
    state = ServerState()
    connection = Opened(state=state)
    for date in (b"today", b"tomorrow"):
        state.default_headers = [(b"date", date)]
        await connection.send(REQUEST % b"ab")

    assert state.total_requests == 2
    answers = connection.transport.written.split(b"HTTP/1.1 ")[1:]
    assert [answer.count(b"date: ") for answer in answers] == [1, 1]
    assert b"date: today\r\n" in answers[0]
    assert b"date: tomorrow\r\n" in answers[1]


async def test_a_request_is_answered_once():
    connection = Opened()
    await connection.send(REQUEST % b"ab")
    scope = connection.protocol.cycle.scope

    assert connection.protocol.respond(scope, 200, b"", b"")
    assert connection.statuses == [200]


EXPECTING = b"POST /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 200000\r\n\r\n"


async def test_a_client_is_told_to_go_on_once(monkeypatch):
    monkeypatch.setattr("longshore.rest.body.COLLECTED_BYTES", 50_000)
    connection = Opened()
    await connection.send(EXPECTING)
    for _ in range(20):
        await connection.send(b"x" * 10_000)

    assert connection.statuses == [100, 200]


async def test_a_client_that_was_answered_is_not_told_to_go_on():
    async def app(scope, receive, send) -> None:
        scope["connection"].respond(scope, 413, b"content-length: 0\r\n", b"")
        await receive()

    connection = Opened(app)
    await connection.send(EXPECTING)

    assert connection.statuses == [413]
