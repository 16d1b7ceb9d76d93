"""Container logs over TLS, where kube-apiserver asks for them: `kubectl logs`, `helm test`."""

from __future__ import annotations

import http.server
import re
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.cluster.node_agent.settings import NodeSettings

POLL_SECONDS = 0.2

FindLog = Callable[[str, str, str], Path | None]
"""From namespace, pod and container to the log file, or None when there is none."""


def serve(settings: NodeSettings, find_log: FindLog) -> None:
    """Answer until the process ends."""

    class Handler(LogHandler):
        find = staticmethod(find_log)

    server = http.server.ThreadingHTTPServer((settings.address, settings.port), Handler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(settings.certificate, settings.certificate_key)
    # The handshake is left to each connection's thread, so that none can hold up the others.
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    server.serve_forever()


class LogHandler(http.server.BaseHTTPRequestHandler):
    """GET /containerLogs/{namespace}/{pod}/{container}?tailLines=&follow="""

    find: FindLog

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        found = re.fullmatch(r"/containerLogs/([^/]+)/([^/]+)/([^/]+)", parts.path)
        log = self.find(*found.groups()) if found else None
        if log is None or not log.exists():
            self.send_error(404)
            return
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        with log.open("rb") as file:
            self.wfile.write(_tail(file.read(), query.get("tailLines")))
            while query.get("follow") == "true" and log.exists():
                self.wfile.write(file.read())
                self.wfile.flush()
                time.sleep(POLL_SECONDS)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not worth a line each."""


def _tail(content: bytes, lines: str | None) -> bytes:
    if lines is None:
        return content
    return b"".join(content.splitlines(keepends=True)[-int(lines) :]) if int(lines) else b""
