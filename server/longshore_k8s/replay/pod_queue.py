"""Each pod's queue: what waits, what is refused, and what is later than the objective allows.

A fluid queue with the pod's highest rate. Below that rate chance makes some requests late: the
share falls by a constant factor with the distance from the highest rate (Kingman's heavy-traffic
limit: waiting is exponential, its rate in proportion to 1 - load), and is fixed by the knee, at
which it is what the objective allows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from longshore_k8s.replay.pods import Ratios


@dataclass(frozen=True, slots=True)
class PodCapacity:
    """What one pod carries, as `longshore capacity` measures it."""

    knee: float
    """Requests per second at which the objective is just kept."""
    highest: float
    """Requests per second with a full queue."""
    slo_seconds: float
    late_share: float
    """What the objective allows, such as 0.01 for a p99."""
    idle_seconds: float
    """Of a request on an idle pod."""
    utilization: float
    """What an autoscaler reads at the knee."""
    queue_seconds: float
    """A request that would wait for longer is refused."""

    def late_at(self, rates: Ratios) -> Ratios:
        """The share of requests that are late at steady rates."""
        distance = np.maximum(self.highest - rates, 0.0) / (self.highest - self.knee)
        late: Ratios = self.late_share**distance
        return late


class Queues:
    """What waits at each pod: rows x slots."""

    def __init__(self, rows: int, slots: int, capacity: PodCapacity) -> None:
        self.waiting = np.zeros((rows, slots))
        self._capacity = capacity
        self._most = capacity.highest * capacity.queue_seconds

    def step(self, arrivals: Ratios, seconds: float) -> tuple[Ratios, Ratios]:
        """Requests refused and late, of those that arrive within `seconds`: rows x pods."""
        width = arrivals.shape[1]
        capacity = self._capacity
        waiting = np.maximum(self.waiting[:, :width] + arrivals - capacity.highest * seconds, 0.0)
        refused = np.maximum(waiting - self._most, 0.0)
        waiting -= refused
        self.waiting[:, :width] = waiting
        share = capacity.late_at(arrivals / seconds)
        budget = (capacity.slo_seconds - capacity.idle_seconds) * capacity.highest
        share = np.where(waiting > budget, 1.0, share)
        return refused, np.maximum(arrivals - refused, 0.0) * share
