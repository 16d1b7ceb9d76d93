"""LS13: a claim that no volume is bound to."""

from __future__ import annotations

from longshore_k8s.api import Json
from longshore_k8s.doctor.claims import claims_of
from longshore_k8s.doctor.events import latest
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.release import Release, name_of
from longshore_k8s.doctor.rule import Finding, Rule

_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


def check(release: Release, objects: Objects) -> Finding | None:
    for name, claim in claims_of(release, objects).items():
        if (claim.get("status") or {}).get("phase") == "Bound":
            continue
        found = _unbound(name, claim, objects)
        if found is not None:
            return found
    return None


def _unbound(name: str, claim: Json, objects: Objects) -> Finding | None:
    classes = {name_of(one): one for one in objects.listed("storageclasses")}
    wanted = claim["spec"].get("storageClassName")
    default = [
        key for key, one in classes.items()
        if (one["metadata"].get("annotations") or {}).get(_DEFAULT_CLASS) == "true"
    ]  # fmt: skip
    phase = f"persistentvolumeclaim {name}: {(claim.get('status') or {}).get('phase', 'absent')}"
    if wanted and wanted not in classes:
        return Finding(
            f"the claim {name} asks for the storage class {wanted}; the cluster has "
            f"{', '.join(sorted(classes)) or 'none'}",
            "make the claim anew with one of them (model.claim.storageClassName)",
            (phase, f"storageclasses: no {wanted}"),
        )
    if wanted is None and not default and not claim["spec"].get("volumeName"):
        return Finding(
            f"the claim {name} names no storage class, and the cluster has no default",
            f"--set model.claim.storageClassName=NAME, of {', '.join(sorted(classes)) or 'none'}",
            (phase, f"storageclasses: none with {_DEFAULT_CLASS}"),
        )
    event = latest(objects, "PersistentVolumeClaim", name, {"ProvisioningFailed", "FailedBinding"})
    if event is None:
        return None  # WaitForFirstConsumer, or a moment ago
    return Finding(
        f"the claim {name} is not bound: no volume fits it, or none could be made",
        "see the proof; `kubectl get persistentvolumes` shows what there is",
        (phase, f"event {event['reason']}: {event.get('message', '')}"),
    )


RULE = Rule(
    "LS13", "volume", "the claim is bound to a volume",
    "A claim is bound to a volume that fits, or one is made for it by its storage class. A "
    "claim of a class with WaitForFirstConsumer waits for a pod, which is no fault.",
    "The claim's `status.phase` and storage class, the storage classes, and events "
    "ProvisioningFailed and FailedBinding.",
    "Name a storage class that the cluster has.",
    check,
    before_install=True,
)  # fmt: skip
