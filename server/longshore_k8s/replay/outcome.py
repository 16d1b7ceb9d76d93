"""What came of a replay: counted for each row, then as bands over seeds."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from longshore_k8s.replay.pods import Counts, Flags, Ratios

REVERSAL_MS = 600_000
"""A rescale against the one before it, within this time, takes it back."""
PERCENTILES = (5, 50, 95)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One plan; every array has an entry for each seed."""

    pod_hours: Ratios
    perfect_hours: float
    """Of an autoscaler that always has just enough pods."""
    requests: Ratios
    late: Ratios
    refused: Ratios
    rescales: Counts
    reversals: Counts
    seconds: Ratios
    """Of the syncs, since the trace began."""
    replicas: Counts
    """Syncs x seeds."""

    @property
    def missed_share(self) -> Ratios:
        """Of all requests those that are late or refused."""
        share: Ratios = (self.late + self.refused) / np.maximum(self.requests, 1)
        return share

    def bands(self) -> Ratios:
        """p5, p50 and p95 of the replicas at each sync: 3 x syncs."""
        found: Ratios = np.percentile(self.replicas, PERCENTILES, axis=1)
        return found


def perfect_hours(rates: Ratios, seconds: Ratios, knee: float, minimum: int = 1) -> float:
    """Pod-hours of just as many pods as carry each rate."""
    pods = np.maximum(np.ceil(rates / knee), minimum)
    return float((pods * seconds).sum() / 3600)


@dataclass(slots=True)
class Tally:
    """Sums of all rows while a replay runs."""

    rows: int
    pod_seconds: Ratios = field(init=False)
    requests: Ratios = field(init=False)
    late: Ratios = field(init=False)
    refused: Ratios = field(init=False)
    rescales: Counts = field(init=False)
    reversals: Counts = field(init=False)
    replicas: list[Counts] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    _direction: Counts = field(init=False)
    _changed: Counts = field(init=False)

    def __post_init__(self) -> None:
        for name in ("pod_seconds", "requests", "late", "refused"):
            setattr(self, name, np.zeros(self.rows))
        for name in ("rescales", "reversals", "_direction"):
            setattr(self, name, np.zeros(self.rows, np.int64))
        self._changed = np.full(self.rows, -REVERSAL_MS)

    def add(
        self, weight: Ratios, pods: Counts, requests: Ratios, refused: Ratios, late: Ratios
    ) -> None:
        """One step; `weight` is its seconds where it counts and 0 where not, for each row."""
        counts = weight > 0
        self.pod_seconds += pods * weight
        self.requests += requests * counts
        self.refused += refused * counts
        self.late += late * counts

    def rescaled(self, counts: Flags, change: Counts, now: int) -> None:
        """The rescales of one sync, of rows in which it counts."""
        direction = np.sign(change)
        takes_back = (direction == -self._direction) & (now - self._changed <= REVERSAL_MS)
        self.rescales += counts
        self.reversals += counts & takes_back
        self._direction = np.where(counts, direction, self._direction)
        self._changed = np.where(counts, now, self._changed)
