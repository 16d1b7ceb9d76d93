"""LS29: pods that Prometheus does not scrape, or cannot."""

from __future__ import annotations

from longshore_k8s.doctor import prometheus
from longshore_k8s.doctor.metrics_api import pods_without_value
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.release import Release, management_port
from longshore_k8s.doctor.rule import Finding, Rule
from longshore_k8s.doctor.targets import Target, not_found_yet, of_management_port, targets


def check(release: Release, objects: Objects) -> Finding | None:
    pods = pods_without_value(release, objects)
    found = targets(release, objects) if pods else None
    if found is None:
        return None
    too_new = not_found_yet(release, objects, found)
    for pod in pods:
        if pod in too_new:
            continue
        own = of_management_port(release, found, pod)
        if not own:
            return _no_target(release, objects, pod, [one for one in found if one.pod == pod])
        if all(one.health == "down" for one in own):
            return _down(release, pod, own[0])
    return None


def _no_target(release: Release, objects: Objects, pod: str, others: list[Target]) -> Finding:
    port, service = management_port(release), prometheus.find(release, objects)
    named = "" if service is None else f" ({prometheus.shown(service)})"
    instead = f"; it scrapes {', '.join(one.url for one in others)}" if others else ""
    return Finding(
        f"Prometheus{named} has no target for port {port} of pod {pod}{instead}",
        "--set metrics.podMonitor.enabled=true with the operator; without it, a job that keeps "
        "pods with the annotation prometheus.io/scrape and takes prometheus.io/port",
        (f"/api/v1/targets: none of {pod} at port {port}",),
    )


def _down(release: Release, pod: str, target: Target) -> Finding:
    return Finding(
        f"Prometheus cannot scrape pod {pod} at {target.url}: {target.error}",
        f"scrape http://POD:{management_port(release)}/metrics without TLS and credentials, as the "
        f"chart's monitors do; see that nothing between Prometheus and the pod stops it",
        (f"/api/v1/targets: {target.url} is down", target.error),
    )


RULE = Rule(
    "LS29", "monitoring", "Prometheus scrapes the pods",
    "Prometheus finds pods by monitors, or by the annotations of pods, and asks each target once "
    "in an interval.",
    "Prometheus' `/api/v1/targets`, asked through the API server (with the right to get "
    "services/proxy), where a pod that has been ready for a while has no value. Prometheus is the "
    "one that `--prometheus` names, that KEDA asks, or that the operator runs.",
    "Enable `metrics.podMonitor`; mend the port, the path or TLS of the job.",
    check,
)  # fmt: skip
