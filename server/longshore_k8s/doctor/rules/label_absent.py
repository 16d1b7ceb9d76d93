"""LS08: a label that no node has."""

from __future__ import annotations

import difflib

from longshore_k8s.doctor.candidates import shown_names, waiting_for_a_node, with_devices
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.placement import matches
from longshore_k8s.doctor.release import Release, labels
from longshore_k8s.doctor.rule import Finding, Rule


def check(release: Release, objects: Objects) -> Finding | None:
    if not release.wants_a_node:
        return None
    spec = release.pod_spec
    nodes = with_devices(release, objects.listed("nodes"))
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
                (*waiting_for_a_node(release), f"nodes {shown_names(nodes)}: metadata.labels"),
            )
    return Finding(
        "no node has all the labels together that nodeSelector and the required node affinity ask "
        "for",
        "take a term out of `nodeSelector` or `affinity`, or label a node",
        (*waiting_for_a_node(release), f"nodes {shown_names(nodes)}: metadata.labels"),
    )


RULE = Rule(
    "LS08", "scheduling", "a node has the labels that are asked for",
    "`nodeSelector` and the required node affinity leave out every node without the labels.",
    "A pod's condition PodScheduled=False with the reason Unschedulable, or a release that is "
    "still to be installed; no node that has the devices matches them.",
    "Take the value that the nodes have, which is named.",
    check,
    before_install=True,
)  # fmt: skip
