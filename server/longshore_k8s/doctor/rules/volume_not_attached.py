"""LS15: a volume that cannot be attached to the pods' nodes at once."""

from __future__ import annotations

from longshore_k8s.doctor.claims import claims_of, shown_event, waits_for_volumes
from longshore_k8s.doctor.events import latest
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.release import Release, name_of
from longshore_k8s.doctor.rule import Finding, Rule


def check(release: Release, objects: Objects) -> Finding | None:
    for pod in release.pods:
        event = latest(objects, "Pod", name_of(pod), {"FailedAttachVolume"})
        if event is None or not waits_for_volumes(pod):
            continue
        alone = [
            name for name, claim in claims_of(release, objects).items()
            if not {"ReadWriteMany", "ReadOnlyMany"} & set(claim["spec"].get("accessModes") or [])
        ]  # fmt: skip
        nodes = sorted({p["spec"]["nodeName"] for p in release.pods if p["spec"].get("nodeName")})
        if alone and len(nodes) > 1:
            return Finding(
                f"the claim {alone[0]} can be mounted on one node at a time, and pods of this "
                f"release are on {' and '.join(nodes)}",
                "a claim with ReadWriteMany or ReadOnlyMany; or one replica",
                (shown_event(event), f"persistentvolumeclaim {alone[0]}: spec.accessModes"),
            )
        return Finding(
            f"a volume of pod {name_of(pod)} cannot be attached to its node",
            "see the proof; the volume may still be attached to a node that is gone",
            (shown_event(event),),
        )
    return None


RULE = Rule(
    "LS15", "volume", "the volume can be on the pods' nodes at once",
    "ReadWriteOnce is one node at a time.",
    "Events FailedAttachVolume of pods none of whose containers has begun, the claim's access "
    "modes, and the nodes of the pods.",
    "A claim with ReadWriteMany or ReadOnlyMany, or one replica.",
    check,
)  # fmt: skip
