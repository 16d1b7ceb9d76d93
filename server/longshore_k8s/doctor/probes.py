"""What the probes of a pod allow."""

from __future__ import annotations

from longshore_k8s.api import Json


def startup_seconds(pod_spec: Json, container: str) -> float | None:
    """For which the startup probe waits; `None` without one."""
    for one in pod_spec["containers"]:
        probe = one.get("startupProbe")
        if one["name"] == container and probe:
            period, failures = probe.get("periodSeconds", 10), probe.get("failureThreshold", 3)
            return float(probe.get("initialDelaySeconds", 0) + period * failures)
    return None
