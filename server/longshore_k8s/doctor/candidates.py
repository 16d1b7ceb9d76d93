"""The nodes that a release's pods could go to.

The scheduler says how many nodes fail which test. Which taint, whose label and who holds the
devices stands in the nodes and in the pods of others, so each test is made again over those.
"""

from __future__ import annotations

from longshore_k8s.api import Json
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.placement import allocatable, matches, untolerated
from longshore_k8s.doctor.quantities import devices, pod_requests
from longshore_k8s.doctor.release import Release, name_of, shown_condition

MOST_SHOWN = 5


def waiting_for_a_node(release: Release) -> tuple[str, ...]:
    waiting = [shown_condition(pod, found) for pod, found in release.unscheduled()]
    return tuple(waiting[:1]) or ("to be installed",)


def shown_names(nodes: list[Json]) -> str:
    names = sorted(map(name_of, nodes))
    more = f" and {len(names) - MOST_SHOWN} more" if len(names) > MOST_SHOWN else ""
    return ", ".join(names[:MOST_SHOWN]) + more


def with_devices(release: Release, nodes: list[Json]) -> list[Json]:
    """The nodes that have the devices at all that a pod asks for; all where it asks for none."""
    wanted = devices(pod_requests(release.pod_spec))
    return [node for node in nodes if all(allocatable(node, name) > 0 for name in wanted)]


def admitting(release: Release, objects: Objects) -> list[Json]:
    """Of those, the nodes whose labels and taints admit a pod, cordoned and full ones too."""
    spec = release.pod_spec
    return [
        node
        for node in with_devices(release, objects.listed("nodes"))
        if matches(node, spec) and not untolerated(node, spec)
    ]
