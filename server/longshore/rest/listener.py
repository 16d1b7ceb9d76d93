"""Listening sockets: opened first at start, closed without resetting a client."""

from __future__ import annotations

import ctypes
import logging
import resource
import socket
import struct
from contextlib import suppress

logger = logging.getLogger(__name__)

BACKLOG = 2048
SPARE_DESCRIPTORS = 256
SO_ATTACH_FILTER = 26
"""asm-generic/socket.h; Python's `socket` does not name it."""


def _instruction(operation: int, operand: int, *, skip_if_false: int = 0) -> bytes:
    """Of classic BPF (Linux networking/filter.rst): operation, jumps if true and false, operand."""
    return struct.pack("HxBI", operation, skip_if_false, operand)


DROP_SYN = (
    _instruction(0x30, 13),  # load the byte of the TCP header that holds the flags
    _instruction(0x45, 0x02, skip_if_false=1),  # is SYN set?
    _instruction(0x06, 0),  # drop
    _instruction(0x06, 0xFFFFFFFF),  # take whole
)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 lets the system choose one, which the log then names.

    Without a `host` it accepts IPv4 and IPv6, as far as the machine has them; an address means just
    that one, so that `::` is IPv6 alone and `0.0.0.0` IPv4 alone.

    Raises:
        OSError: the address or the port is not available.
    """
    listener = _listen_on(host, port) if host else _listen_on_all(port)
    listener.setblocking(False)
    address, found_port = listener.getsockname()[:2]
    logger.info("listening: address=%s port=%d", host or f"{address} (all)", found_port)
    return listener


def _listen_on(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    if not host.isascii():
        raise OSError(f"{host!r} is not an address")
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


def _listen_on_all(port: int) -> socket.socket:
    """One socket for both families (RFC 3493, section 3.7): IPv4 clients come as mapped addresses.
    A kernel without IPv6, or a seccomp profile that forbids it, has no such socket.
    """
    if socket.has_dualstack_ipv6():
        with suppress(OSError):
            return socket.create_server(
                ("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=BACKLOG
            )
    return socket.create_server(("", port), backlog=BACKLOG)  # raises when the port is in use


def affordable_connections(wanted: int) -> int:
    """How many of `wanted` connections leave descriptors for the management port and for files;
    the soft limit is raised as far as the hard one allows.

    A container often starts with a soft limit of 1024, and a process without descriptors answers no
    probe.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted + SPARE_DESCRIPTORS:
        soft = min(wanted + SPARE_DESCRIPTORS, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    affordable = min(wanted, max(soft - SPARE_DESCRIPTORS, soft // 2))
    if affordable < wanted:
        logger.warning(
            "fewer connections than max_connections: descriptors=%d connections=%d wanted=%d",
            soft, affordable, wanted,
        )  # fmt: skip
    return affordable


def stop_new_connections(listener: socket.socket) -> None:
    """Drop every new SYN; connections whose handshake has begun can still be accepted.

    Closing a listener resets connections that the kernel has completed and nobody has accepted,
    requests in them included. With this filter in place first, and the rest accepted, none is left.
    Where the system has no such filter, this does nothing.
    """
    program = b"".join(DROP_SYN)
    instructions = ctypes.create_string_buffer(program, len(program))
    address = ctypes.addressof(instructions)
    with suppress(OSError):
        listener.setsockopt(
            socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", len(DROP_SYN), address)
        )
