"""The two ports of the process, each with an HTTP server, from opening to the last answer."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp

from longshore.rest.listener import BACKLOG, listen, stop_new_connections

ACCEPT_SECONDS = 0.1
"""From the last handshake to the closing of the listener."""
STOP_SECONDS = 2.0


def uvicorn_config(app: ASGIApp, **options: Any) -> uvicorn.Config:
    """What both ports have in common: no lifespan, no logs and no headers of uvicorn's own."""
    return uvicorn.Config(
        app,
        interface="asgi3",
        lifespan="off",
        ws="none",
        access_log=False,
        server_header=False,
        log_config=None,
        proxy_headers=False,
        backlog=BACKLOG,
        **options,
    )


class HttpServer(uvicorn.Server):
    """uvicorn without its signal handlers: it would close the listener before anything else."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class InferencePort:
    """The port for clients, on the event loop that opens it."""

    def __init__(self, server: HttpServer, host: str, port: int) -> None:
        self._server = server
        self._address = (host, port)

    @property
    def app(self) -> ASGIApp:
        """What answers; called directly, it needs no port."""
        return cast(ASGIApp, self._server.config.app)

    def open(self) -> None:
        """Raises OSError when the address is not available."""
        self._listener = listen(*self._address)
        self.serving = asyncio.create_task(self._server.serve([self._listener]))

    @property
    def connections(self) -> int:
        return len(self._server.server_state.connections)

    async def close_listener(self) -> None:
        """Accept what has connected already, then no more; `serving` ends with the last answer."""
        stop_new_connections(self._listener)
        await asyncio.sleep(ACCEPT_SECONDS)
        self._server.should_exit = True

    async def cut_short(self) -> None:
        """Cancel the requests in flight: 503 for each, instead of a broken connection."""
        for task in list(self._server.server_state.tasks):
            task.cancel()
        await asyncio.sleep(ACCEPT_SECONDS)
        self._server.force_exit = True
        await asyncio.wait({self.serving}, timeout=1.0)


class ManagementPort:
    """The port for probes and scrapes, on a thread and an event loop of its own: probes are
    answered while the inference port is busy.
    """

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        self._server = HttpServer(uvicorn_config(app, http="httptools", loop="asyncio"))
        self._address = (host, port)
        self._thread = threading.Thread(target=self._run, name="management", daemon=True)

    def open(self) -> None:
        """Raises OSError when the address is not available."""
        self._listener: socket.socket = listen(*self._address)
        self._thread.start()

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=STOP_SECONDS)

    def _run(self) -> None:
        asyncio.run(self._server.serve([self._listener]))
