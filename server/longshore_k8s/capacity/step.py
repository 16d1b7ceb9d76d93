"""One open load of a steady rate, and what became of each of its requests."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longshore_k8s.capacity.arrivals import Times
from longshore_k8s.capacity.objective import Objective
from longshore_k8s.capacity.share import Interval, share_interval

SETTLING_SHARE = 0.15
"""Of a step: queues and batches are not yet those of its rate."""
OK = 200
REFUSALS = (429, 503)
NO_ANSWER = 0


@dataclass(frozen=True)
class Step:
    """Arrays of one entry for each request, in the order in which they were due."""

    rate: float
    """Requests per second, offered."""
    due: Times
    latency: Times
    """Seconds from the moment at which it was due; infinite where there was no answer."""
    status: NDArray[np.int16]
    """Of the answer; `NO_ANSWER` where there was none."""
    lag: Times
    """Seconds by which it was sent late."""

    def settled(self) -> Step:
        """Without the first part."""
        first = int(SETTLING_SHARE * len(self.due))
        return replace(
            self, due=self.due[first:], latency=self.latency[first:], status=self.status[first:],
            lag=self.lag[first:],
        )  # fmt: skip

    @property
    def count(self) -> int:
        return len(self.due)

    @cached_property
    def is_answered(self) -> NDArray[np.bool_]:
        """With a result."""
        return np.asarray(self.status == OK)

    @property
    def seconds(self) -> float:
        return self.count / self.rate

    def is_late(self, objective: Objective) -> NDArray[np.bool_]:
        """Later than the objective allows, or without a result."""
        return np.asarray((self.latency > objective.seconds) | ~self.is_answered)

    def late(self, objective: Objective) -> Interval:
        return share_interval(self.is_late(objective))

    def errors(self) -> Interval:
        return share_interval(~self.is_answered)

    def percentile(self, percentile: float) -> float:
        """Of the latency in seconds; infinite where more than the rest has no result."""
        shown = np.where(self.is_answered, self.latency, np.inf)
        return float(np.percentile(shown, percentile, method="higher"))

    @property
    def lag_p99(self) -> float:
        return self.percentile_of_lag(99)

    def percentile_of_lag(self, percentile: float) -> float:
        """Seconds."""
        return float(np.percentile(self.lag, percentile, method="higher"))

    @property
    def refused(self) -> int:
        return int(np.isin(self.status, REFUSALS).sum())

    @property
    def lost(self) -> int:
        """Without an answer, or with an error that is no refusal."""
        return self.count - self.refused - int(self.is_answered.sum())

    def document(self, objective: Objective) -> dict[str, Any]:
        """What is kept of it, as JSON has it."""
        late = self.late(objective)
        shown = {f"p{p}": self.percentile(p) for p in (50, 90, 99)}
        return {
            "rate": self.rate,
            "requests": self.count,
            "seconds": self.seconds,
            "latency_seconds": {name: _finite(value) for name, value in shown.items()},
            "late_share": [late.low, late.share, late.high],
            "refused": self.refused,
            "lost": self.lost,
            "send_lag_p99_seconds": _finite(self.lag_p99),
        }


def _finite(value: float) -> float | None:
    """JSON has no infinity."""
    return value if np.isfinite(value) else None


def joined(steps: list[Step]) -> Step:
    """Steps of one rate as one."""
    return Step(
        steps[0].rate,
        np.concatenate([step.due for step in steps]),
        np.concatenate([step.latency for step in steps]),
        np.concatenate([step.status for step in steps]),
        np.concatenate([step.lag for step in steps]),
    )
