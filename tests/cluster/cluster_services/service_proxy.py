"""kube-proxy's work in one nftables table: a ClusterIP leads to one of its Service's backends.

The backend is drawn for each new connection. Session affinity and NodePorts are not done here.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass

from tests.cluster.cluster_services.services import Backend, Services
from tests.cluster.node_agent import commands, pod_network
from tests.cluster.node_agent.api import Json

logger = logging.getLogger(__name__)

TABLE = "longshore_services"
COALESCE_SECONDS = 0.02
"""Changes that come this close together are one new table."""


@dataclass(frozen=True, slots=True)
class ServiceProxy:
    """Keeps the table of this network namespace true to `services`."""

    services: Services
    dns_address: str
    dns_backend: Backend

    def run(self, stopped: threading.Event) -> None:
        """Write the table after every change until `stopped`."""
        written = ""
        while not stopped.is_set():
            self.services.changed.wait()
            self.services.changed.clear()
            time.sleep(COALESCE_SECONDS)
            table = self.table()
            if table == written:
                continue
            try:
                commands.run("nft", "-f", "-", stdin=table)
                written = table
            except commands.CommandFailed as error:
                logger.error("table refused error=%s", error)

    def table(self) -> str:
        """The whole nftables table, replacing the one before in one transaction."""
        translated = [_translate(self.dns_address, "udp", 53, [self.dns_backend])]
        rejected = []
        for (namespace, name), service in self.services.all():
            for address, port in _cluster_ports(service):
                protocol = port.get("protocol", "TCP").lower()
                backends = self.services.backends(namespace, name, port.get("name", ""))
                if backends:
                    translated.append(_translate(address, protocol, port["port"], backends))
                else:
                    rejected.append(_reject(address, protocol, port["port"]))
        chains = [
            _chain("prerouting", "type nat hook prerouting priority -100;", translated),
            _chain("output", "type nat hook output priority -100;", translated),
            _chain("postrouting", "type nat hook postrouting priority 100;", [_masquerade()]),
            _chain("reject_forward", "type filter hook forward priority 0;", rejected),
            _chain("reject_output", "type filter hook output priority 0;", rejected),
        ]
        return (
            f"table ip {TABLE}\ndelete table ip {TABLE}\ntable ip {TABLE} {{\n{''.join(chains)}}}\n"
        )


def _cluster_ports(service: Json) -> list[tuple[str, Json]]:
    address = service["spec"].get("clusterIP")
    if not address or address == "None":
        return []
    return [(address, port) for port in service["spec"].get("ports") or []]


def _translate(address: str, protocol: str, port: int, backends: list[Backend]) -> str:
    choices = ", ".join(f"{index} : {ip} . {to}" for index, (ip, to) in enumerate(backends))
    draw = f"numgen random mod {len(backends)} map {{ {choices} }}"
    return f"ip daddr {address} {protocol} dport {port} dnat to {draw}"


def _reject(address: str, protocol: str, port: int) -> str:
    how = "reject with tcp reset" if protocol == "tcp" else "reject"
    return f"ip daddr {address} {protocol} dport {port} {how}"


def _masquerade() -> str:
    # A connection from the node itself may have picked the pods' gateway as its source address.
    return f"ct status dnat ip saddr {pod_network.GATEWAY} masquerade"


def _chain(name: str, hook: str, rules: list[str]) -> str:
    return f" chain {name} {{\n  {hook}\n" + "".join(f"  {rule}\n" for rule in rules) + " }\n"
