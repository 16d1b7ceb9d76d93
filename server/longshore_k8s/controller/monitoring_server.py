"""The controller's own HTTP: `/metrics`, `/livez` and `/readyz`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest


def start(
    port: int, registry: CollectorRegistry, is_ready: Callable[[], bool]
) -> ThreadingHTTPServer:
    """Serve from a thread of its own; the process is live while that thread answers."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(200, generate_latest(registry), CONTENT_TYPE_LATEST)
            elif self.path == "/livez":
                self._answer(200, b"live\n")
            elif self.path == "/readyz":
                self._answer(*((200, b"ready\n") if is_ready() else (503, b"listing\n")))
            else:
                self._answer(404, b"/metrics, /livez and /readyz\n")

        def _answer(self, status: int, body: bytes, content_type: str = "text/plain") -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Probes and scrapes are not news."""

    server = ThreadingHTTPServer(("", port), Handler)
    threading.Thread(target=server.serve_forever, name="monitoring", daemon=True).start()
    return server
