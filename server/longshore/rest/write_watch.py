"""Disconnecting a client that no longer reads its answers.

Progress is what the client's TCP has acknowledged (`tcpi_bytes_acked` of tcp(7), `TCP_INFO`), so
that bytes in the kernel's send buffer count as unread too: an answer of some kilobytes never fills
the transport's own buffer, and a large one is read steadily while that buffer stays above its
low-water mark.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from typing import NamedTuple

LOOKS = 8
"""Checks within the timeout; a client may be disconnected late by the time between two of them."""
TCP_INFO = struct.Struct("=24xI92xQ16xI")
"""linux/tcp.h, `struct tcp_info`: `tcpi_unacked` (segments), `tcpi_bytes_acked`,
`tcpi_notsent_bytes`."""

RESET = struct.pack("=ii", 1, 0)
"""linux/socket.h, `struct linger`: closing drops what is unsent (socket(7), `SO_LINGER`)."""


class Progress(NamedTuple):
    """Whether bytes are unread, and a number that changes when some of them were read."""

    is_pending: bool
    taken: int


class WriteWatch:
    """Aborts `transport` when bytes are unread and none were read for `timeout_seconds`.

    `start` after a write, where `timer` is `None`; it looks again until nothing is pending.
    """

    _taken: int
    _taken_at: float

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        timeout_seconds: float,
    ) -> None:
        self.timer: asyncio.TimerHandle | None = None
        self._transport = transport
        self._loop = loop
        self._timeout_seconds = timeout_seconds

    def start(self) -> None:
        self._taken = read_progress(self._transport).taken
        self._taken_at = self._loop.time()
        self._look_again(self._timeout_seconds)

    def stop(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def _look_again(self, left_seconds: float) -> None:
        pause = min(left_seconds, self._timeout_seconds / LOOKS)
        self.timer = self._loop.call_later(pause, self._look)

    def _look(self) -> None:
        self.timer = None
        now = self._loop.time()
        progress = read_progress(self._transport)
        if not progress.is_pending:
            return
        if progress.taken != self._taken:
            self._taken, self._taken_at = progress.taken, now
        left = self._taken_at + self._timeout_seconds - now
        if left > 0:
            self._look_again(left)
        else:
            self._cut_off()

    def _cut_off(self) -> None:
        """By a reset: otherwise the kernel would keep the unread bytes, and send them again."""
        connection = self._transport.get_extra_info("socket")
        if connection is not None:
            with suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._transport.abort()


def read_progress(transport: asyncio.Transport) -> Progress:
    """From the kernel where it supports that, else from the transport's own buffer."""
    buffered = transport.get_write_buffer_size()
    connection = transport.get_extra_info("socket")
    if connection is not None:
        try:
            told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO.size)
        except OSError:
            told = b""
        if len(told) == TCP_INFO.size:
            unacknowledged, acknowledged, unsent = TCP_INFO.unpack(told)
            return Progress(bool(unacknowledged or unsent or buffered), acknowledged)
    return Progress(buffered > 0, -buffered)
