"""Our batcher in virtual time: how long each request of a load takes on a pod of known cost.

An idle instance takes what waits, at most a batch; what arrives while all are busy is taken by the
next that is done (`longshore.batching.request_groups`).
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from heapq import heapreplace

import numpy as np

from longshore.batching.cost import CostLine
from longshore_k8s.capacity.arrivals import Times


@dataclass(frozen=True, slots=True)
class PodModel:
    """A pod that is offered requests of equal size."""

    execution_seconds: tuple[float, ...]
    """Of an execution of 1, 2, ... requests, up to the largest batch."""
    instances: int = 1
    fixed_seconds: float = 0.0
    """Of each request, beside waiting and execution: reading, answering, the network."""
    delay_seconds: float = 0.0
    """For which an idle instance waits for a fuller batch."""

    @property
    def capacity(self) -> float:
        """Requests per second of full batches."""
        largest = len(self.execution_seconds)
        return self.instances * largest / self.execution_seconds[-1]

    def latencies(self, due: Times, scale: float = 1.0) -> Times:
        """Seconds of each request, where executions take `scale` times as long."""
        times = due.tolist()
        costs = [scale * seconds for seconds in self.execution_seconds]
        largest, count, delay = len(costs), len(times), self.delay_seconds
        free = [0.0] * self.instances
        ends: list[float] = []
        sizes: list[int] = []
        first = 0
        while first < count:  # the one loop of all simulations: no calls that can be spared
            begin = times[first]
            if delay:
                begin = min(begin + delay, times[min(first + largest, count) - 1])
            if free[0] > begin:
                begin = free[0]
            after = bisect_right(times, begin, first + 1, min(first + largest, count))
            end = begin + costs[after - first - 1]
            heapreplace(free, end)
            ends.append(end)
            sizes.append(after - first)
            first = after
        return np.repeat(ends, sizes) - due + self.fixed_seconds


def pod_model(
    cost: CostLine, *, max_rows: int, rows: int, instances: int, delay_seconds: float = 0.0
) -> PodModel:
    """From what a server says of its calibration, for requests of `rows` rows each."""
    largest = max(1, max_rows // rows)
    seconds = tuple(cost.seconds(rows * requests) for requests in range(1, largest + 1))
    return PodModel(seconds, instances, delay_seconds=delay_seconds)


def fitted_to(model: PodModel, *, burst_rate: float, idle_seconds: float) -> PodModel:
    """`model` with what is not in the calibration: the event loop, and CPUs that both share.

    `burst_rate` is what a closed load reached, in full batches; `idle_seconds` what a request takes
    on an idle pod.
    """
    largest = len(model.execution_seconds)
    missing = model.instances / burst_rate - model.execution_seconds[-1] / largest
    if missing >= 0:
        costs = tuple(s + missing * n for n, s in enumerate(model.execution_seconds, start=1))
    else:
        costs = tuple(s * model.capacity / burst_rate for s in model.execution_seconds)
    fixed = max(0.0, idle_seconds - costs[0] - model.delay_seconds)
    return replace(model, execution_seconds=costs, fixed_seconds=fixed)
