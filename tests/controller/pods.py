"""Pods as an API server lists them, whose ports are on this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


def pod(
    name: str,
    port: int,
    *,
    chart_name: str = "longshore",
    restarts: int = 0,
    ready: str = "True",
    **status: Any,
) -> dict[str, Any]:
    ports = [{"name": "management", "containerPort": port}]
    return {
        "metadata": {"name": name, "labels": {"app.kubernetes.io/name": chart_name}},
        "spec": {
            "containers": [
                {"name": "sidecar", "ports": [{"name": "http", "containerPort": 9}]},
                {"name": "longshore", "ports": ports},
            ]
        },
        "status": {
            "phase": "Running",
            "podIP": "127.0.0.1",
            "conditions": [{"type": "Ready", "status": ready}],
            "containerStatuses": [{"restartCount": restarts}, {"restartCount": 0}],
            **status,
        },
    }


@contextmanager
def serving(answers: Mapping[str, bytes], asked: list[str] | None = None) -> Iterator[int]:
    """Answers by the path; others are not found. `asked` gets the path of each request."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            if asked is not None:
                asked.append(path)
            body = answers.get(path)
            self.send_response(200 if body is not None else 404)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
