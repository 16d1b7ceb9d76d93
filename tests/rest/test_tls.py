"""Connections that have not shaken hands: how many, how long, and which of them give way."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from types import SimpleNamespace

import pytest
from uvicorn.server import ServerState

from longshore.rest.http_protocol import ConnectionLimits
from longshore.rest.tls import TlsListener

SECONDS = 5.0


def limits(max_connections: int) -> ConnectionLimits:
    return ConnectionLimits(
        max_connections=max_connections, max_header_bytes=8192, header_timeout_seconds=60.0,
        write_timeout_seconds=60.0, max_age_seconds=0.0,
    )  # fmt: skip


class Served:
    """A listener for at most two connections, and clients that never shake hands."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.state = ServerState()
        self.clients: list[socket.socket] = []
        certificate = SimpleNamespace(context=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
        self.listener = TlsListener(
            self.socket, asyncio.Protocol, self.state, certificate, limits(2)
        )

    async def connect(self) -> socket.socket:
        client = socket.socket()
        client.setblocking(False)
        self.clients.append(client)
        before = set(self.state.tasks)
        await asyncio.get_running_loop().sock_connect(client, self.socket.getsockname())
        async with asyncio.timeout(SECONDS):
            while set(self.state.tasks) == before and not await is_closed(client):
                pass
        return client

    async def end(self) -> None:
        self.listener.close()
        for client in self.clients:
            client.close()
        await asyncio.wait_for(self.listener.wait_closed(), SECONDS)
        self.socket.close()


@pytest.fixture
async def served():
    served = Served()
    yield served
    await served.end()


async def is_closed(client: socket.socket) -> bool:
    """Whether the server has closed the connection; a turn of the loop passes."""
    await asyncio.sleep(0.001)
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


async def wait_closed(client: socket.socket) -> None:
    async with asyncio.timeout(SECONDS):
        while not await is_closed(client):
            pass


async def test_the_oldest_handshake_gives_way_to_a_new_one(served):
    first, second, third = [await served.connect() for _ in range(3)]

    await wait_closed(first)
    assert not await is_closed(second)
    assert not await is_closed(third)
    assert len(served.state.tasks) == 2


async def test_where_all_have_shaken_hands_a_new_one_is_closed(served):
    served.state.connections |= {object(), object()}

    await wait_closed(await served.connect())
    assert not served.state.tasks


async def test_connections_and_handshakes_count_together(served):
    served.state.connections.add(object())
    first, second = [await served.connect() for _ in range(2)]

    await wait_closed(first)
    assert not await is_closed(second)


async def test_none_is_taken_after_the_end(served):
    served.listener.close()
    served.listener._listen()
    client = socket.create_connection(served.socket.getsockname())
    client.setblocking(False)
    served.clients.append(client)
    for _ in range(5):
        assert not await is_closed(client)

    assert not served.state.tasks


class Loop:
    """Notes what is asked of it."""

    def __init__(self) -> None:
        self.reading = 0
        self.later: list[float] = []
        self.tasks: list[asyncio.Task] = []

    def add_reader(self, listener, callback) -> None:
        self.reading += 1

    def remove_reader(self, listener) -> None:
        self.reading -= 1

    def call_later(self, seconds, callback) -> None:
        self.later.append((seconds, callback))

    def create_task(self, work) -> asyncio.Task:
        work.close()
        return asyncio.get_running_loop().create_task(asyncio.sleep(0))


class Pile:
    """A listener with connections without end, or with one error for each that is asked for."""

    def __init__(self, error: OSError | None = None) -> None:
        self.taken = 0
        self._error = error

    def accept(self):
        if self._error is not None:
            raise self._error
        self.taken += 1
        return SimpleNamespace(), ("127.0.0.1", 1)


@pytest.fixture
async def accepting(monkeypatch):
    loop = Loop()

    def make(pile: Pile) -> tuple[TlsListener, Loop]:
        certificate = SimpleNamespace(context=None)
        with monkeypatch.context() as patched:
            patched.setattr(asyncio, "get_running_loop", lambda: loop)
            listener = TlsListener(pile, asyncio.Protocol, ServerState(), certificate, limits(1000))
        return listener, loop

    return make


async def test_the_loop_has_a_turn_after_64_connections(accepting):
    pile = Pile()
    listener, _ = accepting(pile)

    listener._accept()

    assert pile.taken == 64


async def test_without_descriptors_there_is_a_pause_before_the_next_try(accepting):
    listener, loop = accepting(Pile(OSError(errno.EMFILE, "too many open files")))
    listener._accept()

    ((seconds, listen_again),) = loop.later
    assert (seconds, loop.reading) == (0.1, 0)
    listen_again()
    assert loop.reading == 1


async def test_a_connection_without_tls_is_closed_and_holds_up_nobody(served):
    client = await served.connect()
    await asyncio.get_running_loop().sock_sendall(client, b"GET / HTTP/1.1\r\n\r\n")

    async with asyncio.timeout(SECONDS):
        while served.state.tasks:
            await asyncio.sleep(0.001)


async def test_what_is_accepted_neither_blocks_nor_waits_for_more(served, monkeypatch):
    seen = []

    async def shake_hands(make_protocol, connection, **options) -> None:
        nodelay = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        seen.append((connection.getblocking(), nodelay, options["ssl_handshake_timeout"]))
        connection.close()

    monkeypatch.setattr(asyncio.get_running_loop(), "connect_accepted_socket", shake_hands)
    client = await served.connect()
    await wait_closed(client)

    assert seen == [(False, 1, 60.0)]
