"""LongshoreModels in one namespace, and a controller of them: a process of its own."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3
from prometheus_client.parser import text_string_to_metric_families

from longshore_k8s.controller.kinds import MODEL, OWNED
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.control_plane.operator_kinds import wait_until_established
from tests.cluster.control_plane.program import Program
from tests.cluster.helm import CHART, Helm
from tests.cluster.node_agent.api import ApiError, Json
from tests.contracts.crd import CRD

PORT = 18080
RELEASE = "keeper"
DEPLOYMENT = "keeper-longshore-controller"
"""Of the controller's pod, and its account."""
_RUN = "import sys; from longshore.cli import main; sys.exit(main())"
_DIES = """
import os, signal
from longshore_k8s.controller.connection import Connection
send, left = Connection.send, {writes}
def counted(self, method, *rest, **more):
    global left
    answer = send(self, method, *rest, **more)
    left -= method != "GET"
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer
Connection.send = counted
"""
_DIES_OF_CHANGES = """
import os, signal
from longshore_k8s.controller.connection import Connection
send = Connection.send
def watched(self, method, path, *rest, **more):
    answer = send(self, method, path, *rest, **more)
    known = answer.get("metadata") or {{}}
    is_status = path.endswith("/status") or "generation" not in known
    version = known.get("resourceVersion" if is_status else "generation")
    change = f"{{method}} {{path}} {{version}}\\n"
    if method != "GET" and not path.endswith("/events"):
        with open({changes!r}, "a+") as file:
            file.seek(0)
            if change not in file:
                file.write(change)
                file.flush()
                os.kill(os.getpid(), signal.SIGKILL)
    return answer
Connection.send = watched
"""
_NOTES = """
import os
from longshore_k8s.controller.connection import Connection
from longshore_k8s.controller.renderer import Renderer
notes = os.open({path!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def noted(method, letter):
    def noting(*given, **named):
        os.write(notes, letter)
        return method(*given, **named)
    return noting
Connection._request = noted(Connection._request, b"q")
Renderer.render = noted(Renderer.render, b"r")
"""


@contextlib.contextmanager
def defined(cluster: Cluster) -> Iterator[None]:
    """The custom resource, for as long as the context."""
    name = CRD.stem
    cluster.kubectl("apply", "--server-side", "-f", str(CRD))
    wait_until_established(cluster, name)
    yield
    cluster.kubectl("delete", "crd", name)


@contextlib.contextmanager
def installed_by_chart(cluster: Cluster, namespace: str, *options: str) -> Iterator[None]:
    """The controller's own chart, with the custom resource, for as long as the context."""
    helm = Helm(cluster.programs["helm"], cluster.kubeconfig)
    helm("install", RELEASE, str(CHART / "controller"), "-n", namespace, *options)
    try:
        wait_until_established(cluster, CRD.stem)
        yield
    finally:
        cluster.kubectl("delete", "lsm", "--all", "-n", namespace, "--wait=false")
        helm("uninstall", RELEASE, "-n", namespace)
        assert cluster.kubectl("get", "crd", CRD.stem, "-o", "name")
        cluster.kubectl("delete", "crd", CRD.stem)


def model(values: Json, name: str = "text", **spec: object) -> Json:
    return {
        "apiVersion": MODEL.api_version,
        "kind": MODEL.name,
        "metadata": {"name": name},
        "spec": {"values": values, **spec},
    }


@dataclass(slots=True)
class Models:
    """What a scenario does with resources in one namespace."""

    cluster: Cluster
    namespace: str
    options: tuple[str, ...] = ()
    """Further options of `longshore controller`."""
    kubeconfig: Path | None = None
    """Of the controller; by default the administrator's."""
    chart: Path = CHART
    """That the controller renders."""
    group: int | None = None
    """Of its process, by which a rule of the firewall knows its packets."""
    running: list[Program] = field(default_factory=list)

    def start(self, *, notes: Path | None = None) -> Program:
        """Start a controller, ready when this returns; `notes` gets a `q` for each of its requests
        to the API server, and an `r` for each rendering."""
        program = self.start_without_waiting(notes=notes)
        program.wait_until(lambda: _asked("/readyz")[0] == 200, "/readyz")
        return program

    def start_without_waiting(
        self, *, writes: int | None = None, changes: Path | None = None, notes: Path | None = None
    ) -> Program:
        """Start a controller, which SIGKILL ends right after that many of its writes, or after the
        first that changes what none before it did: those are kept in the file `changes`."""
        kubeconfig = self.kubeconfig or self.cluster.kubeconfig
        before = _NOTES.format(path=str(notes)) if notes else ""
        if writes is not None:
            before += _DIES.format(writes=writes)
        if changes is not None:
            before += _DIES_OF_CHANGES.format(changes=str(changes))
        command = [sys.executable, "-c", f"{before}{_RUN}", "controller", f"--chart={self.chart}"]
        command += [f"--port={PORT}", f"--kubeconfig={kubeconfig}"]
        command += self.options or ("-n", self.namespace)
        if self.group is not None:
            # Another group forgets what outlives the parent: it is said again.
            group = ("setpriv", f"--regid={self.group}", "--keep-groups", "--pdeathsig", "TERM")
            command = [*group, *command]
        log = self.cluster.folders.log("controller")
        program = Program.start("controller", command, log)
        self.running.append(program)
        return program

    def kill(self) -> None:
        """As a node that is lost would."""
        for program in self.running:
            program.process.kill()
            program.process.wait()
        self.running.clear()

    def apply(self, values: Json, name: str = "text", **spec: object) -> None:
        document = json.dumps(model(values, name, **spec))
        words = ("apply", "--server-side", "--validate=strict", "-n", self.namespace, "-f", "-")
        self.cluster.kubectl(*words, stdin=document)

    def get(self, name: str = "text") -> Json:
        return self.cluster.api.get(MODEL.path(self.namespace, name))

    def condition(self, kind: str, name: str = "text") -> Json:
        """A condition of the newest generation; empty while there is none."""
        document = self.get(name)
        for entry in document.get("status", {}).get("conditions") or ():
            is_new = entry["observedGeneration"] == document["metadata"]["generation"]
            if entry["type"] == kind and is_new:
                return dict(entry)
        return {}

    def wait_for(self, kind: str, reason: str, name: str = "text", *, seconds: float = 30) -> Json:
        """The condition, once it has that reason."""

        def has_reason() -> bool:
            return bool(self.condition(kind, name).get("reason") == reason)

        self.cluster.wait_until(has_reason, f"{kind} to be {reason}", seconds=seconds)
        return self.condition(kind, name)

    def wait_until_applied(self, *names: str, seconds: float = 60) -> None:
        """Until the newest specs are written, whatever becomes of their pods."""

        def are_applied() -> bool:
            return all(self.condition("Stalled", name).get("status") == "False" for name in names)

        self.cluster.wait_until(are_applied, f"{len(names)} resources applied", seconds=seconds)

    def objects(self) -> dict[tuple[str, str], Json]:
        """Every object of the kinds that a resource may have, by kind and name."""
        found = {}
        for kind in OWNED:
            try:
                listed = self.cluster.list(kind.path(self.namespace))
            except ApiError as error:
                if error.code != 404:
                    raise
                continue
            found |= {(kind.name, one["metadata"]["name"]): one for one in listed}
        return {key: one for key, one in found.items() if key[1] not in _THE_CLUSTERS}

    def versions(self) -> dict[Any, str]:
        """The resource version of every object and every resource."""
        resources = self.cluster.list(MODEL.path(self.namespace))
        whole = {("LongshoreModel", one["metadata"]["name"]): one for one in resources}
        whole |= self.objects()
        return {key: one["metadata"]["resourceVersion"] for key, one in whole.items()}

    def events(self, reason: str) -> list[Json]:
        path = f"/api/v1/namespaces/{self.namespace}/events"
        return [event for event in self.cluster.list(path) if event["reason"] == reason]

    def wait_for_event(self, reason: str) -> list[Json]:
        """Those with that reason, once there is one: it comes after what it tells of."""
        self.cluster.wait_until(lambda: self.events(reason), f"an event {reason}", seconds=30)
        return self.events(reason)


def metric(name: str, **labels: str) -> float:
    """A sample of the running controller."""
    _, text = _asked("/metrics")
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                return float(sample.value)
    raise AssertionError(f"no sample {name} {labels}")


_THE_CLUSTERS = {"default", "kube-root-ca.crt"}


def _asked(path: str) -> tuple[int, str]:
    try:
        url = f"http://127.0.0.1:{PORT}{path}"
        answer = urllib3.request("GET", url, timeout=5, retries=False)
    except urllib3.exceptions.HTTPError:
        return 0, ""
    return answer.status, answer.data.decode()


@contextlib.contextmanager
def running_models(
    cluster: Cluster, namespace: str, *, group: int | None = None
) -> Iterator[Models]:
    """Resources in the namespace, and a controller that runs."""
    running = Models(cluster, namespace, group=group)
    try:
        running.start()
        yield running
    finally:
        running.kill()
        # kubectl remembers which kinds it found, also where the API server had just begun.
        cluster.api.delete(MODEL.path(namespace))
