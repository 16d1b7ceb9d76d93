"""What this node agent cannot do, so that a pod which asks for it fails with a reason.

A feature that is silently missing would let a scenario pass that a real kubelet fails.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.cluster.node_agent.api import Json

VOLUME_TYPES = {
    "configMap",
    "downwardAPI",
    "emptyDir",
    "hostPath",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
PROJECTED_SOURCES = {"configMap", "downwardAPI", "secret", "serviceAccountToken"}
PROBE_HANDLERS = {"exec", "httpGet", "tcpSocket"}
PRE_STOP_HANDLERS = {"exec", "httpGet", "sleep"}
HOST_SHARING = ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace")
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


def refusals(spec: Json) -> list[str]:
    """Why this pod spec cannot be run here, one sentence each; empty when it can."""
    return [*_pod(spec), *_volumes(spec), *_containers(spec)]


def _pod(spec: Json) -> Iterator[str]:
    for key in HOST_SHARING:
        if spec.get(key):
            yield f"{key} is not supported"
    for key in ("runtimeClassName", "hostAliases", "resourceClaims"):
        if spec.get(key):
            yield f"{key} is not supported"
    if (spec.get("securityContext") or {}).get("sysctls"):
        yield "securityContext.sysctls is not supported"


def _volumes(spec: Json) -> Iterator[str]:
    for volume in spec.get("volumes") or []:
        for kind in set(volume) - {"name"} - VOLUME_TYPES:
            yield f"volume {volume['name']}: type {kind} is not supported"
        for source in (volume.get("projected") or {}).get("sources") or []:
            for kind in set(source) - PROJECTED_SOURCES - _cluster_trust(source):
                yield f"volume {volume['name']}: projected source {kind} is not supported"


def _cluster_trust(source: Json) -> set[str]:
    """An empty source key is not a demand."""
    return {key for key, value in source.items() if value is None}


def _containers(spec: Json) -> Iterator[str]:
    for container in spec.get("initContainers") or []:
        if container.get("restartPolicy") == "Always":
            yield f"container {container['name']}: sidecar init containers are not supported"
    for container in [*(spec.get("initContainers") or []), *spec["containers"]]:
        for problem in _container(container):
            yield f"container {container['name']}: {problem}"


def _container(container: Json) -> Iterator[str]:
    for key in ("volumeDevices", "stdin", "tty"):
        if container.get(key):
            yield f"{key} is not supported"
    for port in container.get("ports") or []:
        if port.get("hostPort"):
            yield "hostPort is not supported"
    lifecycle = container.get("lifecycle") or {}
    if lifecycle.get("postStart"):
        yield "lifecycle.postStart is not supported"
    for kind in set(lifecycle.get("preStop") or {}) - PRE_STOP_HANDLERS:
        yield f"preStop handler {kind} is not supported"
    for probe in PROBES:
        if container.get(probe) and not PROBE_HANDLERS & set(container[probe]):
            yield f"{probe} needs one of the handlers {sorted(PROBE_HANDLERS)}"
    if (container.get("securityContext") or {}).get("privileged"):
        yield "securityContext.privileged is not supported"
