"""LS26: an adapter that does not reach Prometheus."""

from __future__ import annotations

from longshore_k8s.doctor.autoscaler import metrics_of, shown_autoscaler
from longshore_k8s.doctor.metrics_api import pods_values
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.release import Release
from longshore_k8s.doctor.rule import Finding, Rule


def check(release: Release, objects: Objects) -> Finding | None:
    for autoscaler, metric in metrics_of(release, objects, "Pods"):
        reply, _ = pods_values(release, objects, metric.name)
        if reply.status == 500:
            return Finding(
                f"prometheus-adapter cannot read {metric.name} from Prometheus",
                "its value prometheus.url must lead to the Prometheus that scrapes the pods",
                (
                    shown_autoscaler(autoscaler, "ScalingActive"),
                    f"status {reply.status}: {reply.json().get('message', '')}",
                ),
            )
    return None


RULE = Rule(
    "LS26", "autoscaler", "the adapter reaches Prometheus",
    "The adapter is asked and asks Prometheus in turn.",
    "The answer for the pods' metric has the status 500.",
    "Mend `prometheus.url` of the adapter.",
    check,
)  # fmt: skip
