"""LS34: a ready pod without a value, which holds the count."""

from __future__ import annotations

from longshore_k8s.doctor.autoscaler import metrics_of, shown_autoscaler
from longshore_k8s.doctor.metrics_api import pods_values
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.release import Release
from longshore_k8s.doctor.rule import Finding, Rule


def check(release: Release, objects: Objects) -> Finding | None:
    for autoscaler, metric in metrics_of(release, objects, "Pods"):
        reply, values = pods_values(release, objects, metric.name)
        missing = sorted(set(release.ready) - set(values))
        if reply.status == 200 and values and missing:
            return Finding(
                f"{', '.join(missing)} {'has' if len(missing) == 1 else 'have'} no value of "
                f"{metric.name}; the autoscaler counts them at the target, and does not scale down "
                f"below what they might need",
                "a pod has a value after two scrapes; if it stays without, look at its target in "
                "Prometheus",
                (
                    shown_autoscaler(autoscaler, "ScalingActive"),
                    f"values of {', '.join(sorted(values))}",
                ),
            )
    return None


RULE = Rule(
    "LS34", "autoscaler", "every ready pod has a value",
    "On the way down, an HPA counts a pod without a value at the target: the count is held.",
    "Ready pods that the answer for the metric does not name.",
    "Wait for two scrapes; then look at the pod's target in Prometheus.",
    check,
)  # fmt: skip
