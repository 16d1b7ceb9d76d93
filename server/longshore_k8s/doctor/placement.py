"""Which nodes a pod could go to, by the scheduler's own tests of a node.

https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/ and
.../taint-and-toleration/. Affinity between pods and spreading are left to the scheduler.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from longshore_k8s.api import Json
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.quantities import parse_quantity, pod_requests
from longshore_k8s.doctor.release import condition, labels, name_of
from longshore_k8s.doctor.selectors import holds

_OF_THE_CONTROLLER = "node.kubernetes.io/"
"""Taints that follow from the node's state, which are told as that."""


def allocatable(node: Json, resource: str) -> float:
    return parse_quantity((node.get("status") or {}).get("allocatable", {}).get(resource, "0"))


def untolerated(node: Json, spec: Json) -> list[Json]:
    """Taints by which people keep pods away, that the pod does not tolerate."""
    tolerations = spec.get("tolerations") or []
    return [
        taint
        for taint in (node.get("spec") or {}).get("taints") or []
        if taint.get("effect") in ("NoSchedule", "NoExecute")
        and not taint["key"].startswith(_OF_THE_CONTROLLER)
        and not any(_tolerates(one, taint) for one in tolerations)
    ]


def matches(node: Json, spec: Json) -> bool:
    """Whether the node has the labels that the pod asks for."""
    wanted = spec.get("nodeSelector") or {}
    if not wanted.items() <= labels(node).items():
        return False
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    return required is None or matches_terms(node, required)


def matches_terms(node: Json, selector: Json) -> bool:
    """A NodeSelector: one of its terms is enough; of a term every expression counts."""
    fields = {"metadata.name": name_of(node)}
    return any(
        bool(term)
        and all(holds(labels(node), one) for one in term.get("matchExpressions") or [])
        and all(holds(fields, one) for one in term.get("matchFields") or [])
        for term in selector.get("nodeSelectorTerms") or []
    )


def is_open(node: Json) -> bool:
    """Whether the node is ready and takes new pods."""
    is_ready = condition(node, "Ready").get("status") == "True"
    return is_ready and not (node.get("spec") or {}).get("unschedulable")


@dataclass(frozen=True, slots=True)
class Holder:
    """A pod that has devices of a node."""

    pod: str
    """Namespace and name."""
    node: str
    amount: float


def used(objects: Objects, resource: str) -> Counter[str]:
    """What pods of all namespaces have asked for, by the node that they are on.

    Raises:
        MissingRight: pods of all namespaces may not be listed.
    """
    found: Counter[str] = Counter()
    for holder in holders(objects, resource):
        found[holder.node] += holder.amount  # type: ignore[assignment]
    return found


def holders(objects: Objects, resource: str) -> list[Holder]:
    """The pods that have some of `resource`, the largest first."""
    found = [
        Holder(
            f"{pod['metadata'].get('namespace', '')}/{name_of(pod)}",
            pod["spec"]["nodeName"],
            pod_requests(pod["spec"]).get(resource, 0.0),
        )
        for pod in _running(objects)
    ]
    return sorted((h for h in found if h.amount), key=lambda h: (-h.amount, h.pod))


def _running(objects: Objects) -> list[Json]:
    return [
        pod
        for pod in objects.listed("pods of all namespaces")
        if pod["spec"].get("nodeName")
        and (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")
    ]


def _tolerates(toleration: Json, taint: Json) -> bool:
    if toleration.get("effect") not in (None, "", taint.get("effect")):
        return False
    key, wanted = str(toleration.get("key") or ""), str(taint["key"])
    if toleration.get("operator", "Equal") == "Exists":
        return key in ("", wanted)
    return key == wanted and str(toleration.get("value") or "") == str(taint.get("value") or "")
