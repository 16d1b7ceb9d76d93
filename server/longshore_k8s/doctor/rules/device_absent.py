"""LS05: a kind of device that no node has."""

from __future__ import annotations

from longshore_k8s.doctor.candidates import waiting_for_a_node
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.placement import allocatable
from longshore_k8s.doctor.quantities import devices, pod_requests
from longshore_k8s.doctor.release import Release
from longshore_k8s.doctor.rule import Finding, Rule


def check(release: Release, objects: Objects) -> Finding | None:
    if not release.wants_a_node:
        return None
    nodes = objects.listed("nodes")
    for resource in devices(pod_requests(release.pod_spec)):
        if any(allocatable(node, resource) > 0 for node in nodes):
            continue
        others = sorted({
            name
            for node in nodes
            for name in (node.get("status") or {}).get("allocatable") or {}
            if "/" in name and allocatable(node, name) > 0 and not name.startswith("hugepages-")
        })  # fmt: skip
        fix = "install the device plugin of the nodes' devices (DaemonSet), or see why it fails"
        if others:
            fix = f"--set gpu.resourceName={others[0]} ({', '.join(others)} is there), or {fix}"
        return Finding(
            f"no node has {resource} to give ({len(nodes)} nodes)",
            fix,
            (*waiting_for_a_node(release), f"nodes: status.allocatable without {resource}"),
        )
    return None


RULE = Rule(
    "LS05", "scheduling", "a node has the devices that are asked for",
    "GPUs are known to the scheduler when a device plugin says so, under the name that the "
    "plugin chooses: `nvidia.com/gpu`, a MIG slice, a shared one.",
    "A pod's condition PodScheduled=False with the reason Unschedulable, or a release that is "
    "still to be installed; no node's `status.allocatable` has the resource.",
    "Install the device plugin, or give `gpu.resourceName` the name that the nodes have.",
    check,
    before_install=True,
)  # fmt: skip
