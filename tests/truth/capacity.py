"""Loads on one pod: the closed one that finds its capacity, and open ones at shares of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.truth.pacing import Pace
from tests.truth.pod import Load, Pod
from tests.truth.windows import Window

WARM_UP_SECONDS = 3.0
"""Of every load: batches fill."""
CLOSED_WARM_UP_SECONDS = 10.0
"""A closed load is often the first one of a server: what is learned at work settles."""
END_SECONDS = 1.0
"""The load goes on this long after a window: a throttled server is late with its counters."""
LEAST_CONNECTIONS, MOST_CONNECTIONS = 8, 64
OPEN_CONNECTIONS = 64


@dataclass(frozen=True, slots=True)
class Measured:
    """One load: what the generator saw and what the server said in the same window."""

    capacity: float
    """Requests per second that the pod can sustain."""
    window: Window
    details: dict[str, Any]

    @property
    def ratio(self) -> float:
        """Reading over truth."""
        return self.window.reading_to_truth(self.capacity)


def measure_capacity(pod: Pod, *, warm_up_seconds: float = CLOSED_WARM_UP_SECONDS) -> Measured:
    """By a closed load of twice what all instances take at once: none of them ever waits.

    Arrivals equal completions, so the truth there is 1.
    """
    pace = Pace(_filling_connections(pod), _seconds(pod), warm_up_seconds)
    with pod.under(pace) as load:
        window = _watch(load, pace)
    assert load.paced is not None
    capacity = load.paced.rate * window.success_share
    return Measured(capacity, window, details(load, window, capacity))


def measure_share(pod: Pod, capacity: float, share: float) -> Measured:
    """By an open load of `share` of `capacity`, in which arrivals know nothing of each other."""
    pace = Pace(
        OPEN_CONNECTIONS, _seconds(pod), WARM_UP_SECONDS, rate=share * capacity, is_poisson=True
    )
    with pod.under(pace) as load:
        window = _watch(load, pace)
    return Measured(capacity, window, details(load, window, capacity))


def details(load: Load, window: Window, capacity: float) -> dict[str, Any]:
    """What explains a ratio; the load has ended."""
    paced = load.paced
    assert paced is not None
    return {
        "capacity": round(capacity, 2),
        "rate": round(window.rate, 2),
        "truth": round(window.truth(capacity), 3),
        "reading": round(window.reading, 3),
        "cpus": round(window.cpus, 2),
        "throttled": round(window.throttled_share, 2),
        "p50_ms": round(paced.p50_ms, 2),
        "generator_cpus": round(load.generator_cpus, 3),
        "other_cpus": round(window.machine_cpus - window.cpus - load.generator_cpus, 2),
        "resources": {
            name: round(seconds * capacity, 3)
            for name, seconds in window.resources_per_request.items()
        },
        "errors": paced.errors,
        "late": paced.late,
    }


def _seconds(pod: Pod) -> float:
    return pod.workload.window_seconds + END_SECONDS


def _watch(load: Load, pace: Pace) -> Window:
    load.settle(pace.warm_up_seconds)
    return load.watch(pace.seconds - END_SECONDS)


def _filling_connections(pod: Pod) -> int:
    plan = pod.plan()
    at_once = int(str(plan["instances"])) * int(str(plan["max_batch_size"]))
    return min(MOST_CONNECTIONS, max(LEAST_CONNECTIONS, 2 * at_once))
