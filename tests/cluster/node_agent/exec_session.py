"""A command in a running container, streamed over a WebSocket: `pods/exec`.

Of the protocols of a kubelet this is v4.channel.k8s.io alone, where the first byte of each message
is the channel. kube-apiserver passes such a connection on as it is; one of v5 it would translate to
SPDY.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import selectors
import ssl
import subprocess
from typing import Any

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, TextMessage
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from tests.cluster.node_agent.api import Json

PROTOCOL = "v4.channel.k8s.io"
STDIN, STDOUT, STDERR, STATUS = 0, 1, 2, 3
READ_BYTES = 64 * 1024
MOST_WAITING_BYTES = 1024 * 1024
"""For the process to take from its stdin, before no more is read from the client."""
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def accept(key: str, offered: str) -> bytes | None:
    """The answer that makes a WebSocket of the connection; `None` where it speaks no protocol of
    ours.
    """
    if PROTOCOL not in (one.strip() for one in offered.split(",")):
        return None
    digest = hashlib.sha1(f"{key}{GUID}".encode(), usedforsecurity=False).digest()
    lines = (
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {base64.b64encode(digest).decode()}",
        f"Sec-WebSocket-Protocol: {PROTOCOL}",
    )
    return "\r\n".join((*lines, "", "")).encode()


class ExecSession:
    """One command and its client; used by one thread, since a TLS connection is."""

    def __init__(self, connection: ssl.SSLSocket, command: list[str]) -> None:
        self._connection = connection
        self._websocket = Connection(ConnectionType.SERVER)
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self._waiting = b""
        self._message = b""
        self._selector = selectors.DefaultSelector()
        self._outputs: dict[Any, int] = {}
        self._is_connected = True

    def run(self) -> None:
        """Until the process has ended. A client that leaves closes its stdin."""
        process = self._process
        assert process.stdin
        os.set_blocking(process.stdin.fileno(), False)
        self._outputs = {process.stdout: STDOUT, process.stderr: STDERR}
        for output in self._outputs:
            self._selector.register(output, selectors.EVENT_READ)
        with self._selector:
            while self._outputs:
                self._follow_input()
                for key, _ in self._selector.select(self._patience()):
                    self._serve(key.fileobj)
                if self._may_read() and self._connection.pending():
                    self._read_client()
        code = process.wait()
        process.stdin.close()
        self._say(STATUS, json.dumps(_status(code)).encode())
        self._close()

    def _patience(self) -> float | None:
        """TLS may hold bytes that the socket no longer shows."""
        return 0.0 if self._may_read() and self._connection.pending() else None

    def _may_read(self) -> bool:
        return self._is_connected and len(self._waiting) < MOST_WAITING_BYTES

    def _follow_input(self) -> None:
        """Watch the client while there is room for its bytes, and stdin while there are some."""
        if self._is_connected:
            self._watch(self._connection, selectors.EVENT_READ, self._may_read())
        stdin = self._process.stdin
        assert stdin is not None
        if stdin.closed:
            self._waiting = b""
            return
        self._watch(stdin, selectors.EVENT_WRITE, bool(self._waiting))
        if not self._is_connected and not self._waiting:
            stdin.close()

    def _watch(self, file: Any, events: int, wanted: bool) -> None:
        is_watched = file in self._selector.get_map()
        if wanted and not is_watched:
            self._selector.register(file, events)
        elif is_watched and not wanted:
            self._selector.unregister(file)

    def _serve(self, file: Any) -> None:
        if file is self._connection:
            self._read_client()
        elif file is self._process.stdin:
            self._feed()
        elif file in self._outputs:
            self._read_output(file)

    def _read_output(self, file: Any) -> None:
        found = os.read(file.fileno(), READ_BYTES)
        if found:
            self._say(self._outputs[file], found)
        else:
            self._selector.unregister(file)
            del self._outputs[file]
            file.close()

    def _feed(self) -> None:
        stdin = self._process.stdin
        assert stdin is not None
        try:
            written = os.write(stdin.fileno(), self._waiting)
        except BrokenPipeError:
            self._waiting = b""
            self._selector.unregister(stdin)
            stdin.close()
        else:
            self._waiting = self._waiting[written:]

    def _read_client(self) -> None:
        try:
            found = self._connection.recv(READ_BYTES)
            self._websocket.receive_data(found or None)
            for event in self._websocket.events():
                self._take(event)
        except (OSError, RemoteProtocolError):
            found = b""
        if not found:
            self._leave()

    def _take(self, event: Event) -> None:
        if isinstance(event, Ping):
            self._send(event.response())
        elif isinstance(event, CloseConnection):
            self._leave()
        elif isinstance(event, BytesMessage | TextMessage):
            data = event.data.encode() if isinstance(event.data, str) else bytes(event.data)
            self._message += data
            if event.message_finished:
                if self._message[:1] == bytes((STDIN,)):
                    self._waiting += self._message[1:]
                self._message = b""

    def _say(self, channel: int, data: bytes) -> None:
        self._send(BytesMessage(data=bytes((channel,)) + data))

    def _send(self, event: Event) -> None:
        if not self._is_connected:
            return
        try:
            self._connection.sendall(self._websocket.send(event))
        except (OSError, LocalProtocolError):
            self._leave()

    def _leave(self) -> None:
        self._is_connected = False
        if self._connection in self._selector.get_map():
            self._selector.unregister(self._connection)

    def _close(self) -> None:
        if self._websocket.state is ConnectionState.OPEN:
            self._send(CloseConnection(code=1000))


def _status(code: int) -> Json:
    """What the API server makes an exit code of, as `metav1.Status`."""
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    cause = {"reason": "ExitCode", "message": str(code if code > 0 else 128 - code)}
    return {
        "metadata": {},
        "status": "Failure",
        "reason": "NonZeroExitCode",
        "message": f"command terminated with non-zero exit code: {code}",
        "details": {"causes": [cause]},
    }
