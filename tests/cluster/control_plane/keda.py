"""KEDA beside a running cluster: its operator, its metrics API and its admission webhook.

All three are one identity, the service account that KEDA's own manifests give their permissions to.
Their certificates come from the cluster's authority instead of the operator's own rotation.
"""

from __future__ import annotations

import base64
import shutil
import socket
from dataclasses import dataclass, field
from pathlib import Path

import urllib3
import yaml

from tests.cluster.control_plane import operator_kinds
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.control_plane.places import (
    CONTROL_PLANE_ADDRESS,
    KEDA_ADAPTER_MONITORING_PORT,
    KEDA_METRICS_PORT,
    KEDA_OPERATOR_PORT,
    KEDA_PROBE_PORTS,
    KEDA_WEBHOOKS_PORT,
)
from tests.cluster.control_plane.program import Program
from tests.cluster.node_agent.api import ApiError, Json
from tests.cluster.tools import custom_kinds
from tests.cluster.tools.custom_kinds import OperatorFile

NAMESPACE = "keda"
ACCOUNT = f"system:serviceaccount:{NAMESPACE}:keda-operator"
METRICS_API = "/apis/external.metrics.k8s.io/v1beta1"
SERVICES = {
    "keda-metrics-apiserver": KEDA_METRICS_PORT,
    "keda-admission-webhooks": KEDA_WEBHOOKS_PORT,
}
OPERATOR_ADDRESS = f"{CONTROL_PLANE_ADDRESS}:{KEDA_OPERATOR_PORT}"
DELEGATED = ("lister", "authentication", "authorization")
PROGRAMS = ("keda", "keda-adapter", "keda-admission-webhooks")
VARIABLES = {
    "KEDA_CLUSTER_OBJECT_NAMESPACE": NAMESPACE,
    "POD_NAMESPACE": NAMESPACE,
    "WATCH_NAMESPACE": "",
}
"""What a pod of KEDA's is told; an empty WATCH_NAMESPACE is every namespace."""


@dataclass(slots=True)
class Keda:
    """KEDA's programs in the network of a cluster."""

    cluster: Cluster
    running: dict[str, Program] = field(default_factory=dict)

    def start(self) -> None:
        """Create KEDA's objects and start its three programs."""
        self._create_objects()
        self._write_certificates()
        self.start_missing()

    def start_missing(self) -> None:
        """Start the programs that do not run, and wait until the API server reaches each."""
        for name in PROGRAMS:
            if name not in self.running:
                self._run(name)
        waits = (
            (lambda: _is_ready("keda"), "its health probe"),
            (self._is_listed, "its APIService to be available"),
            (_webhooks_listen, "its port to be open"),
        )
        for name, (is_so, what) in zip(PROGRAMS, waits, strict=True):
            self.running[name].wait_until(is_so, what)

    def stop(self, name: str) -> None:
        """Stop one of PROGRAMS, if it runs."""
        if program := self.running.pop(name, None):
            program.stop()

    def stop_all(self) -> None:
        for name in PROGRAMS:
            self.stop(name)

    def metric(self, namespace: str, scaled_object: str, number: int = 0) -> str:
        """The quantity that the autoscaler reads for the Prometheus trigger of that number."""
        selector = f"scaledobject.keda.sh/name={scaled_object}"
        path = f"{METRICS_API}/namespaces/{namespace}/s{number}-prometheus"
        (item,) = self.cluster.api.get(path, labelSelector=selector)["items"]
        value: str = item["value"]
        return value

    @property
    def _certificates(self) -> Path:
        return self.cluster.folders.certificates / "keda"

    def _write_certificates(self) -> None:
        """The folder that each of the programs reads its own and its peers' certificates from."""
        hosts = tuple(f"{name}.{NAMESPACE}.svc" for name in SERVICES)
        authority = self.cluster.control_plane.authority
        serving = authority.issue("keda-serving", "keda", hosts=(CONTROL_PLANE_ADDRESS, *hosts))
        self._certificates.mkdir()
        shutil.copy(authority.authority.certificate, self._certificates / "ca.crt")
        shutil.copy(serving.certificate, self._certificates / "tls.crt")
        shutil.copy(serving.key, self._certificates / "tls.key")

    def _create_objects(self) -> None:
        """KEDA's kinds, its own permissions, and the way from the API server to its programs."""
        create = self.cluster.kubectl
        create("create", "namespace", NAMESPACE)
        for file in (*custom_kinds.KEDA_KINDS, *custom_kinds.KEDA_ROLES):
            create("create", "-f", str(file.cached))
        for kind in custom_kinds.KEDA_KINDS:
            operator_kinds.wait_until_established(self.cluster, kind.name)
        authority = self.cluster.control_plane.authority.authority.certificate.read_bytes()
        for entry in _registrations(base64.b64encode(authority).decode()):
            create("create", "-f", "-", stdin=yaml.safe_dump(entry))

    def _run(self, name: str) -> None:
        kubeconfig = self.cluster.control_plane.identity("keda", ACCOUNT)
        arguments = _adapter_arguments if name == "keda-adapter" else _manager_arguments
        words = arguments(name, kubeconfig, self._certificates)
        command = [self.cluster.programs[name], f"--kubeconfig={kubeconfig}", *words]
        log = self.cluster.folders.log(name)
        self.running[name] = Program.start(name, command, log, variables=VARIABLES)

    def _is_listed(self) -> bool:
        try:
            self.cluster.api.get(METRICS_API)
        except (ApiError, urllib3.exceptions.HTTPError):
            return False
        return True


def missing_files() -> list[str]:
    """The names of KEDA's own manifests that were not fetched."""
    return [file.name for file in custom_kinds.OF_KEDA if not file.cached.exists()]


def _manager_arguments(name: str, _: Path, certificates: Path) -> list[str]:
    """Of the operator and of the webhook, which are built on the same manager."""
    words = {
        "keda": f"--metrics-service-bind-address={OPERATOR_ADDRESS}",
        "keda-admission-webhooks": f"--port={KEDA_WEBHOOKS_PORT}",
    }
    return [
        words[name],
        f"--cert-dir={certificates}",
        f"--health-probe-bind-address={CONTROL_PLANE_ADDRESS}:{KEDA_PROBE_PORTS[name]}",
        "--metrics-bind-address=0",
    ]


def _adapter_arguments(_: str, kubeconfig: Path, certificates: Path) -> list[str]:
    return [
        *(f"--{use}-kubeconfig={kubeconfig}" for use in DELEGATED),
        f"--metrics-service-address={OPERATOR_ADDRESS}",
        f"--bind-address={CONTROL_PLANE_ADDRESS}",
        f"--secure-port={KEDA_METRICS_PORT}",
        f"--port={KEDA_ADAPTER_MONITORING_PORT}",
        f"--client-ca-file={certificates / 'ca.crt'}",
        f"--tls-cert-file={certificates / 'tls.crt'}",
        f"--tls-private-key-file={certificates / 'tls.key'}",
        f"--cert-dir={certificates}",
    ]


def _is_ready(name: str) -> bool:
    url = f"http://{CONTROL_PLANE_ADDRESS}:{KEDA_PROBE_PORTS[name]}/readyz"
    try:
        answer = urllib3.request("GET", url, timeout=2, retries=False)
    except urllib3.exceptions.HTTPError:
        return False
    return answer.status == 200


def _webhooks_listen() -> bool:
    try:
        socket.create_connection((CONTROL_PLANE_ADDRESS, KEDA_WEBHOOKS_PORT), timeout=2).close()
    except OSError:
        return False
    return _is_ready("keda-admission-webhooks")


def _registrations(authority: str) -> list[Json]:
    """Services that lead to our addresses, and KEDA's own objects with our authority in them."""
    objects = [entry for name, port in SERVICES.items() for entry in _service(name, port)]
    api_service = _read(custom_kinds.KEDA_API_SERVICE)
    api_service["spec"]["caBundle"] = authority
    webhooks = _read(custom_kinds.KEDA_WEBHOOKS)
    for webhook in webhooks["webhooks"]:
        webhook["clientConfig"]["caBundle"] = authority
    return [*objects, api_service, webhooks]


def _service(name: str, port: int) -> tuple[Json, Json]:
    """A Service without a selector: what it leads to is a process beside the cluster."""
    metadata = {"name": name, "namespace": NAMESPACE}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"ports": [{"name": "https", "port": 443, "targetPort": port}]},
    }
    slice_ = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {**metadata, "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [CONTROL_PLANE_ADDRESS]}],
        "ports": [{"name": "https", "port": port}],
    }
    return service, slice_


def _read(file: OperatorFile) -> Json:
    found: Json = yaml.safe_load(file.cached.read_text(encoding="utf-8"))
    return found
