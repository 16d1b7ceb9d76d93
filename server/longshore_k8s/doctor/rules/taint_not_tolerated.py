"""LS07: taints that keep the pods away."""

from __future__ import annotations

import json

from longshore_k8s.api import Json
from longshore_k8s.doctor.candidates import shown_names, waiting_for_a_node, with_devices
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.placement import matches, untolerated
from longshore_k8s.doctor.quantities import devices, pod_requests
from longshore_k8s.doctor.release import Release
from longshore_k8s.doctor.rule import Finding, Rule


def check(release: Release, objects: Objects) -> Finding | None:
    if not release.wants_a_node:
        return None
    spec = release.pod_spec
    able = with_devices(release, objects.listed("nodes"))
    nodes = [node for node in able if matches(node, spec)] or able
    if not nodes or not all(untolerated(node, spec) for node in nodes):
        return None
    taints = {_shown_taint(taint): taint for n in nodes for taint in untolerated(n, spec)}
    first = untolerated(min(nodes, key=lambda node: len(untolerated(node, spec))), spec)
    tolerations = [{"key": t["key"], "operator": "Exists", "effect": t["effect"]} for t in first]
    what = ", ".join(devices(pod_requests(spec))) or "all that this release asks for"
    return Finding(
        f"every node with {what} ({shown_names(nodes)}) has a taint that this release does not "
        f"tolerate: {', '.join(sorted(taints))}",
        f"--set-json 'tolerations={json.dumps(tolerations, separators=(',', ':'))}'",
        (*waiting_for_a_node(release), f"nodes {shown_names(nodes)}: spec.taints"),
    )


def _shown_taint(taint: Json) -> str:
    value = f"={taint['value']}" if taint.get("value") else ""
    return f"{taint['key']}{value}:{taint['effect']}"


RULE = Rule(
    "LS07", "scheduling", "the release tolerates the nodes' taints",
    "A taint keeps pods away that do not tolerate it; nodes with GPUs often have one. The "
    "scheduler of Kubernetes 1.36 and later does not say which.",
    "A pod's condition PodScheduled=False with the reason Unschedulable, or a release that is "
    "still to be installed; every node that has the devices and the labels has a taint that "
    "no toleration of the pod fits.",
    "Add the toleration that is named.",
    check,
    before_install=True,
)  # fmt: skip
