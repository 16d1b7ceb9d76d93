"""The number of users at each moment of a run, as pure functions of time. The peak and the length
come from locust's `--users` and `--run-time`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

STEP_COUNT = 5
SPIKE_BASE_SHARE = 0.2
SPIKE_START, SPIKE_END = 0.4, 0.6
SOAK_RAMP_SHARE = 0.1

Stage = Callable[[float, int], int]
"""From the elapsed share of the run, 0 to 1, and the peak to a number of users, at least 1."""


def constant(elapsed_share: float, peak: int) -> int:
    """The peak all the time."""
    return peak


def step(elapsed_share: float, peak: int) -> int:
    """Five equal steps up to the peak; the capacity is the last one before p99 rises sharply."""
    step_number = min(STEP_COUNT, int(elapsed_share * STEP_COUNT) + 1)
    return max(1, math.ceil(peak * step_number / STEP_COUNT))


def spike(elapsed_share: float, peak: int) -> int:
    """A fifth of the peak, the peak for the middle fifth of the run, then a fifth again: shows how
    long the autoscaler takes, and what is refused meanwhile.
    """
    is_spiking = SPIKE_START <= elapsed_share < SPIKE_END
    return peak if is_spiking else max(1, math.ceil(peak * SPIKE_BASE_SHARE))


def soak(elapsed_share: float, peak: int) -> int:
    """A slow ramp over a tenth of the run, then the peak for hours: shows leaks and drift."""
    return max(1, math.ceil(peak * min(1.0, elapsed_share / SOAK_RAMP_SHARE)))


STAGES: dict[str, Stage] = {"constant": constant, "step": step, "spike": spike, "soak": soak}


def users_at(name: str, elapsed_seconds: float, *, peak: int, run_seconds: float) -> int | None:
    """Users of the shape `name` at this moment; `None` when the run is over."""
    if elapsed_seconds >= run_seconds:
        return None
    return STAGES[name](elapsed_seconds / run_seconds, peak)
