"""Why pods of ours do not become ready: by the links that `longshore doctor` knows."""

from __future__ import annotations

from longshore_k8s.api import Json
from longshore_k8s.doctor.events import latest
from longshore_k8s.doctor.examination import examine
from longshore_k8s.doctor.links import TO_READY_PODS
from longshore_k8s.doctor.objects import MissingRight, Objects
from longshore_k8s.doctor.release import Release, condition, name_of


def broken(release: Release, objects: Objects) -> str:
    """The first broken link, and its fix; empty where none is, or none can be told."""
    found = examine(release, objects, TO_READY_PODS).broken
    if not found:
        return ""
    rule, finding = found[0]
    return f"{finding.cause} ({rule.code}); fix: {finding.fix}"


def job_broken(job: Json, pods: list[Json], objects: Objects) -> str:
    """The same of a Job, which says in events alone that no pod of it could be made."""
    shown = {**job, "status": {}}
    why = broken(Release(name_of(job), objects.namespace, shown, tuple(pods)), objects)
    if why or pods:
        return why
    try:
        event = latest(objects, "Job", name_of(job), {"FailedCreate"})
    except MissingRight:
        return ""
    return f"the cluster refuses the client's pod: {event.get('message')}" if event else ""


def is_unschedulable(pod: Json) -> bool:
    found = condition(pod, "PodScheduled")
    return found.get("status") == "False" and found.get("reason") == "Unschedulable"
