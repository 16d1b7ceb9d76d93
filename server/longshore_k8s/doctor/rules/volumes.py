"""LS12 to LS16: whether the model's volume is there and can be mounted where the pods go."""

from __future__ import annotations

from longshore_k8s.api import Json
from longshore_k8s.doctor.events import latest
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.placement import matches, matches_terms, untolerated
from longshore_k8s.doctor.release import Release, container_statuses, name_of
from longshore_k8s.doctor.rule import Finding, Rule

_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


def _claims(release: Release, objects: Objects) -> dict[str, Json]:
    """The claims that the pods mount, by name; those that an install would create included."""
    planned = {name_of(claim): claim for claim in release.created("PersistentVolumeClaim")}
    there = {name_of(claim): claim for claim in objects.listed("persistentvolumeclaims")}
    return {
        name: {**planned, **there}[name] for name in release.claims() if name in planned | there
    }


def check_claim(release: Release, objects: Objects) -> Finding | None:
    claims = _claims(release, objects)
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


def check_bound(release: Release, objects: Objects) -> Finding | None:
    for name, claim in _claims(release, objects).items():
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


def check_zone(release: Release, objects: Objects) -> Finding | None:
    if not release.wants_a_node:
        return None
    volumes = {name_of(volume): volume for volume in objects.listed("persistentvolumes")}
    spec = release.pod_spec
    nodes = [n for n in objects.listed("nodes") if matches(n, spec) and not untolerated(n, spec)]
    for name, claim in _claims(release, objects).items():
        volume = volumes.get(claim["spec"].get("volumeName") or "")
        required = ((volume or {}).get("spec", {}).get("nodeAffinity") or {}).get("required")
        if volume is None or not required or not nodes:
            continue
        if any(matches_terms(node, required) for node in nodes):
            continue
        wanted = "; ".join(
            f"{one['key']} {one['operator']} {', '.join(one.get('values') or [])}".strip()
            for term in required.get("nodeSelectorTerms") or []
            for one in term.get("matchExpressions") or []
        )
        return Finding(
            f"the volume {name_of(volume)} of the claim {name} can be used where {wanted}, and no "
            f"node that this release may go to is there",
            "let the pods go there (`nodeSelector`, `affinity`), or copy "
            "the model to a volume that "
            "every node can use",
            (f"persistentvolume {name_of(volume)}: spec.nodeAffinity", "nodes: metadata.labels"),
        )
    return None


def check_attached(release: Release, objects: Objects) -> Finding | None:
    for pod in release.pods:
        event = latest(objects, "Pod", name_of(pod), {"FailedAttachVolume"})
        if event is None or not _waits_for_volumes(pod):
            continue
        alone = [
            name for name, claim in _claims(release, objects).items()
            if not {"ReadWriteMany", "ReadOnlyMany"} & set(claim["spec"].get("accessModes") or [])
        ]  # fmt: skip
        nodes = sorted({p["spec"]["nodeName"] for p in release.pods if p["spec"].get("nodeName")})
        if alone and len(nodes) > 1:
            return Finding(
                f"the claim {alone[0]} can be mounted on one node at a time, and pods of this "
                f"release are on {' and '.join(nodes)}",
                "a claim with ReadWriteMany or ReadOnlyMany; or one replica",
                (_event(event), f"persistentvolumeclaim {alone[0]}: spec.accessModes"),
            )
        return Finding(
            f"a volume of pod {name_of(pod)} cannot be attached to its node",
            "see the proof; the volume may still be attached to a node that is gone",
            (_event(event),),
        )
    return None


def check_mounted(release: Release, objects: Objects) -> Finding | None:
    for pod in release.pods:
        event = latest(objects, "Pod", name_of(pod), {"FailedMount"})
        if event is None or not _waits_for_volumes(pod):
            continue
        return Finding(
            f"a volume of pod {name_of(pod)} cannot be mounted: a Secret or ConfigMap that is not "
            f"there, or a file server that does not answer",
            "see the proof, which names it",
            (_event(event),),
        )
    return None


def _waits_for_volumes(pod: Json) -> bool:
    """Whether no container of it has begun yet."""
    waiting = [(s.get("state") or {}).get("waiting") or {} for s in container_statuses(pod)]
    reasons = {one.get("reason") for one in waiting}
    return bool(pod["spec"].get("nodeName")) and reasons <= {"ContainerCreating", "PodInitializing"}


def _event(event: Json) -> str:
    return (
        f"event {event['reason']} of {event['involvedObject']['name']}: {event.get('message', '')}"
    )


RULES = (
    Rule(
        "LS12", "volume", "the model's claim is there",
        "Pods wait for a claim that does not exist, or is being deleted.",
        "The claims of the namespace against those that the pods' volumes name.",
        "Create the claim, or name another by `model.existingClaim`.",
        check_claim,
    ),
    Rule(
        "LS13", "volume", "the claim is bound to a volume",
        "A claim is bound to a volume that fits, or one is made for it by its storage class. A "
        "claim of a class with WaitForFirstConsumer waits for a pod, which is no fault.",
        "The claim's `status.phase` and storage class, the storage classes, and events "
        "ProvisioningFailed and FailedBinding.",
        "Name a storage class that the cluster has.",
        check_bound,
    ),
    Rule(
        "LS14", "volume", "a node can reach the volume",
        "The disks of a cloud belong to a zone: a volume's node "
        "affinity says which nodes reach it.",
        "The volume's `spec.nodeAffinity` against the labels of the nodes that the pods may go to.",
        "Let the pods go to that zone, or use a volume of all zones.",
        check_zone,
    ),
    Rule(
        "LS15", "volume", "the volume can be on the pods' nodes at once",
        "ReadWriteOnce is one node at a time.",
        "Events FailedAttachVolume of pods none of whose containers has begun, the claim's access "
        "modes, and the nodes of the pods.",
        "A claim with ReadWriteMany or ReadOnlyMany, or one replica.",
        check_attached,
    ),
    Rule(
        "LS16", "volume", "the volumes are mounted",
        "The kubelet mounts volumes before it starts a container: the model's, and the Secrets and "
        "ConfigMaps that values name.",
        "Events FailedMount of pods none of whose containers has begun.",
        "Create what is missing, or mend the file server.",
        check_mounted,
    ),
)  # fmt: skip
