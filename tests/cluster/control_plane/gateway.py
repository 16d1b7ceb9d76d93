"""A Gateway beside a running cluster, for the routes of one namespace."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Iterator

from tests.cluster.control_plane import operator_kinds
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.control_plane.places import CONTROL_PLANE_ADDRESS, GATEWAY_PORT
from tests.cluster.control_plane.program import Program
from tests.cluster.tools import custom_kinds

NAME = "front"
"""By which routes name it as a parent."""
KINDS = "/apis/gateway.networking.k8s.io/v1"


@contextlib.contextmanager
def kind_defined(cluster: Cluster) -> Iterator[None]:
    """The Gateway API's own definition of an HTTPRoute, for as long as the context."""

    def is_listed() -> bool:
        groups = cluster.api.get("/apis")["groups"]
        is_there = any(KINDS.endswith(f"{group['name']}/v1") for group in groups)
        return is_there and any(
            one["kind"] == "HTTPRoute" for one in cluster.api.get(KINDS).get("resources") or ()
        )

    with operator_kinds.defined(cluster, custom_kinds.GATEWAY):
        cluster.wait_until(is_listed, "HTTPRoutes to be there")
        yield


@contextlib.contextmanager
def running(cluster: Cluster, namespace: str) -> Iterator[Program]:
    """It answers at CONTROL_PLANE_ADDRESS and GATEWAY_PORT."""
    identity = cluster.control_plane.identity("gateway", "gateway", "system:masters")
    command = [sys.executable, "-m", "tests.cluster.gateway", f"--kubeconfig={identity}"]
    command += [f"--name={NAME}", f"--namespace={namespace}"]
    command += [f"--address={CONTROL_PLANE_ADDRESS}", f"--port={GATEWAY_PORT}"]
    program = Program.start("gateway", command, cluster.folders.log("gateway"))
    try:
        program.wait_until(_listens, "its port to be open")
        yield program
    finally:
        program.stop()


def _listens() -> bool:
    try:
        socket.create_connection((CONTROL_PLANE_ADDRESS, GATEWAY_PORT), timeout=2).close()
    except OSError:
        return False
    return True
