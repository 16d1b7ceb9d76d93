"""Pods and tolerances of one row, for tests that look at a single decision."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from longshore_k8s.replay.pods import SECOND, Phase, Pods, ReadyConditions, group
from longshore_k8s.replay.proposals import Proposal, Tolerances, average_value, utilization

NOW = np.array([10_000 * SECOND])


def tolerances(down: float = 0.1, up: float = 0.1) -> Tolerances:
    return Tolerances(np.array([down]), np.array([up]))


def row(*numbers: int) -> np.ndarray:
    return np.array([numbers], np.int64)


def one(number: int) -> np.ndarray:
    return np.array([number], np.int64)


def running(count: int, *, ready: Sequence[bool] | None = None, pending: int = 0) -> Pods:
    """`count` Running pods and then `pending` Pending ones."""
    phases = [Phase.RUNNING] * count + [Phase.PENDING] * pending
    readiness = list(ready or [True] * count) + [False] * pending
    return Pods(
        np.ones((1, len(phases)), bool),
        np.zeros((1, len(phases)), bool),
        np.array([phases], np.int8),
        np.array([readiness]),
    )


def pods_proposal(
    current: int,
    target: int,
    values: Sequence[int | None],
    pods: Pods | None = None,
    *,
    held: Tolerances | None = None,
) -> Proposal:
    """Of a Pods metric; `None` is a pod without a value. All in thousandths."""
    has = np.array([[value is not None for value in values]])
    given = row(*(value or 0 for value in values))
    pods = pods or running(len(values))
    groups = group(pods, has, None, NOW)
    return average_value(one(current), one(target), given, groups, has, pods, held or tolerances())


def cpu_proposal(
    current: int, percent: int, values: Sequence[int], pods: Pods, *, request: int
) -> Proposal:
    """Of CPU as a share of requests; pods have run for ten minutes."""
    has = np.ones((1, len(values)), bool)
    started = np.full((1, len(values)), NOW[0] - 600 * SECOND)
    known = ReadyConditions(has, started, started + SECOND, started, started * 0)
    groups = group(pods, has, known, NOW)
    return utilization(
        one(current), one(percent), one(request), row(*values), groups, has, pods, tolerances()
    )
