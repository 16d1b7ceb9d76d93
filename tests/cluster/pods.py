"""Pods: small ones on this machine's own root, and what may be asked of and done to any."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.node_agent.api import Json

SHELL = ["bash", "-c"]
_HOG = "open('/proc/1/oom_score_adj', 'w').write('1000'); x = b'x' * (2 << 30)"
"""Takes the container's memory, and lets the kernel end the first process for it."""


def create(cluster: Cluster, namespace: str, name: str, script: str, **spec: Any) -> None:
    """Create a pod whose one container runs `script`; `container` adds to the container."""
    container = {"name": "main", "image": "machine/shell", "command": [*SHELL, script]}
    container |= spec.pop("container", {})
    body = {
        "metadata": {"name": name, "labels": spec.pop("labels", {})},
        "spec": {"containers": [container], "restartPolicy": "Never", **spec},
    }
    cluster.api.post(f"/api/v1/namespaces/{namespace}/pods", body)


def get(cluster: Cluster, namespace: str, name: str) -> Json:
    return cluster.api.get(f"/api/v1/namespaces/{namespace}/pods/{name}")


def state(pod: Json) -> Json:
    """The state of the pod's first container, such as {"terminated": {...}}."""
    statuses = pod.get("status", {}).get("containerStatuses") or [{"state": {}}]
    found: Json = statuses[0]["state"]
    return found


def is_ready(pod: Json) -> bool:
    """Whether the pod is ready and not being deleted."""
    conditions = pod.get("status", {}).get("conditions") or []
    is_leaving = "deletionTimestamp" in pod["metadata"]
    ready = [entry["status"] for entry in conditions if entry["type"] == "Ready"]
    return ready == ["True"] and not is_leaving


def wait_until_ready(cluster: Cluster, namespace: str, name: str) -> None:
    """Return once the pod is ready."""
    cluster.wait_until(lambda: is_ready(get(cluster, namespace, name)), f"pod {name} to be ready")


def wait_until_ended(cluster: Cluster, namespace: str, name: str, *, seconds: float = 20) -> Json:
    """The terminated state of the pod's container."""

    def has_ended() -> bool:
        return "terminated" in state(get(cluster, namespace, name))

    cluster.wait_until(has_ended, f"pod {name} to end", seconds=seconds)
    ended: Json = state(get(cluster, namespace, name))["terminated"]
    return ended


def output(cluster: Cluster, namespace: str, name: str, script: str, **spec: Any) -> str:
    """Run a pod to its end and give what it printed, as `kubectl logs` shows it."""
    create(cluster, namespace, name, script, **spec)
    wait_until_ended(cluster, namespace, name)
    return cluster.kubectl("logs", name, "-n", namespace)


def exhaust_memory(cluster: Cluster, pod: Json) -> None:
    """Have the kernel end the pod's first process for want of memory: returns with the kill, which
    on a busy machine comes seconds after the call."""
    cluster.nodes.execute(pod, ["python3", "-c", _HOG])


def events(cluster: Cluster, namespace: str, name: str) -> list[Json]:
    """The events about an object of that name, oldest first."""
    found = cluster.list(
        f"/api/v1/namespaces/{namespace}/events", fieldSelector=f"involvedObject.name={name}"
    )
    return sorted(found, key=lambda event: event["metadata"]["creationTimestamp"])


def start_seconds(pod: Json) -> float:
    """From its container's start until it was ready, at least one: the API has whole seconds."""
    ready = next(one for one in pod["status"]["conditions"] if one["type"] == "Ready")
    began = pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"]
    there = datetime.fromisoformat(ready["lastTransitionTime"])
    return max(1.0, (there - datetime.fromisoformat(began)).total_seconds())
