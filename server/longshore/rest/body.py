"""Reading a request's body: bounded in size, in time, and in what it decompresses to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.types import Receive, Scope

from longshore.errors import BodyTimeout, PayloadTooLarge, RequestCancelled
from longshore.protocol.steps import Body
from longshore.rest.byte_budget import ByteBudget, Share
from longshore.rest.compression import decompress
from longshore.rest.request_head import RequestHead

MOST_LARGEST_BODIES = 4
"""Bodies of the largest size that may be read at once; small ones count by their bytes."""
COLLECTED_BYTES = 4 * 1024 * 1024
"""Read by the connection without a pause, which delays others by some milliseconds; the rest of a
longer body is read in pieces, between which other connections are served."""
SMALL_BYTES = 4096
"""Decompressed on the event loop: of this size even a decompression bomb takes milliseconds."""

MOST_DECOMPRESSING = 2
"""Larger ones at once; further threads would cost more memory than they save time."""
GROWING = 2
"""A body counts this many times while it grows: reallocation may copy it."""


class BodyReader:
    """Reads bodies within the limits of the settings."""

    def __init__(self, *, max_bytes: int, timeout_seconds: float) -> None:
        self._max_bytes = max_bytes
        self._timeout_seconds = timeout_seconds
        self._budget = ByteBudget(MOST_LARGEST_BODIES * max_bytes)
        self._decompressing = asyncio.Semaphore(MOST_DECOMPRESSING)

    def share(self) -> Share:
        """To be held from the first byte of a body that `read` reads until it is decoded."""
        return self._budget.share()

    def refuse_if_too_large(self, head: RequestHead) -> None:
        """Raise before anything is read when the declared length is over the limit.

        Raises:
            PayloadTooLarge: it is.
        """
        if head.content_length > self._max_bytes:
            raise self._too_large(f"has {head.content_length} bytes")

    def take_whole(self, scope: Scope, head: RequestHead) -> Body | None:
        """The body when all of it is there already and is not compressed, without ASGI's messages;
        `None` where it must be read.

        Raises:
            PayloadTooLarge: it is larger than allowed.
        """
        connection = scope.get("connection")
        if connection is None or head.content_coding is not None:
            return None
        body: Body | None = connection.take_body(scope)
        if body is not None and len(body) > self._max_bytes:
            raise self._too_large(f"has {len(body)} bytes")
        return body

    async def read(self, scope: Scope, receive: Receive, head: RequestHead, share: Share) -> Body:
        """The whole body, decompressed; its bytes, as sent and decompressed, are taken of `share`.

        Raises:
            PayloadTooLarge: it is larger than allowed, before or after decompression.
            BodyTimeout: the client is too slow.
            QueueFull: too much is being read from all clients together.
            RequestCancelled: the client disconnected.
            InvalidRequest: the compressed data is broken.
        """
        try:
            async with asyncio.timeout(self._timeout_seconds):
                body = await self._collect(scope, share)
                if body is None:
                    body = await self._receive(receive, share)
        except TimeoutError:
            raise BodyTimeout(
                f"the body did not arrive within {self._timeout_seconds:g} s"
            ) from None
        if head.content_coding is None:
            return body
        take = self._take_decompressed(share)
        if len(body) < SMALL_BYTES:
            data = decompress(body, head.content_coding, take)
        else:
            async with self._decompressing:
                data = await asyncio.to_thread(decompress, body, head.content_coding, take)
        share.give_back((GROWING - 1) * len(data))
        return data

    async def _collect(self, scope: Scope, share: Share) -> Body | None:
        """The body, where the connection can collect it; `None` where it, or the rest of it, has to
        be received, which also raises what is wrong with it.
        """
        connection = scope.get("connection")
        if connection is None:
            return None
        most = min(self._max_bytes, COLLECTED_BYTES)

        def admit(size: int) -> bool:
            return share.fits(size) and share.size <= most

        await connection.collect_body(scope, admit)
        body: bytearray | None = connection.take_body(scope)
        if body is not None:
            self._check_size(len(body))
            self._budget.check()
        return body

    async def _receive(self, receive: Receive, share: Share) -> Body:
        """Appends each piece: joining 100 MB at the end would delay every other client."""
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise RequestCancelled("the client disconnected before its body had arrived")
            body += message["body"]
            self._check_size(len(body))
            share.take(max(0, len(body) - share.size))  # the connection may have collected some
            if not message["more_body"]:
                return body

    def _take_decompressed(self, share: Share) -> Callable[[int], None]:
        total = 0

        def take(size: int) -> None:
            nonlocal total
            total += size
            if total > self._max_bytes:
                raise self._too_large("is too large after decompression")
            share.take(GROWING * size)

        return take

    def _check_size(self, size: int) -> None:
        if size > self._max_bytes:
            raise self._too_large("is too large")

    def _too_large(self, found: str) -> PayloadTooLarge:
        return PayloadTooLarge(f"the body {found}; at most {self._max_bytes} bytes are allowed")
