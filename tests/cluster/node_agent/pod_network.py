"""A network namespace for each pod, with one routed veth pair and an address of its own.

The pair is routed, not bridged, so that answers pass the node's connection tracking and a Service's
address translation is undone on the way back.
"""

from __future__ import annotations

import collections
import ipaddress
import threading
from dataclasses import dataclass

from tests.cluster.node_agent import commands

GATEWAY = "169.254.1.1"
"""Next hop of every pod, present on the node's end of each pair."""


@dataclass(frozen=True, slots=True)
class PodAddress:
    """One pod's place in the network."""

    cluster: str
    ip: str

    @property
    def namespace(self) -> str:
        """Name of the namespace, which clusters on one machine must not share."""
        return f"{self.cluster}-pod-{self.ip.replace('.', '-')}"

    @property
    def namespace_path(self) -> str:
        return f"/run/netns/{self.namespace}"

    @property
    def link(self) -> str:
        """Name of the node's end of the pair: at most 15 characters."""
        return "veth" + "".join(f"{int(part):02x}" for part in self.ip.split("."))


class PodNetwork:
    """Hands out the addresses of a node's pod range, the longest unused one first."""

    def __init__(self, cluster: str, *, pod_cidr: str, node_address: str) -> None:
        hosts = ipaddress.ip_network(pod_cidr).hosts()
        self._free = collections.deque(PodAddress(cluster, str(host)) for host in hosts)
        self._lock = threading.Lock()
        self._node_address = node_address

    def add(self) -> PodAddress:
        """Create a pod's namespace and connect it."""
        with self._lock:
            address = self._free.popleft()
        _delete(address)
        namespace, link, ip = address.namespace, address.link, address.ip
        commands.run("ip", "netns", "add", namespace)
        pair = ("type", "veth", "peer", "name", "eth0", "netns", namespace)
        commands.run("ip", "link", "add", link, *pair)
        node_side = f"link set {link} up\naddr add {GATEWAY}/32 dev {link}\n"
        node_side += f"route add {ip}/32 dev {link} src {self._node_address}\n"
        commands.run("ip", "-batch", "-", stdin=node_side)
        pod_side = f"link set lo up\nlink set eth0 up\naddr add {ip}/32 dev eth0\n"
        pod_side += f"route add {GATEWAY} dev eth0 scope link\nroute add default via {GATEWAY}\n"
        commands.run("ip", "-n", namespace, "-batch", "-", stdin=pod_side)
        return address

    def remove(self, address: PodAddress) -> None:
        """Delete the namespace, and with it both ends of the pair."""
        _delete(address)
        with self._lock:
            self._free.append(address)


def _delete(address: PodAddress) -> None:
    commands.succeeds("ip", "link", "del", address.link)
    commands.succeeds("ip", "netns", "del", address.namespace)
