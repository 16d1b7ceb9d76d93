"""LS05 to LS10: whether a node takes the pods.

The scheduler says how many nodes fail which test. Which taint, whose label and who holds the
devices stands in the nodes and in the pods of others, so each test is made again over those.
"""

from __future__ import annotations

import difflib
import json

from longshore_k8s.api import Json
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.placement import (
    allocatable,
    holders,
    is_open,
    matches,
    untolerated,
    used,
)
from longshore_k8s.doctor.quantities import devices, pod_requests, shown
from longshore_k8s.doctor.release import Release, labels, name_of, shown_condition
from longshore_k8s.doctor.rule import Finding, Rule

_MOST_SHOWN = 5


def _seen(release: Release) -> tuple[str, ...]:
    waiting = [shown_condition(pod, found) for pod, found in release.unscheduled()]
    return tuple(waiting[:1]) or ("to be installed",)


def _names(nodes: list[Json]) -> str:
    names = sorted(map(name_of, nodes))
    more = f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
    return ", ".join(names[:_MOST_SHOWN]) + more


def _with_devices(release: Release, nodes: list[Json]) -> list[Json]:
    """The nodes that have the devices at all that a pod asks for; all where it asks for none."""
    wanted = devices(pod_requests(release.pod_spec))
    return [node for node in nodes if all(allocatable(node, name) > 0 for name in wanted)]


def _admitting(release: Release, objects: Objects) -> list[Json]:
    """Of those, the nodes whose labels and taints admit a pod, cordoned and full ones too."""
    spec = release.pod_spec
    return [
        node
        for node in _with_devices(release, objects.listed("nodes"))
        if matches(node, spec) and not untolerated(node, spec)
    ]


def check_device(release: Release, objects: Objects) -> Finding | None:
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
            (*_seen(release), f"nodes: status.allocatable without {resource}"),
        )
    return None


def check_devices_are_free(release: Release, objects: Objects) -> Finding | None:
    if not release.wants_a_node:
        return None
    spec = release.pod_spec
    nodes = [node for node in _admitting(release, objects) if is_open(node)]
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
                (*_seen(release), f"nodes {_names(nodes)}: status.allocatable"),
            )
        shown_holders = ", ".join(f"{h.pod} on {h.node}" for h in found[:_MOST_SHOWN])
        return Finding(
            f"every {resource} that this release could have is taken: {shown_holders}",
            "wait for one of them, or end it; without a spare device, a rollout needs "
            "`gpu.spareCount: 0`, the default, which stops an old pod first",
            (*_seen(release), f"nodes {_names(nodes)}: allocatable less what pods ask for"),
        )
    return None


def check_taints(release: Release, objects: Objects) -> Finding | None:
    if not release.wants_a_node:
        return None
    spec = release.pod_spec
    able = _with_devices(release, objects.listed("nodes"))
    nodes = [node for node in able if matches(node, spec)] or able
    if not nodes or not all(untolerated(node, spec) for node in nodes):
        return None
    taints = {_shown_taint(taint): taint for n in nodes for taint in untolerated(n, spec)}
    first = untolerated(min(nodes, key=lambda node: len(untolerated(node, spec))), spec)
    tolerations = [{"key": t["key"], "operator": "Exists", "effect": t["effect"]} for t in first]
    what = ", ".join(devices(pod_requests(spec))) or "all that this release asks for"
    return Finding(
        f"every node with {what} ({_names(nodes)}) has a taint that this release does not "
        f"tolerate: {', '.join(sorted(taints))}",
        f"--set-json 'tolerations={json.dumps(tolerations, separators=(',', ':'))}'",
        (*_seen(release), f"nodes {_names(nodes)}: spec.taints"),
    )


def check_labels(release: Release, objects: Objects) -> Finding | None:
    if not release.wants_a_node:
        return None
    spec = release.pod_spec
    nodes = _with_devices(release, objects.listed("nodes"))
    if not nodes or any(matches(node, spec) for node in nodes):
        return None
    for key, wanted in (spec.get("nodeSelector") or {}).items():
        found = sorted({labels(node)[key] for node in nodes if key in labels(node)})
        if wanted not in found:
            close = (difflib.get_close_matches(wanted, found, n=1, cutoff=0.0) or [None])[0]
            escaped = key.replace(".", "\\.")
            fix = (
                f"--set-string 'nodeSelector.{escaped}={close}'"
                if close is not None
                else f"label a node {key}={wanted}, or take the key out of nodeSelector"
            )
            there = f"the nodes have {', '.join(found)}" if found else "no node has such a label"
            return Finding(
                f"nodeSelector asks for {key}={wanted}, and {there}",
                fix,
                (*_seen(release), f"nodes {_names(nodes)}: metadata.labels"),
            )
    return Finding(
        "no node has all the labels together that nodeSelector and the required node affinity ask "
        "for",
        "take a term out of `nodeSelector` or `affinity`, or label a node",
        (*_seen(release), f"nodes {_names(nodes)}: metadata.labels"),
    )


def check_open(release: Release, objects: Objects) -> Finding | None:
    if not release.wants_a_node:
        return None
    nodes = _admitting(release, objects)
    if not nodes or any(map(is_open, nodes)):
        return None
    cordoned = [node for node in nodes if (node.get("spec") or {}).get("unschedulable")]
    if cordoned:
        return Finding(
            f"the nodes that could take this release are cordoned: {_names(cordoned)}",
            f"kubectl uncordon {name_of(cordoned[0])}",
            (*_seen(release), f"nodes {_names(cordoned)}: spec.unschedulable"),
        )
    return Finding(
        f"the nodes that could take this release are not ready: {_names(nodes)}",
        f"kubectl describe node {name_of(nodes[0])}",
        (*_seen(release), f"nodes {_names(nodes)}: Ready is not True"),
    )


def check_room(release: Release, objects: Objects) -> Finding | None:
    if not release.wants_a_node:
        return None
    spec = release.pod_spec
    nodes = [node for node in _admitting(release, objects) if is_open(node)]
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
        (*_seen(release), f"nodes: status.allocatable of {resource} less what pods ask for"),
    )


def check_anything_else(release: Release, objects: Objects) -> Finding | None:
    """The scheduler knows more tests than are made here; its own words are better than none."""
    for pod, found in release.unscheduled():
        if release.claims() and not _is_bound(release, objects):
            return None  # of the links behind this one
        return Finding(
            f"the scheduler found no node for pod {name_of(pod)} when it tried last, and devices, "
            f"taints, labels, readiness and room do not explain it now: affinity between pods, "
            f"spreading, ports, volumes, or a moment that is over",
            "see the proof, which has the scheduler's own words",
            (shown_condition(pod, found), str(found.get("message", ""))),
        )
    return None


def _is_bound(release: Release, objects: Objects) -> bool:
    phases = {
        name_of(claim): (claim.get("status") or {}).get("phase")
        for claim in objects.listed("persistentvolumeclaims")
    }
    return all(phases.get(name) == "Bound" for name in release.claims())


def _shown_taint(taint: Json) -> str:
    value = f"={taint['value']}" if taint.get("value") else ""
    return f"{taint['key']}{value}:{taint['effect']}"


_WAITING = (
    "A pod's condition PodScheduled=False with the reason Unschedulable, or a release that is "
    "still to be installed; "
)
RULES = (
    Rule(
        "LS05", "scheduling", "a node has the devices that are asked for",
        "GPUs are known to the scheduler when a device plugin says so, under the name that the "
        "plugin chooses: `nvidia.com/gpu`, a MIG slice, a shared one.",
        _WAITING + "no node's `status.allocatable` has the resource.",
        "Install the device plugin, or give `gpu.resourceName` the name that the nodes have.",
        check_device,
    ),
    Rule(
        "LS06", "scheduling", "a device is free",
        "A device belongs to one pod until it ends, whatever it does with it.",
        _WAITING + "on each node that could take the pod, `status.allocatable` less what the pods "
        "of all namespaces ask for.",
        "End a holder, add a node, or let the rollout stop an old pod first (`gpu.spareCount: 0`).",
        check_devices_are_free,
    ),
    Rule(
        "LS07", "scheduling", "the release tolerates the nodes' taints",
        "A taint keeps pods away that do not tolerate it; nodes with GPUs often have one. The "
        "scheduler of Kubernetes 1.36 and later does not say which.",
        _WAITING + "every node that has the devices and the labels has a taint that no toleration "
        "of the pod fits.",
        "Add the toleration that is named.",
        check_taints,
    ),
    Rule(
        "LS08", "scheduling", "a node has the labels that are asked for",
        "`nodeSelector` and the required node affinity leave out every node without the labels.",
        _WAITING + "no node that has the devices matches them.",
        "Take the value that the nodes have, which is named.",
        check_labels,
    ),
    Rule(
        "LS09", "scheduling", "a node that fits is ready and not cordoned",
        "A cordoned node takes no new pods; one that is not ready loses those that it has.",
        _WAITING + "each node that has devices and labels and whose taints are tolerated is "
        "unschedulable or not Ready.",
        "Uncordon or repair the node.",
        check_open,
    ),
    Rule(
        "LS10", "scheduling", "a node has the CPU and memory that are asked for",
        "What counts is what pods ask for, not what they use.",
        _WAITING + "the request is above `status.allocatable`, or above what other pods leave of "
        "it, on every node that fits otherwise.",
        "Lower `resources.requests` to what is named, or add a node.",
        check_room,
    ),
)  # fmt: skip
UNEXPLAINED = Rule(
    "LS35", "scheduling", "the scheduler finds a node",
    "The scheduler makes more tests than the links before this one: affinity between pods, "
    "spreading, host ports, volumes.",
    "A pod's condition PodScheduled=False with the reason "
    "Unschedulable, where none of LS05 to LS10 "
    "and LS12 to LS14 explains it.",
    "The scheduler's own words are in the proof.",
    check_anything_else,
    is_rest=True,
)  # fmt: skip
