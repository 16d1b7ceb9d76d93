"""How many pods an autoscaler asks for, by the controller's arithmetic that replays use."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor

import numpy as np

from longshore_k8s.api import Json
from longshore_k8s.doctor.autoscaler import Metric
from longshore_k8s.doctor.release import condition
from longshore_k8s.replay.autoscaler import DOWN_DEFAULTS, UP_DEFAULTS, Rules, rules
from longshore_k8s.replay.pods import Counts, Phase, Pods, group
from longshore_k8s.replay.proposals import (
    Proposal,
    Tolerances,
    average_value,
    external_average,
    external_value,
)

Values = Sequence[float | None]


def directions(autoscaler: Json) -> tuple[Rules, Rules]:
    """Down and up, with the API server's defaults."""
    behavior = autoscaler["spec"].get("behavior") or {}
    return (
        rules(behavior.get("scaleDown"), DOWN_DEFAULTS),
        rules(behavior.get("scaleUp"), UP_DEFAULTS),
    )


def of_pods(
    autoscaler: Json, metric: Metric, pods: Sequence[Json], values: Values, current: int
) -> int | None:
    """From a value of each pod, `None` where it has none; `None` where no count follows."""
    if not pods or not metric.target:
        return None
    found = _pods(pods)
    has_value = np.array([[value is not None for value in values]])
    groups = group(found, has_value, None, np.zeros(1, np.int64))
    return _count(
        average_value(
            np.array([current]), _milli([metric.target]), _milli(values)[None, :], groups,
            has_value, found, _tolerances(autoscaler),
        )
    )  # fmt: skip


def of_sum(
    autoscaler: Json, metric: Metric, pods: Sequence[Json], total: float, current: int
) -> int | None:
    """From the sum over the release, or the one value of it, of an external metric."""
    if not metric.target or not current:
        return None
    count, target, usage = np.array([current]), _milli([metric.target]), _milli([total])
    fails, tolerances = np.zeros(1, bool), _tolerances(autoscaler)
    if metric.is_average:
        return _count(external_average(count, target, usage, fails, tolerances))
    return _count(external_value(count, target, usage, fails, _pods(pods), tolerances))


def _count(proposal: Proposal) -> int | None:
    return None if proposal.failed[0] else int(proposal.count[0])


def _milli(values: Values) -> Counts:
    """Thousandths, cut off as in a quantity that is read for an autoscaler."""
    return np.array([floor(1000 * (value or 0.0) + 1e-6) for value in values], np.int64)


def _tolerances(autoscaler: Json) -> Tolerances:
    down, up = directions(autoscaler)
    return Tolerances(np.array([down.tolerance]), np.array([up.tolerance]))


def _pods(pods: Sequence[Json]) -> Pods:
    phases = [str((pod.get("status") or {}).get("phase", "")).upper() for pod in pods]
    return Pods(
        np.ones((1, len(pods)), bool),
        np.array([["deletionTimestamp" in pod["metadata"] for pod in pods]], bool),
        np.array([[Phase.__members__.get(one, Phase.RUNNING) for one in phases]], np.int8),
        np.array([[condition(pod, "Ready").get("status") == "True" for pod in pods]], bool),
    )
