"""A connection without a socket: what its protocol does with whole requests."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from tests.rest.connection import (
    HEAD,
    IDLE_SECONDS,
    MAX_BODY_BYTES,
    REQUEST,
    WRITE_SECONDS,
    Echo,
    Timers,
    Transport,
    exchange,
    make_protocol,
)


@pytest.fixture
async def connection():
    timers, transport = Timers(), Transport()
    protocol = make_protocol(Echo(), timers)
    protocol.connection_made(transport)
    return protocol, transport, timers


async def test_a_connection_is_closed_once_idle_since_its_last_answer(connection):
    protocol, transport, timers = connection
    for _ in range(3):
        await exchange(protocol, REQUEST % b"ab")
        timers.pass_seconds(IDLE_SECONDS - 1)
        assert not transport.is_closed
    timers.pass_seconds(2)
    assert transport.is_closed


async def test_answers_share_two_timers(connection):
    protocol, _, timers = connection
    for _ in range(10):
        await exchange(protocol, REQUEST % b"ab")
    assert len(timers.waiting) == 2
    timers.pass_seconds(WRITE_SECONDS / 2)
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
    return [HEAD % len(body), *(body[begin : begin + size] for begin in range(0, len(body), size))]


async def test_a_long_body_is_collected_without_a_pause(connection):
    protocol, transport, _ = connection
    body = bytes(range(250)) * 1000
    for piece in in_pieces(body):
        await exchange(protocol, piece)
    assert transport.written.endswith(b"\r\n\r\n" + body)
    assert transport.pauses == 0


async def test_the_rest_of_a_huge_body_is_read_with_pauses_so_that_others_have_a_turn(
    connection, monkeypatch
):
    monkeypatch.setattr("longshore.rest.body.COLLECTED_BYTES", 150_000)
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


async def test_a_client_that_disconnects_amid_its_body_ends_the_reading(connection):
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


async def test_nothing_of_a_closed_connection_is_left_to_the_garbage_collector():
    protocol = make_protocol(Echo(), Timers())
    protocol.connection_made(Transport())
    await exchange(protocol, REQUEST % b"ab")
    seen = weakref.ref(protocol)
    gc.disable()
    try:
        protocol.connection_lost(None)
        del protocol
        assert seen() is None
    finally:
        gc.enable()


UPGRADE = b"Host: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
BODIES = {
    "none": (b"", b"", b""),
    "of no bytes": (b"Content-Length: 0\r\n", b"", b""),
    "of two bytes": (b"Content-Length: 2\r\n", b"ab", b"ab"),
    "chunked, empty": (b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n", b""),
    "chunked": (b"Transfer-Encoding: chunked\r\n", b"2\r\nab\r\n0\r\n\r\n", b"ab"),
}


@pytest.mark.parametrize("in_one_piece", [True, False], ids=["one piece", "pieces"])
@pytest.mark.parametrize("body", BODIES)
async def test_an_upgrade_that_is_offered_changes_nothing(connection, body, in_one_piece):
    protocol, transport, timers = connection
    framing, sent, echoed = BODIES[body]
    pieces = [b"POST /x HTTP/1.1\r\n" + UPGRADE + framing + b"\r\n", sent, REQUEST % b"cd"]
    for piece in [b"".join(pieces)] if in_one_piece else filter(None, pieces):
        await exchange(protocol, piece)
    answers = transport.written.split(b"HTTP/1.1 200 OK")[1:]
    assert [answer.partition(b"\r\n\r\n")[2] for answer in answers] == [echoed, b"cd"]
    timers.pass_seconds(IDLE_SECONDS - 1)
    assert not transport.is_closed
