"""LS25: a metric that the adapter has no rule for."""

from __future__ import annotations

from longshore_k8s.doctor.autoscaler import GROUPS, RULES_FILE, metrics_of, shown_autoscaler
from longshore_k8s.doctor.metrics_api import api_path, pods_values
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.release import Release
from longshore_k8s.doctor.rule import Finding, Rule


def check(release: Release, objects: Objects) -> Finding | None:
    for autoscaler, metric in metrics_of(release, objects, "Pods"):
        path = api_path(objects, GROUPS["Pods"])
        if path is None:
            return None
        reply = objects.ask(path, right=f"get {path}")
        if reply.status != 200:
            continue
        known = {one.get("name", "") for one in reply.json().get("resources") or []}
        if f"pods/{metric.name}" in known:
            continue
        ours = sorted(name for name in known if "longshore" in name)
        reply, _ = pods_values(release, objects, metric.name)
        if reply.status == 200:
            continue  # asked for by name it is there: the list is behind
        return Finding(
            f"the metrics API does not know {metric.name}: the adapter has no rule for it, or "
            f"found no series of any pod",
            f"give prometheus-adapter the rules of {RULES_FILE} and restart it; then see that "
            f"Prometheus scrapes the pods",
            (
                shown_autoscaler(autoscaler, "ScalingActive"),
                f"{path}: no pods/{metric.name}; of this chart: {', '.join(ours) or 'none'}",
            ),
        )
    return None


RULE = Rule(
    "LS25", "autoscaler", "the adapter has a rule for the metric",
    "prometheus-adapter knows the metrics of its rules alone, reads them once at its start, "
    "and lists those that it found series for.",
    "The list of the API `custom.metrics.k8s.io`, and the answer for the metric by name.",
    "Give it the rules of `chart/files/prometheus-adapter-values.yaml`, and restart it.",
    check,
)  # fmt: skip
