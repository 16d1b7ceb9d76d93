"""Servers under load as processes of their own: start, wait, check, pause, stop."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from loadtests.bench.payloads import Array, Payload, Wire
from longshore_k8s.capacity.local_ports import unused_port

HOST = "127.0.0.1"
START_TIMEOUT_SECONDS = 120.0
STOP_TIMEOUT_SECONDS = 20.0
POLL_SECONDS = 0.002
ANSWER_TIMEOUT_SECONDS = 60.0
CHECK_CONCURRENCY = 8


class ServerError(Exception):
    """A server did not start, or answers wrongly; says which, and ends with its log."""


@dataclass(frozen=True, slots=True)
class Target:
    """What to start and how to speak to it."""

    name: str
    command: Callable[[int], list[str]]
    """From the port to listen on."""
    wires: Mapping[str, Wire]
    """By encoding: `json`, `binary`."""
    environ: Mapping[str, str] = field(default_factory=dict)
    directory: Path | None = None
    answers: bool = True
    """Whether its answers are the model's; an echo's are not."""
    metrics_port: int | None = None
    """Where Longshore counts its executions; `None` for others."""


@dataclass(slots=True)
class RunningServer:
    target: Target
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def url(self, encoding: str) -> str:
        return f"http://{HOST}:{self.port}{self.target.wires[encoding].path}"

    def post(self, encoding: str, row: Array) -> tuple[int, bytes, dict[str, str]]:
        """Send one request over a connection of its own.

        Raises:
            OSError: no connection, or it broke.
        """
        wire = self.target.wires[encoding]
        return _post(self.port, wire.path, wire.make(row))

    def pause(self) -> None:
        """Stop the whole process group: a server that polls must not take part in others' cells."""
        os.killpg(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.killpg(self.pid, signal.SIGCONT)

    def fail(self, what: str) -> ServerError:
        tail = self.log.read_text(errors="replace")[-2000:]
        return ServerError(f"{self.target.name}: {what}; the end of {self.log}:\n{tail}")


@contextmanager
def running(target: Target, log: Path) -> Iterator[RunningServer]:
    """A server in a session of its own, on a free port, not yet waited for."""
    port = unused_port()
    environ = {**os.environ, **target.environ}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)  # as an installed server, which is compiled
    with log.open("ab") as output:
        process = subprocess.Popen(
            target.command(port), env=environ, cwd=target.directory, stdin=subprocess.DEVNULL,
            stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    server = RunningServer(target, port, process, log)
    try:
        yield server
    finally:
        _stop(server)


def wait_for_answer(server: RunningServer, row: Array, encoding: str = "json") -> float:
    """Ask until the first 200; returns the time of it (`time.monotonic`).

    Raises:
        ServerError: the process ended, or took too long.
    """
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    wire = server.target.wires[encoding]
    payload = wire.make(row)
    status: object = None
    while time.monotonic() < deadline:
        try:
            status, _, _ = _post(server.port, wire.path, payload)
            if status == 200:
                return time.monotonic()
        except (OSError, http.client.HTTPException) as error:
            status = error
        if server.process.poll() is not None:
            raise server.fail(f"ended with {server.process.returncode}")
        time.sleep(POLL_SECONDS)
    raise server.fail(f"no 200 within {START_TIMEOUT_SECONDS:.0f} s, last: {status}")


def check_answers(
    server: RunningServer, encoding: str, rows: list[Array], expected: list[Array], tolerance: float
) -> None:
    """Send different inputs at once and compare every answer with onnxruntime's.

    Raises:
        ServerError: one of them is wrong.
    """
    with ThreadPoolExecutor(CHECK_CONCURRENCY) as pool:
        answers = pool.map(lambda row: server.post(encoding, row), rows * 2)
        for (status, content, headers), right in zip(answers, expected * 2, strict=True):
            if status != 200:
                raise server.fail(f"{encoding}: answered {status} {content[:300]!r}")
            answer = server.target.wires[encoding].read(content, headers)
            if not np.allclose(answer, right.ravel(), rtol=tolerance, atol=tolerance):
                raise server.fail(
                    f"{encoding}: answered {answer[:4]}, right is {right.ravel()[:4]}"
                )


def get_text(port: int, path: str) -> str:
    """The body of a GET; raises OSError as `RunningServer.post` does."""
    connection = http.client.HTTPConnection(HOST, port, timeout=ANSWER_TIMEOUT_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def _post(port: int, path: str, payload: Payload) -> tuple[int, bytes, dict[str, str]]:
    connection = http.client.HTTPConnection(HOST, port, timeout=ANSWER_TIMEOUT_SECONDS)
    try:
        connection.request("POST", path, payload.body, payload.headers)
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return response.status, response.read(), headers
    finally:
        connection.close()


def _stop(server: RunningServer) -> None:
    """SIGTERM to the group, SIGKILL for what is left: some servers do not end their children."""
    for name, wait_seconds in ((signal.SIGTERM, STOP_TIMEOUT_SECONDS), (signal.SIGKILL, 5.0)):
        try:
            os.killpg(server.pid, signal.SIGCONT)
            os.killpg(server.pid, name)
        except ProcessLookupError:
            break
        try:
            server.process.wait(wait_seconds)
        except subprocess.TimeoutExpired:
            continue
