from __future__ import annotations

import errno
import re
import resource
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from longshore.rest import listener


@pytest.mark.parametrize(
    ("soft", "hard", "connections", "raised_to"),
    [
        (1_048_576, 1_048_576, 16384, None),
        (16640, 524_288, 16384, None),
        (1024, 524_288, 16384, 16640),
        (1024, 4096, 3840, 4096),
        (1024, 1024, 768, 1024),
        (100, 100, 50, 100),
    ],
)
def test_connections_leave_descriptors_for_everything_else(
    monkeypatch, caplog, soft, hard, connections, raised_to
):
    raised: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda kind, limits: raised.append(limits))

    assert listener.affordable_connections(16384) == connections
    assert raised == ([] if raised_to is None else [(raised_to, hard)])
    assert bool(caplog.records) is (connections < 16384)


LOOPBACK = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
HAS_IPV6 = socket.has_dualstack_ipv6() and Path("/proc/net/if_inet6").exists()
needs_ipv6 = pytest.mark.skipif(not HAS_IPV6, reason="this machine has no IPv6")


def reachable(server: socket.socket) -> set[socket.AddressFamily]:
    """Over which families a client on this machine reaches `server`."""
    found = set()
    for family, address in LOOPBACK.items():
        with suppress(OSError), socket.socket(family) as client:
            client.connect((address, server.getsockname()[1]))
            found.add(family)
    return found


@needs_ipv6
@pytest.mark.parametrize(
    ("host", "families"),
    [
        ("", {socket.AF_INET, socket.AF_INET6}),
        ("0.0.0.0", {socket.AF_INET}),
        ("127.0.0.1", {socket.AF_INET}),
        ("::", {socket.AF_INET6}),
        ("::1", {socket.AF_INET6}),
    ],
)
def test_without_an_address_both_families_are_served_and_an_address_is_that_one(host, families):
    with listener.listen(host, 0) as server:
        assert reachable(server) == families


@pytest.mark.parametrize("fails_at", ["socket", "bind"])
def test_a_machine_without_ipv6_is_served_over_ipv4(monkeypatch, fails_at):
    class Ipv4Socket(socket.socket):
        def __init__(self, family=socket.AF_INET, *args, **kwargs):
            if family == socket.AF_INET6 and fails_at == "socket":
                raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
            super().__init__(family, *args, **kwargs)

        def bind(self, address):
            if self.family == socket.AF_INET6:
                raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
            super().bind(address)

    monkeypatch.setattr(socket, "socket", Ipv4Socket)
    with listener.listen("", 0) as server:
        assert server.family == socket.AF_INET
        assert reachable(server) == {socket.AF_INET}


def test_a_port_that_is_taken_is_said_so():
    with listener.listen("", 0) as server, pytest.raises(OSError, match="in use") as refused:
        listener.listen("", server.getsockname()[1])

    assert refused.value.errno == errno.EADDRINUSE


@needs_ipv6
def test_no_new_connection_begins_over_ipv6_once_it_was_stopped():
    with listener.listen("", 0) as server:
        listener.stop_new_connections(server)
        for family, address in LOOPBACK.items():
            with socket.socket(family) as client:
                client.settimeout(0.2)
                with pytest.raises(TimeoutError):
                    client.connect((address, server.getsockname()[1]))


SYN, ACK, FIN, PUSH = 0x02, 0x10, 0x01, 0x08


@pytest.mark.parametrize(
    ("flags", "is_taken"),
    [(SYN, False), (SYN | ACK, False), (ACK, True), (ACK | FIN, True), (ACK | PUSH, True)],
)
def test_whatever_belongs_to_a_handshake_that_began_is_taken_whole(flags, is_taken):
    """To the filter, the header of a datagram is the beginning of a segment's."""
    content = bytearray(b"\xff" * 100)
    content[13 - 8] = flags
    with (
        socket.socket(type=socket.SOCK_DGRAM) as server,
        socket.socket(type=socket.SOCK_DGRAM) as client,
    ):
        server.bind(("127.0.0.1", 0))
        server.setblocking(False)
        listener.stop_new_connections(server)
        client.sendto(content, server.getsockname())
        client.sendto(b"\0" * 100, server.getsockname())

        taken = [server.recv(200)]
        if is_taken:
            taken.append(server.recv(200))
    assert taken == [bytes(content)] * is_taken + [b"\0" * 100]


def test_a_listener_never_holds_up_who_accepts():
    with listener.listen("127.0.0.1", 0) as server, pytest.raises(BlockingIOError):
        server.accept()


@pytest.mark.parametrize("host", ["a\udcff", "a" * 300, "no address"])
def test_what_is_no_address_is_an_error_that_names_it(host):
    with pytest.raises(OSError, match=re.escape(repr(host)[1:5])):
        listener.listen(host, 0)
