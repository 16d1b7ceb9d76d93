"""Ordinary and hostile traffic for a long time: memory, descriptors and latency have to stay flat.

Paced clients of every protocol, malformed requests, clients that disconnect, new connections,
scrapes of the metrics, a body of a megabyte now and then, and a version that comes and goes.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import shutil
import struct
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from tests.attacks.http_client import Answer, Connection, ask, post
from tests.attacks.served_process import ServedProcess

SECONDS = 900.0
SLICES = 10
SWAP_SECONDS = 20.0
"""A version is added at this interval, and removed after the same time."""
DIGITS = Path(__file__).parents[2] / "models" / "digits"
INFER, PREDICT = "/v2/models/digits/infer", "/v1/models/digits:predict"
PIXELS = [0.5] * 64


@dataclass(slots=True)
class Samples:
    """What was seen, each with the seconds since the start."""

    resident: list[tuple[float, int]] = field(default_factory=list)
    descriptors: list[tuple[float, int]] = field(default_factory=list)
    latencies: list[tuple[float, float]] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)


def json_request(rows: int = 1) -> bytes:
    entry = {"name": "image", "shape": [rows, 1, 8, 8], "datatype": "FP32", "data": PIXELS * rows}
    return post(INFER, json.dumps({"inputs": [entry]}).encode())


def binary_request() -> bytes:
    tensor = struct.pack("<64f", *PIXELS)
    entry = {"name": "image", "shape": [1, 1, 8, 8], "datatype": "FP32"}
    header = json.dumps({"inputs": [{**entry, "parameters": {"binary_data_size": 256}}]}).encode()
    return post(INFER, header + tensor, f"Inference-Header-Content-Length: {len(header)}\r\n")


def v1_request() -> bytes:
    row = [PIXELS[i : i + 8] for i in range(0, 64, 8)]
    return post(PREDICT, json.dumps({"instances": [[row]]}).encode())


class Soak:
    """The clients of one soak."""

    def __init__(self, served: ServedProcess, model: Path, seconds: float) -> None:
        self._served = served
        self._model = model
        self._started = time.monotonic()
        self._seconds = seconds
        self.samples = Samples()

    async def run(self) -> None:
        broken = itertools.cycle(
            [post(INFER, b"{"), post(INFER, b'{"inputs":[]}'), b"no HTTP\r\n\r\n", post("/x", b"")]
        )
        await asyncio.gather(
            *(self._repeat(0.05, self._kept(json_request())) for _ in range(3)),
            *(self._repeat(0.05, self._kept(binary_request())) for _ in range(2)),
            self._repeat(0.05, self._kept(v1_request())),
            self._repeat(0.1, lambda: self._ask(json_request(), "200")),
            self._repeat(0.2, lambda: self._ask(next(broken), "4")),
            self._repeat(0.2, self._abandon),
            self._repeat(5.0, lambda: self._ask(json_request(2500), "200")),
            self._repeat(5.0, lambda: asyncio.to_thread(self._served.management, "/metrics")),
            self._repeat(SWAP_SECONDS, self._swap),
            self._repeat(1.0, self._sample),
        )

    @property
    def _passed(self) -> float:
        return time.monotonic() - self._started

    async def _repeat(self, pause: float, act: Callable[[], Awaitable[object]]) -> None:
        while self._passed < self._seconds:
            await act()
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))

    def _kept(self, request: bytes) -> Callable[[], Awaitable[None]]:
        """One request after the other on a connection that lasts while the server lets it."""
        connections: list[Connection] = []

        async def exchange() -> None:
            if not connections or not connections[-1].is_open:
                connection = await Connection.open(self._served.port)
                assert isinstance(connection, Connection)
                connections[:] = [connection]
            sent = time.monotonic()
            answer = await connections[-1].exchange(request, timeout_seconds=10)
            self.samples.latencies.append((self._passed, time.monotonic() - sent))
            self._note(answer, "200")

        return exchange

    async def _ask(self, request: bytes, wanted: str) -> None:
        self._note(await ask(self._served.port, request), wanted)

    async def _abandon(self) -> None:
        connection = await Connection.open(self._served.port)
        assert isinstance(connection, Connection)
        await connection.exchange(json_request(50), timeout_seconds=0.001)
        connection.close()

    async def _swap(self) -> None:
        newer = self._model / "2"
        if newer.exists():
            shutil.rmtree(newer)
            return
        shutil.copytree(self._model / "1", self._model / ".2")
        os.rename(self._model / ".2", newer)

    async def _sample(self) -> None:
        self.samples.resident.append((self._passed, self._served.resident_bytes))
        self.samples.descriptors.append((self._passed, self._served.descriptors))

    def _note(self, answer: Answer | object, wanted: str) -> None:
        status = str(answer.status) if isinstance(answer, Answer) else str(answer)
        self.samples.outcomes["as expected" if status.startswith(wanted) else status] += 1


async def measure(directory: Path, *, seconds: float | None = None) -> dict[str, object]:
    seconds = seconds or float(os.environ.get("SOAK_SECONDS", SECONDS))
    model = directory / "digits"
    shutil.copytree(DIGITS, model)
    with ServedProcess(model, version_settle_seconds=0, model_poll_seconds=1) as served:
        soak = Soak(served, model, seconds)
        await soak.run()
        failures = served.metric("longshore_model_load_failures_total")
    samples = soak.samples
    resident = [median(part) / 2**20 for part in _slices(samples.resident, seconds)]
    latency = [_p99(part) for part in _slices(samples.latencies, seconds)]
    # The first tenth fills caches and arenas: growth is from the second to the last.
    return {
        "seconds": seconds,
        "requests": samples.outcomes.total(),
        "outcomes": dict(samples.outcomes),
        "versions that failed to load": failures,
        "resident MiB by tenth": [round(part, 1) for part in resident],
        "memory growth, %": round(100 * (resident[-1] / resident[1] - 1), 2),
        "descriptors by tenth": [median(p) for p in _slices(samples.descriptors, seconds)],
        "p99 by tenth, ms": [round(1000 * part, 2) for part in latency],
    }


def _slices(samples: list[tuple[float, float]], seconds: float) -> list[list[float]]:
    parts: list[list[float]] = [[] for _ in range(SLICES)]
    for at, value in samples:
        parts[min(SLICES - 1, int(SLICES * at / seconds))].append(value)
    return parts


def _p99(values: list[float]) -> float:
    return sorted(values)[int(0.99 * len(values))]
