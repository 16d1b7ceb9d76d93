"""Running totals of one model version, as Triton's statistics extension reports them."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Duration:
    """How often something happened, and how long it took in all."""

    count: int = 0
    nanoseconds: int = 0

    def add(self, seconds: float, *, count: int = 1) -> None:
        self.count += count
        self.nanoseconds += int(seconds * 1e9)


@dataclass(slots=True)
class ModelStatistics:
    """Written and read on the event loop only."""

    last_inference_milliseconds: int = 0
    """Since the epoch; 0 before the first inference."""
    inference_count: int = 0
    """Rows."""
    execution_count: int = 0
    success: Duration = field(default_factory=Duration)
    fail: Duration = field(default_factory=Duration)
    queue: Duration = field(default_factory=Duration)
    compute_infer: Duration = field(default_factory=Duration)
