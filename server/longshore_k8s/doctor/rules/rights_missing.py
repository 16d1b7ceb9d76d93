"""LS01: rights without which not even the release is seen."""

from __future__ import annotations

from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.release import Release
from longshore_k8s.doctor.rule import Finding, Rule


def check(release: Release, objects: Objects) -> Finding | None:
    """Sound: who has found the release may see it. Without the rights it is unknown."""
    return None


RULE = Rule(
    "LS01", "rights", "the release may be seen",
    "The command asks with the rights of whoever runs it. Without those to list deployments and "
    "pods of the namespace nothing can be told; without another, the links that need it are "
    "unknown.",
    "The answers 401 and 403 of the API server.",
    "Let a Role have the verb and the resource that are named. In the namespace: list pods, "
    "events, persistentvolumeclaims, resourcequotas, networkpolicies, deployments, "
    "horizontalpodautoscalers, scaledobjects, podmonitors and servicemonitors. In the cluster: "
    "list nodes, pods, namespaces, persistentvolumes, storageclasses, apiservices, prometheuses "
    "and prometheusagents, and get the metrics of `custom.metrics.k8s.io` and "
    "`external.metrics.k8s.io`. For more that is not needed: get pods/proxy, services and "
    "services/proxy. No Secrets, and no exec.",
    check,
    before_install=True,
)  # fmt: skip
