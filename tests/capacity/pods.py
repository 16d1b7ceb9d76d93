"""Pods whose knee is known, and what the search is told of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from longshore_k8s.capacity.objective import Objective
from longshore_k8s.capacity.pace import Pace
from longshore_k8s.capacity.pod_model import PodModel
from longshore_k8s.capacity.search import KneeSearch
from tests.capacity.virtual_pod import VirtualPod

Disturbance = Callable[[float, float, np.random.Generator], float]


@dataclass(frozen=True)
class KnownPod:
    fixed: float
    per_request: float
    largest: int
    instances: int
    objective: Objective
    knee: float
    """By `VirtualPod.knee` of 2,000,000 requests a look."""

    def pod(self, seed: int, **options: object) -> VirtualPod:
        shape = (self.fixed, self.per_request, self.largest, self.instances)
        return VirtualPod(*shape, seed=seed, **options)  # type: ignore[arg-type]

    def search(self, pod: VirtualPod, scale: float = 1.0, **options: object) -> KneeSearch:
        """A cheap one: what that costs in accuracy is far below the bounds here."""
        return KneeSearch(
            pod, self.model(scale), self.objective, pace=Pace(confirmed_requests=2_500),
            simulated_requests=10_000, **options,
        )  # type: ignore[arg-type]  # fmt: skip

    def model(self, scale: float = 1.0) -> PodModel:
        """With a calibration that is wrong by `scale`."""
        costs = (self.fixed + self.per_request * n for n in range(1, self.largest + 1))
        return PodModel(tuple(scale * seconds for seconds in costs), self.instances)


KNOWN = {
    "tiny": KnownPod(200e-6, 40e-6, 64, 1, Objective(99, 0.005, 0.001), 21619.0),
    "cnn": KnownPod(5e-3, 2.1e-3, 32, 1, Objective(99, 0.1, 0.001), 375.8),
    "two": KnownPod(2e-3, 4e-3, 8, 2, Objective(99, 0.1, 0.001), 437.1),
    "slow": KnownPod(12e-3, 30e-3, 8, 1, Objective(99, 0.3, 0.001), 19.44),
}
