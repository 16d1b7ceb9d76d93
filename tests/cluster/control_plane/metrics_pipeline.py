"""Prometheus and prometheus-adapter: how a pod's counters reach the autoscaler."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3
import yaml

from tests.cluster.control_plane.control_plane import ControlPlane
from tests.cluster.control_plane.places import (
    ADAPTER_PORT,
    CONTROL_PLANE_ADDRESS,
    DISCOVERY_URL,
    PROMETHEUS_PORT,
    PROMETHEUS_URL,
)
from tests.cluster.control_plane.program import Program
from tests.cluster.node_agent.api import Api, ApiError, Json

ADAPTER_HOST = "prometheus-adapter.monitoring.svc"
METRICS_GROUP = "custom.metrics.k8s.io"


@dataclass(slots=True)
class MetricsPipeline:
    """The running pipeline of a control plane."""

    control_plane: ControlPlane
    api: Api
    running: dict[str, Program] = field(default_factory=dict)

    def start_prometheus(self, scrape_configs: list[Json]) -> None:
        """Start Prometheus with these jobs; those without a discovery of their own find pods."""
        plane = self.control_plane
        seconds = f"{plane.timings.scrape_seconds}s"
        discovery = [{"url": DISCOVERY_URL, "refresh_interval": "1s"}]
        jobs = [{"http_sd_configs": discovery, **job} for job in scrape_configs]
        intervals = {"scrape_interval": seconds, "scrape_timeout": seconds}
        config = {"global": intervals, "scrape_configs": jobs}
        file = plane.folders.data / "prometheus.yaml"
        file.write_text(yaml.safe_dump(config), encoding="utf-8")
        command = [
            plane.programs["prometheus"],
            f"--config.file={file}",
            f"--storage.tsdb.path={plane.folders.data / 'prometheus'}",
            f"--web.listen-address={CONTROL_PLANE_ADDRESS}:{PROMETHEUS_PORT}",
        ]
        log = plane.folders.log("prometheus")
        self.running["prometheus"] = Program.start("prometheus", command, log)
        self.running["prometheus"].wait_until(_prometheus_is_ready, "/-/ready")

    def start_adapter(self, rules: Path) -> None:
        """Start the adapter with that rules file, and wait until the API server lists it."""
        plane = self.control_plane
        hosts = (CONTROL_PLANE_ADDRESS, ADAPTER_HOST)
        serving = plane.authority.issue("adapter-serving", "adapter", hosts=hosts)
        kubeconfig = plane.identity("adapter", "prometheus-adapter", "system:masters")
        command = [
            plane.programs["adapter"],
            f"--prometheus-url={PROMETHEUS_URL}",
            f"--config={rules}",
            f"--secure-port={ADAPTER_PORT}",
            f"--bind-address={CONTROL_PLANE_ADDRESS}",
            f"--tls-cert-file={serving.certificate}",
            f"--tls-private-key-file={serving.key}",
            f"--lister-kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            f"--metrics-relist-interval={plane.timings.relist_seconds}s",
        ]
        log = plane.folders.log("adapter")
        self.running["adapter"] = Program.start("adapter", command, log)
        self.running["adapter"].wait_until(self._is_listed, "its APIService to be available")

    def register_adapter(self) -> None:
        """Create the objects that lead the API server to the adapter, and the HPA's permission."""
        authority = self.control_plane.authority.authority.certificate.read_bytes()
        for path, body in _adapter_objects(base64.b64encode(authority).decode()):
            self.api.post(path, body)

    def register_prometheus(self) -> None:
        """Create the objects that lead the API server to Prometheus."""
        for path, body in _prometheus_objects():
            self.api.post(path, body)
        ready = {"type": "Ready", "status": "True"}
        address = {"podIP": CONTROL_PLANE_ADDRESS, "podIPs": [{"ip": CONTROL_PLANE_ADDRESS}]}
        status = {"phase": "Running", "conditions": [ready], **address}
        path = "/api/v1/namespaces/monitoring/pods/prometheus/status"
        self.api.patch(path, {"status": status})

    def stop(self, name: str) -> None:
        """Stop `prometheus` or `adapter`, if it runs."""
        if program := self.running.pop(name, None):
            program.stop()

    def forget_ended(self) -> None:
        """Leave those programs out of `running` that ended by themselves."""
        for name in [name for name, program in self.running.items() if program.has_ended()]:
            del self.running[name]

    def query(self, expression: str) -> list[Json]:
        """The result vector of an instant query."""
        url = f"{PROMETHEUS_URL}/api/v1/query?{urlencode({'query': expression})}"
        answer: Any = urllib3.request("GET", url, timeout=10, retries=False).json()
        if answer["status"] != "success":
            raise ValueError(f"{expression}: {answer['error']}")
        found: list[Json] = answer["data"]["result"]
        return found

    def targets(self) -> list[Json]:
        """What Prometheus has found to scrape, or to leave out."""
        url = f"{PROMETHEUS_URL}/api/v1/targets"
        found: Json = urllib3.request("GET", url, timeout=10, retries=False).json()["data"]
        return [*found["activeTargets"], *found["droppedTargets"]]

    def value(self, expression: str) -> float | None:
        """The number of a query that has one result, or None when it has none."""
        found = self.query(expression)
        if len(found) > 1:
            raise ValueError(f"{expression} has {len(found)} results, not one")
        return float(found[0]["value"][1]) if found else None

    def pod_metric(self, namespace: str, name: str) -> dict[str, str]:
        """A custom metric of every pod in a namespace, as the autoscaler reads it."""
        path = f"/apis/{METRICS_GROUP}/v1beta1/namespaces/{namespace}/pods/*/{name}"
        items = self.api.get(path)["items"]
        return {item["describedObject"]["name"]: item["value"] for item in items}

    def _is_listed(self) -> bool:
        try:
            self.api.get(f"/apis/{METRICS_GROUP}/v1beta1")
        except (ApiError, urllib3.exceptions.HTTPError):
            return False
        return True


def _prometheus_is_ready() -> bool:
    try:
        answer = urllib3.request("GET", f"{PROMETHEUS_URL}/-/ready", timeout=2, retries=False)
    except urllib3.exceptions.HTTPError:
        return False
    return answer.status == 200


def _adapter_objects(authority: str) -> list[tuple[str, Json]]:
    labels = {"kubernetes.io/service-name": "prometheus-adapter"}
    namespaced = {"name": "prometheus-adapter", "namespace": "monitoring"}
    # A Service without a selector: the adapter is a process beside the cluster, not a pod in it.
    slice_ = {
        "metadata": {**namespaced, "labels": labels},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [CONTROL_PLANE_ADDRESS]}],
        "ports": [{"name": "https", "port": ADAPTER_PORT}],
    }
    service_spec = {"ports": [{"name": "https", "port": 443, "targetPort": ADAPTER_PORT}]}
    api_service_spec = {
        "service": {**namespaced, "port": 443},
        "group": METRICS_GROUP,
        "version": "v1beta1",
        "caBundle": authority,
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
    }
    rules = [{"apiGroups": [METRICS_GROUP], "resources": ["*"], "verbs": ["*"]}]
    binding = {
        "metadata": {"name": "autoscaler-reads-custom-metrics"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "custom-metrics-reader",
        },
        "subjects": [
            {
                "kind": "ServiceAccount",
                "name": "horizontal-pod-autoscaler",
                "namespace": "kube-system",
            }
        ],
    }
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    in_monitoring = "namespaces/monitoring"
    return [
        ("/api/v1/namespaces", {"metadata": {"name": "monitoring"}}),
        (f"/api/v1/{in_monitoring}/services", {"metadata": namespaced, "spec": service_spec}),
        (f"/apis/discovery.k8s.io/v1/{in_monitoring}/endpointslices", slice_),
        (
            "/apis/apiregistration.k8s.io/v1/apiservices",
            {"metadata": {"name": f"v1beta1.{METRICS_GROUP}"}, "spec": api_service_spec},
        ),
        (f"{rbac}/clusterroles", {"metadata": {"name": "custom-metrics-reader"}, "rules": rules}),
        (f"{rbac}/clusterrolebindings", binding),
    ]


def _prometheus_objects() -> list[tuple[str, Json]]:
    """A Service by which the API server leads to Prometheus: it does so to addresses of pods alone.

    The pod is an object that no scheduler and no node takes up; `register_prometheus` says that it
    has the address of the process.
    """
    meta, port = {"name": "prometheus"}, {"name": "web", "port": PROMETHEUS_PORT}
    container = {"name": "prometheus", "image": "none"}
    pod_spec = {"schedulerName": "none", "serviceAccountName": "prometheus",
                "containers": [container]}  # fmt: skip
    pod = {"kind": "Pod", "name": "prometheus", "namespace": "monitoring"}
    address = {"ip": CONTROL_PLANE_ADDRESS, "targetRef": pod}
    path = "/api/v1/namespaces/monitoring"
    return [
        (f"{path}/serviceaccounts", {"metadata": meta}),
        (f"{path}/pods", {"metadata": meta, "spec": pod_spec}),
        (f"{path}/services", {"metadata": meta, "spec": {"ports": [port]}}),
        (
            f"{path}/endpoints",
            {"metadata": meta, "subsets": [{"addresses": [address], "ports": [port]}]},
        ),
    ]
