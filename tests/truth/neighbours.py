"""A neighbour that takes half of the machine's CPUs comes and goes; the pod has no limit.

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

from tests.truth.capacity import details, measure_capacity, measure_share
from tests.truth.cpu_groups import cpu_group
from tests.truth.figures import INFORMATION, Bounds, Figure, Key
from tests.truth.pacing import Pace
from tests.truth.pod import Pod, running_pod
from tests.truth.workloads import LIMITS, Workload

CELL = "neighbour"
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
    pace = Pace(connections=64, seconds=4 * QUARTER_SECONDS + 1, warm_up_seconds=1.0, rate=rate)
    with pod.under(pace) as load:
        quarters = [load.watch(QUARTER_SECONDS) for _ in range(4)]
    full = measure_capacity(pod)
    ninety = measure_share(pod, full.capacity, 0.9)

    def key(what: str) -> Key:
        return Key(CELL, pod.workload.name, limit, f"{when}, {what}")

    for number, window in enumerate(quarters, 1):
        bounds = BAR if number == len(quarters) else INFORMATION
        ratio = window.reading_to_truth(full.capacity)
        what = f"half, {round(number * QUARTER_SECONDS)} s"
        yield Figure(key(what), ratio, bounds, details(load, window, full.capacity))
    yield Figure(key("full"), full.ratio, BAR, full.details)
    yield Figure(key("0.9"), ninety.ratio, BAR, ninety.details)
