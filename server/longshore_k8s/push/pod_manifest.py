"""The pod that mounts the claim: as the release's pods are, with nothing else in it.

By itself it fits the restricted Pod Security Standard; on a release it takes over what the release
was given: image, pull secrets, user, and where its pods may go.
"""

from __future__ import annotations

from dataclasses import dataclass

from longshore_k8s.api import Json
from longshore_k8s.doctor.quantities import parse_quantity
from longshore_k8s.push.target import Target, server_container

MOUNT = "/models"
COMPONENT_LABELS = {
    "app.kubernetes.io/name": "longshore",
    "app.kubernetes.io/component": "push",
    "app.kubernetes.io/managed-by": "longshore",
}
_POD_SECURITY = {
    "runAsNonRoot": True,
    "runAsUser": 10001,
    "runAsGroup": 10001,
    "fsGroup": 10001,
    "fsGroupChangePolicy": "OnRootMismatch",
    "seccompProfile": {"type": "RuntimeDefault"},
}
_CONTAINER_SECURITY = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
_FROM_THE_RELEASE = (
    "imagePullSecrets", "nodeSelector", "tolerations", "runtimeClassName", "priorityClassName"
)  # fmt: skip
_CPU_REQUEST = "100m"
IDLE_SECONDS = "120"
"""After which a pod that nobody works in ends by itself."""


@dataclass(frozen=True, slots=True)
class PodOptions:
    """What the one who pushes may choose."""

    image: str
    cpu: str
    """The limit; what is asked for is a tenth of a CPU, or the limit where that is less."""
    memory: str
    """What is asked for, and the limit."""


def pod_manifest(name: str, target: Target, options: PodOptions, *, writes: bool) -> Json:
    """The Pod; with the claim for writing, or for reading alone."""
    given = target.pod_spec
    server = server_container(given) if given else {}
    spec: Json = {key: given[key] for key in _FROM_THE_RELEASE if key in given}
    spec |= {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 5,
        "securityContext": given.get("securityContext", _POD_SECURITY),
        "affinity": _affinity(target),
        "containers": [_container(server, options, writes=writes)],
        "volumes": [_volume(target, writes=writes)],
    }
    spec["tolerations"] = _tolerations(target)
    metadata = {
        "name": name,
        "namespace": target.namespace,
        "labels": {**COMPONENT_LABELS, "sidecar.istio.io/inject": "false"},
        "annotations": {"longshore/claim": target.claim_name},
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _container(server: Json, options: PodOptions, *, writes: bool) -> Json:
    request = min(_CPU_REQUEST, options.cpu, key=parse_quantity)
    container: Json = {
        "name": "push",
        "image": options.image,
        "command": ["python", "-m", "longshore_k8s.push.in_pod", "hold", IDLE_SECONDS],
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": server.get("securityContext", _CONTAINER_SECURITY),
        "resources": {
            "requests": {"cpu": request, "memory": options.memory},
            "limits": {"cpu": options.cpu, "memory": options.memory},
        },
        "volumeMounts": [{"name": "model", "mountPath": MOUNT, "readOnly": not writes}],
    }
    if "imagePullPolicy" in server:
        container["imagePullPolicy"] = server["imagePullPolicy"]
    return container


def _volume(target: Target, *, writes: bool) -> Json:
    claim = {"claimName": target.claim_name, "readOnly": not writes}
    return {"name": "model", "persistentVolumeClaim": claim}


def _affinity(target: Target) -> Json:
    """That of the release's pods; the node where the volume is, if it can be on one alone."""
    node: Json = (target.pod_spec.get("affinity") or {}).get("nodeAffinity") or {}
    names = sorted({user["spec"]["nodeName"] for user in target.users})
    if names and target.is_on_one_node:
        field = {"key": "metadata.name", "operator": "In", "values": names[:1]}
        terms = [{"matchFields": [field]}]
        node = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    return {"nodeAffinity": node} if node else {}


def _tolerations(target: Target) -> list[Json]:
    """Those of the release, and of the pod that has the volume: where it is, this one may be."""
    found: list[Json] = list(target.pod_spec.get("tolerations") or [])
    if target.is_on_one_node:
        for user in target.users[:1]:
            found += [t for t in user["spec"].get("tolerations") or [] if t not in found]
    return found
