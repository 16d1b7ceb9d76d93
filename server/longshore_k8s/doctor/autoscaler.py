"""The autoscaler of a release: which one, what it measures, what it says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from longshore_k8s.api import Json
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.quantities import parse_quantity
from longshore_k8s.doctor.release import Release, condition, name_of

GROUPS = {"Pods": "custom.metrics.k8s.io", "External": "external.metrics.k8s.io"}
"""The API that answers each type of metric."""
RULES_FILE = "chart/files/prometheus-adapter-values.yaml"


@dataclass(frozen=True, slots=True)
class Metric:
    """One of an HPA's that is of pods or external."""

    kind: str
    """`Pods` or `External`."""
    name: str
    target: float
    is_average: bool
    """The target is of each pod, as the mean over the pods is; else of the whole."""
    seen: float | None
    """What the HPA saw last, as the target is; `None` before."""
    selector: str = ""
    """Labels by which an external metric is asked for: `a=b,c=d`."""


def autoscalers(release: Release, objects: Objects) -> list[Json]:
    """Those that change the count of the release's Deployment; one in a sound release that has any.

    Raises:
        MissingRight: they may not be listed.
    """
    name = name_of(release.deployment)
    planned = release.created("HorizontalPodAutoscaler")
    there = [] if release.is_planned else objects.listed("horizontalpodautoscalers")
    return [
        one
        for one in (*planned, *there)
        if one["spec"]["scaleTargetRef"].get("kind") == "Deployment"
        and one["spec"]["scaleTargetRef"].get("name") == name
    ]


def metrics(autoscaler: Json) -> Iterator[Metric]:
    for one in autoscaler["spec"].get("metrics") or []:
        kind = one.get("type")
        if kind not in GROUPS:
            continue
        asked = one[kind.lower()]
        name, target = asked["metric"]["name"], asked["target"]
        field = "value" if target.get("type") == "Value" else "averageValue"
        seen = _current(autoscaler, kind, name).get(field)
        wanted = (asked["metric"].get("selector") or {}).get("matchLabels") or {}
        yield Metric(
            kind,
            name,
            parse_quantity(target.get(field, "0")),
            field == "averageValue",
            None if seen is None else parse_quantity(seen),
            ",".join(f"{key}={value}" for key, value in sorted(wanted.items())),
        )


def metrics_of(release: Release, objects: Objects, kind: str) -> Iterator[tuple[Json, Metric]]:
    """Those of one kind, each with its autoscaler."""
    for autoscaler in autoscalers(release, objects):
        for metric in metrics(autoscaler):
            if metric.kind == kind:
                yield autoscaler, metric


def reasons(autoscaler: Json) -> dict[str, tuple[str, str]]:
    """Status and reason of its conditions by their type; empty before there are any."""
    found = ("AbleToScale", "ScalingActive", "ScalingLimited")
    conditions = {kind: condition(autoscaler, kind) for kind in found}
    return {k: (c.get("status", ""), c.get("reason", "")) for k, c in conditions.items()}


def shown_autoscaler(autoscaler: Json, kind: str) -> str:
    """`horizontalpodautoscaler a: ScalingActive=False FailedGetPodsMetric`."""
    status, reason = reasons(autoscaler)[kind]
    return f"horizontalpodautoscaler {name_of(autoscaler)}: {kind}={status} {reason}"


def scaled_objects(release: Release, objects: Objects) -> list[Json]:
    """KEDA's, of the release's Deployment."""
    name = name_of(release.deployment)
    return [
        one
        for one in objects.listed("scaledobjects")
        if one["spec"]["scaleTargetRef"].get("name") == name
    ]


def triggers(release: Release, objects: Objects) -> list[Json]:
    """Those of KEDA that ask Prometheus: `serverAddress` and `query`, by the names of their
    metrics, `s0-prometheus` of the first trigger.
    """
    return [
        {**(trigger.get("metadata") or {}), "metric": f"s{number}-prometheus"}
        for one in scaled_objects(release, objects)
        for number, trigger in enumerate(one["spec"].get("triggers") or [])
        if trigger.get("type") == "prometheus"
    ]


def _current(autoscaler: Json, kind: str, name: str) -> Json:
    for one in (autoscaler.get("status") or {}).get("currentMetrics") or []:
        if one and one.get("type") == kind and one[kind.lower()]["metric"]["name"] == name:
            found: Json = one[kind.lower()].get("current") or {}
            return found
    return {}
