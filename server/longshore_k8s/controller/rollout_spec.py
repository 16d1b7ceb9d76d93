"""How a new version proves itself: `spec.rollout` and `spec.validation`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Self

from longshore_k8s.api import Json
from longshore_k8s.controller.judging.verdict import Objective

STEPS = (10, 30)
SAMPLES_KEY = "samples.json"


@dataclass(frozen=True, slots=True)
class RolloutSpec:
    """Steps of traffic, and what each of them has to show."""

    steps: tuple[int, ...] = STEPS
    """Percent of the traffic."""
    objective: Objective = field(default_factory=Objective)

    @classmethod
    def from_json(cls, document: Json) -> Self:
        known = _stated(document, "bakeSeconds", "toleratedBadRatio", "deadlineSeconds")
        steps = document.get("steps")
        return cls(
            STEPS if steps is None else tuple(steps),
            Objective(**known, aborts_without_data=document.get("onNoData") == "Abort"),
        )

    def weight(self, step: int) -> int:
        """Percent of a step, which counts from 1; of the last one where the spec has fewer now."""
        return self.steps[min(step, len(self.steps)) - 1] if self.steps else 0


@dataclass(frozen=True, slots=True)
class ValidationSpec:
    """What a version has to show before it has any traffic."""

    samples_from: str = ""
    """Name of a ConfigMap with requests and their answers under the key `samples.json`."""
    tolerance: float = 1e-3
    """Of a number in an answer: beside the expected one, or relative to it where that is more."""
    min_capacity_ratio: float = 0.7
    """Rows a second of a pod, as a share of those of a pod that serves."""
    max_latency_seconds: float | None = None

    @classmethod
    def from_json(cls, document: Json) -> Self:
        known = _stated(document, "tolerance", "minCapacityRatio", "maxLatencySeconds")
        samples = (document.get("samplesFrom") or {}).get("name", "")
        return cls(samples_from=samples, **known)


def _stated(document: Json, *keys: str) -> Json:
    """Those of `keys` that have a value, by the names of fields."""
    stated = {key: document[key] for key in keys if document.get(key) is not None}
    return {re.sub("[A-Z]", lambda one: f"_{one[0].lower()}", key): stated[key] for key in stated}
