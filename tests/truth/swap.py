"""A version as dear as the first one appears while that one serves half of its capacity.

Each reading is taken over the truth by the capacity that the same version had, measured before and
after: a machine that changed its speed meanwhile is no fault of the signal. The second version has
to run as the first one does, so that its capacity can only be that of the machine.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import onnx

from loadtests.bench.models import artifact
from loadtests.bench.servers import HOST
from tests.truth.capacity import OPEN_CONNECTIONS, details, measure_capacity
from tests.truth.figures import INFORMATION, Bounds, Figure, Key
from tests.truth.pacing import Pace
from tests.truth.pod import Pod, running_pod
from tests.truth.workloads import LIMITS, Workload

CELL = "swap"
WORKLOADS = ("tiny-json", "encoder-json")
DEFAULT_LIMITS = ("none",)
BAR = Bounds(0.9, 1.1)
EQUAL = Bounds(1.0, 1.0)
NONE = Bounds(most=0.0)
WINDOW_SECONDS = 8.0
SETTLE_SECONDS = 8.0
SWAP_SECONDS = 30.0
"""Found, seen to be still, measured and switched to, under load."""


def measure(workload: Workload, directory: Path, limit: str) -> Iterator[Figure]:
    """The reading after over the one before, the plans, and what was lost."""
    with tempfile.TemporaryDirectory() as volume:
        model = Path(volume) / workload.model.name
        shutil.copytree(directory, model)
        with running_pod(workload, model, LIMITS[limit]) as pod:
            yield from _swap(pod, limit)


def _swap(pod: Pod, limit: str) -> Iterator[Figure]:
    def figure(what: str, value: float, bounds: Bounds, figures: dict[str, object]) -> Figure:
        return Figure(Key(CELL, pod.workload.name, limit, what), value, bounds, figures)

    idle_plan = pod.plan()
    first = measure_capacity(pod)
    seconds = 2 * WINDOW_SECONDS + SWAP_SECONDS + SETTLE_SECONDS
    pace = Pace(OPEN_CONNECTIONS, seconds, SETTLE_SECONDS, rate=0.5 * first.capacity)
    with pod.under(pace) as load:
        load.settle(SETTLE_SECONDS)
        before = load.watch(WINDOW_SECONDS)
        publish_equal_version(pod.model_directory)
        took = _wait_for_version(pod, "2")
        load.settle(SETTLE_SECONDS)
        after = load.watch(WINDOW_SECONDS)
    plan = pod.plan()
    second = measure_capacity(pod)
    found = details(load, after, second.capacity)
    found["drift"] = round(second.capacity / first.capacity, 3)
    change = after.reading_to_truth(second.capacity) / before.reading_to_truth(first.capacity)
    plans = {"idle": idle_plan, "beside a load": plan, "seconds": round(took, 1)}
    yield figure("after / before", change, BAR, found)
    yield figure("same plan", float(_split(plan) == _split(idle_plan)), EQUAL, plans)
    yield figure("lost", float(found["errors"]), NONE, {})
    yield figure("full, version 2", second.ratio, INFORMATION, second.details)


def publish_equal_version(model: Path) -> None:
    """Version 2 computes what version 1 does, from another file: no record of the first fits."""
    graph = onnx.load(artifact(model))
    graph.doc_string = "the second version"
    draft = model / ".2"
    draft.mkdir()
    onnx.save(graph, draft / "model.onnx")
    os.rename(draft, model / "2")


def _split(plan: dict[str, object]) -> tuple[object, ...]:
    return plan["instances"], plan["threads"]


def _wait_for_version(pod: Pod, version: str) -> float:
    """Seconds until it is ready; raises ServerError where it is not in time."""
    path = f"/v2/models/{pod.workload.model.name}/versions/{version}/ready"
    started = time.monotonic()
    while time.monotonic() < started + SWAP_SECONDS:
        connection = HTTPConnection(HOST, pod.server.port, timeout=10)
        connection.request("GET", path)
        status = connection.getresponse().status
        connection.close()
        if status == 200:
            return time.monotonic() - started
        time.sleep(0.2)
    raise pod.server.fail(f"version {version} was not ready within {SWAP_SECONDS:g} s")
