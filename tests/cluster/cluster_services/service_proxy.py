"""kube-proxy's work in one nftables table: a ClusterIP leads to one of its Service's backends.

The backend is drawn for each new connection. Session affinity and NodePorts are not done here.

A new table stands before the old one goes. Replaced in one transaction, a connection now and
then met neither; tracked as one that is not translated, it then hung however often it tried.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from dataclasses import dataclass

from tests.cluster.cluster_services.services import Backend, Services
from tests.cluster.node_agent import commands, pod_network
from tests.cluster.node_agent.api import Json

logger = logging.getLogger(__name__)

TABLES = ("longshore_services", "longshore_services_next")
"""Used alternately: one is live while the other is written."""
COALESCE_SECONDS = 0.02
"""Changes within this time become one new table."""


@dataclass(frozen=True, slots=True)
class ServiceProxy:
    """Keeps the table of this network namespace in step with `services`."""

    services: Services
    dns_address: str
    dns_backend: Backend

    def run(self, stopped: threading.Event) -> None:
        """Write the table after every change until `stopped`."""
        written = ""
        turns = itertools.cycle([TABLES, TABLES[::-1]])
        while not stopped.is_set():
            self.services.changed.wait()
            self.services.changed.clear()
            time.sleep(COALESCE_SECONDS)
            chains = self.chains()
            if chains == written:
                continue
            new, old = next(turns)
            try:
                commands.run(
                    "nft", "-f", "-", stdin=f"{_without(new)}table ip {new} {{\n{chains}}}\n"
                )
                commands.run("nft", "-f", "-", stdin=_without(old))
                written = chains
            except commands.CommandFailed as error:
                logger.error("table refused error=%s", error)

    def chains(self) -> str:
        """What the nftables table holds for the Services as they are now."""
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
        return "".join(chains)


def _without(table: str) -> str:
    """Deletes `table`, whether it exists or not."""
    return f"table ip {table}\ndelete table ip {table}\n"


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
