"""Passes each request, whole, to the pod that its route leads to, and the answer back as it is."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from tests.cluster.gateway.routes import Routes

HEAD_LIMIT_BYTES = 65536
ANSWER_SECONDS = 30
NO_POD = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
BROKE = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Message:
    """A request or an answer: its bytes, and what of its head is needed."""

    first: str
    data: bytes
    is_last: bool

    @classmethod
    async def read(cls, reader: asyncio.StreamReader) -> Message:
        """Raises IncompleteReadError, with nothing of it where the peer ended between two."""
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        fields = (line.partition(":") for line in lines if line)
        headers = {name.strip().lower(): value.strip().lower() for name, _, value in fields}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        return cls(first, head + body, headers.get("connection") == "close")


@dataclass(frozen=True, slots=True)
class Proxy:
    """Listens on one address."""

    routes: Routes
    address: str
    port: int

    async def serve(self) -> None:
        server = await asyncio.start_server(
            self._connected, self.address, self.port, limit=HEAD_LIMIT_BYTES
        )
        await server.serve_forever()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            is_last = False
            while not is_last:
                request = await Message.read(reader)
                writer.write(await self._answer(request))
                await writer.drain()
                is_last = request.is_last
        except (asyncio.IncompleteReadError, OSError):
            pass  # the client has ended
        finally:
            writer.close()

    async def _answer(self, request: Message) -> bytes:
        backend = self.routes.backend(request.first.split(" ")[1])
        if backend is None:
            return NO_POD
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await _asked(backend, request)
        except (asyncio.IncompleteReadError, OSError):
            return BROKE


async def _asked(backend: tuple[str, int], request: Message) -> bytes:
    """The pod's answer, on a connection of its own."""
    reader, writer = await asyncio.open_connection(*backend, limit=HEAD_LIMIT_BYTES)
    try:
        writer.write(request.data)
        await writer.drain()
        return (await Message.read(reader)).data
    finally:
        writer.close()
