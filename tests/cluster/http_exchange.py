"""One HTTP/1.1 request and its answer on an asyncio connection: just enough to know its outcome."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

HEADER_LIMIT_BYTES = 65536


class ConnectionBroke(Exception):
    """The connection ended before the answer was whole."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The status and body of a whole answer, and whether the connection may be used again."""

    status: int
    body: bytes
    is_kept_alive: bool


@dataclass(slots=True)
class Connection:
    """One connection, used for one request at a time."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    answers: int = 0

    @classmethod
    async def open(cls, host: str, port: int) -> Connection:
        reader, writer = await asyncio.open_connection(host, port, limit=HEADER_LIMIT_BYTES)
        return cls(reader, writer)

    @property
    def is_usable(self) -> bool:
        """False once the server has closed it, which a client may notice before it sends."""
        return not self.reader.at_eof() and not self.writer.is_closing()

    async def exchange(self, request: bytes) -> Answer:
        """Send a request and read its answer; raises ConnectionBroke or OSError."""
        self.writer.write(request)
        await self.writer.drain()
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
            status, headers = _parse_head(head)
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        except asyncio.IncompleteReadError as error:
            raise ConnectionBroke(f"after {len(error.partial)} bytes of the answer") from error
        self.answers += 1
        return Answer(status, body, headers.get("connection", "").lower() != "close")

    def close(self) -> None:
        self.writer.close()


def post(path: str, body: bytes, *, host: str, is_kept_alive: bool, **headers: str) -> bytes:
    """The bytes of a JSON POST request."""
    connection = "keep-alive" if is_kept_alive else "close"
    more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: {connection}\r\n{more}"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body


def get(path: str, *, host: str) -> bytes:
    """The bytes of a GET request on a connection that is not kept."""
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode("ascii")


def _parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    fields = (line.partition(":") for line in lines if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in fields}
    return int(first.split(" ")[1]), headers
