"""Startup, readiness and liveness probes of a running container, each on a thread of its own.

They go on to the very end of a termination, as the kubelet's readiness probes do.
"""

from __future__ import annotations

import http.client
import logging
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass

from tests.cluster.node_agent.api import Json
from tests.cluster.node_agent.container import Container

logger = logging.getLogger(__name__)

KINDS = ("startup", "readiness", "liveness")
POLL_SECONDS = 0.05
"""How soon the other probes notice that startup has passed."""

OnFailure = Callable[[Container, str], None]


@dataclass(frozen=True, slots=True)
class ProbedContainer:
    """A container, the address it listens on, and what to do when a probe has failed for good."""

    container: Container
    pod_ip: str
    on_failure: OnFailure

    def start(self) -> None:
        """Begin the probes of this start of the container."""
        container = self.container
        container.is_started = "startupProbe" not in container.spec
        container.is_ready = container.is_started and "readinessProbe" not in container.spec
        for kind in KINDS:
            if f"{kind}Probe" in container.spec:
                name = f"{kind}-{container.id}"
                threading.Thread(target=self._run, args=(kind,), name=name, daemon=True).start()

    def _run(self, kind: str) -> None:
        probe, ended = self.container.spec[f"{kind}Probe"], self.container.ended
        ended.wait(probe.get("initialDelaySeconds", 0))
        while kind != "startup" and not self.container.is_started:
            if ended.wait(POLL_SECONDS):
                return
        successes = failures = 0
        while not ended.is_set():
            is_good = attempt(probe, self.container, self.pod_ip)
            if ended.is_set():
                return
            successes, failures = (successes + 1, 0) if is_good else (0, failures + 1)
            if self._conclude(kind, probe, successes, failures):
                return
            ended.wait(probe.get("periodSeconds", 10))

    def _conclude(self, kind: str, probe: Json, successes: int, failures: int) -> bool:
        """Act on the counts; whether this probe has done its work."""
        has_won = successes >= probe.get("successThreshold", 1)
        has_lost = failures >= probe.get("failureThreshold", 3)
        if failures:
            logger.info("probe failed kind=%s id=%s times=%d", kind, self.container.id, failures)
        if kind == "readiness":
            self.container.is_ready = has_won or (self.container.is_ready and not has_lost)
            return False
        if has_lost:
            self.on_failure(self.container, kind)
            return True
        if kind == "startup" and has_won:
            self.container.is_started = True
            self.container.is_ready = "readinessProbe" not in self.container.spec
            return True
        return False


def attempt(probe: Json, container: Container, pod_ip: str) -> bool:
    """One attempt, within the probe's timeoutSeconds."""
    timeout = probe.get("timeoutSeconds", 1)
    if "exec" in probe:
        return container.execute(probe["exec"]["command"], timeout)
    try:
        if "httpGet" in probe:
            return 200 <= http_get(probe["httpGet"], container, pod_ip, timeout) < 400
        address = (pod_ip, port_number(probe["tcpSocket"]["port"], container))
        socket.create_connection(address, timeout).close()
    except (OSError, http.client.HTTPException):
        return False
    return True


def http_get(action: Json, container: Container, pod_ip: str, timeout: float) -> int:
    """The status of an httpGet action, which preStop hooks share with probes."""
    host, port = action.get("host") or pod_ip, port_number(action["port"], container)
    connection: http.client.HTTPConnection
    if action.get("scheme") == "HTTPS":
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(host, port, timeout=timeout, context=context)
    else:
        connection = http.client.HTTPConnection(host, port, timeout=timeout)
    headers = {"User-Agent": "kube-probe/1.36", "Accept": "*/*", "Connection": "close"}
    headers |= {entry["name"]: entry["value"] for entry in action.get("httpHeaders") or []}
    try:
        connection.request("GET", action.get("path", "/"), headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


def port_number(port: int | str, container: Container) -> int:
    """A probe's port by number or by the container port's name."""
    if isinstance(port, int):
        return port
    named = {entry.get("name"): entry["containerPort"] for entry in container.spec.get("ports", [])}
    return int(named[port])
