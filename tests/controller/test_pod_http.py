"""One request to a pod over a real socket: to those that answer as no server does."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from longshore_k8s.controller.pod_http import NotHttp, exchange
from tests.controller.pods import serving

SECONDS = 0.3
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"


@contextmanager
def saying(first: bytes, then: bytes = b"") -> Iterator[int]:
    """Says `first`, and `then` again and again until the client goes; without it, ends."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        with suppress(OSError):
            connected, _ = listener.accept()
            with connected:
                connected.recv(65536)
                connected.sendall(first)
                while then:
                    connected.sendall(then)
                    time.sleep(0.02)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()
        thread.join(10)
    assert not thread.is_alive(), "the client has not left"


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (b"", b""),
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\n", b"X-Pad: 1\r\n"),
        (HEAD, b"x"),
        (HEAD, b""),
        (HEAD + b"x" * 500, b""),
        (b"SSH-2.0-OpenSSH\r\n", b""),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 3000, b""),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 3000),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", b""),
    ],
    ids=["nothing", "letters", "headers", "bytes", "no-body", "half", "ssh", "large",
         "endless", "chunk"],
)  # fmt: skip
def test_a_pod_that_answers_as_no_server_does_is_given_up(first: bytes, then: bytes):
    with (
        saying(first, then) as port,
        pytest.raises(OSError, match=f"127.0.0.1:{port}/metrics: .+"),
    ):
        exchange(("127.0.0.1", port), "/metrics", seconds=SECONDS, most_bytes=2000)


def test_a_pod_that_never_answers_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(OSError, match="no whole answer within"):
            exchange(("127.0.0.1", port), "/metrics", seconds=SECONDS, most_bytes=2000)


def test_what_speaks_no_http_is_told_from_what_is_late():
    with saying(b"SSH-2.0-OpenSSH\r\n") as port, pytest.raises(NotHttp, match="SSH"):
        exchange(("127.0.0.1", port), "/", seconds=10.0, most_bytes=2000)


def test_an_error_is_an_answer():
    with serving({}) as port:
        reply = exchange(("127.0.0.1", port), "/gone", seconds=10.0, most_bytes=2000)

    assert (reply.status, reply.body) == (404, b"")
