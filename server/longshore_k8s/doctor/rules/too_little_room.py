"""LS10: more CPU or memory than a node has left."""

from __future__ import annotations

from longshore_k8s.doctor.candidates import admitting, waiting_for_a_node
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.placement import allocatable, is_open, used
from longshore_k8s.doctor.quantities import pod_requests, shown
from longshore_k8s.doctor.release import Release, name_of
from longshore_k8s.doctor.rule import Finding, Rule


def check(release: Release, objects: Objects) -> Finding | None:
    if not release.wants_a_node:
        return None
    spec = release.pod_spec
    nodes = [node for node in admitting(release, objects) if is_open(node)]
    for resource in ("cpu", "memory"):
        wanted = pod_requests(spec).get(resource, 0.0)
        if not nodes or not wanted:
            continue
        largest = max(nodes, key=lambda node: allocatable(node, resource))
        most = allocatable(largest, resource)
        if wanted > most:
            return _too_large(release, resource, wanted, most, f"the largest, {name_of(largest)},")
        taken = used(objects, resource)
        left = {name_of(n): allocatable(n, resource) - taken[name_of(n)] for n in nodes}
        freest = max(left, key=lambda name: left[name])
        if wanted > left[freest]:
            who = f"the freest of {len(nodes)}, {freest},"
            return _too_large(release, resource, wanted, left[freest], who)
    return None


def _too_large(release: Release, resource: str, wanted: float, found: float, who: str) -> Finding:
    return Finding(
        f"a pod asks for {shown(resource, wanted)} of {resource}, and of the nodes that it may go "
        f"to {who} has {shown(resource, found)}",
        f"--set resources.requests.{resource}={shown(resource, max(found, 0.0))} or less, or a "
        f"larger node",
        (
            *waiting_for_a_node(release),
            f"nodes: status.allocatable of {resource} less what pods ask for",
        ),
    )


RULE = Rule(
    "LS10", "scheduling", "a node has the CPU and memory that are asked for",
    "What counts is what pods ask for, not what they use.",
    "A pod's condition PodScheduled=False with the reason Unschedulable, or a release that is "
    "still to be installed; the request is above `status.allocatable`, or above what other "
    "pods leave of it, on every node that fits otherwise.",
    "Lower `resources.requests` to what is named, or add a node.",
    check,
    before_install=True,
)  # fmt: skip
