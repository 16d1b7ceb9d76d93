"""Three times the capacity from clients with a deadline: what is answered in time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from loadtests.bench.payloads import random_rows
from tests.attacks.http_client import post
from tests.attacks.overload import DEADLINE_SECONDS, OpenClients
from tests.truth.capacity import WARM_UP_SECONDS, measure_capacity
from tests.truth.figures import Bounds, Figure, Key
from tests.truth.pod import Pod, running_pod
from tests.truth.workloads import LIMITS, Workload

CELL = "goodput"
WORKLOADS = ("tiny-json", "encoder-json", "cnn-json", "cnn-binary")
DEFAULT_LIMITS = ("500m",)
BAR = Bounds(least=0.9)
TIMES = 3.0
BEGIN_SECONDS = 2.0
"""Not counted: queues fill."""
SECONDS = 10.0


def measure(workload: Workload, directory: Path, limit: str) -> Iterator[Figure]:
    """Answers in time per second over the capacity."""
    with running_pod(workload, directory, LIMITS[limit]) as pod:
        before = measure_capacity(pod).capacity
        goodput, found = asyncio.run(_overload(pod, TIMES * before))
        after = measure_capacity(pod, warm_up_seconds=WARM_UP_SECONDS).capacity
    capacity = (before + after) / 2
    found |= {"capacity": round(capacity, 1), "drift": round(after / before, 3)}
    yield Figure(Key(CELL, workload.name, limit, "in time / C"), goodput / capacity, BAR, found)


async def _overload(pod: Pod, rate: float) -> tuple[float, dict[str, Any]]:
    """Answers in time per second, and what explains them."""
    clients = OpenClients(pod.server.port, request(pod))
    started, cpu_before = time.monotonic(), time.process_time()
    await clients.send(rate, BEGIN_SECONDS + SECONDS)
    ended = time.monotonic()
    await clients.settle()
    begin = started + BEGIN_SECONDS
    in_time = sum(begin <= sent < ended for sent, _ in clients.load.served)
    goodput = in_time / (ended - begin)
    return goodput, {
        "rate": round(clients.load.outcomes.total() / (ended - started), 1),
        "goodput": round(goodput, 1),
        "p50_ms": round(1000 * clients.load.percentile(0.5, after=begin), 1),
        "generator_cpus": round((time.process_time() - cpu_before) / (ended - started), 2),
        "outcomes": dict(clients.load.outcomes),
    }


def request(pod: Pod) -> bytes:
    """One request of the workload, with the clients' deadline."""
    wire = pod.server.target.wires[pod.workload.encoding]
    payload = wire.make(random_rows(pod.workload.model, 1)[0])
    headers = {**payload.headers, "X-Request-Timeout-Ms": str(round(1000 * DEADLINE_SECONDS))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return post(wire.path, payload.body, lines)
