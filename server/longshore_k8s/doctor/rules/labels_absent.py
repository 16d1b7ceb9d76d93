"""LS31: series without the labels by which an autoscaler finds its pods."""

from __future__ import annotations

from longshore_k8s.doctor import prometheus
from longshore_k8s.doctor.metrics_api import pods_without_value
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.release import Release
from longshore_k8s.doctor.rule import Finding, Rule
from longshore_k8s.doctor.targets import Target, of_management_port, targets

SERIES = "longshore_build_info"
"""Which every pod exports, once."""


def check(release: Release, objects: Objects) -> Finding | None:
    pods = pods_without_value(release, objects)
    found = targets(release, objects) if pods else None
    for pod in pods if found else ():
        wanted = {"namespace": release.namespace, "pod": pod}
        up = [one for one in of_management_port(release, found or [], pod) if one.health == "up"]
        wrong = [_wrong(release, objects, one, wanted) for one in up]
        if wrong and all(wrong):
            return _finding(pod, wanted, wrong[0])
    return None


def _wrong(
    release: Release, objects: Objects, target: Target, wanted: dict[str, str]
) -> dict[str, str]:
    """The labels of the target, or of its series where those were changed; empty where they are
    right. Series of an earlier configuration can be found for minutes, so that those with the right
    labels are asked for first.
    """
    if not wanted.items() <= target.labels.items():
        return target.labels
    own = {key: target.labels.get(key, "") for key in ("job", "instance")}
    if _stored(release, objects, {**own, **wanted}):
        return {}
    others = _stored(release, objects, own)
    return next((one for one in others if not wanted.items() <= one.items()), {})


def _stored(release: Release, objects: Objects, matching: dict[str, str]) -> list[dict[str, str]]:
    """The labels of the series in Prometheus that have these."""
    service = prometheus.find(release, objects)
    matchers = ",".join(f'{key}="{value}"' for key, value in matching.items())
    series = service and prometheus.query(objects, service, f"{SERIES}{{{matchers}}}")
    return [one.get("metric") or {} for one in series or []]


def _finding(pod: str, wanted: dict[str, str], found: dict[str, str]) -> Finding:
    wrong = [key for key, value in wanted.items() if found.get(key) != value]
    has = ", ".join(f"{key}={found[key]}" for key in wrong if key in found) or "no such label"
    exported = [key for key in ("exported_namespace", "exported_pod") if key in found]
    moved = f" ({' and '.join(exported)} instead)" if exported else ""
    return Finding(
        f"the series of pod {pod} should have "
        f"{' and '.join(f'{key}={wanted[key]}' for key in wrong)} in Prometheus, and have {has}"
        f"{moved}",
        "relabel __meta_kubernetes_namespace to `namespace` and __meta_kubernetes_pod_name to "
        "`pod`, as the chart's monitors do; let no metricRelabelings drop them",
        (f"labels in Prometheus: {found}",),
    )


RULE = Rule(
    "LS31", "monitoring", "the series have the labels namespace and pod",
    "The adapter's rules and KEDA's queries find the series of a pod by the labels `namespace` and "
    "`pod`, which Prometheus adds at the scrape.",
    f"The labels of the targets that are up and of their `{SERIES}`, in Prometheus, where a ready "
    "pod has no value.",
    "Mend the job's relabeling.",
    check,
)  # fmt: skip
