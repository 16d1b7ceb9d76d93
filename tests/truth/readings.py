"""The reading when just full, at half and at nine tenths of the capacity, by CPU limit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.truth.capacity import Measured, measure_capacity, measure_share
from tests.truth.figures import Bounds, Figure, Key
from tests.truth.pod import running_pod
from tests.truth.workloads import LIMITS, Workload

CELL = "readings"
WORKLOADS = ("tiny-json", "encoder-json", "cnn-json", "cnn-binary")
DEFAULT_LIMITS = tuple(LIMITS)
BAR = Bounds(0.9, 1.1)
SHARES = {"half": 0.5, "0.9": 0.9}


def measure(workload: Workload, directory: Path, limit: str) -> Iterator[Figure]:
    """Reading over truth in each load."""

    def figure(what: str, measured: Measured) -> Figure:
        details = {**measured.details, "plan": plan}
        return Figure(Key(CELL, workload.name, limit, what), measured.ratio, BAR, details)

    with running_pod(workload, directory, LIMITS[limit]) as pod:
        plan = pod.plan()
        full = measure_capacity(pod)
        yield figure("full", full)
        for what, share in SHARES.items():
            yield figure(what, measure_share(pod, full.capacity, share))
