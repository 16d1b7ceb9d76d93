"""New versions beside one that serves half of what it can: good ones, and files that harm.

For each, the 99th percentile of the latency from when the files appear until the version serves or
is refused, over that of the seconds before; what was lost; and how long it took to say so.

`CANDIDATE_CPUS` and `CANDIDATE_MEMORY` (MiB) put the server into cgroups with such limits, and
`CANDIDATE_ROWS` chooses rows by name.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random

import numpy as np
import onnx

from loadtests.bench.models import MODELS, SEQUENCE, VOCABULARY, model_directory
from loadtests.bench.payloads import v2_json
from tests.attacks import bad_versions
from tests.attacks.http_client import Answer, Connection, Outcome, post
from tests.attacks.memory_group import memory_group
from tests.attacks.served_process import ServedProcess
from tests.truth.cpu_groups import cpu_group

LOAD = 0.5
CALM_SECONDS = 8.0
LEAST_SECONDS = 4.0
"""Of the time after a version appeared, also when it is refused sooner."""
MOST_SECONDS = 90.0
QUICK = {"version_settle_seconds": 1, "model_poll_seconds": 0.5, "trial_timeout_seconds": 20}
FAULTS = Path(__file__).parent / "faults"
SWAPS, STAY_SECONDS = 20, 1.0
SWAPS_ROW = "20 swaps"


@dataclass(slots=True)
class Load:
    """Requests at a steady rate, whatever becomes of those before: an open loop."""

    port: int
    request: bytes
    rate: float
    is_over: bool = False
    outcomes: Counter[str] = field(default_factory=Counter)
    latencies: list[tuple[float, float]] = field(default_factory=list)
    """When it was due, and seconds from then to the answer."""
    wrong: int = 0
    """Answers that differ from the first."""
    first: np.ndarray | None = None
    _idle: list[Connection] = field(default_factory=list)

    async def run(self) -> None:
        random, tasks = Random(1), set()
        due = time.monotonic()
        while not self.is_over:
            due += random.expovariate(self.rate)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            task = asyncio.create_task(self._ask(due))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)

    async def _ask(self, due: float) -> None:
        connection: Connection | Outcome | None = None
        while self._idle and (connection is None or not connection.is_open):
            connection = self._idle.pop()
        if connection is None or not connection.is_open:
            connection = await Connection.open(self.port)
        if isinstance(connection, Outcome):
            self.outcomes[connection.value] += 1
            return
        answer = await connection.exchange(self.request, timeout_seconds=30)
        outcome = str(answer.status) if isinstance(answer, Answer) else answer.value
        self.outcomes[outcome] += 1
        self.latencies.append((due, time.monotonic() - due))
        if isinstance(answer, Answer) and answer.status == 200:
            outputs = np.asarray(json.loads(answer.body)["outputs"][0]["data"])
            self.first = outputs if self.first is None else self.first
            self.wrong += not np.allclose(outputs, self.first, atol=1e-3)
        self._idle.append(connection)

    def percentile(self, begin: float, end: float, share: float = 99.0) -> float:
        """Milliseconds, of the requests that were due in that time."""
        found = [seconds for due, seconds in self.latencies if begin <= due < end]
        return round(1000 * float(np.percentile(found, share)), 1) if found else 0.0


def publish(model: Path) -> None:
    (model / ".2").rename(model / "2")


@dataclass(frozen=True, slots=True)
class Row:
    """A way to make a version, and what should become of it."""

    make: Callable[[Path], None] | None
    """Makes `.2` in the model directory, before there is any load."""
    is_good: bool = False
    put: Callable[[Path], None] = publish
    """Makes version 2 of it under load, on a thread."""


def make_good(model: Path) -> None:
    graph = onnx.load(model / "1" / "model.onnx")
    graph.doc_string = f"another version, of {time.time()}"
    draft = model / ".2"
    draft.mkdir()
    onnx.save(graph, draft / "model.onnx")


ROWS = {
    "good": Row(make_good, is_good=True),
    "zeros": Row(bad_versions.make_zeros),
    "truncated": Row(bad_versions.make_truncated),
    "random": Row(bad_versions.make_random),
    "tiny files": Row(bad_versions.make_tiny_files),
    "growing": Row(None, put=bad_versions.grow),
    "too large": Row(bad_versions.make_too_large),
    **{
        f"{when} {what}": Row(bad_versions.make_fault(when, what))
        for when, what in (
            ("load", "SIGSEGV"),
            ("proof", "SIGABRT"),
            ("execute", "SIGKILL"),
            ("load", "hang"),
            ("proof", "hang"),
            ("execute", "hang"),
        )
    },
}


async def measure(directory: Path) -> dict[str, object]:
    rows = {**ROWS, SWAPS_ROW: Row(None, is_good=True)}
    wanted = os.environ.get("CANDIDATE_ROWS", ",".join(rows)).split(",")
    return {
        name: await _row(name, rows[name], directory / name.replace(" ", "-")) for name in wanted
    }


async def _row(name: str, row: Row, directory: Path) -> dict[str, object]:
    model = directory / "encoder"
    shutil.copytree(model_directory(MODELS["encoder"], Path("build/bench")), model)
    if row.make is not None:
        row.make(model)
    rows = np.random.default_rng(1).integers(0, VOCABULARY, (1, SEQUENCE))
    payload = v2_json(rows)
    request = post("/v2/models/encoder/infer", payload.body)
    cpus, memory = os.environ.get("CANDIDATE_CPUS"), os.environ.get("CANDIDATE_MEMORY")
    with ExitStack() as stack:
        groups = [stack.enter_context(cpu_group("candidate", float(cpus)))] if cpus else []
        if memory:
            groups.append(stack.enter_context(memory_group("candidate", int(memory) * 2**20)))
        served = ServedProcess(
            model,
            **QUICK,
            calibration_budget_seconds=10,
            inside=[group.inside for group in groups],
            environment={"PYTHONPATH": str(FAULTS)},
        )
        with served:
            capacity = await _capacity(served.port, request)
            load = Load(served.port, request, LOAD * capacity)
            step = _many_swaps if name == SWAPS_ROW else _under_load
            return {"capacity": round(capacity, 1), **await step(row, model, served, load)}


async def _capacity(port: int, request: bytes, seconds: float = 4.0) -> float:
    """Answers a second to clients that never pause."""
    end, done = time.monotonic() + seconds, 0

    async def ask() -> None:
        nonlocal done
        connection = await Connection.open(port)
        assert isinstance(connection, Connection)
        while time.monotonic() < end:
            await connection.exchange(request, timeout_seconds=10)
            done += 1

    await asyncio.gather(*(ask() for _ in range(8)))
    return done / seconds


async def _under_load(
    row: Row, model: Path, served: ServedProcess, load: Load
) -> dict[str, object]:
    pid = served.pid
    task = asyncio.create_task(load.run())
    await asyncio.sleep(CALM_SECONDS + 2)
    begun = time.monotonic()
    await asyncio.to_thread(row.put, model)
    still = time.monotonic()
    reason = await asyncio.to_thread(_wait, row, served)
    told = time.monotonic()
    await asyncio.sleep(max(0.0, begun + LEAST_SECONDS - told))
    end = time.monotonic()
    load.is_over = True
    await task
    before = load.percentile(begun - CALM_SECONDS, begun)
    during = load.percentile(begun, end)
    return {
        "p99 before, ms": before,
        "p99 during, ms": during,
        "during / before": round(during / before, 2),
        "p50 before, during": [
            load.percentile(begun - CALM_SECONDS, begun, 50), load.percentile(begun, end, 50)
        ],
        "worst second": max(
            load.percentile(one, two) for one, two in pairwise(np.arange(begun, end + 1))
        ),
        "told after being still, s": round(told - still, 1),
        "outcomes": dict(load.outcomes),
        "same process": served.is_running and served.pid == pid,
        "reason": reason,
    }  # fmt: skip


async def _many_swaps(
    row: Row, model: Path, served: ServedProcess, load: Load
) -> dict[str, object]:
    """Good versions one after the other; every answer is that of the first, which they equal."""
    task = asyncio.create_task(load.run())
    resident = []
    for number in range(2, 2 + SWAPS):
        await asyncio.to_thread(_publish_equal, model, number)
        await asyncio.to_thread(served.wait_ready, str(number))
        await asyncio.sleep(STAY_SECONDS)
        resident.append(served.resident_bytes)
    load.is_over = True
    await task
    early, late = np.median(resident[2:7]), np.median(resident[-5:])
    return {
        "swaps": SWAPS,
        "resident after 3 to 7, MiB": round(early / 2**20, 1),
        "resident after the last 5, MiB": round(late / 2**20, 1),
        "growth": round(late / early - 1, 4),
        "outcomes": dict(load.outcomes),
        "wrong answers": load.wrong,
    }


def _publish_equal(model: Path, number: int) -> None:
    make_good(model)
    (model / ".2").rename(model / str(number))


def _wait(row: Row, served: ServedProcess) -> str:
    """What is said of version 2, once it serves or is refused."""
    deadline = time.monotonic() + MOST_SECONDS
    while time.monotonic() < deadline and served.is_running:
        health = served.health()
        problems = [text for text in health.get("problems", ()) if "version 2" in text]
        if row.is_good and health.get("versions", {}).get("2") == "READY":
            return "serves"
        if problems:
            return str(problems[0])
        time.sleep(0.05)
    return f"nothing was said within {MOST_SECONDS:g} s"
