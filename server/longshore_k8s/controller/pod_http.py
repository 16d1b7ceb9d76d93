"""One request to a pod, whose answer is whole within a time and a size, or none.

What a pod answers is written by whoever made its image. A socket's own timeout begins anew with
each byte, so a timer ends the connection: one that trickles would hold a thread.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from longshore_k8s.api import Json, Reply

Address = tuple[str, int]


class NotHttp(OSError):
    """What listens there ended the connection, or said what is no HTTP: it may speak TLS."""


def exchange(
    address: Address,
    path: str,
    body: Json | None = None,
    *,
    seconds: float,
    most_bytes: int,
    tls: ssl.SSLContext | None = None,
) -> Reply:
    """The answer to a GET, or to a POST of `body`; over TLS by `tls`.

    Raises:
        OSError: there is none; says where and why. `NotHttp` is one.
    """
    until = time.monotonic() + seconds
    connection = (
        http.client.HTTPConnection(*address, timeout=seconds)
        if tls is None
        else http.client.HTTPSConnection(*address, timeout=seconds, context=tls)
    )
    try:
        connection.connect()
        with _cut_at(until, connection.sock):
            reply = _reply(connection, path, body, most_bytes)
        if time.monotonic() >= until:
            raise TimeoutError
    except (OSError, http.client.HTTPException) as error:
        is_late = isinstance(error, TimeoutError) or time.monotonic() >= until
        why = f"no whole answer within {seconds:g} s" if is_late else str(error) or repr(error)
        said = f"{address[0]}:{address[1]}{path}: {why}"
        is_not_http = isinstance(error, http.client.BadStatusLine | ConnectionResetError)
        raise (NotHttp(said) if is_not_http and not is_late else OSError(said)) from error
    finally:
        connection.close()
    return reply


def _reply(
    connection: http.client.HTTPConnection, path: str, body: Json | None, most_bytes: int
) -> Reply:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Connection": "close", "Content-Type": "application/json"}
    connection.request("GET" if data is None else "POST", path, data, headers)
    with connection.getresponse() as response:
        content = response.read(most_bytes + 1)
        if len(content) > most_bytes:
            raise OSError(f"more than {most_bytes} bytes")
        if response.length:
            raise OSError("the answer ended early")
        return Reply(response.status, content)


@contextmanager
def _cut_at(until: float, connected: socket.socket) -> Iterator[None]:
    """End the connection then, on the monotonic clock."""

    def cut() -> None:
        with suppress(OSError):  # it may have ended
            connected.shutdown(socket.SHUT_RDWR)

    guard = threading.Timer(max(0.0, until - time.monotonic()), cut)
    guard.daemon = True
    guard.start()
    try:
        yield
    finally:
        guard.cancel()
