"""Both ports are reached over the families that the machine has."""

from __future__ import annotations

import http.client
import socket
from pathlib import Path

import pytest

from tests.attacks.served_process import ServedProcess, identity_model, infer_body
from tests.integration.test_lifecycle import INFER, QUICK

HAS_IPV6 = socket.has_dualstack_ipv6() and Path("/proc/net/if_inet6").exists()
EVERY_ADDRESS = {"host": "", "management_host": ""}


def status(address: str, port: int, method: str, path: str, body: bytes | None = None) -> int:
    connection = http.client.HTTPConnection(address, port, timeout=10)
    try:
        connection.request(method, path, body)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.skipif(not HAS_IPV6, reason="this machine has no IPv6")
def test_requests_probes_and_scrapes_are_answered_over_both_families_by_default(tmp_path):
    with ServedProcess(identity_model(tmp_path), **EVERY_ADDRESS, **QUICK) as server:
        for address in ("127.0.0.1", "::1"):
            assert status(address, server.port, "POST", INFER, infer_body()) == 200
            assert status(address, server.port, "GET", "/v2/health/ready") == 200
            assert status(address, server.management_port, "GET", "/v2/health/live") == 200
            assert status(address, server.management_port, "GET", "/metrics") == 200
