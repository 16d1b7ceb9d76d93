"""Cluster DNS: A records of Services, as `<service>.<namespace>.svc.cluster.local`."""

from __future__ import annotations

import logging
import socket
import struct
import threading
from dataclasses import dataclass

from tests.cluster.cluster_services.services import Services

logger = logging.getLogger(__name__)

ZONE = ["svc", "cluster", "local"]
TYPE_A = 1
TIME_TO_LIVE_SECONDS = 5
NO_ERROR, NO_SUCH_NAME = 0x8180, 0x8183
HEADER = struct.Struct("!HHHHHH")


@dataclass(frozen=True, slots=True)
class DnsServer:
    """Answers queries over UDP; names outside the cluster do not exist."""

    services: Services
    address: str

    def run(self, stopped: threading.Event) -> None:
        """Answer until `stopped`."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind((self.address, 53))
            while not stopped.is_set():
                query, client = server.recvfrom(512)
                try:
                    server.sendto(self.answer(query), client)
                except (IndexError, struct.error, UnicodeDecodeError) as error:
                    logger.info("query not understood error=%r", error)

    def answer(self, query: bytes) -> bytes:
        """The response to one query with one question (RFC 1035, section 4)."""
        labels, end = _question(query)
        (kind,) = struct.unpack_from("!H", query, end)
        found = self._lookup([label.lower() for label in labels])
        flags = NO_SUCH_NAME if found is None else NO_ERROR
        addresses = (found or []) if kind == TYPE_A else []
        header = HEADER.pack(HEADER.unpack_from(query)[0], flags, 1, len(addresses), 0, 0)
        records = b"".join(_record(address) for address in addresses)
        return header + query[HEADER.size : end + 4] + records

    def _lookup(self, labels: list[str]) -> list[str] | None:
        """Addresses of the name; None when there is no such Service."""
        if len(labels) != 5 or labels[2:] != ZONE:
            return None
        name, namespace = labels[:2]
        service = self.services.get(namespace, name)
        if service is None:
            return None
        if service["spec"].get("clusterIP") != "None":
            return [service["spec"]["clusterIP"]]
        return sorted({address for address, _ in self.services.backends(namespace, name)})


def _question(query: bytes) -> tuple[list[str], int]:
    """The labels of the name asked for, and where its type begins."""
    labels, at = [], HEADER.size
    while length := query[at]:
        labels.append(query[at + 1 : at + 1 + length].decode("ascii"))
        at += length + 1
    return labels, at + 1


def _record(address: str) -> bytes:
    # 0xC00C points back at the name in the question.
    fixed = struct.pack("!HHHIH", 0xC00C, TYPE_A, 1, TIME_TO_LIVE_SECONDS, 4)
    return fixed + socket.inet_aton(address)
