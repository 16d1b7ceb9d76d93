"""What a pod carries by the cost of its batches, where nobody has measured it under load.

The batcher in virtual time: an idle instance takes what waits, at most a batch
(`longshore.batching.dynamic_batcher`). HTTP and JSON are not in a calibration, so this is an upper
bound that a cheap model does not reach.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from dataclasses import dataclass
from heapq import heapreplace
from pathlib import Path

import numpy as np

from longshore.batching.cost import CostLine
from longshore.errors import SettingsError
from longshore.loading.records.calibration_record import CalibrationRecord
from longshore_k8s.replay.pods import Ratios

REQUESTS = 20_000
SETTLING = 2_000
"""Of those, before the queue is as it stays."""
HALVINGS = 12


@dataclass(frozen=True, slots=True)
class Batcher:
    """Requests of one row each."""

    seconds: tuple[float, ...]
    """Of an execution of 1, 2, ... rows, up to the largest batch."""
    instances: int

    @property
    def highest(self) -> float:
        """Requests per second in full batches."""
        return self.instances * len(self.seconds) / self.seconds[-1]

    def latencies(self, due: Ratios) -> Ratios:
        """Seconds of each request, by when they are due."""
        times, largest = due.tolist(), len(self.seconds)
        free = [0.0] * self.instances
        ends, sizes, first = [], [], 0
        while first < len(times):
            begin = max(free[0], times[first])
            after = bisect_right(times, begin, first + 1, min(first + largest, len(times)))
            ends.append(begin + self.seconds[after - first - 1])
            heapreplace(free, ends[-1])
            sizes.append(after - first)
            first = after
        taken: Ratios = np.repeat(ends, sizes) - due
        return taken

    def knee(self, slo_seconds: float, late_share: float) -> float:
        """Requests per second at which `late_share` take longer than `slo_seconds`.

        Raises:
            SettingsError: it is not kept even by a request on an idle pod.
        """
        if self.seconds[0] >= slo_seconds:
            raise SettingsError(
                f"--slo: {slo_seconds:g} s cannot be kept: an execution of one row takes "
                f"{self.seconds[0]:g} s"
            )
        arrivals = np.cumsum(np.random.default_rng(0).exponential(1.0, REQUESTS))
        low, high = 0.0, self.highest
        for _ in range(HALVINGS):
            rate = (low + high) / 2
            late = self.latencies(arrivals / rate)[SETTLING:] > slo_seconds
            low, high = (rate, high) if late.mean() <= late_share else (low, rate)
        return low


def read_batcher(path: Path) -> Batcher:
    """From a file that `longshore calibrate` wrote.

    Raises:
        SettingsError: it is none, or nothing could be measured when it was written.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        plan = CalibrationRecord.of_content(document["record"]).plan
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(f"--calibration: {path} is no calibration: {error!r}") from error
    if plan.cost is None:
        raise SettingsError(f"--calibration: {path} has no cost: nothing could be measured")
    return batcher(plan.cost, plan.max_batch_size, plan.instances)


def batcher(cost: CostLine, largest: int, instances: int) -> Batcher:
    """Of a plan."""
    return Batcher(tuple(cost.seconds(rows) for rows in range(1, max(largest, 1) + 1)), instances)
