"""A steady load of half the capacity, read minute by minute.

Beside each reading stands what a request took of the CPU in that minute (`cpu_us`): where that
moves, the machine was not steady, and the signal says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.truth.capacity import OPEN_CONNECTIONS, details, measure_capacity
from tests.truth.figures import Bounds, Figure, Key
from tests.truth.pacing import Pace
from tests.truth.pod import running_pod
from tests.truth.workloads import LIMITS, Workload

CELL = "calm"
WORKLOADS = ("tiny-json", "encoder-json")
DEFAULT_LIMITS = ("500m",)
BAR = Bounds(most=0.05)
MINUTES = 3
WARM_UP_SECONDS = 10.0


def measure(workload: Workload, directory: Path, limit: str) -> Iterator[Figure]:
    """The largest minute less the smallest, over their mean."""
    with running_pod(workload, directory, LIMITS[limit]) as pod:
        capacity = measure_capacity(pod).capacity
        pace = Pace(OPEN_CONNECTIONS, MINUTES * 60.0 + 2, WARM_UP_SECONDS, rate=0.5 * capacity)
        with pod.under(pace) as load:
            load.settle(WARM_UP_SECONDS)
            minutes = [load.watch(60.0) for _ in range(MINUTES)]
        readings = [minute.reading for minute in minutes]
        figures = details(load, minutes[-1], capacity)
        figures["readings"] = [round(reading, 4) for reading in readings]
        figures["cpu_us"] = [round(1e6 * each.cpus / each.rate, 1) for each in minutes]
        key = Key(CELL, workload.name, limit, "spread of minutes")
        yield Figure(key, spread(readings), BAR, figures)


def spread(readings: list[float]) -> float:
    return (max(readings) - min(readings)) / (sum(readings) / len(readings))
