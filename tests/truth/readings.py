"""The reading when just full, at half and at nine tenths of the capacity, by CPU limit.

Machines change their speed within a minute, virtual ones above all. The capacity is measured before
and after the two shares of it, whose truth is the mean of both; `drift` is their ratio.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from tests.truth.capacity import WARM_UP_SECONDS, Measured, measure_capacity, measure_share
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
        details = {
            **measured.details, "drift": round(again.capacity / full.capacity, 3), "plan": plan
        }  # fmt: skip
        return Figure(Key(CELL, workload.name, limit, what), measured.ratio, BAR, details)

    with running_pod(workload, directory, LIMITS[limit]) as pod:
        plan = pod.plan()
        full = measure_capacity(pod)
        shares = {what: measure_share(pod, full.capacity, share) for what, share in SHARES.items()}
        again = measure_capacity(pod, warm_up_seconds=WARM_UP_SECONDS)
    capacity = (full.capacity + again.capacity) / 2
    yield figure("full", full)
    for what, measured in shares.items():
        yield figure(what, dataclasses.replace(measured, capacity=capacity))
    yield figure("full again", again)
