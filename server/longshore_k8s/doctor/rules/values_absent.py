"""LS27: pods without a value of a metric."""

from __future__ import annotations

from longshore_k8s.doctor.autoscaler import metrics_of, shown_autoscaler
from longshore_k8s.doctor.metrics_api import pods_values
from longshore_k8s.doctor.objects import MissingRight, Objects
from longshore_k8s.doctor.prometheus import OPTION
from longshore_k8s.doctor.release import Release
from longshore_k8s.doctor.rule import Finding, Rule
from longshore_k8s.doctor.targets import targets


def check(release: Release, objects: Objects) -> Finding | None:
    for autoscaler, metric in metrics_of(release, objects, "Pods"):
        reply, values = pods_values(release, objects, metric.name)
        if reply.status < 500 and not values and release.ready:
            return Finding(
                f"{metric.name} has no value for any pod of this release: "
                + _why(release, objects),
                f"look at Prometheus' targets ({OPTION} lets them be judged here): the monitor "
                f"must be selected (--set metrics.podMonitor.enabled=true), nothing may drop the "
                f"series, and a window is 4 x the scrape interval",
                (shown_autoscaler(autoscaler, "ScalingActive"), f"status {reply.status}, no items"),
            )
    return None


def _why(release: Release, objects: Objects) -> str:
    try:
        found = targets(release, objects)
    except MissingRight:
        found = None
    if found is None:
        return (
            "Prometheus does not scrape them, their series lack the labels `namespace` and `pod`, "
            "or the window of the rule holds fewer than two scrapes"
        )
    return (
        "Prometheus scrapes them with the right labels, so it lacks this series "
        "(metricRelabelings), or has no two scrapes of them yet"
    )


RULE = Rule(
    "LS27", "autoscaler", "the pods have values",
    "A value takes two scrapes of a pod within the rule's window, with the labels `namespace` "
    "and `pod`.",
    "The answer for the pods' metric names no pod of the release although some are ready.",
    "Let Prometheus select the monitor; see its targets; give the window 4 scrapes.",
    check,
)  # fmt: skip
