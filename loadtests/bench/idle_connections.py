"""Throughput with many idle keep-alive connections in addition to the busy ones, and without."""

from __future__ import annotations

import resource
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from loadtests.bench import processes, wrk
from loadtests.bench.models import BenchModel
from loadtests.bench.payloads import random_rows
from loadtests.bench.servers import HOST, running, wait_for_answer
from loadtests.bench.targets import longshore_target

BUSY_CONNECTIONS = 32
REQUEST = b"GET /v2/health/live HTTP/1.1\r\nHost: bench\r\n\r\n"
SPARE_FILES = 200
IDLE_TIMEOUT_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class IdleRound:
    alone_rps: float
    beside_idle_rps: float
    still_open: int
    """Idle connections that the server had kept when the load was over."""

    def as_row(self) -> dict[str, Any]:
        return asdict(self)


def measure_idle_connections(
    model: BenchModel, directory: Path, cache: Path, *, count: int, rounds: int, seconds: float
) -> list[IdleRound]:
    """Rounds of `tiny`-like load, the order of the two halves alternating.

    Raises:
        OSError: `count` connections are more than this process may hold (`ulimit -n`).
    """
    _raise_file_limit(count + SPARE_FILES)
    row = random_rows(model, 1)[0]
    with tempfile.TemporaryDirectory() as work:
        target = longshore_target(model, directory, cache)
        script = wrk.write_script(Path(work) / "idle.lua", target.wires["json"].make(row))
        with running(target, Path(work) / "longshore.log") as server:
            wait_for_answer(server, row)

            def load() -> float:
                processes.wait_until_idle(server.pid, IDLE_TIMEOUT_SECONDS)
                url = server.url("json")
                result = wrk.run(url, script, connections=BUSY_CONNECTIONS, seconds=seconds)
                return result.requests_per_second

            load()
            return [_round(load, server.port, count, number) for number in range(rounds)]


def _round(load: Any, port: int, count: int, number: int) -> IdleRound:
    alone = load() if number % 2 == 0 else None
    with idle_connections(port, count) as connections:
        beside = load()
        still_open = sum(map(_is_open, connections))
    return IdleRound(alone if alone is not None else load(), beside, still_open)


@contextmanager
def idle_connections(port: int, count: int) -> Iterator[list[socket.socket]]:
    """`count` connections that were answered once each and then stay idle."""
    connections: list[socket.socket] = []
    try:
        for _ in range(count):
            connection = socket.create_connection((HOST, port), timeout=30)
            connections.append(connection)
            connection.sendall(REQUEST)
        for connection in connections:
            if not connection.recv(65536).startswith(b"HTTP/1.1 200"):
                raise OSError("an idle connection was not answered 200 before it fell idle")
        yield connections
    finally:
        for connection in connections:
            connection.close()


def _is_open(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return bool(connection.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return True
    except OSError:
        return False


def _raise_file_limit(needed: int) -> None:
    """Children inherit it: the server holds the other ends."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(needed, hard), hard))
