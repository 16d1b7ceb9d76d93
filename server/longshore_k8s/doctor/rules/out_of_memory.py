"""LS19: a container that was killed at its memory limit."""

from __future__ import annotations

from longshore_k8s.doctor.containers import shown_state
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.quantities import parse_quantity, shown
from longshore_k8s.doctor.release import Release, container_statuses, name_of
from longshore_k8s.doctor.rule import Finding, Rule


def check(release: Release, objects: Objects) -> Finding | None:
    for pod in release.pods:
        for status in container_statuses(pod):
            ends = ((status.get(key) or {}).get("terminated") for key in ("state", "lastState"))
            ended = next((e for e in ends if e and e.get("reason") == "OOMKilled"), None)
            if ended is None:
                continue
            limit = _memory_limit(release, status["name"])
            known = f" of {shown('memory', limit)}" if limit else ""
            more = shown("memory", 1.5 * limit) if limit else "MORE"
            return Finding(
                f"the container {status['name']} of pod {name_of(pod)} was killed at its memory "
                f"limit{known}",
                f"--set resources.limits.memory={more}, then 1.15 x the highest "
                f"longshore_memory_working_set_bytes of the pod's port 8002",
                (shown_state(pod, status, ended),),
            )
    return None


def _memory_limit(release: Release, container: str) -> float:
    found = [c for c in release.pod_spec["containers"] if c["name"] == container]
    limits = (found[0].get("resources") or {}).get("limits") or {} if found else {}
    return parse_quantity(limits.get("memory", "0"))


RULE = Rule(
    "LS19", "container", "the memory limit is enough",
    "The kernel kills a container at its limit, mostly while a model is loaded, or a second "
    "version beside the first.",
    "A container's state or last state terminated with the reason OOMKilled.",
    "Raise the limit; 1.15 x the highest `longshore_memory_working_set_bytes` is a good one.",
    check,
)  # fmt: skip
