"""LS22: a server that runs and is not ready."""

from __future__ import annotations

from longshore_k8s.api import Json
from longshore_k8s.doctor.objects import MissingRight, Objects
from longshore_k8s.doctor.release import (
    Release,
    condition,
    container_statuses,
    management_port,
    name_of,
    shown_condition,
)
from longshore_k8s.doctor.rule import Finding, Rule


def check(release: Release, objects: Objects) -> Finding | None:
    for pod in release.pods:
        found = condition(pod, "Ready")
        statuses = container_statuses(pod)
        if found.get("status") != "False" or not all(
            "running" in s["state"] for s in statuses[-1:]
        ):
            continue
        is_starting = any(status.get("started") is False for status in statuses)
        seen = shown_condition(pod, found)
        try:
            state, said = _readiness(release, pod, objects)
        except MissingRight as error:
            if is_starting:
                raise
            return Finding(
                f"pod {name_of(pod)} runs and is not ready; why is not known without the right to "
                f"{error}",
                f"kubectl -n {release.namespace} port-forward {name_of(pod)} 8002, then "
                f"curl localhost:8002/v2/health/ready",
                (seen,),
            )
        if is_starting and state != "FAILED":
            continue  # the startup probe has the word
        return Finding(
            f"pod {name_of(pod)} runs and is not ready: {said}",
            f"what it says is what to mend; kubectl -n {release.namespace} logs {name_of(pod)} has "
            f"more",
            (seen, f"its answer to /v2/health/ready: {said}"),
        )
    return None


def _readiness(release: Release, pod: Json, objects: Objects) -> tuple[str, str]:
    """What the server says of itself: its state, and in words."""
    port = management_port(release)
    path = (
        f"/api/v1/namespaces/{release.namespace}/pods/{name_of(pod)}:{port}/proxy/v2/health/ready"
    )
    reply = objects.ask(path, right=f"get pods/proxy in {release.namespace}")
    document = reply.json()
    state = str(document.get("state", ""))
    told = [*(document.get("problems") or []), *_list(document.get("progress"))]
    if told:
        return state, "; ".join(map(str, told))
    return state, f"state {state}" if state else f"status {reply.status}"


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else [value] if value else []


RULE = Rule(
    "LS22", "container", "the pods are ready",
    "A pod is ready when a version of the model has been loaded, tried and warmed up.",
    "The pods' condition Ready, and what the server answers to `/v2/health/ready` (with the "
    "right to get pods/proxy). While the startup probe goes on, only a model that was refused "
    "counts.",
    "What the server says is what to mend.",
    check,
)  # fmt: skip
