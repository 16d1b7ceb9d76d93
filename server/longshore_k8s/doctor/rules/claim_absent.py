"""LS12: a claim that is not there, or being deleted."""

from __future__ import annotations

from longshore_k8s.doctor.claims import claims_of
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.release import Release, name_of
from longshore_k8s.doctor.rule import Finding, Rule


def check(release: Release, objects: Objects) -> Finding | None:
    claims = claims_of(release, objects)
    for name in release.claims():
        if name not in claims:
            others = sorted(map(name_of, objects.listed("persistentvolumeclaims")))
            return Finding(
                f"the claim {name} is not there; the namespace has {', '.join(others) or 'none'}",
                "create it, or --set model.existingClaim=NAME of one that is there",
                (f"persistentvolumeclaims of {release.namespace}: no {name}",),
            )
        if "deletionTimestamp" in claims[name]["metadata"]:
            return Finding(
                f"the claim {name} is being deleted, and stays until no pod uses it",
                "make another claim and --set model.existingClaim to it",
                (f"persistentvolumeclaim {name}: metadata.deletionTimestamp",),
            )
    return None


RULE = Rule(
    "LS12", "volume", "the model's claim is there",
    "Pods wait for a claim that does not exist, or is being deleted.",
    "The claims of the namespace against those that the pods' volumes name.",
    "Create the claim, or name another by `model.existingClaim`.",
    check,
    before_install=True,
)  # fmt: skip
