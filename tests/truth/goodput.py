"""Three times the capacity from clients with a deadline: what is answered in time.

The connections are kept, as those of a client's pool or of a proxy are, and the generator is that
of every other load (`pacing`). An answer in time is one that the server gave before the deadline
that the request names; the server's own count of them is a share of what the generator received.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.attacks.overload import DEADLINE_SECONDS
from tests.truth.capacity import END_SECONDS, WARM_UP_SECONDS, details, measure_capacity
from tests.truth.figures import Bounds, Figure, Key
from tests.truth.pacing import Pace
from tests.truth.pod import running_pod
from tests.truth.workloads import LIMITS, Workload

CELL = "goodput"
WORKLOADS = ("tiny-json", "encoder-json", "cnn-json", "cnn-binary")
DEFAULT_LIMITS = ("500m",)
BAR = Bounds(least=0.9)
TIMES = 3.0
CONNECTIONS = 256
"""One that waits for an answer takes no other request, so a model that answers all of them in time
is offered no more than it answers; a slow one refuses, and is offered it all.
"""
HEADERS = {"X-Request-Timeout-Ms": str(round(1000 * DEADLINE_SECONDS))}
SECONDS = 10.0


def measure(workload: Workload, directory: Path, limit: str) -> Iterator[Figure]:
    """Answers in time per second over the capacity."""
    with running_pod(workload, directory, LIMITS[limit]) as pod:
        before = measure_capacity(pod).capacity
        pace = Pace(
            CONNECTIONS, SECONDS + END_SECONDS, WARM_UP_SECONDS, rate=TIMES * before,
            is_poisson=True,
        )  # fmt: skip
        with pod.under(pace, HEADERS) as load:
            load.settle(pace.warm_up_seconds)
            window = load.watch(SECONDS)
        after = measure_capacity(pod, warm_up_seconds=WARM_UP_SECONDS).capacity
    assert load.paced is not None
    capacity = (before + after) / 2
    goodput = load.paced.rate * window.success_share
    found = details(load, window, capacity) | {
        "goodput": round(goodput, 1), "drift": round(after / before, 3)
    }  # fmt: skip
    yield Figure(Key(CELL, workload.name, limit, "in time / C"), goodput / capacity, BAR, found)
