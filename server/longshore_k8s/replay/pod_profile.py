"""What one pod carries and how it lives: by options, else as `longshore capacity` wrote it."""

from __future__ import annotations

from argparse import Namespace
from statistics import median
from typing import Any

from longshore.errors import SettingsError
from longshore_k8s.capacity.objective import Objective, parse_objective
from longshore_k8s.replay.calibrated_pod import calibrated_pod
from longshore_k8s.replay.fleet import Life
from longshore_k8s.replay.pod_queue import PodCapacity

Json = dict[str, Any]
HEADROOM = 1.1
"""Highest rate over knee where nobody has measured the first."""
LEAST_HEADROOM = 1.02
READY_SECONDS = 10.0


def pod_capacity(options: Namespace, document: Json) -> PodCapacity:
    """Options go before the measured.

    Raises:
        SettingsError: the knee or the objective is unknown, or they contradict each other.
    """
    objective = _objective(options.slo, document)
    seconds, file = objective.seconds, options.calibration
    measured = document if file is None else calibrated_pod(file, objective)
    knee = _number(options.knee, measured, "knee")
    if knee is None:
        raise SettingsError(
            "--knee: what one pod carries is unknown: give its requests per second, a "
            "--calibration, or values that `longshore capacity` wrote, with the JSON beside them"
        )
    highest = _number(options.highest, measured, "burst_rate") or HEADROOM * knee
    if options.highest is None:
        highest = max(highest, LEAST_HEADROOM * knee)  # measured apart, they may cross
    idle = _number(options.idle_seconds, measured, "idle_seconds") or seconds / 10
    if not 0 < knee < highest:
        raise SettingsError(
            f"--knee {knee:g} and --highest {highest:g}: 0 < knee < highest is needed"
        )
    if not 0 < idle < seconds:
        raise SettingsError(
            f"--idle-seconds {idle:g}: above 0, and below the objective's {seconds:g} s"
        )
    utilization = measured.get("utilization")
    return PodCapacity(
        knee, highest, seconds, objective.late_share, idle,
        knee / highest if utilization is None else float(utilization), options.queue_seconds,
    )  # fmt: skip


def life(options: Namespace, document: Json) -> Life:
    """The start that keeps its calibration is what a new pod on the same volume has."""
    starts = document.get("kept_seconds") or document.get("cold_seconds")
    ready = options.ready_seconds
    if ready is None:
        ready = median(starts) if starts else READY_SECONDS
    times = (options.pending_seconds, ready, options.drain_seconds)
    if min(times) < 0:
        raise SettingsError(
            f"--pending-seconds, --ready-seconds, --drain-seconds: {min(times):g} < 0"
        )
    pending, starting, drain = (round(1000 * seconds) for seconds in times)
    return Life(pending, starting, drain)


def _number(given: float | None, measured: Json, key: str) -> float | None:
    value = given if given is not None else measured.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise SettingsError(f"{key} of the capacity file is {value!r}; a number is needed")
    return float(value)


def _objective(slo: str | None, document: Json) -> Objective:
    """The option, else what was measured for."""
    if slo is not None:
        return parse_objective(slo, "0")
    try:
        return Objective(**document["objective"])
    except (KeyError, TypeError):
        raise SettingsError(
            "--slo: the objective is unknown; give one such as 'p99=100ms'"
        ) from None
