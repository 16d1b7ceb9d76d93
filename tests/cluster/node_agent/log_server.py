"""Logs and commands of containers over TLS, where kube-apiserver asks for them: `kubectl logs`,
`helm test`, `pods/exec`.
"""

from __future__ import annotations

import http.server
import re
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.cluster.node_agent import exec_session
from tests.cluster.node_agent.exec_session import ExecSession
from tests.cluster.node_agent.settings import NodeSettings

POLL_SECONDS = 0.2

FindLog = Callable[[str, str, str], Path | None]
"""From namespace, pod and container to the log file, or None when there is none."""

FindCommand = Callable[[str, str, str, list[str]], list[str] | None]
"""From those and a command to what runs it in the container, or None where none runs."""


def serve(settings: NodeSettings, find_log: FindLog, find_command: FindCommand) -> None:
    """Answer until the process ends."""

    class Handler(LogHandler):
        find = staticmethod(find_log)
        inside = staticmethod(find_command)

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
    """GET /containerLogs/{namespace}/{pod}/{container}?tailLines=&follow=&previous=
    GET /exec/{namespace}/{pod}/{container}?command=&command=
    """

    find: FindLog
    inside: FindCommand

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path.startswith("/exec/"):
            self._execute(parts.path, parse_qs(parts.query, keep_blank_values=True))
            return
        found = re.fullmatch(r"/containerLogs/([^/]+)/([^/]+)/([^/]+)", parts.path)
        log = self.find(*found.groups()) if found else None
        if found is None or log is None or not log.exists():
            self.send_error(404)
            return
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        if query.get("previous") == "true":  # the log of an ended container is not kept here
            _, pod, container = found.groups()
            self._refuse(f'previous terminated container "{container}" in pod "{pod}" not found')
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        with log.open("rb") as file:
            self.wfile.write(_tail(file.read(), query.get("tailLines")))
            while query.get("follow") == "true" and log.exists():
                self.wfile.write(file.read())
                self.wfile.flush()
                time.sleep(POLL_SECONDS)

    def _refuse(self, why: str) -> None:
        """As a kubelet does: kubectl shows the text."""
        text = why.encode()
        self.send_response(400)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _execute(self, path: str, query: dict[str, list[str]]) -> None:
        _, _, namespace, pod, container = path.split("/")
        command = self.inside(namespace, pod, container, query.get("command", []))
        if command is None:
            self.send_error(404, "no such container runs")
            return
        headers = self.headers
        offered = headers.get("Sec-WebSocket-Protocol", "")
        answer = exec_session.accept(headers.get("Sec-WebSocket-Key", ""), offered)
        if answer is None:
            self.send_error(400, f"allowed: {exec_session.PROTOCOL}")
            return
        self.close_connection = True
        self.connection.sendall(answer)
        assert isinstance(self.connection, ssl.SSLSocket)
        ExecSession(self.connection, command).run()

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not worth a line each."""


def _tail(content: bytes, lines: str | None) -> bytes:
    if lines is None:
        return content
    return b"".join(content.splitlines(keepends=True)[-int(lines) :]) if int(lines) else b""
