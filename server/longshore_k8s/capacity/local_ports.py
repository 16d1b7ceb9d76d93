"""Ports of this machine for servers that we start ourselves."""

from __future__ import annotations

import itertools
import os
import socket
from pathlib import Path

OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")
LOWEST = 15_000
PER_PROCESS = 256

_counted = itertools.count()


def unused_port(host: str = "127.0.0.1") -> int:
    """A port on which nothing listens, for a server that binds it a little later.

    It lies below those that the kernel gives to outgoing connections (ip(7),
    `ip_local_port_range`), and each process begins at a place of its own: what runs beside us
    does not take it between our look and the server's.

    Raises:
        OSError: all of this process's are taken.
    """
    highest = int(OUTGOING.read_text().split()[0]) if OUTGOING.exists() else 32_768
    places = max(1, (highest - LOWEST) // PER_PROCESS)
    first = LOWEST + os.getpid() % places * PER_PROCESS
    for turn in itertools.islice(_counted, PER_PROCESS):
        port = first + turn % PER_PROCESS
        with socket.socket() as probe:
            # As the server will: a port in TIME_WAIT may be bound again.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise OSError(f"none of the ports {first} to {first + PER_PROCESS - 1} is free")
