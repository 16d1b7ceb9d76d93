"""The application of the inference port, with a record of each request.

It stands around the whole application and is there only when something is to be told of requests:
without, no request passes through it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from longshore.protocol.steps import Body
from longshore.rest.access import OPEN_PATHS
from longshore.rest.observation.observer import Observer
from longshore.rest.observation.record import CLIENT_LEFT, RequestRecord
from longshore.rest.target import parse_target

Admit = Callable[[int], bool]


class ObservedApp:
    """Gives every request a record in `scope["record"]`, save for the probes."""

    def __init__(self, app: ASGIApp, observer: Observer) -> None:
        self._app = app
        self._observer = observer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        record = self._observer.begin(scope, parse_target(path))
        scope["record"] = record
        connection = scope.get("connection")
        if connection is not None:
            scope["connection"] = ObservedConnection(connection, record)
        is_head = scope["method"] == "HEAD"
        try:
            await self._app(scope, _counting(receive, record), _telling(send, record, is_head))
        except BaseException:  # uvicorn answers, and logs it
            record.status = record.status or 500
            raise
        finally:
            if connection is not None and not record.is_refused and _has_left(connection, scope):
                record.status = CLIENT_LEFT
            self._observer.finish(record, scope)


class ObservedConnection:
    """`rest.http_protocol.LimitedProtocol`, as far as it is `scope["connection"]`."""

    __slots__ = ("_connection", "_record")

    def __init__(self, connection: Any, record: RequestRecord) -> None:
        self._connection = connection
        self._record = record

    def take_body(self, scope: Scope) -> bytearray | None:
        body: bytearray | None = self._connection.take_body(scope)
        if body is not None:
            self._record.bytes_in += len(body)
        return body

    def collect_body(self, scope: Scope, admit: Admit) -> Awaitable[None]:
        collecting: Awaitable[None] = self._connection.collect_body(scope, admit)
        return collecting

    def respond(self, scope: Scope, status: int, headers: bytes, body: Body) -> bool:
        record = self._record
        if record.trace is not None:
            headers += b"%b: %b\r\n" % record.trace.answer_header
        if not self._connection.respond(scope, status, headers, body):
            return False
        _note_answer(record, status, len(body))
        return True


def _counting(receive: Receive, record: RequestRecord) -> Receive:
    async def receive_counted() -> Message:
        message = await receive()
        record.bytes_in += len(message.get("body", b""))
        return message

    return receive_counted


def _telling(send: Send, record: RequestRecord, is_head: bool) -> Send:
    async def send_noted(message: Message) -> None:
        if message["type"] == "http.response.start":
            _note_answer(record, message["status"], 0)
            if record.trace is not None:
                message["headers"] = [*message["headers"], record.trace.answer_header]
        elif not is_head:
            record.bytes_out += len(message.get("body", b""))
        await send(message)

    return send_noted


def _note_answer(record: RequestRecord, status: int, size: int) -> None:
    if not record.is_refused:
        record.status, record.bytes_out = status, size


def _has_left(connection: Any, scope: Scope) -> bool:
    """Whether the client of `scope` closed the connection before the whole answer was sent."""
    cycle = connection.cycle
    return cycle.scope is scope and cycle.disconnected and not cycle.response_complete
