"""A process in a container, over the WebSocket of `pods/exec`.

The protocol is v4.channel.k8s.io: the first byte of each message is the channel. Every kubelet
speaks it. It cannot close stdin, so that the process has to know where its input ends. Sources:
k8s.io/kubelet/pkg/cri/streaming/remotecommand, and KEP-4006 for v5, which can.
"""

from __future__ import annotations

import json
import select
import ssl
from contextlib import suppress
from typing import Any

from websocket import ABNF, WebSocketException

PROTOCOL = "v4.channel.k8s.io"
_STDIN, _STDOUT, _STDERR, _STATUS = 0, 1, 2, 3
_STDERR_BYTES = 8192
_SILENCE_SECONDS = 120.0


class ConnectionBroke(Exception):
    """The stream ended before the process said how it ended."""


class ExecStream:
    """Bytes to the stdin of the process and from its stdout; used by one thread."""

    def __init__(self, socket: Any) -> None:
        """Of a connected `websocket.WebSocket`."""
        self._socket = socket
        self._socket.settimeout(_SILENCE_SECONDS)
        self._stderr = b""
        self._exit_code: int | None = None

    @property
    def exit_code(self) -> int | None:
        """Once the process has ended."""
        return self._exit_code

    @property
    def stderr(self) -> str:
        """The end of what the process has said there."""
        return self._stderr.decode(errors="replace").strip()

    def send(self, data: bytes) -> None:
        """Raises:
        ConnectionBroke: it cannot be sent, or was not taken for two minutes.
        """
        try:
            self._socket.send(bytes((_STDIN,)) + data, opcode=ABNF.OPCODE_BINARY)
        except (WebSocketException, OSError) as error:
            raise ConnectionBroke(str(error) or type(error).__name__) from error

    def receive(self, seconds: float) -> bytes | None:
        """What came from stdout, waiting `seconds` at most; empty where nothing did. `None` once
        the process has ended.

        Raises:
            ConnectionBroke: the other side closed without a word, or sent half a message.
        """
        if self._exit_code is not None:
            return None
        try:
            if not self._is_readable(seconds):
                return b""
            opcode, frame = self._socket.recv_data_frame(True)
        except (WebSocketException, OSError) as error:
            raise ConnectionBroke(str(error) or type(error).__name__) from error
        if opcode == ABNF.OPCODE_CLOSE:
            raise ConnectionBroke("the other side closed it")
        if opcode not in (ABNF.OPCODE_BINARY, ABNF.OPCODE_TEXT) or not frame.data:
            return b""
        return self._take(frame.data[0], bytes(frame.data[1:]))

    def close(self) -> None:
        with suppress(WebSocketException, OSError):
            self._socket.close(timeout=1)

    def _take(self, channel: int, data: bytes) -> bytes | None:
        if channel == _STDOUT:
            return data
        if channel == _STDERR:
            self._stderr = (self._stderr + data)[-_STDERR_BYTES:]
        if channel == _STATUS:
            self._exit_code, said = _end(data)
            self._stderr += said.encode()
            return None
        return b""

    def _is_readable(self, seconds: float) -> bool:
        """TLS may hold the bytes of a message that the socket no longer shows."""
        inner = self._socket.sock
        if isinstance(inner, ssl.SSLSocket) and inner.pending():
            return True
        poll = select.poll()
        poll.register(inner, select.POLLIN)
        return bool(poll.poll(seconds * 1000))


def _end(status: bytes) -> tuple[int, str]:
    """Exit code and what else is said, of a `metav1.Status`; 255 where nothing was started."""
    document = json.loads(status)
    if document.get("status") == "Success":
        return 0, ""
    for cause in (document.get("details") or {}).get("causes") or []:
        if cause.get("reason") == "ExitCode":
            return int(cause["message"]), ""
    return 255, str(document.get("message", ""))
