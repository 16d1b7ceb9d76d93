"""LS35: what else keeps the scheduler from finding a node."""

from __future__ import annotations

from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.release import Release, name_of, shown_condition
from longshore_k8s.doctor.rule import Finding, Rule


def check(release: Release, objects: Objects) -> Finding | None:
    """The scheduler knows more tests than are made here; its own words are better than none."""
    for pod, found in release.unscheduled():
        if release.claims() and not _is_bound(release, objects):
            return None  # of the links behind this one
        return Finding(
            f"the scheduler found no node for pod {name_of(pod)} when it tried last, and devices, "
            f"taints, labels, readiness and room do not explain it now: affinity between pods, "
            f"spreading, ports, volumes, or a moment that is over",
            "see the proof, which has the scheduler's own words",
            (shown_condition(pod, found), str(found.get("message", ""))),
        )
    return None


def _is_bound(release: Release, objects: Objects) -> bool:
    phases = {
        name_of(claim): (claim.get("status") or {}).get("phase")
        for claim in objects.listed("persistentvolumeclaims")
    }
    return all(phases.get(name) == "Bound" for name in release.claims())


RULE = Rule(
    "LS35", "scheduling", "the scheduler finds a node",
    "The scheduler makes more tests than the links before this one: affinity between pods, "
    "spreading, host ports, volumes.",
    "A pod's condition PodScheduled=False with the reason Unschedulable, where none of LS05 "
    "to LS10 and LS12 to LS14 explains it.",
    "The scheduler's own words are in the proof.",
    check,
    is_rest=True,
)  # fmt: skip
