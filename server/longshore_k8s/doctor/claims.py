"""The claims that a release's pods mount."""

from __future__ import annotations

from longshore_k8s.api import Json
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.release import Release, container_statuses, name_of


def claims_of(release: Release, objects: Objects) -> dict[str, Json]:
    """The claims that the pods mount, by name; those that an install would create included."""
    planned = {name_of(claim): claim for claim in release.created("PersistentVolumeClaim")}
    there = {name_of(claim): claim for claim in objects.listed("persistentvolumeclaims")}
    return {
        name: {**planned, **there}[name] for name in release.claims() if name in planned | there
    }


def waits_for_volumes(pod: Json) -> bool:
    """Whether no container of it has begun yet."""
    waiting = [(s.get("state") or {}).get("waiting") or {} for s in container_statuses(pod)]
    reasons = {one.get("reason") for one in waiting}
    return bool(pod["spec"].get("nodeName")) and reasons <= {"ContainerCreating", "PodInitializing"}


def shown_event(event: Json) -> str:
    return (
        f"event {event['reason']} of {event['involvedObject']['name']}: {event.get('message', '')}"
    )
