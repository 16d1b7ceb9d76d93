"""A small HTTP/1.1 client on asyncio transports that reports the outcome of each request."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What became of a request that never got a whole answer."""

    REFUSED = "refused"
    """No connection: nothing was sent."""
    LOST = "lost"
    """Sent, and the connection ended without an answer."""
    HUNG = "hung"
    """Sent, and nothing came in time."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[bytes, bytes]
    body: bytes

    @property
    def closes(self) -> bool:
        return self.headers.get(b"connection", b"").lower() == b"close"


class Connection(asyncio.Protocol):
    """One request at a time; `is_open` until either side ends the connection."""

    def __init__(self) -> None:
        self.is_open = False
        self._received = bytearray()
        self._answer: asyncio.Future[Answer | Outcome] | None = None
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def open(cls, port: int, *, timeout_seconds: float = 10.0) -> Connection | Outcome:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout_seconds):
                _, connection = await loop.create_connection(cls, "127.0.0.1", port)
        except (OSError, TimeoutError):
            return Outcome.REFUSED
        return connection

    async def exchange(self, request: bytes, *, timeout_seconds: float) -> Answer | Outcome:
        """Send `request` and wait for its answer."""
        if not self.is_open or self._transport is None:
            return Outcome.REFUSED
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            async with asyncio.timeout(timeout_seconds):
                answer = await self._answer
        except TimeoutError:
            self.close()
            return Outcome.HUNG
        if isinstance(answer, Answer) and answer.closes:
            self.close()
        return answer

    def close(self) -> None:
        self.is_open = False
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        self._received += data
        answer = parse_answer(self._received)
        if answer is not None:
            self._received.clear()
            self._resolve(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        self._resolve(Outcome.LOST)

    def _resolve(self, result: Answer | Outcome) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(result)


def parse_answer(received: bytes | bytearray) -> Answer | None:
    """The answer at the start of `received`, once it is whole; every answer has a length."""
    head, separator, rest = bytes(received).partition(b"\r\n\r\n")
    if not separator:
        return None
    status_line, *lines = head.split(b"\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(b":")
        headers[name.strip().lower()] = value.strip()
    length = int(headers.get(b"content-length", b"0"))
    if len(rest) < length:
        return None
    return Answer(int(status_line.split(b" ")[1]), headers, rest[:length])


def post(path: str, body: bytes, headers: str = "") -> bytes:
    """A POST as bytes; `headers` are further lines, ended by CRLF each."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    )
    return head.encode() + body


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


async def connect_with_small_buffer(port: int) -> socket.socket:
    """A non-blocking client socket whose receive buffer (4 KiB) fills at once when unread."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", port))
    return client


async def ask(port: int, request: bytes, *, timeout_seconds: float = 10.0) -> Answer | Outcome:
    """One request on a connection of its own."""
    connection = await Connection.open(port, timeout_seconds=timeout_seconds)
    if isinstance(connection, Outcome):
        return connection
    try:
        return await connection.exchange(request, timeout_seconds=timeout_seconds)
    finally:
        connection.close()
