"""The client as a process of its own: `python -m longshore_k8s.capacity.client_process`.

One JSON document a line on stdin, one on stdout. The first says where the server is and what to
send; each further one is a load. Arrays are base64 of little-endian float64 or int16.
"""

from __future__ import annotations

import base64
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np

from longshore_k8s.capacity.child_process import end, end_with_parent
from longshore_k8s.capacity.client import Client
from longshore_k8s.capacity.step import Step
from longshore_k8s.capacity.unsound import UnsoundError

NICENESS = -10
"""What disturbs the client would be taken for the pod's latency."""
ARRAYS = {"due": "<f8", "latency": "<f8", "status": "<i2", "lag": "<f8"}


@dataclass(frozen=True, slots=True)
class Address:
    host: str
    port: int


class ClientProcess:
    """For a `with` statement; a load at a time."""

    def __init__(
        self, address: Address, requests: Sequence[bytes], *, cpus: frozenset[int] | None = None
    ) -> None:
        """On `cpus` alone, where they are given."""
        self._opening = {
            "host": address.host,
            "port": address.port,
            "requests": [base64.b64encode(request).decode() for request in requests],
        }
        self._cpus = cpus

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __spec__.name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
            preexec_fn=end_with_parent(self._cpus, niceness=NICENESS),
        )  # fmt: skip
        self._send(self._opening)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        end(self._process, seconds=1.0)

    def open_load(self, rate: float, count: int, *, seed: int, patience: float) -> Step:
        """
        Raises:
            UnsoundError: the client ended, or has no server.
        """
        found = self._ask({"rate": rate, "count": count, "seed": seed, "patience": patience})
        return step_of(rate, found)

    def closed_load(self, seconds: float, connections: int) -> float:
        """Results per second; raises as `open_load` does."""
        found = self._ask({"seconds": seconds, "connections": connections})
        return float(found["rate"])

    def _ask(self, document: dict[str, Any]) -> dict[str, Any]:
        self._send(document)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        found: dict[str, Any] = json.loads(line or '{"error": "it ended"}')
        if "error" in found:
            raise UnsoundError(f"the client has no result: {found['error']}")
        return found

    def _send(self, document: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(document) + "\n")
        self._process.stdin.flush()


def document_of(step: Step) -> dict[str, str]:
    return {
        name: base64.b64encode(getattr(step, name).astype(kind).tobytes()).decode()
        for name, kind in ARRAYS.items()
    }


def step_of(rate: float, document: dict[str, str]) -> Step:
    arrays = {
        name: np.frombuffer(base64.b64decode(document[name]), kind).copy()
        for name, kind in ARRAYS.items()
    }
    return Step(rate, **arrays)


async def _serve(lines: Callable[[], str]) -> None:
    opening = json.loads(lines())
    requests = [base64.b64decode(text) for text in opening["requests"]]
    client = Client(opening["host"], opening["port"], requests)
    while line := lines():
        try:
            found = await _load(client, json.loads(line))
        except OSError as error:
            found = {"error": str(error)}
        print(json.dumps(found), flush=True)
    await client.close()


async def _load(client: Client, asked: dict[str, Any]) -> dict[str, Any]:
    if "connections" in asked:
        rate = await client.closed_load(asked["seconds"], asked["connections"])
        return {"rate": rate}
    used = time.process_time()
    step = await client.open_load(asked["rate"], asked["count"], asked["seed"], asked["patience"])
    return {**document_of(step), "cpu_seconds": time.process_time() - used}


def main() -> None:
    import uvloop

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    uvloop.run(_serve(sys.stdin.readline))


if __name__ == "__main__":
    main()
