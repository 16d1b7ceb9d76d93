"""Reading a request's body: bounded in size, in time, and in what it decompresses to."""

from __future__ import annotations

import asyncio
import re
import zlib

from starlette.types import Receive, Scope

from longshore.errors import (
    BodyTimeout,
    InvalidRequest,
    PayloadTooLarge,
    QueueFull,
    RequestCancelled,
    UnsupportedEncoding,
)
from longshore.protocol.steps import Body

ENCODINGS = {
    b"gzip": 16 + zlib.MAX_WBITS,
    b"x-gzip": 16 + zlib.MAX_WBITS,
    b"deflate": zlib.MAX_WBITS,
}
"""zlib's window bits by content coding (RFC 9110, section 8.4.1)."""
MOST_LARGEST_BODIES = 4
"""Bodies of the largest size that may be arriving at once; small ones count by their bytes."""
PILED_BYTES = 4 * 1024 * 1024
"""Read without a stop, which holds up the others for some milliseconds; the rest of a longer body
comes piece by piece, with a turn for everybody in between."""
SMALL_BYTES = 4096
"""Decompressed on the event loop: even a bomb of this size is done in milliseconds."""


class BodyReader:
    """Reads bodies within the limits of the settings."""

    def __init__(self, *, max_bytes: int, timeout_seconds: float) -> None:
        self._max_bytes = max_bytes
        self._timeout_seconds = timeout_seconds
        self._arriving_bytes = 0
        """Of bodies that are not whole yet, all clients together."""

    def refuse_if_too_large(self, headers: dict[bytes, bytes]) -> None:
        """Raise before anything is read when the declared length is over the limit.

        Raises:
            PayloadTooLarge: it is.
        """
        declared = headers.get(b"content-length")
        if declared is not None and int(declared) > self._max_bytes:
            raise self._too_large(f"{int(declared)} bytes")

    def take_whole(self, scope: Scope) -> Body | None:
        """The body when all of it is there already and is not compressed, without ASGI's messages;
        `None` where it must be read.

        Raises:
            PayloadTooLarge: it is larger than allowed.
        """
        connection = scope.get("connection")
        if connection is None or b"content-encoding" in scope["header_map"]:
            return None
        body: Body | None = connection.take_body(scope)
        if body is not None and len(body) > self._max_bytes:
            raise self._too_large(f"{len(body)} bytes")
        return body

    async def read(self, scope: Scope, receive: Receive) -> Body:
        """The whole body, decompressed.

        Raises:
            PayloadTooLarge: it is larger than allowed, before or after decompression.
            BodyTimeout: the client is too slow.
            QueueFull: too much is arriving from all clients together.
            RequestCancelled: the client left.
            UnsupportedEncoding: a `Content-Encoding` other than gzip, deflate or identity.
            InvalidRequest: the compressed data is broken.
        """
        try:
            async with asyncio.timeout(self._timeout_seconds):
                body = await self._pile_up(scope)
                if body is None:
                    body = await self._receive(receive)
        except TimeoutError:
            raise BodyTimeout(
                f"the body did not arrive within {self._timeout_seconds:g} s"
            ) from None
        encoding = scope["header_map"].get(b"content-encoding")
        if encoding is None:
            return body
        if len(body) < SMALL_BYTES:
            return self._decompress(body, encoding.strip().lower())
        return await asyncio.to_thread(self._decompress, body, encoding.strip().lower())

    async def _pile_up(self, scope: Scope) -> Body | None:
        """The body, where the connection can let it pile up; `None` where it, or the rest of it,
        has to be received, which also tells what is wrong with it.
        """
        connection = scope.get("connection")
        if connection is None:
            return None
        arrived = 0

        def admit(size: int) -> bool:
            nonlocal arrived
            arrived += size
            self._arriving_bytes += size
            return arrived <= min(self._max_bytes, PILED_BYTES) and not self._is_flooded()

        try:
            await connection.collect_body(scope, admit)
            body: bytearray | None = connection.take_body(scope)
            if body is not None:
                self._check_size(body)
            return body
        finally:
            self._arriving_bytes -= arrived

    async def _receive(self, receive: Receive) -> Body:
        """Grows what it has: joining 100 MB at once would hold up every other client."""
        body = bytearray()
        try:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise RequestCancelled("the client left before its body had arrived")
                body += message["body"]
                self._arriving_bytes += len(message["body"])
                self._check_size(body)
                if not message["more_body"]:
                    return body
        finally:
            self._arriving_bytes -= len(body)

    def _check_size(self, body: bytearray) -> None:
        if len(body) > self._max_bytes:
            raise self._too_large("more")
        if self._is_flooded():
            raise QueueFull(
                f"the bodies that are arriving have {self._arriving_bytes} bytes",
                reason="arriving_bodies",
            )

    def _is_flooded(self) -> bool:
        return self._arriving_bytes > MOST_LARGEST_BODIES * self._max_bytes

    def _decompress(self, body: Body, encoding: bytes) -> Body:
        if encoding in (b"identity", b""):
            return body
        window_bits = ENCODINGS.get(encoding)
        if window_bits is None:
            raise UnsupportedEncoding(
                f"Content-Encoding '{encoding.decode('latin-1')}' is not one of gzip, deflate"
            )
        decompressor = zlib.decompressobj(window_bits)
        try:
            data = decompressor.decompress(body, self._max_bytes + 1)
        except zlib.error as error:
            raise InvalidRequest(f"the {encoding.decode()} body is broken: {error}") from None
        if len(data) > self._max_bytes:
            raise self._too_large("more after decompression")
        if not decompressor.eof:
            raise InvalidRequest(f"the {encoding.decode()} body is truncated")
        if decompressor.unused_data:  # a second member, or anything: dropping it would be silent
            size = len(decompressor.unused_data)
            raise InvalidRequest(f"{size} bytes follow the end of the {encoding.decode()} data")
        return data

    def _too_large(self, found: str) -> PayloadTooLarge:
        return PayloadTooLarge(f"the body has {found}; at most {self._max_bytes} are allowed")


def compress(body: Body, accepted: bytes) -> tuple[bytes, bytes] | None:
    """`body` in a coding that `Accept-Encoding` names, and the coding; `None` to send it as it is.

    Only gzip and deflate, and only when they are named: `*` is no wish for compression.
    """
    for item in accepted.split(b","):
        coding, _, weight = item.partition(b";")
        coding = coding.strip().lower()
        if coding in (b"gzip", b"deflate") and not _REFUSED.match(weight):
            compressor = zlib.compressobj(level=1, wbits=ENCODINGS[coding])
            return compressor.compress(body) + compressor.flush(), coding
    return None


_REFUSED = re.compile(rb"\s*q=0(\.0*)?\s*$")
"""A weight of 0 (RFC 9110, section 12.4.2)."""
