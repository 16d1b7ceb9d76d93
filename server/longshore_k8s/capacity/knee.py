"""The highest rate at which the model of a pod keeps an objective."""

from __future__ import annotations

import numpy as np

from longshore_k8s.capacity.arrivals import poisson_arrivals
from longshore_k8s.capacity.objective import Objective
from longshore_k8s.capacity.pod_model import PodModel

SIMULATED_REQUESTS = 100_000
WARM_UP_SHARE = 0.04
SEED = 11
GRID = 400
"""Rates looked at are multiples of the capacity divided by this; between two it is interpolated."""
LEAST_SHARE = 0.02
"""Of the capacity: an objective that is not kept there is out of reach."""


class KneeTable:
    """Simulates each rate once. With executions `scale` times as long, everything takes `scale`
    times as long at a rate that is as much lower, so all scales are read from one table; a delay of
    the batcher is taken to scale too.
    """

    def __init__(
        self, model: PodModel, objective: Objective, *, requests: int = SIMULATED_REQUESTS
    ) -> None:
        self._model = model
        self._objective = objective
        self._arrivals = poisson_arrivals(1.0, requests, SEED)
        self._found: dict[int, float] = {}

    def rate(self, scale: float = 1.0) -> float:
        """Requests per second at the knee; 0 where the objective is out of reach.

        Every rate sees the same arrivals, faster or slower, so latencies grow with it.
        """
        fixed = self._model.fixed_seconds
        allowed = (self._objective.seconds - fixed) / scale
        low, high = round(LEAST_SHARE * GRID), GRID
        if allowed <= 0 or self._latency(low) > allowed:
            return 0.0
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self._latency(middle) > allowed else (middle, high)
        below, above = self._latency(low), self._latency(high)
        part = min(1.0, (allowed - below) / (above - below)) if above > below else 0.0
        return self._model.capacity / scale * (low + part) / GRID

    def _latency(self, step: int) -> float:
        """The objective's percentile, without what is fixed, at `step` / `GRID` of the capacity."""
        if step not in self._found:
            due = self._arrivals / (self._model.capacity * step / GRID)
            latencies = (
                self._model.latencies(due)[int(WARM_UP_SHARE * len(due)) :]
                - self._model.fixed_seconds
            )
            self._found[step] = float(np.quantile(latencies, 1 - self._objective.late_share))
        return self._found[step]
