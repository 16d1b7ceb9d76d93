"""LS06: devices that other pods hold."""

from __future__ import annotations

from longshore_k8s.doctor.candidates import MOST_SHOWN, admitting, shown_names, waiting_for_a_node
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.placement import allocatable, holders, is_open, used
from longshore_k8s.doctor.quantities import devices, pod_requests
from longshore_k8s.doctor.release import Release, name_of
from longshore_k8s.doctor.rule import Finding, Rule


def check(release: Release, objects: Objects) -> Finding | None:
    if not release.wants_a_node:
        return None
    spec = release.pod_spec
    nodes = [node for node in admitting(release, objects) if is_open(node)]
    for resource, wanted in devices(pod_requests(spec)).items():
        taken = used(objects, resource)
        if not nodes or any(allocatable(n, resource) - taken[name_of(n)] >= wanted for n in nodes):
            continue
        names = {name_of(node) for node in nodes}
        found = [holder for holder in holders(objects, resource) if holder.node in names]
        most = max(allocatable(node, resource) for node in nodes)
        if wanted > most:
            return Finding(
                f"a pod asks for {wanted:g} of {resource}, and no node has more than {most:g}",
                f"--set gpu.count={most:g}; the server uses one device",
                (*waiting_for_a_node(release), f"nodes {shown_names(nodes)}: status.allocatable"),
            )
        shown_holders = ", ".join(f"{h.pod} on {h.node}" for h in found[:MOST_SHOWN])
        return Finding(
            f"every {resource} that this release could have is taken: {shown_holders}",
            "wait for one of them, or end it; without a spare device, a rollout needs "
            "`gpu.spareCount: 0`, the default, which stops an old pod first",
            (
                *waiting_for_a_node(release),
                f"nodes {shown_names(nodes)}: allocatable less what pods ask for",
            ),
        )
    return None


RULE = Rule(
    "LS06", "scheduling", "a device is free",
    "A device belongs to one pod until it ends, whatever it does with it.",
    "A pod's condition PodScheduled=False with the reason Unschedulable, or a release that is "
    "still to be installed; on each node that could take the pod, `status.allocatable` less "
    "what the pods of all namespaces ask for.",
    "End a holder, add a node, or let the rollout stop an old pod first (`gpu.spareCount: "
    "0`).",
    check,
    before_install=True,
)  # fmt: skip
