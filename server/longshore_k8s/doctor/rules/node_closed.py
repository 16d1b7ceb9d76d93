"""LS09: nodes that are cordoned or not ready."""

from __future__ import annotations

from longshore_k8s.doctor.candidates import admitting, shown_names, waiting_for_a_node
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.placement import is_open
from longshore_k8s.doctor.release import Release, name_of
from longshore_k8s.doctor.rule import Finding, Rule


def check(release: Release, objects: Objects) -> Finding | None:
    if not release.wants_a_node:
        return None
    nodes = admitting(release, objects)
    if not nodes or any(map(is_open, nodes)):
        return None
    cordoned = [node for node in nodes if (node.get("spec") or {}).get("unschedulable")]
    if cordoned:
        return Finding(
            f"the nodes that could take this release are cordoned: {shown_names(cordoned)}",
            f"kubectl uncordon {name_of(cordoned[0])}",
            (*waiting_for_a_node(release), f"nodes {shown_names(cordoned)}: spec.unschedulable"),
        )
    return Finding(
        f"the nodes that could take this release are not ready: {shown_names(nodes)}",
        f"kubectl describe node {name_of(nodes[0])}",
        (*waiting_for_a_node(release), f"nodes {shown_names(nodes)}: Ready is not True"),
    )


RULE = Rule(
    "LS09", "scheduling", "a node that fits is ready and not cordoned",
    "A cordoned node takes no new pods; one that is not ready loses those that it has.",
    "A pod's condition PodScheduled=False with the reason Unschedulable, or a release that is "
    "still to be installed; each node that has devices and labels and whose taints are "
    "tolerated is unschedulable or not Ready.",
    "Uncordon or repair the node.",
    check,
    before_install=True,
)  # fmt: skip
