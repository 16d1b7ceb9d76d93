"""LS14: a volume that no node of the release can reach."""

from __future__ import annotations

from longshore_k8s.doctor.claims import claims_of
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.placement import matches, matches_terms, untolerated
from longshore_k8s.doctor.release import Release, name_of
from longshore_k8s.doctor.rule import Finding, Rule


def check(release: Release, objects: Objects) -> Finding | None:
    if not release.wants_a_node:
        return None
    volumes = {name_of(volume): volume for volume in objects.listed("persistentvolumes")}
    spec = release.pod_spec
    nodes = [n for n in objects.listed("nodes") if matches(n, spec) and not untolerated(n, spec)]
    for name, claim in claims_of(release, objects).items():
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


RULE = Rule(
    "LS14", "volume", "a node can reach the volume",
    "The disks of a cloud belong to a zone: a volume's node affinity says which nodes reach "
    "it.",
    "The volume's `spec.nodeAffinity` against the labels of the nodes that the pods may go "
    "to.",
    "Let the pods go to that zone, or use a volume of all zones.",
    check,
    before_install=True,
)  # fmt: skip
