"""The pods that the controller lists, as arrays: a row for each simulated cluster, a column for
each pod. Times are integers in nanoseconds: seconds as floats decide ties differently.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.bool_]
Counts = NDArray[np.int64]
Ratios = NDArray[np.float64]

SECOND = 1_000_000_000
CPU_INITIALIZATION = 300 * SECOND
"""`--horizontal-pod-autoscaler-cpu-initialization-period`."""
INITIAL_READINESS = 30 * SECOND
"""`--horizontal-pod-autoscaler-initial-readiness-delay`."""


class Phase(IntEnum):
    """Of a pod's status."""

    PENDING = 0
    RUNNING = 1
    SUCCEEDED = 2
    FAILED = 3


@dataclass(frozen=True, slots=True)
class ReadyConditions:
    """What the controller reads of the Ready condition, for CPU alone."""

    is_known: Flags
    """The pod has the condition and a start time."""
    started: Counts
    changed: Counts
    """Last transition of the condition."""
    sampled: Counts
    """Timestamp of the pod's sample."""
    window: Counts
    """Over which the sample was taken."""


@dataclass(frozen=True, slots=True)
class Pods:
    """The pods that a selector matches; all arrays are rows x pods."""

    exists: Flags
    deleted: Flags
    """Has a deletion timestamp."""
    phase: NDArray[np.int8]
    ready: Flags

    @property
    def serving(self) -> Counts:
        """Running and Ready in each row, deleted ones included: what a `Value` counts."""
        serving = self.exists & (self.phase == Phase.RUNNING) & self.ready
        count: Counts = serving.sum(axis=1)
        return count


@dataclass(frozen=True, slots=True)
class Groups:
    """How the controller sorts pods before it takes a mean."""

    ignored: Flags
    unready: Flags
    missing: Flags
    counted: Flags


def group(pods: Pods, has_value: Flags, cpu: ReadyConditions | None, now: Counts) -> Groups:
    """As `groupPods`: readiness matters for CPU alone.

    `has_value` is rows x pods, `now` one time for each row.
    """
    ignored = pods.exists & (pods.deleted | (pods.phase == Phase.FAILED))
    rest = pods.exists & ~ignored
    unready = rest & (pods.phase == Phase.PENDING)
    rest &= ~unready
    missing = rest & ~has_value
    counted = rest & has_value
    if cpu is not None:
        cold = counted & _has_no_valid_cpu(pods, cpu, now[:, None])
        unready, counted = unready | cold, counted & ~cold
    return Groups(ignored, unready, missing, counted)


def _has_no_valid_cpu(pods: Pods, cpu: ReadyConditions, now: Counts) -> Flags:
    is_starting = cpu.started + CPU_INITIALIZATION > now
    too_early = cpu.sampled < cpu.changed + cpu.window
    never_ready = cpu.started + INITIAL_READINESS > cpu.changed
    cold = np.where(is_starting, ~pods.ready | too_early, ~pods.ready & never_ready)
    return ~cpu.is_known | cold
