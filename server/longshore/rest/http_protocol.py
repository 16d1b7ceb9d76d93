"""HTTP/1.1 on a connection: uvicorn's httptools protocol with limits that it does not have.

- A head that takes too long or grows too large ends the connection (slow-loris, huge headers).
- A client that does not read its answers gets no further ones, and is cut off (`rest.write_watch`).
- An idle connection outlives the listener for a moment: a request may be on its way.
- Connections have a maximum age, with jitter, so that new pods get load from keep-alive clients.
- `scope["connection"]` is the protocol itself: a body is collected in one buffer (`rest.body`), and
  a whole answer is sent in one write (`rest.responses`), without ASGI's messages. A callable made
  for each request would refer to the request's cycle, a reference cycle that only the garbage
  collector could free.
- A request that offers `Upgrade` keeps its body (`rest.upgrade`).
- The rest of a long body is received without the parser (`rest.rest_of_body`).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import httptools
from msgspec import Struct
from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from longshore.protocol.steps import Body
from longshore.rest.connection_timers import HeadTimer, IdleTimer
from longshore.rest.responses import refusal
from longshore.rest.rest_of_body import (
    LEAST_BYTES,
    CollectedRest,
    DiscardedRest,
    RestOfBody,
    left_of_body,
)
from longshore.rest.upgrade import has_body, parser_behind
from longshore.rest.write_watch import WriteWatch

Admit = Callable[[int], bool]
"""Called with the size of each piece of a body; whether more may be read."""
OnRefusal = Callable[["LimitedProtocol", int, str], None]
"""Called with the status and the reason, when a connection has been refused."""
AGE_JITTER = 0.2
"""Share of the age by which a connection may be closed earlier or later."""
SEPARATE_BYTES = 256 * 1024
"""A body of this size is written on its own: a second call costs less than copying it."""
LINGER_SECONDS = 0.5
"""How long an idle connection outlives the listener, for a request that was sent before the client
could know: answered, with `Connection: close`, instead of reset."""


class ConnectionLimits(Struct, frozen=True):
    """The bounds of one connection; seconds and bytes."""

    max_connections: int
    max_header_bytes: int
    header_timeout_seconds: float
    write_timeout_seconds: float
    max_age_seconds: float
    """0 sets no maximum."""


class LimitedProtocol(HttpToolsProtocol):
    """One connection under `limits`, which a subclass made by `limited_protocol` carries."""

    limits: ConnectionLimits
    on_refusal: OnRefusal | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._closes_at = float("inf")
        self._head_bytes = 0
        self._is_in_head = False
        self._common_headers: object = None
        self._common_lines = b""
        self._admit: Admit | None = None
        self._body_bytes = 0
        self._rest: RestOfBody | None = None
        self._head_timer = HeadTimer(self.loop, self.limits.header_timeout_seconds)
        self._idle_timer = IdleTimer(self.loop, self.timeout_keep_alive)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        limits = self.limits
        self._writes = WriteWatch(transport, self.loop, limits.write_timeout_seconds)
        if len(self.connections) > limits.max_connections:
            self._refuse(503, f"more than {limits.max_connections} connections")
            return
        if limits.max_age_seconds:
            jitter = random.uniform(1 - AGE_JITTER, 1 + AGE_JITTER)
            self._closes_at = self.loop.time() + limits.max_age_seconds * jitter
        self._head_timer.start(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_timer.stop()
        self._idle_timer.stop()
        self._writes.stop()
        self._rest = None
        super().connection_lost(exc)
        self._forget_requests()

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
        if self._head_timer.handle is not None:
            self._head_timer.stop()
        header_map = dict(self.headers)
        fault = self._check_whole_head(header_map)
        self._head_bytes = self._body_bytes = 0
        if fault is not None:
            self._refuse(*fault)
            return
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]
        scope["header_map"] = header_map
        scope["closes_at"] = self._closes_at
        scope["connection"] = self
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        if self._admit is None:
            super().on_body(body)
            return
        self.cycle.body += body
        self._continue_if_admitted(len(body))

    def _continue_if_admitted(self, size: int) -> None:
        if self._admit is not None and not self._admit(size):
            self.flow.pause_reading()
            self.cycle.message_event.set()

    def on_message_complete(self) -> None:
        self._admit = None
        super().on_message_complete()

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

    async def collect_body(self, scope: Scope, admit: Admit) -> None:
        """Read on until `take_body` gives the body of the request of `scope`, `admit` returns
        False, or the client disconnects.

        uvicorn would pause reading at every 64 KiB until the application has fetched them, send it
        a message for each piece, and copy each twice.
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
        if (left := left_of_body(self.cycle, self._body_bytes)) >= LEAST_BYTES:
            self._receive_rest(CollectedRest(self, left, cycle.body, self._collected))
        self.flow.resume_reading()
        try:
            await cycle.message_event.wait()
        finally:
            self._admit = None
            if self._rest is not None:
                self._parse_rest()

    def _collected(self, size: int) -> None:
        self._body_bytes += size
        if not left_of_body(self.cycle, self._body_bytes):
            self._parse_rest()
        else:
            self._continue_if_admitted(size)

    def _receive_rest(self, rest: RestOfBody) -> None:
        self._rest = rest
        self.transport.set_protocol(rest)

    def _parse_rest(self) -> None:
        """Read on with a parser, after the body or in the middle of it."""
        rest, self._rest = self._rest, None
        assert rest is not None
        if isinstance(rest, CollectedRest):
            self.cycle.body = rest.body()
        self.parser = parser_behind(rest.framing(), self)
        self.transport.set_protocol(self)
        if not rest.left:
            self.on_message_complete()

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Go on as if no upgrade had been offered: `rest` is the body, or the next request."""
        if has_body(self.headers):
            self.cycle.more_body = True
            self.cycle.message_event.clear()
        self.parser = parser_behind(self.headers, self)
        if rest:
            self.data_received(rest)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_writes()

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

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self._writes.timer is None:
            self._writes.start()
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        if self._idle_timer.handle is None:
            self._idle_timer.start(self)
        else:
            self._idle_timer.since = self.loop.time()
        if (left := left_of_body(self.cycle, self._body_bytes)) >= LEAST_BYTES:
            self._receive_rest(DiscardedRest(self, left, self._parse_rest))

    @property
    def is_idle(self) -> bool:
        """No request is being received or answered."""
        return not self._is_in_head and (self.cycle is None or self.cycle.response_complete)

    def head_timed_out(self) -> None:
        if self._is_in_head:
            self._refuse(408, "the head of the request took too long")
        elif self.cycle is None:
            self.transport.close()

    def shutdown(self) -> None:
        """The listener has closed: end the connection after its answer, or when it stays idle."""
        if self.cycle is None or self.cycle.response_complete:
            self.loop.call_later(LINGER_SECONDS, self._close_idle)
        else:
            self.cycle.keep_alive = False

    def _close_idle(self) -> None:
        if self.is_idle:
            self.transport.close()
        elif not self._is_in_head:
            self.cycle.keep_alive = False

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
        elif self._head_timer.handle is None:
            self._head_timer.start(self)

    def _forget_requests(self) -> None:
        """Their scopes refer to this connection, which only the garbage collector could free."""
        cycles = [cycle for cycle, _ in self.pipeline]
        for cycle in cycles if self.cycle is None else [self.cycle, *cycles]:
            cycle.scope.pop("connection", None)  # type: ignore[typeddict-item]
        self.pipeline.clear()

    def _watch_writes(self) -> None:
        if self._writes.timer is None:
            self._writes.start()

    def _date_lines(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        """uvicorn's own headers as lines; it makes a new list of them once a second."""
        if self._common_headers is not headers:
            self._common_headers = headers
            self._common_lines = b"".join([b"%b: %b\r\n" % header for header in headers])
        return self._common_lines

    def _refuse(self, status: int, message: str) -> None:
        """Answer before any endpoint is reached, and close; what else is wrong is not said."""
        self._is_in_head = False
        if self.transport.is_closing():
            return
        self.transport.write(STATUS_LINE[status] + refusal(message))
        self._watch_writes()
        self.transport.close()
        if self.on_refusal is not None:
            self.on_refusal(self, status, message)


def limited_protocol(
    limits: ConnectionLimits, on_refusal: OnRefusal | None = None
) -> type[LimitedProtocol]:
    """The protocol class that uvicorn is to instantiate for each connection."""
    told = None if on_refusal is None else staticmethod(on_refusal)
    return type("ConfiguredProtocol", (LimitedProtocol,), {"limits": limits, "on_refusal": told})
