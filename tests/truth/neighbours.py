"""A neighbour comes and goes; the pod has no limit. It takes half of the machine's CPUs, or, for
information, as much as its equal weight gives it.

Each time the signal has a minute under a load of half the capacity. It is held to the bar in the
last quarter of that minute; the quarters before it show how fast it learns. The capacity that is
the truth is measured after the minute, so that a closed load does not teach the signal first.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.truth.capacity import (
    END_SECONDS,
    OPEN_CONNECTIONS,
    Measured,
    details,
    measure_capacity,
    measure_share,
)
from tests.truth.cpu_groups import cpu_group
from tests.truth.figures import INFORMATION, Bounds, Figure, Key
from tests.truth.pacing import Pace
from tests.truth.pod import Pod, running_pod
from tests.truth.workloads import LIMITS, Workload

CELL = "neighbour"
EQUAL_CELL = "equal"
WORKLOADS = ("tiny-json", "encoder-json")
DEFAULT_LIMITS = ("none",)
BAR = Bounds(0.85, 1.15)
QUARTER_SECONDS = 14.0
SPIN = ["/bin/sh", "-c", "while :; do :; done"]


def measure(workload: Workload, directory: Path, limit: str) -> Iterator[Figure]:
    """Reading over truth, beside the neighbour and after it."""
    with running_pod(workload, directory, LIMITS[limit]) as pod:
        alone = measure_capacity(pod).capacity
        with neighbour(len(os.sched_getaffinity(0)) / 2):
            yield from _minute_and_after(pod, limit, "beside", 0.25 * alone)
        yield from _minute_and_after(pod, limit, "after", 0.5 * alone)


def measure_equal(workload: Workload, directory: Path, limit: str) -> Iterator[Figure]:
    """Reading over truth beside a neighbour without a quota."""
    with running_pod(workload, directory, LIMITS[limit]) as pod, neighbour(None):
        full = measure_capacity(pod)
        key = Key(EQUAL_CELL, workload.name, limit, "beside")
        yield from _full_and_ninety(pod, full, key, INFORMATION)


@contextmanager
def neighbour(cpus: float | None) -> Iterator[None]:
    """A busy process for each CPU, together within a quota; without one, of equal weight."""
    with cpu_group("neighbour", cpus) as group:
        spinning = [
            subprocess.Popen(group.inside(SPIN)) for _ in range(len(os.sched_getaffinity(0)))
        ]
        try:
            yield
        finally:
            for process in spinning:
                process.kill()
                process.wait()


def _minute_and_after(pod: Pod, limit: str, when: str, rate: float) -> Iterator[Figure]:
    pace = Pace(
        OPEN_CONNECTIONS, 4 * QUARTER_SECONDS + END_SECONDS, warm_up_seconds=1.0, rate=rate,
        is_poisson=True,
    )  # fmt: skip
    with pod.under(pace) as load:
        quarters = [load.watch(QUARTER_SECONDS) for _ in range(4)]
    full = measure_capacity(pod)
    key = Key(CELL, pod.workload.name, limit, when)
    for number, window in enumerate(quarters, 1):
        bounds = BAR if number == len(quarters) else INFORMATION
        ratio = window.reading_to_truth(full.capacity)
        what = f"{when}, half, {round(number * QUARTER_SECONDS)} s"
        yield Figure(key._replace(what=what), ratio, bounds, details(load, window, full.capacity))
    yield from _full_and_ninety(pod, full, key, BAR)


def _full_and_ninety(pod: Pod, full: Measured, key: Key, bounds: Bounds) -> Iterator[Figure]:
    ninety = measure_share(pod, full.capacity, 0.9)
    for what, measured in (("full", full), ("0.9", ninety)):
        name = f"{key.what}, {what}"
        yield Figure(key._replace(what=name), measured.ratio, bounds, measured.details)
