"""LS36: pods that are not there, for no reason that another link knows."""

from __future__ import annotations

from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.release import Release, name_of
from longshore_k8s.doctor.rule import Finding, Rule


def check(release: Release, objects: Objects) -> Finding | None:
    """What no link before this one explains: a release is not called sound for nothing."""
    if release.is_planned:
        return None
    wanted = release.deployment["spec"].get("replicas", 1)
    status = release.deployment.get("status") or {}
    ready = status.get("readyReplicas") or 0
    if ready >= wanted:
        return None
    return Finding(
        f"{ready} of {wanted} pods are ready, and no link before this one says why",
        f"kubectl -n {release.namespace} rollout status deployment/{name_of(release.deployment)}; "
        f"a rollout that is under way takes its time (--wait)",
        (f"deployment {name_of(release.deployment)}: status.readyReplicas",),
    )


RULE = Rule(
    "LS36", "container", "as many pods are ready as are asked for",
    "The last link before traffic: it breaks when a pod is not there for a reason that no "
    "other link knows, and for a while during every rollout.",
    "The Deployment's `spec.replicas` and `status.readyReplicas`.",
    "Wait for the rollout (`--wait`); then look at the ReplicaSet's events.",
    check,
    is_rest=True,
)  # fmt: skip
