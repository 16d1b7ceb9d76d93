"""One connection of the client: one request at a time, and when its answer was whole."""

from __future__ import annotations

import asyncio
import re
from typing import Protocol, cast

HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
STATUS = slice(9, 12)
"""Of `HTTP/1.1 200 OK`."""


class Owner(Protocol):
    """Who is told what becomes of a connection."""

    def opened(self, connection: Connection) -> None: ...

    def answered(self, connection: Connection, request: int, status: int) -> None:
        """`connection` is free for the next request, or closing."""

    def broke(self, connection: Connection, request: int | None) -> None:
        """It is closed; `request` was under way and has no answer."""


class Connection(asyncio.Protocol):
    """HTTP/1.1 with answers of a stated length, as Longshore sends them."""

    __slots__ = ("_buffer", "_owner", "_request", "_transport", "_whole", "is_closing")

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._request: int | None = None
        self._buffer = b""
        self._whole = 0
        """Bytes of the answer that is arriving, once its head is there."""
        self._transport: asyncio.Transport
        self.is_closing = False

    def send(self, request: int, content: bytes) -> None:
        self._request = request
        self._transport.write(content)

    def abort(self) -> None:
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self._owner.opened(self)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        if not self._whole and not self._read_head(buffer):
            return
        if len(buffer) < self._whole:
            self._buffer = buffer
            return
        status = int(buffer[STATUS])
        request, self._request = self._request, None
        self._buffer, self._whole = b"", 0
        if request is not None:
            self._owner.answered(self, request, status)

    def connection_lost(self, exc: Exception | None) -> None:
        request, self._request = self._request, None
        self._owner.broke(self, request)

    def _read_head(self, buffer: bytes) -> bool:
        """Whether the head is there; an answer without a length ends the connection."""
        end = buffer.find(HEAD_END)
        if end < 0:
            self._buffer = buffer
            return False
        head = buffer[: end + 2]
        length = _LENGTH.search(head)
        if length is None:
            self.abort()
            return False
        self._whole = end + len(HEAD_END) + int(length[1])
        if _CLOSES.search(head):
            self.is_closing = True
        return True
