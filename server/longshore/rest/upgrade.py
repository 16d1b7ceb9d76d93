"""HTTP/1.1 continued after an offer of `Upgrade` that is ignored (RFC 9110, section 7.8).

httptools stops at the end of such a head, and uvicorn drops the body that follows
(Kludex/uvicorn#2722); yet HTTP clients of Java offer h2c with every first request.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httptools

from longshore.protocol.messages import Headers

FRAMING = (b"content-length", b"transfer-encoding")
"""What says where a body ends (RFC 9112, section 6)."""


def has_body(headers: Headers) -> bool:
    """Whether a body follows this head, one of no bytes included."""
    return any(name in FRAMING for name, _ in headers)


def parser_behind(headers: Headers, protocol: Any) -> httptools.HttpRequestParser:
    """A parser that has read a head with the framing of `headers`, and that reports what follows to
    `protocol`: the body, and the next requests.
    """
    callbacks = _Callbacks(protocol)
    parser = httptools.HttpRequestParser(callbacks)
    if has_body(headers):
        lines = [name + b": " + value for name, value in headers if name in FRAMING]
        parser.feed_data(b"\r\n".join([b"POST / HTTP/1.1", *lines, b"", b""]))
    callbacks.tell_head = True
    return parser


class _Callbacks:
    """Those of `protocol`. Of the head that it has read already, only the end of an empty body is
    reported.
    """

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self.tell_head = False

    def __getattr__(self, name: str) -> Callable[..., None]:
        callback = getattr(self._protocol, name)
        if name == "on_message_complete":
            return callback  # type: ignore[no-any-return]

        def tell(*arguments: bytes) -> None:
            if self.tell_head:
                callback(*arguments)

        return tell
