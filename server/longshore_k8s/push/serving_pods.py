"""What each pod serves, by its own word: its ready body, through the API server's proxy of pods."""

from __future__ import annotations

from dataclasses import dataclass

from longshore_k8s.api import Json
from longshore_k8s.doctor.objects import Asks, MissingRight, Objects
from longshore_k8s.doctor.release import (
    COMPONENT,
    INSTANCE,
    SERVER,
    condition,
    container_statuses,
    labels,
    name_of,
)
from longshore_k8s.push.target import Target, server_container


@dataclass(frozen=True, slots=True)
class ServingPod:
    """One pod of a release that mounts the claim."""

    name: str
    release: str
    versions: dict[str, str]
    """State by version."""
    problems: tuple[str, ...]
    """Why a version is not served, or why the pod does not say."""
    is_ready: bool = False
    """Whether the Service sends requests to it."""


def serving_pods(target: Target, objects: Objects, asks: Asks) -> list[ServingPod]:
    """Of all releases that serve from the claim; those that are not on a node yet included.

    Raises:
        MissingRight: pods may not be listed, or not be asked.
    """
    return [
        _asked(pod, target.namespace, asks)
        for pod in objects.listed("pods")
        if labels(pod).get(COMPONENT) == SERVER and _mounts(pod, target.claim_name)
    ]


def restarting_pods(target: Target, objects: Objects) -> list[str]:
    """The pods that gave up waiting for a model, and are started again only after a pause.

    Raises:
        MissingRight: pods may not be listed.
    """
    return [
        name_of(pod)
        for pod in objects.listed("pods")
        if _mounts(pod, target.claim_name)
        and any(
            ((one.get("state") or {}).get("waiting") or {}).get("reason") == "CrashLoopBackOff"
            for one in container_statuses(pod)
        )
    ]


def _mounts(pod: Json, claim: str) -> bool:
    volumes = pod["spec"].get("volumes") or []
    return any((v.get("persistentVolumeClaim") or {}).get("claimName") == claim for v in volumes)


def _asked(pod: Json, namespace: str, asks: Asks) -> ServingPod:
    name, release = name_of(pod), labels(pod).get(INSTANCE, "")
    if not any("running" in (one.get("state") or {}) for one in container_statuses(pod)):
        phase = str((pod.get("status") or {}).get("phase", "Pending"))
        return ServingPod(name, release, {}, (f"it does not run ({phase})",))
    ports = server_container(pod["spec"]).get("ports") or []
    port = next((p["containerPort"] for p in ports if p.get("name") == "management"), 8002)
    path = f"/api/v1/namespaces/{namespace}/pods/{name}:{port}/proxy/v2/health/ready"
    reply = asks.get(path)
    if reply.status in (401, 403):
        raise MissingRight(f"get pods/proxy in {namespace}")
    said = reply.json()
    if "versions" not in said:
        why = said.get("message") or f"status {reply.status}"
        return ServingPod(name, release, {}, (f"it does not answer the API server: {why}",))
    problems = tuple(map(str, said.get("problems") or ()))
    is_ready = condition(pod, "Ready").get("status") == "True"
    return ServingPod(name, release, {**said["versions"]}, problems, is_ready)
