"""Real sockets on timers of the test's own: who is cut off for not reading."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager

import pytest

from longshore.rest.write_watch import LOOKS
from tests.rest.connection import IDLE_SECONDS, REQUEST, WRITE_SECONDS, Echo, Timers, make_protocol

LOOK_SECONDS = WRITE_SECONDS / LOOKS
GRACE_SECONDS = 5 * WRITE_SECONDS
"""The kernel probes a closed window on a clock of its own, and may bring some bytes more across."""
ANSWER_BYTES = 12_000_000


class Served:
    """A client with a small receive buffer, and the connection that serves it."""

    def __init__(self, client: socket.socket, timers: Timers) -> None:
        self.client = client
        self.timers = timers

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.client, data)
        await settle()

    async def read(self, size: int) -> int:
        left = size
        while left:
            piece = await asyncio.get_running_loop().sock_recv(self.client, min(left, 65536))
            if not piece:
                break
            left -= len(piece)
        await settle()
        return size - left

    async def is_reset(self, within_seconds: float) -> bool:
        """Whether the server resets the connection while these seconds pass."""
        until = self.timers.now + within_seconds
        while self.timers.now < until:
            self.timers.pass_seconds(LOOK_SECONDS)
            await settle()
            if self.client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                return True
        return False


async def settle() -> None:
    """Let the event loop run, and the kernel do its part meanwhile."""
    for _ in range(20):
        await asyncio.sleep(0.001)


@asynccontextmanager
async def served(app: Echo, *, send_buffer: int | None = None):
    loop, timers = asyncio.get_running_loop(), Timers()
    server = await loop.create_server(lambda: make_protocol(app, timers), "127.0.0.1", 0)
    if send_buffer is not None:
        server.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        await loop.sock_connect(client, server.sockets[0].getsockname())
        await settle()
        try:
            yield Served(client, timers)
        finally:
            server.close()
    await settle()
    await server.wait_closed()


async def test_a_steady_slow_reader_gets_all_of_its_answer():
    async with served(Echo(repeat=ANSWER_BYTES // 2)) as connection:
        await connection.send(REQUEST % b"ab")
        arrived = 0
        for _ in range(6):
            arrived += await connection.read(ANSWER_BYTES // 6)
            connection.timers.pass_seconds(WRITE_SECONDS * 0.9)
        arrived += await connection.read(ANSWER_BYTES // 6)

        assert arrived > ANSWER_BYTES


async def test_a_client_that_stops_reading_is_cut_off():
    async with served(Echo(repeat=ANSWER_BYTES // 2)) as connection:
        await connection.send(REQUEST % b"ab")
        await connection.read(ANSWER_BYTES // 2)

        assert await connection.is_reset(within_seconds=GRACE_SECONDS)


async def test_a_client_that_sends_on_and_never_reads_is_cut_off():
    async with served(Echo(repeat=200)) as connection:
        await connection.send(149 * (REQUEST % b"ab"))
        with pytest.raises(OSError, match=r"reset|Broken pipe"):
            await send_for_ever(connection)

        assert WRITE_SECONDS <= connection.timers.now < GRACE_SECONDS


async def send_for_ever(connection: Served) -> None:
    while connection.timers.now < GRACE_SECONDS:
        connection.timers.pass_seconds(LOOK_SECONDS)
        await settle()
        await connection.send(REQUEST % b"ab")


async def test_a_connection_that_is_closed_does_not_wait_for_a_client_that_never_reads():
    closing = (REQUEST % b"ab").replace(b"Host", b"Connection: close\r\nHost")
    async with served(Echo(repeat=25_000), send_buffer=4096) as connection:
        await connection.send(closing)

        assert await connection.is_reset(within_seconds=GRACE_SECONDS)


async def test_a_client_that_has_read_everything_may_be_silent():
    async with served(Echo(repeat=500_000)) as connection:
        await connection.send(REQUEST % b"ab")
        await connection.read(1_000_000)

        assert not await connection.is_reset(within_seconds=IDLE_SECONDS - LOOK_SECONDS)
