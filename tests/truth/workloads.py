"""Models, encodings and limits to be measured, and how long each takes."""

from __future__ import annotations

from dataclasses import dataclass

from loadtests.bench.models import MODELS, BenchModel

LIMITS: dict[str, float | None] = {
    "250m": 0.25, "500m": 0.5, "1": 1.0, "1500m": 1.5, "2": 2.0, "none": None,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Workload:
    """One-row requests of one model in one encoding."""

    model: BenchModel
    encoding: str
    window_seconds: float
    """Many periods of a CPU quota, and a few dozen answers at the smallest limit."""

    @property
    def name(self) -> str:
        return f"{self.model.name}-{self.encoding}"


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload(MODELS["tiny"], "json", 12.0),
        Workload(MODELS["tiny"], "binary", 12.0),
        Workload(MODELS["encoder"], "json", 6.0),
        Workload(MODELS["encoder"], "binary", 6.0),
        Workload(MODELS["cnn"], "json", 10.0),
        Workload(MODELS["cnn"], "binary", 10.0),
    )
}
