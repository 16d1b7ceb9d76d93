"""The autoscaler of a release: which one, what it measures, what the metrics API answers it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from longshore_k8s.api import Json, Reply
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.quantities import parse_quantity
from longshore_k8s.doctor.release import Release, condition, name_of

GROUPS = {"Pods": "custom.metrics.k8s.io", "External": "external.metrics.k8s.io"}
"""The API that answers each type of metric."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One of an HPA's that is of pods or external."""

    kind: str
    """`Pods` or `External`."""
    name: str
    target: float
    """Of its mean over the pods; 0 where the HPA has another form of target."""
    seen: float | None
    """The mean that the HPA saw last; `None` before."""


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
    current = (autoscaler.get("status") or {}).get("currentMetrics") or []
    for one in autoscaler["spec"].get("metrics") or []:
        kind = one.get("type")
        if kind not in GROUPS:
            continue
        asked = one[kind.lower()]
        name = asked["metric"]["name"]
        seen = [
            m[kind.lower()].get("current") or {}
            for m in current
            if m and m.get("type") == kind and m[kind.lower()]["metric"]["name"] == name
        ]
        mean = seen[0].get("averageValue") if seen else None
        yield Metric(
            kind,
            name,
            parse_quantity(asked["target"].get("averageValue", "0")),
            None if mean is None else parse_quantity(mean),
        )


def reasons(autoscaler: Json) -> dict[str, tuple[str, str]]:
    """Status and reason of its conditions by their type; empty before there are any."""
    found = ("AbleToScale", "ScalingActive", "ScalingLimited")
    conditions = {kind: condition(autoscaler, kind) for kind in found}
    return {k: (c.get("status", ""), c.get("reason", "")) for k, c in conditions.items()}


def api_services(objects: Objects, group: str) -> list[Json]:
    return [one for one in objects.listed("apiservices") if one["spec"].get("group") == group]


def api_path(objects: Objects, group: str) -> str | None:
    """Where the API of `group` is, of the version that counts most; `None` without one."""
    found = max(
        api_services(objects, group),
        key=lambda one: (one["spec"].get("versionPriority", 0), one["spec"]["version"]),
        default=None,
    )
    return None if found is None else f"/apis/{group}/{found['spec']['version']}"


def pods_values(release: Release, objects: Objects, metric: str) -> tuple[Reply, dict[str, float]]:
    """What the metrics API answers for the pods of the namespace, and the values of the release's
    own pods by their names.

    Raises:
        MissingRight: custom metrics may not be read.
    """
    base = api_path(objects, GROUPS["Pods"])
    path = f"{base}/namespaces/{release.namespace}/pods/*/{metric}"
    right = f"get pods.custom.metrics.k8s.io/{metric} in {release.namespace}"
    reply = objects.ask(path, right=right)
    own = {name_of(pod) for pod in release.pods}
    values = {
        item["describedObject"]["name"]: parse_quantity(item.get("value", "0"))
        for item in reply.json().get("items") or []
    }
    return reply, {name: value for name, value in values.items() if name in own}


def scaled_objects(release: Release, objects: Objects) -> list[Json]:
    """KEDA's, of the release's Deployment."""
    name = name_of(release.deployment)
    return [
        one
        for one in objects.listed("scaledobjects")
        if one["spec"]["scaleTargetRef"].get("name") == name
    ]
