"""HTTP/1.1 on a connection: uvicorn's httptools protocol, with the limits that it leaves to others.

- A head that takes too long or grows too large ends the connection (slow-loris, huge headers).
- A client that does not read its answers gets no further ones, and is cut off.
- A connection that the server ends while idle lingers: its next request may be on its way.
- Connections grow old, at a jittered age, so that new pods get load from keep-alive clients.
- `scope["connection"]` is the protocol itself: a body piles up in one place and is taken as it is
  (`rest.body`), and a whole answer leaves in one write (`rest.responses`), without ASGI's messages.
  It is no callable made for the request: one that knows its cycle is a circle, for the collector to
  find.
- One timer watches how long a connection is idle, where uvicorn makes one for each answer.
- A request that offers `Upgrade` keeps its body: httptools stops at the end of the head and
  uvicorn drops the rest (Kludex/uvicorn#2722), yet HTTP clients of Java offer h2c by default.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httptools
from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from longshore.protocol.steps import Body
from longshore.rest.responses import SECURITY_HEADERS

Admit = Callable[[int], bool]
"""Told the size of a piece of a body; whether more may be read."""
AGE_JITTER = 0.2
"""Share of the age by which a connection may be closed earlier or later."""
SECURITY_LINES = b"".join([b"%b: %b\r\n" % header for header in SECURITY_HEADERS])
SEPARATE_BYTES = 256 * 1024
"""A body of this size is written on its own: a second call costs less than copying it."""
LINGER_SECONDS = 0.5
"""How long an idle connection outlives the listener, for a request that was sent before the client
could know: answered, with `Connection: close`, instead of reset."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """The bounds of one connection; seconds and bytes."""

    max_connections: int
    max_header_bytes: int
    header_timeout_seconds: float
    write_timeout_seconds: float
    max_age_seconds: float
    """0 lets a connection live for ever."""


class LimitedProtocol(HttpToolsProtocol):
    """One connection under `limits`, which a subclass made by `limited_protocol` carries."""

    limits: ConnectionLimits

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._closes_at = float("inf")
        self._idle_since = 0.0
        self._head_bytes = 0
        self._is_in_head = False
        self._dates: tuple[object, bytes] = (None, b"")
        self._head_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._admit: Admit | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        limits = self.limits
        if len(self.connections) > limits.max_connections:
            self._refuse(503, f"more than {limits.max_connections} connections")
            return
        if limits.max_age_seconds:
            jitter = random.uniform(1 - AGE_JITTER, 1 + AGE_JITTER)
            self._closes_at = self.loop.time() + limits.max_age_seconds * jitter
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_head_timer()
        self._cancel_write_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._is_in_head or self.cycle is None or self.cycle.response_complete:
            self._head_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self._refuse(400, f"invalid HTTP request: {error}")
        if self._is_in_head:
            self._check_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_head = True

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        if self._head_timer is not None:
            self._cancel_head_timer()
        header_map = dict(self.headers)
        refusal = self._check_whole_head(header_map)
        self._head_bytes = 0
        if refusal is not None:
            self._refuse(*refusal)
            return
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]
        scope["header_map"] = header_map
        scope["closes_at"] = self._closes_at
        scope["connection"] = self
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self._admit is None:
            super().on_body(body)
            return
        self.cycle.body += body
        if not self._admit(len(body)):
            self.flow.pause_reading()
            self.cycle.message_event.set()

    def on_message_complete(self) -> None:
        self._admit = None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._watch_idle(self.timeout_keep_alive)

    def timeout_keep_alive_handler(self) -> None:
        """Close when nothing came since the last answer; what came meanwhile moves the time on."""
        self.timeout_keep_alive_task = None
        if self._is_in_head or not self.cycle.response_complete:
            return  # the answer arms it again
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._watch_idle(left)
        else:
            super().timeout_keep_alive_handler()

    def _watch_idle(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(
            seconds, self.timeout_keep_alive_handler
        )

    def shutdown(self) -> None:
        """The listener has closed: end the connection after its answer, or when it stays idle."""
        if self.cycle is None or self.cycle.response_complete:
            self.loop.call_later(LINGER_SECONDS, self._close_idle)
        else:
            self.cycle.keep_alive = False

    def pause_writing(self) -> None:
        super().pause_writing()
        self._cancel_write_timer()
        self._write_timer = self.loop.call_later(
            self.limits.write_timeout_seconds, self.transport.abort
        )

    def resume_writing(self) -> None:
        self._cancel_write_timer()
        super().resume_writing()

    def take_body(self, scope: Scope) -> bytearray | None:
        """The body of the request of `scope`, once and without a copy, when all of it is there;
        what `cycle.receive` does for its first message."""
        cycle = self.cycle
        if cycle.scope is not scope or cycle.more_body or cycle.disconnected:
            return None
        body = cycle.body
        cycle.body = bytearray()
        cycle.message_event.clear()
        return body

    async def pile_up_body(self, scope: Scope, admit: Admit) -> None:
        """Read on until `take_body` gives the body of the request of `scope`, `admit` says no, or
        the client leaves.

        uvicorn would stop reading at every 64 KiB until the application has fetched them, send it a
        message for each piece, and copy each twice.
        """
        cycle = self.cycle
        if cycle.scope is not scope or not cycle.more_body or cycle.disconnected:
            return
        if cycle.waiting_for_100_continue and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            cycle.waiting_for_100_continue = False
        if not admit(len(cycle.body)):
            return
        cycle.message_event.clear()
        self._admit = admit
        self.flow.resume_reading()
        try:
            await cycle.message_event.wait()
        finally:
            self._admit = None

    def respond(self, scope: Scope, status: int, headers: bytes, body: Body) -> bool:
        """Send a whole answer; does what `cycle.send` does for its start and its only body.

        `headers` are complete lines, ended by CRLF each, and none of them `connection`. False when
        `cycle.send` has to do it: the client must first read what it was sent before, or has sent
        its next request already.
        """
        cycle = self.cycle
        if cycle.scope is not scope or self.flow.write_paused:
            return False
        if cycle.disconnected or cycle.response_complete:
            return True
        closing = b"" if cycle.keep_alive else b"connection: close\r\n"
        date = self._date_lines(cycle.default_headers)
        if len(body) < SEPARATE_BYTES:
            whole = (STATUS_LINE[status], date, headers, closing, b"\r\n", body)
            self.transport.write(b"".join(whole))
        else:
            self.transport.write(b"".join((STATUS_LINE[status], date, headers, closing, b"\r\n")))
            self.transport.write(body)
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        cycle.message_event.set()
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()
        return True

    def _date_lines(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        """uvicorn's own headers as lines; it makes a new list of them once a second."""
        if self._dates[0] is not headers:
            self._dates = (headers, b"".join([b"%b: %b\r\n" % header for header in headers]))
        return self._dates[1]

    def _close_idle(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False
        elif not self._is_in_head:
            self.transport.close()

    def _check_whole_head(self, header_map: dict[bytes, bytes]) -> tuple[int, str] | None:
        """Why a head that arrived whole is refused (RFC 9112, section 3.2: `Host`), or `None`."""
        limit = self.limits.max_header_bytes
        if self._head_bytes > limit:
            size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
            if size > limit:
                return 431, f"the head exceeds {limit} bytes"
        if b"host" not in header_map and self.parser.get_http_version() == "1.1":
            return 400, "the request has no Host header"
        return None

    def _check_head(self) -> None:
        if self._head_bytes > self.limits.max_header_bytes:
            self._refuse(431, f"the head exceeds {self.limits.max_header_bytes} bytes")
        elif self._head_timer is None:
            self._expect_head()

    def _expect_head(self) -> None:
        self._head_timer = self.loop.call_later(
            self.limits.header_timeout_seconds, self._head_timed_out
        )

    def _head_timed_out(self) -> None:
        self._head_timer = None
        if self._is_in_head:
            self._refuse(408, "the head of the request took too long")
        elif self.cycle is None:
            self.transport.close()

    def _cancel_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _cancel_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _refuse(self, status: int, message: str) -> None:
        """Answer before any endpoint is reached, and close."""
        self._is_in_head = False
        body = b'{"error":"%s"}' % message.replace('"', "'").encode()
        head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n"
        lines = (STATUS_LINE[status], head % len(body), SECURITY_LINES, b"\r\n", body)
        self.transport.write(b"".join(lines))
        self.transport.close()

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Go on as if no upgrade had been offered: `rest` is the body, or the next request."""
        framing = [
            name + b": " + value
            for name, value in self.headers
            if name in (b"content-length", b"transfer-encoding")
        ]
        callbacks = _LateCallbacks(self)
        self.parser = httptools.HttpRequestParser(callbacks)
        if framing:
            self.cycle.more_body = True
            self.cycle.message_event.clear()
            self.parser.feed_data(b"\r\n".join([b"POST / HTTP/1.1", *framing, b"", b""]))
        callbacks.are_heard = True
        if rest:
            self.data_received(rest)


class _LateCallbacks:
    """The parser's callbacks of `protocol`, unheard while the parser is told how a body is framed
    whose head was parsed before."""

    def __init__(self, protocol: LimitedProtocol) -> None:
        self._protocol = protocol
        self.are_heard = False

    def __getattr__(self, name: str) -> Callable[..., None]:
        callback = getattr(self._protocol, name)

        def late(*arguments: bytes) -> None:
            if self.are_heard:
                callback(*arguments)

        return late


def limited_protocol(limits: ConnectionLimits) -> type[LimitedProtocol]:
    """The protocol class that uvicorn is to instantiate for each connection."""
    return type("ConfiguredProtocol", (LimitedProtocol,), {"limits": limits})
