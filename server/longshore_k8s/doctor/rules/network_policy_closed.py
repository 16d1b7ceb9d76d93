"""LS30: a NetworkPolicy that does not let Prometheus in."""

from __future__ import annotations

import json

from longshore_k8s.api import Json
from longshore_k8s.doctor import prometheus
from longshore_k8s.doctor.metrics_api import pods_without_value
from longshore_k8s.doctor.network_policies import Peer, admits, isolating
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.release import INSTANCE, Release, labels, management_port, name_of
from longshore_k8s.doctor.rule import Finding, Rule

_PORT_NAME = "management"


def check(release: Release, objects: Objects) -> Finding | None:
    if not pods_without_value(release, objects):
        return None
    wanted = release.deployment["spec"]["template"]["metadata"].get("labels") or {}
    policies = isolating(objects.listed("networkpolicies"), wanted)
    found = prometheus.find(release, objects) if policies else None
    if found is None:
        return None
    port = management_port(release)
    for pod in prometheus.pods(objects, found):
        peer = Peer.of(pod, objects)
        if not any(admits(one, peer, port, _PORT_NAME) for one in policies):
            return _finding(release, policies, pod, port)
    return None


def _finding(release: Release, policies: list[Json], pod: Json, port: int) -> Finding:
    namespace = str(pod["metadata"].get("namespace", ""))
    names = ", ".join(map(name_of, policies))
    own = {"kubernetes.io/metadata.name": namespace}
    let_in = [{"namespaceSelector": {"matchLabels": own}}]
    is_ours = any(labels(one).get(INSTANCE) == release.name for one in policies)
    fix = (
        f"--set-json 'networkPolicy.managementFrom={json.dumps(let_in, separators=(',', ':'))}'"
        if is_ours
        else f"let a NetworkPolicy admit the namespace {namespace} to TCP port {port} of the pods"
    )
    return Finding(
        f"the NetworkPolicies of the pods ({names}) do not let Prometheus "
        f"({namespace}/{name_of(pod)}) in to port {port}",
        fix,
        (f"networkpolicies {names}: spec.ingress", f"pod {name_of(pod)}: labels {labels(pod)}"),
    )


RULE = Rule(
    "LS30", "monitoring", "the network policies let Prometheus in",
    "A pod that a NetworkPolicy selects is reached by what its policies name, and by nothing else.",
    "The NetworkPolicies that select the pods, evaluated for the pods behind Prometheus' Service "
    "and the management port, where a ready pod has no value. Whether the network enforces "
    "policies is not known.",
    "Name Prometheus' namespace in `networkPolicy.managementFrom`.",
    check,
)  # fmt: skip
