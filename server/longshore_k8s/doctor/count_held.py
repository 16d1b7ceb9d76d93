"""What keeps the count of pods from what its metrics ask for, and until when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from math import isfinite

from longshore_k8s.api import Json
from longshore_k8s.doctor import asked_count, prometheus
from longshore_k8s.doctor.autoscaler import Metric, autoscalers, metrics, reasons
from longshore_k8s.doctor.chain import Reading, query_of
from longshore_k8s.doctor.objects import MissingRight, Objects
from longshore_k8s.doctor.release import Release, name_of

STEP_SECONDS = 15.0
"""From sync to sync of the controller (`--horizontal-pod-autoscaler-sync-period`)."""
_POINTS = 20
"""At least, in a window that is short."""
_SAME = 0.1
"""Two readings of moments near each other."""
_DOWN, _UP = "ScaleDownStabilized", "ScaleUpStabilized"
_LIMITED = {
    "TooManyReplicas": "maxReplicas is {maximum}: --set autoscaling.maxReplicas=MORE",
    "TooFewReplicas": "minReplicas is {minimum}",
    "ScaleUpLimit": "a policy of `behavior.scaleUp` lets it grow in steps",
    "ScaleDownLimit": "a policy of `behavior.scaleDown` lets it shrink in steps",
}


def explain(
    release: Release, objects: Objects, readings: Sequence[Reading], now: float
) -> list[str]:
    """A sentence for each autoscaler; `now` in seconds since the epoch."""
    return [
        _sentence(release, objects, one, readings, now) for one in autoscalers(release, objects)
    ]


def _sentence(
    release: Release, objects: Objects, autoscaler: Json, readings: Sequence[Reading], now: float
) -> str:
    spec, status = autoscaler["spec"], autoscaler.get("status") or {}
    count, known = status.get("currentReplicas", 0), reasons(autoscaler)
    asks = max((one.asks for one in readings if one.asks is not None), default=None)
    because = ""
    if asks is not None and asks > spec["maxReplicas"]:
        because = (
            f"it asks for {asks}, maxReplicas is {spec['maxReplicas']}: "
            f"--set autoscaling.maxReplicas={asks}"
        )
    elif known["AbleToScale"][1] in (_DOWN, _UP):
        because = _held(release, objects, autoscaler, readings, count, now)
    elif known["ScalingLimited"][0] == "True":
        told = _LIMITED.get(known["ScalingLimited"][1], "")
        because = told.format(minimum=spec.get("minReplicas", 1), maximum=spec["maxReplicas"])
    told = f"{name_of(autoscaler)}: {count} pods, {status.get('desiredReplicas', 0)} wanted"
    return f"{told}; {because}" if because else told


def _held(
    release: Release, objects: Objects, autoscaler: Json, readings: Sequence[Reading], count: int,
    now: float,
) -> str:  # fmt: skip
    """`held at 5 by the stabilization window until 12:04:30 UTC`."""
    is_down = reasons(autoscaler)["AbleToScale"][1] == _DOWN
    down, up = asked_count.directions(autoscaler)
    window = (down if is_down else up).window_seconds
    try:
        last = _last_asked(release, objects, autoscaler, count, now, window, is_down=is_down)
    except MissingRight:
        last = None
    block = "scaleDown" if is_down else "scaleUp"
    is_told = last is not None and all(map(_agrees, readings))
    until = f" until {_clock(last + window)}" if is_told and last is not None else ""
    return (
        f"held at {count} by the stabilization window{until} (behavior.{block}."
        f"stabilizationWindowSeconds is {window})"
    )


def _agrees(reading: Reading) -> bool:
    """Whether Prometheus, asked as the shipped rules do, has what the metrics API answers: rules
    with another window would put the end of a hold elsewhere.
    """
    stored, answered = (sum(place.values.values()) for place in (reading.stored, reading.answered))
    return abs(stored - answered) <= _SAME * max(stored, answered, reading.metric.target)


def _last_asked(
    release: Release, objects: Objects, autoscaler: Json, count: int, now: float, window: int,
    *, is_down: bool,
) -> float | None:  # fmt: skip
    """When the metrics last asked for the count that is held, by what Prometheus remembers of the
    window; `None` where it tells nothing.
    """
    asked: dict[float, int] = {}
    for metric in metrics(autoscaler):
        for when, wanted in _asked_before(release, objects, autoscaler, metric, now, window, count):
            asked[when] = max(wanted, asked.get(when, 0))
    holds = [when for when, one in asked.items() if (one >= count if is_down else one <= count)]
    return max(holds, default=None)


def _asked_before(
    release: Release, objects: Objects, autoscaler: Json, metric: Metric, now: float, window: int,
    count: int,
) -> list[tuple[float, int]]:  # fmt: skip
    """Times within the window, and what the metric asked for then."""
    service, asked = prometheus.find(release, objects), query_of(release, objects, metric)
    if service is None or not asked:
        return []
    step = min(STEP_SECONDS, max(1.0, window / _POINTS))
    data = prometheus.ask(
        objects, service, "query_range",
        query=asked, start=f"{now - window:.3f}", end=f"{now:.3f}", step=f"{step:g}",
    )  # fmt: skip
    moments: dict[float, list[float]] = {}
    for series in (data or {}).get("result") or []:
        for when, value in series["values"]:
            if isfinite(float(value)):
                moments.setdefault(float(when), []).append(float(value))
    found = ((when, _asked(autoscaler, metric, values, count)) for when, values in moments.items())
    return [(when, wanted) for when, wanted in found if wanted is not None]


def _asked(autoscaler: Json, metric: Metric, values: list[float], count: int) -> int | None:
    """Of pods that had these values, each of them running."""
    if metric.kind == "External":
        return asked_count.of_sum(autoscaler, metric, (), sum(values), count)
    pods = [{"metadata": {}, "status": {"phase": "Running"}}] * len(values)
    return asked_count.of_pods(autoscaler, metric, pods, values, len(values))


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%H:%M:%S UTC")
