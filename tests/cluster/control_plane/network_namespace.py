"""The cluster's network namespace, which this process itself moves into.

Helm, kubectl, load clients and pods' nodes are then started inside it without options of their own,
and nothing of the cluster can be reached from, or reach, the machine's network.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.node_agent import commands

CLONE_NEWNET = 0x40000000
OWN_NAMESPACE = Path("/proc/thread-self/ns/net")
SETTINGS = {
    "ipv4/ip_forward": "1",
    "ipv4/ip_local_port_range": "20000 60999",
    "core/somaxconn": "4096",
}


@contextmanager
def entered(name: str, *, addresses: list[str], service_cidr: str) -> Iterator[None]:
    """Create the namespace, be in it with this thread and all that it starts, delete it."""
    commands.run("ip", "netns", "add", name)
    home = os.open(OWN_NAMESPACE, os.O_RDONLY)
    try:
        _move_to(Path("/run/netns") / name)
        _configure(addresses, service_cidr)
        yield
    finally:
        _set_namespace(home)
        os.close(home)
        commands.run("ip", "netns", "del", name)


def _configure(addresses: list[str], service_cidr: str) -> None:
    commands.run("ip", "link", "set", "lo", "up")
    for address in addresses:
        commands.run("ip", "address", "add", f"{address}/32", "dev", "lo")
    # A route that the output chain can look up before it rewrites a ClusterIP.
    commands.run("ip", "route", "add", service_cidr, "dev", "lo", "src", addresses[0])
    for name, value in SETTINGS.items():
        (Path("/proc/sys/net") / name).write_text(value, encoding="ascii")


def _move_to(path: Path) -> None:
    target = os.open(path, os.O_RDONLY)
    try:
        _set_namespace(target)
    finally:
        os.close(target)


def _set_namespace(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns to a network namespace failed (root is needed)")
