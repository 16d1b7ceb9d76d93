"""What was measured of one pod, as numbers that are written to a file and read again."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from longshore_k8s.capacity.drift import Drift


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The step at which the objective was kept just below the knee."""

    rate: float
    requests: int
    late: int
    lost: int
    percentile_seconds: float | None
    """The objective's percentile; `None` where it has no answer."""
    lag_p99_seconds: float


@dataclass(frozen=True, slots=True)
class Overload:
    """What became of one and a half times the knee."""

    rate: float
    answered: int
    refused: int
    lost: int


@dataclass(frozen=True, slots=True)
class Measured:
    """Rates in requests per second, with bounds at 95 %."""

    knee_low: float
    knee: float
    knee_high: float
    scale: float
    """Of the calibrated cost under load."""
    doubts: tuple[str, ...]
    """Why the pod does not follow the model; empty where it does."""
    shape: str
    confirmation: Confirmation
    overload: Overload
    burst_rate: float
    """Of a closed load before the search."""
    idle_seconds: float
    utilization: float
    """What an autoscaler reads at the knee."""
    bound_by: str
    throttled_share: float
    cpus_used: float | None
    """At the confirmation; `None` where nobody counted."""
    memory_start: int
    """Bytes of the working set once it is ready."""
    memory_peak: int
    probe_seconds: float
    """The slowest answer of the management port, overload included."""
    longest_batch_seconds: float
    burst_rate_after: float | None = None
    """Of one after the search; `None` of a record that is older than it."""
    cold_seconds: tuple[float, ...] = ()
    """Starts without a calibration."""
    kept_seconds: tuple[float, ...] = ()
    """Starts with one that an earlier start kept."""
    model: dict[str, Any] = field(default_factory=dict)
    """What the server says of it."""
    steps: tuple[dict[str, Any], ...] = ()

    @property
    def drift(self) -> Drift:
        return Drift(self.burst_rate, self.burst_rate_after or self.burst_rate)

    def document(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, document: dict[str, Any]) -> Measured:
        """From `document()` as JSON has it."""
        lists = ("doubts", "cold_seconds", "kept_seconds", "steps")
        return cls(
            **{
                **document,
                **{name: tuple(document[name]) for name in lists},
                "confirmation": Confirmation(**document["confirmation"]),
                "overload": Overload(**document["overload"]),
            }
        )
