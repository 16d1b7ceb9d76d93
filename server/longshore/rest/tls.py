"""TLS on the inference port: connections are counted from their acceptance, not their handshake.

asyncio's own TLS server does not report a connection before its handshake has succeeded, and never
reloads its certificate.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any, cast

import uvicorn
from uvicorn.server import ServerState

from longshore.rest.certificate import Certificate
from longshore.rest.http_protocol import ConnectionLimits
from longshore.rest.ports import HttpServer

logger = logging.getLogger(__name__)

ACCEPTED_AT_ONCE = 64
"""Connections accepted before control returns to the event loop."""
PAUSE_SECONDS = 0.1
"""Until the next attempt when no descriptor is free."""


class TlsServer(HttpServer):
    """Accepts connections itself; the rest is uvicorn's."""

    def __init__(
        self, config: uvicorn.Config, certificate: Certificate, limits: ConnectionLimits
    ) -> None:
        super().__init__(config)
        self._certificate = certificate
        self._limits = limits

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=[])
        self.servers = [
            cast(
                asyncio.Server,
                TlsListener(
                    listener,
                    self._make_protocol,
                    self.server_state,
                    self._certificate,
                    self._limits,
                ),
            )
            for listener in sockets or []
        ]

    def _make_protocol(self) -> asyncio.Protocol:
        make: Callable[..., asyncio.Protocol] = self.config.http_protocol_class
        return make(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )


class TlsListener:
    """Accepts connections and performs their handshakes, within limits of number and time.

    At `max_connections` the oldest handshake is cancelled for a new connection: ordinary clients
    complete theirs within a round trip or two. With none in progress, the new one is closed.
    """

    def __init__(
        self,
        listener: socket.socket,
        make_protocol: Callable[[], asyncio.Protocol],
        state: ServerState,
        certificate: Certificate,
        limits: ConnectionLimits,
    ) -> None:
        self._listener = listener
        self._make_protocol = make_protocol
        self._state = state
        self._certificate = certificate
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._handshakes: dict[asyncio.Task[None], None] = {}
        self._is_closed = False
        self._listen()

    def close(self) -> None:
        """Accept no more; handshakes that have begun go on."""
        self._is_closed = True
        self._loop.remove_reader(self._listener)

    async def wait_closed(self) -> None:
        if self._handshakes:
            await asyncio.wait(self._handshakes)

    def _listen(self) -> None:
        if not self._is_closed:
            self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                connection, _address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                logger.warning("no connection can be accepted: %s", error)
                self._loop.remove_reader(self._listener)
                self._loop.call_later(PAUSE_SECONDS, self._listen)
                return
            self._take(connection)

    def _take(self, connection: socket.socket) -> None:
        if len(self._state.connections) + len(self._handshakes) >= self._limits.max_connections:
            if not self._handshakes:
                connection.close()
                return
            oldest = next(iter(self._handshakes))
            self._forget(oldest)
            oldest.cancel()
        task = self._loop.create_task(self._shake_hands(connection))
        self._handshakes[task] = None
        cast(set[Any], self._state.tasks).add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._handshakes.pop(task, None)
        self._state.tasks.discard(task)

    async def _shake_hands(self, connection: socket.socket) -> None:
        try:
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
            await self._loop.connect_accepted_socket(
                self._make_protocol,
                connection,
                ssl=self._certificate.context,
                ssl_handshake_timeout=self._limits.header_timeout_seconds,
            )
        except OSError as error:  # of TLS, of the timeout, or of the connection
            logger.debug("TLS handshake failed: %s", error)
            connection.close()
        except asyncio.CancelledError:
            connection.close()
            raise
