"""Which traffic to a pod the NetworkPolicies of its namespace let in.

https://kubernetes.io/docs/concepts/services-networking/network-policies/
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from longshore_k8s.api import Json
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.release import labels, name_of
from longshore_k8s.doctor.selectors import selects


@dataclass(frozen=True, slots=True)
class Peer:
    """A pod that wants to be let in."""

    namespace: str
    namespace_labels: dict[str, str]
    labels: dict[str, str]
    addresses: tuple[str, ...]

    @classmethod
    def of(cls, pod: Json, objects: Objects) -> Peer:
        """Raises:
        MissingRight: namespaces may not be listed.
        """
        namespace = str(pod["metadata"].get("namespace", ""))
        known = [one for one in objects.listed("namespaces") if name_of(one) == namespace]
        own = {"kubernetes.io/metadata.name": namespace, **(labels(known[0]) if known else {})}
        status = pod.get("status") or {}
        addresses = [status.get("podIP"), *(one.get("ip") for one in status.get("podIPs") or [])]
        return cls(namespace, own, labels(pod), tuple(filter(None, addresses)))


def isolating(policies: list[Json], pod_labels: dict[str, str]) -> list[Json]:
    """The policies that let nothing in to such a pod but what they name."""
    return [
        one
        for one in policies
        if "Ingress" in (one["spec"].get("policyTypes") or ["Ingress"])
        and selects(one["spec"].get("podSelector") or {}, pod_labels)
    ]


def admits(policy: Json, peer: Peer, port: int, port_name: str) -> bool:
    """Whether one rule of the policy lets the peer in to that TCP port."""
    own = str(policy["metadata"].get("namespace", ""))
    return any(
        _has_port(rule.get("ports") or [], port, port_name)
        and (not rule.get("from") or any(_is_peer(one, peer, own) for one in rule["from"]))
        for rule in policy["spec"].get("ingress") or []
    )


def _has_port(ports: list[Json], port: int, name: str) -> bool:
    return not ports or any(
        one.get("protocol", "TCP") == "TCP"
        and (
            one.get("port") in (None, port, name)
            or (isinstance(one["port"], int) and one["port"] <= port <= one.get("endPort", 0))
        )
        for one in ports
    )


def _is_peer(one: Json, peer: Peer, own: str) -> bool:
    if "ipBlock" in one:
        return any(_is_in_block(one["ipBlock"], address) for address in peer.addresses)
    namespaces, of_pods = one.get("namespaceSelector"), one.get("podSelector")
    is_there = (
        peer.namespace == own if namespaces is None else selects(namespaces, peer.namespace_labels)
    )
    return is_there and (of_pods is None or selects(of_pods, peer.labels))


def _is_in_block(block: Json, address: str) -> bool:
    found = ipaddress.ip_address(address)
    left_out = [ipaddress.ip_network(one) for one in block.get("except") or []]
    return found in ipaddress.ip_network(block["cidr"]) and not any(found in o for o in left_out)
