"""The client against small servers on this event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np

from longshore_k8s.capacity.client import FIRST_CONNECTIONS, NEW_AT_ONCE, Client
from longshore_k8s.capacity.payloads import Payload

REQUEST = Payload(b"{}").request("/infer", "host")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
REFUSED = b"HTTP/1.1 429 Too Many\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"


@asynccontextmanager
async def client(answers) -> AsyncIterator[Client]:
    """Of a server that gives `answers(number)` to its requests: bytes, or None to hang up."""
    count = 0

    async def serve(reader, writer):
        nonlocal count
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                await reader.readexactly(2)
                number, count = count, count + 1
                answer = answers(number)
                if answer is not None:
                    half = len(answer) // 2
                    writer.write(answer[:half])
                    await asyncio.sleep(0)
                    writer.write(answer[half:])
                if answer is None or b"close" in answer:
                    break
        except (asyncio.IncompleteReadError, ConnectionResetError):
            pass
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    own = Client(host, port, [REQUEST])
    try:
        yield own
    finally:
        await own.close()
        server.close()
        await server.wait_closed()


async def test_every_request_is_timed_from_the_moment_at_which_it_was_due():
    async with client(lambda number: OK) as own:
        step = await own.open_load(2000, 200, seed=3, patience=5)

    assert (step.status == 200).all()
    assert (step.latency >= step.lag).all()
    assert (np.diff(step.due) > 0).all()


async def test_the_same_seed_gives_the_same_arrivals():
    async with client(lambda number: OK) as own:
        first = await own.open_load(5000, 50, seed=3, patience=5)
        again = await own.open_load(5000, 50, seed=3, patience=5)
        other = await own.open_load(5000, 50, seed=4, patience=5)

    np.testing.assert_array_equal(first.due, again.due)
    assert not np.array_equal(first.due, other.due)


async def test_refusals_that_close_the_connection_are_counted_and_cost_nothing_else():
    async with client(lambda number: REFUSED if number % 2 else OK) as own:
        step = await own.open_load(2000, 100, seed=1, patience=5)

    assert step.refused == 50
    assert step.lost == 0
    assert int(step.is_answered.sum()) == 50


async def test_a_connection_that_breaks_loses_the_request_that_it_carried():
    async with client(lambda number: None if number == 10 else OK) as own:
        step = await own.open_load(2000, 100, seed=1, patience=5)

    assert step.lost == 1
    assert np.isinf(step.latency[~step.is_answered]).all()


async def test_an_answer_without_a_length_is_lost():
    async with client(lambda number: b"HTTP/1.1 200 OK\r\n\r\n" if not number else OK) as own:
        step = await own.open_load(2000, 20, seed=1, patience=5)

    assert step.lost == 1


async def test_a_closed_load_counts_results():
    async with client(lambda number: OK) as own:
        rate = await own.closed_load(0.2, 4)

    assert rate > 100


class StallingServer:
    """Answers nothing until it has had `connections_awaited` for a quarter of a second."""

    connections_awaited = FIRST_CONNECTIONS + NEW_AT_ONCE

    def __init__(self) -> None:
        self.connections = self.while_stalled = 0
        self._goes_on = asyncio.Event()

    async def serve(self, reader, writer):
        self.connections += 1
        if self.connections == self.connections_awaited:
            asyncio.get_running_loop().call_later(0.25, self._go_on)
        try:
            while await reader.readuntil(b"{}"):
                await self._goes_on.wait()
                writer.write(OK)
        except (asyncio.IncompleteReadError, ConnectionResetError):
            pass
        self.connections -= 1
        writer.close()

    def _go_on(self):
        self.while_stalled = self.connections
        self._goes_on.set()


async def test_a_server_that_stalls_is_not_flooded_with_connections():
    stalling = StallingServer()
    async with await asyncio.start_server(stalling.serve, "127.0.0.1", 0) as server:
        own = Client(*server.sockets[0].getsockname()[:2], [REQUEST])
        step = await own.open_load(2000, 400, seed=1, patience=5)
        await own.close()

    assert step.is_answered.all()
    assert step.latency.max() > 0.1
    assert stalling.while_stalled == FIRST_CONNECTIONS + NEW_AT_ONCE


async def test_each_load_begins_with_as_many_connections_as_the_first():
    stalling = StallingServer()
    async with await asyncio.start_server(stalling.serve, "127.0.0.1", 0) as server:
        own = Client(*server.sockets[0].getsockname()[:2], [REQUEST])
        await own.open_load(2000, 400, seed=1, patience=5)
        more = stalling.connections
        await own.open_load(200, FIRST_CONNECTIONS, seed=1, patience=5)
        remaining = stalling.connections
        await own.close()

    assert more > FIRST_CONNECTIONS
    assert remaining == FIRST_CONNECTIONS
