"""What the APIs `custom.metrics.k8s.io` and `external.metrics.k8s.io` answer an autoscaler."""

from __future__ import annotations

from longshore_k8s.api import Json, Reply
from longshore_k8s.doctor.autoscaler import GROUPS, Metric, metrics_of
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.quantities import parse_quantity
from longshore_k8s.doctor.release import Release, name_of

FROM_THE_API_SERVER = (502, 503, 504)
"""In the place of who serves the API, which says 500 where it fails itself."""
_ABSENT = Reply(404, b"")
"""Where the cluster has no such API."""


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
    """What is answered for the pods of the namespace, and the values of the release's own pods by
    their names.

    Raises:
        MissingRight: custom metrics may not be read.
    """
    base = api_path(objects, GROUPS["Pods"])
    if base is None:
        return _ABSENT, {}
    path = f"{base}/namespaces/{release.namespace}/pods/*/{metric}"
    right = f"get pods.custom.metrics.k8s.io/{metric} in {release.namespace}"
    reply = objects.ask(path, right=right)
    own = {name_of(pod) for pod in release.pods}
    values = {
        item["describedObject"]["name"]: parse_quantity(item.get("value", "0"))
        for item in reply.json().get("items") or []
    }
    return reply, {name: value for name, value in values.items() if name in own}


def external_sum(release: Release, objects: Objects, metric: Metric) -> tuple[Reply, float | None]:
    """What is answered for the release, and its sum; `None` without a value.

    Raises:
        MissingRight: external metrics may not be read.
    """
    base = api_path(objects, GROUPS["External"])
    if base is None:
        return _ABSENT, None
    path = f"{base}/namespaces/{release.namespace}/{metric.name}"
    right = f"get {metric.name} of external.metrics.k8s.io in {release.namespace}"
    reply = objects.ask(path, right=right, labelSelector=metric.selector)
    items = reply.json().get("items") or []
    found = [parse_quantity(item.get("value", "0")) for item in items]
    return reply, sum(found) if reply.status == 200 and found else None


def pods_without_value(release: Release, objects: Objects) -> list[str]:
    """The ready pods for which an autoscaler of the release gets no value of a metric, although who
    answers for it does answer.

    Raises:
        MissingRight: the metrics may not be read.
    """
    ready, missing = release.ready, set[str]()
    if not ready:
        return []
    for _, metric in metrics_of(release, objects, "Pods"):
        if api_path(objects, GROUPS["Pods"]) is not None:
            reply, values = pods_values(release, objects, metric.name)
            missing |= set(ready) - set(values) if reply.status in (200, 404) else set()
    for _, metric in metrics_of(release, objects, "External"):
        if api_path(objects, GROUPS["External"]) is not None:
            reply, value = external_sum(release, objects, metric)
            is_missing = value is None and reply.status not in FROM_THE_API_SERVER
            missing |= set(ready) if is_missing else set()
    return sorted(missing)


def has_values(release: Release, objects: Objects) -> bool:
    """Whether an autoscaler gets a value of any of its metrics.

    Raises:
        MissingRight: the metrics may not be read.
    """
    pods = (
        bool(pods_values(release, objects, metric.name)[1])
        for _, metric in metrics_of(release, objects, "Pods")
    )
    external = (
        external_sum(release, objects, metric)[1] is not None
        for _, metric in metrics_of(release, objects, "External")
    )
    return any(pods) or any(external)
