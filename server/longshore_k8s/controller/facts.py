"""What the chart asks a cluster when Helm installs it, as values: rendered alone it asks nobody."""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass

from longshore_k8s.api import Json
from longshore_k8s.controller import kinds
from longshore_k8s.controller.connection import ApiRefused, Connection


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """Of the cluster as a whole."""

    kube_version: str
    served: frozenset[str]
    """Names of the kinds of `kinds.OWNED` that it has."""


def read_cluster_facts(connection: Connection) -> ClusterFacts:
    """Ask the API server for its version and its kinds.

    Raises:
        ApiRefused, ClusterUnreachable: it did not say.
    """
    said = connection.send("GET", "/version")["gitVersion"]
    version = re.match(r"v?(\d+\.\d+\.\d+)", said)
    optional = {kind.group_path for kind in kinds.OWNED if kind.is_optional}
    names = {path: _names(connection, path) for path in optional}
    served = {
        kind.name
        for kind in kinds.OWNED
        if kind.is_optional and kind.name in names[kind.group_path]
    }
    return ClusterFacts(version[1] if version else said, kinds.ALWAYS_THERE | served)


def _names(connection: Connection, group_path: str) -> frozenset[str]:
    """The kinds of one group and version; none where the cluster has no such group."""
    try:
        listed = connection.send("GET", group_path).get("resources") or ()
    except ApiRefused as error:
        if error.status == 404:
            return frozenset()
        raise
    return frozenset(entry["kind"] for entry in listed)


def with_facts(values: Json, facts: ClusterFacts, access_modes: Callable[[str], list[str]]) -> Json:
    """`values` with the answers where they leave the question open; `access_modes` tells those of
    an existing claim.
    """
    whole = deepcopy(values)
    if not whole.get("kubeVersion"):
        whole["kubeVersion"] = facts.kube_version
    metrics = _block(whole, "metrics")
    pod_monitor = _block(metrics, "podMonitor")
    if pod_monitor.get("enabled") is None:
        has_other = bool((metrics.get("serviceMonitor") or {}).get("enabled"))
        pod_monitor["enabled"] = "PodMonitor" in facts.served and not has_other
    model = whole.get("model") or {}
    if model.get("existingClaim") and not model.get("existingClaimAccessModes"):
        model["existingClaimAccessModes"] = access_modes(str(model["existingClaim"]))
    whole["test"] = {"enabled": False}  # its pod is a hook of Helm's
    return whole


def _block(values: Json, key: str) -> Json:
    if not isinstance(values.get(key), dict):
        values[key] = {}
    block: Json = values[key]
    return block
