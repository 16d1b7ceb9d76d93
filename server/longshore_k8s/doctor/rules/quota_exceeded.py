"""LS03: a quota that leaves too little for a pod."""

from __future__ import annotations

from collections.abc import Iterator

from longshore_k8s.api import Json
from longshore_k8s.doctor.creation import refusal
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.quantities import parse_quantity, pod_requests, shown
from longshore_k8s.doctor.release import Release, name_of, shown_condition
from longshore_k8s.doctor.rule import Finding, Rule


def check(release: Release, objects: Objects) -> Finding | None:
    refused = refusal(release)
    if not refused and not release.is_planned:
        return None
    for quota in objects.listed("resourcequotas"):
        for resource, asked, left, hard in _exceeded(quota, release.pod_spec):
            plain = resource.rpartition(".")[2]
            seen = shown_condition(release.deployment, refused) if refused else "to be installed"
            return Finding(
                f"the quota {name_of(quota)} leaves {shown(plain, left)} of {resource} "
                f"({shown(plain, hard)} in all), and a pod of this release takes "
                f"{shown(plain, asked)}",
                f"raise {resource} of the quota by {shown(plain, asked - left)}, or lower "
                f"`resources` of the release",
                (seen, f"resourcequota {name_of(quota)}: status.used of {resource}"),
            )
    return None


def _exceeded(quota: Json, spec: Json) -> Iterator[tuple[str, float, float, float]]:
    """Resource, what a pod asks, what is left, and what there is in all."""
    status = quota.get("status") or {}
    asked = _counted(spec)
    for resource, hard in (status.get("hard") or {}).items():
        left = parse_quantity(hard) - parse_quantity((status.get("used") or {}).get(resource, "0"))
        if asked.get(resource, 0.0) > left:
            yield resource, asked[resource], left, parse_quantity(hard)


def _counted(spec: Json) -> dict[str, float]:
    """What a quota counts of a pod, by the quota's names."""
    requests = pod_requests(spec)
    limits = pod_requests(
        {
            key: [{"resources": {"limits": (one.get("resources") or {}).get("limits") or {}}}
                  for one in spec.get(key) or []]
            for key in ("containers", "initContainers")
        }
    )  # fmt: skip
    counted = {"pods": 1.0, "count/pods": 1.0}
    for name, amount in requests.items():
        counted[name] = counted[f"requests.{name}"] = amount
    counted |= {f"limits.{name}": amount for name, amount in limits.items()}
    return counted


RULE = Rule(
    "LS03", "creation", "the namespace's quota has room for the pods",
    "A ResourceQuota bounds what all pods of a namespace ask for together. Beyond it the "
    "ReplicaSet's pods are refused, and nothing of the release shows but a count below what "
    "was asked.",
    "The Deployment's condition ReplicaFailure with the reason FailedCreate, and the quotas' "
    "`status.hard` and `status.used` against what a pod asks for.",
    "Raise the quota, or lower `resources`. During a rollout with a surge one pod more "
    "counts.",
    check,
    before_install=True,
)  # fmt: skip
