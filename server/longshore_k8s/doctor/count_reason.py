"""Why an autoscaler asks for the count that it does, by the controller's own arithmetic.

Of a metric of pods the mean is floored in thousandths; within the tolerance nothing changes, else
the count is the mean over the target times the pods that have a value, rounded up; the largest of
all metrics counts (k8s.io/kubernetes, pkg/controller/podautoscaler/replica_calculator.go).
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from longshore_k8s.api import Json
from longshore_k8s.doctor.autoscaler import Metric, autoscalers, metrics, pods_values, reasons
from longshore_k8s.doctor.objects import MissingRight, Objects
from longshore_k8s.doctor.release import Release, name_of

TOLERANCE = 0.1
_HELD = {
    "ScaleDownStabilized": "held by the window of `behavior.scaleDown`, within which it "
    "asked for more",
    "ScaleUpStabilized": "held by the window of `behavior.scaleUp`, within which it asked for less",
    "BackoffDownscale": "held by the window after the last change",
}
_LIMITED = {
    "TooManyReplicas": "maxReplicas is {maximum}: --set autoscaling.maxReplicas=MORE",
    "TooFewReplicas": "minReplicas is {minimum}",
    "ScaleUpLimit": "a policy of `behavior.scaleUp` lets it grow in steps",
    "ScaleDownLimit": "a policy of `behavior.scaleDown` lets it shrink in steps",
}


def asked(metric: Metric, pods: int) -> int | None:
    """The count that follows from what was seen; `None` where nothing was, or no mean counts."""
    if metric.seen is None or not metric.target or not pods:
        return None
    ratio = metric.seen / metric.target
    return pods if abs(ratio - 1) <= TOLERANCE else ceil(ratio * pods)


def explain(release: Release, objects: Objects) -> Iterator[str]:
    """A sentence for each metric, and one for what keeps the count from following them."""
    for autoscaler in autoscalers(release, objects):
        status = autoscaler.get("status") or {}
        count = status.get("currentReplicas", 0)
        for metric in metrics(autoscaler):
            yield _metric(release, objects, metric, count)
        yield _count(autoscaler, status)


def _metric(release: Release, objects: Objects, metric: Metric, count: int) -> str:
    seen = "nothing yet" if metric.seen is None else f"{metric.seen:g}"
    wanted = asked(metric, count)
    follows = "" if wanted is None else f", so it asks for {wanted} with {count} pods"
    return (
        f"{metric.name}: the autoscaler saw {seen} of {metric.target:g} per pod{follows}"
        f"{_answers(release, objects, metric)}"
    )


def _answers(release: Release, objects: Objects, metric: Metric) -> str:
    if metric.kind != "Pods":
        return ""
    try:
        _, values = pods_values(release, objects, metric.name)
    except MissingRight:
        return ""
    shown = ", ".join(f"{value:g}" for _, value in sorted(values.items()))
    return f"; the metrics API answers {shown or 'nothing'} now"


def _count(autoscaler: Json, status: Json) -> str:
    spec = autoscaler["spec"]
    known = reasons(autoscaler)
    held = _HELD.get(known["AbleToScale"][1], "")
    limited = _LIMITED.get(known["ScalingLimited"][1], "") if not held else ""
    because = held or limited.format(
        maximum=spec["maxReplicas"], minimum=spec.get("minReplicas", 1)
    )
    return (
        f"{name_of(autoscaler)}: {status.get('currentReplicas', 0)} pods, "
        f"{status.get('desiredReplicas', 0)} wanted" + (f"; {because}" if because else "")
    )
