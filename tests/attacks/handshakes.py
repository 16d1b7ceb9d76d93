"""TLS connections that never shake hands, more than there are descriptors for.

Meanwhile the management port is probed as by a kubelet, and ordinary TLS clients connect.
"""

from __future__ import annotations

import asyncio
import http.client
import ssl
import subprocess
import time
from pathlib import Path

from tests.attacks.served_process import ServedProcess, identity_model
from tests.attacks.slow_clients import connect

DESCRIPTORS = 512
CONNECTIONS = 1000
SECONDS = 3.0
HANDSHAKE_SECONDS = 2.0
LIMITED = (
    "import resource, sys; from longshore.cli import main; "
    f"resource.setrlimit(resource.RLIMIT_NOFILE, ({DESCRIPTORS}, {DESCRIPTORS})); sys.exit(main())"
)


def make_certificate(directory: Path) -> tuple[Path, Path]:
    certificate, key = directory / "tls.crt", directory / "tls.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=server", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key


def is_served(port: int, trusted: Path) -> bool:
    """Whether a new client gets an answer over TLS."""
    context = ssl.create_default_context(cafile=trusted)
    client = http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=context)
    try:
        client.request("GET", "/v2/health/live")
        return client.getresponse().status == 200
    except OSError:
        return False
    finally:
        client.close()


def is_live(served: ServedProcess) -> bool:
    try:
        return served.management("/v2/health/live")[0] == 200
    except OSError:
        return False


async def measure(directory: Path) -> dict[str, object]:
    certificate, key = make_certificate(directory)
    live: list[bool] = []
    answered: list[bool] = []
    with ServedProcess(
        identity_model(directory), version_settle_seconds=0, program=("-c", LIMITED),
        tls_cert_file=certificate, tls_key_file=key, header_timeout_seconds=HANDSHAKE_SECONDS,
    ) as served:  # fmt: skip
        before = served.descriptors
        connections = await connect(served.port, CONNECTIONS)
        peak = served.descriptors
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            live.append(await asyncio.to_thread(is_live, served))
            answered.append(await asyncio.to_thread(is_served, served.port, certificate))
            await asyncio.sleep(0.1)
        after = served.descriptors
        for client in connections:
            client.close()
        return {
            "descriptors allowed": DESCRIPTORS,
            "descriptors before": before,
            "descriptors at their peak": peak,
            "descriptors after the time for a handshake": after,
            "probes": len(live),
            "probes answered": sum(live),
            "clients": len(answered),
            "clients answered": sum(answered),
        }
