"""Answers as bytes; the one place where a `LongshoreError` becomes an HTTP response."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import orjson
from msgspec import Struct
from starlette.types import Scope, Send

from longshore.errors import LongshoreError, MethodNotAllowed, RetryableError, Unauthenticated
from longshore.protocol.messages import EncodedResponse, Headers
from longshore.protocol.steps import Body

JSON_CONTENT = (b"content-type", b"application/json")
CLOSE = (b"connection", b"close")
SECURITY_HEADERS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
]


class Answer(Struct):
    """A whole HTTP answer; `send_answer` adds length, request id and the common headers."""

    body: Body
    status: int
    headers: tuple[tuple[bytes, bytes], ...] = (JSON_CONTENT,)


def json_answer(content: Any, status: int = 200) -> Answer:
    return Answer(orjson.dumps(content), status)


def encoded_answer(response: EncodedResponse) -> Answer:
    return Answer(response.body, 200, tuple(response.headers))


def error_answer(error: LongshoreError) -> Answer:
    """`{"error": "..."}` with the status of its class (Open Inference Protocol, "Errors")."""
    headers = [JSON_CONTENT]
    if isinstance(error, RetryableError):
        seconds = max(1, math.ceil(error.retry_after_seconds))
        headers.append((b"retry-after", str(seconds).encode()))
    if isinstance(error, MethodNotAllowed):
        headers.append((b"allow", ", ".join(error.allowed).encode()))
    if isinstance(error, Unauthenticated):
        headers.append((b"www-authenticate", b"Bearer"))
    return Answer(orjson.dumps({"error": str(error)}), error.status, tuple(headers))


def refusal(message: str) -> bytes:
    """An error's headers and body, without the status line, for a connection that is closed."""
    body = b'{"error":"%s"}' % message.replace('"', "'").encode()
    head = b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body)
    return _lines((JSON_CONTENT,)) + head + body


def request_context(scope: Scope) -> dict[str, str]:
    """The `extra` of a log line about a request."""
    return {"request_id": scope["request_id"].decode("ascii")}


async def send_answer(scope: Scope, send: Send, answer: Answer) -> None:
    """Send `answer` with the request's id; close the connection when it is too old or draining.

    Over `LimitedProtocol` the whole answer is sent in one write, without ASGI's two messages.
    """
    must_close = scope["must_close"](scope["closes_at"])
    connection = scope.get("connection")
    if connection is not None and not must_close and scope["method"] != "HEAD":
        lines = _header_lines(answer, scope["request_id"])
        if connection.respond(scope, answer.status, lines, answer.body):
            return
    headers: Headers = [
        *answer.headers,
        (b"content-length", str(len(answer.body)).encode()),
        (b"x-request-id", scope["request_id"]),
        *SECURITY_HEADERS,
    ]
    if must_close:
        headers.append(CLOSE)
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def _header_lines(answer: Answer, request_id: bytes) -> bytes:
    return b"%bcontent-length: %d\r\nx-request-id: %b\r\n" % (
        _lines(answer.headers),
        len(answer.body),
        request_id,
    )


@lru_cache(maxsize=256)
def _lines(headers: tuple[tuple[bytes, bytes], ...]) -> bytes:
    """Header lines of `headers` and of those that every answer has."""
    return b"".join([b"%b: %b\r\n" % header for header in (*headers, *SECURITY_HEADERS)])
