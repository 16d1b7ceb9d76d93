"""Addresses, ports and folders of one cluster, in a network of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

CONTROL_PLANE_ADDRESS = "10.240.0.1"
SERVICE_CIDR = "10.96.0.0/16"
API_SERVICE_ADDRESS = "10.96.0.1"
DNS_ADDRESS = "10.96.0.10"
NODE_ADDRESSES = tuple(f"10.240.0.{number}" for number in range(11, 17))
API_PORT = 6443
ADAPTER_PORT = 6444
KEDA_METRICS_PORT = 6445
KEDA_WEBHOOKS_PORT = 9443
KEDA_OPERATOR_PORT = 9666
KEDA_PROBE_PORTS = {"keda": 8081, "keda-admission-webhooks": 8082}
KEDA_ADAPTER_MONITORING_PORT = 8083
PROMETHEUS_PORT = 9090
DISCOVERY_PORT = 9089
GATEWAY_PORT = 9088
ETCD_URL = "http://127.0.0.1:2379"
API_URL = f"https://{CONTROL_PLANE_ADDRESS}:{API_PORT}"
PROMETHEUS_URL = f"http://{CONTROL_PLANE_ADDRESS}:{PROMETHEUS_PORT}"
DISCOVERY_URL = f"http://{CONTROL_PLANE_ADDRESS}:{DISCOVERY_PORT}/"


@dataclass(frozen=True, slots=True)
class Folders:
    """Where a cluster keeps its files."""

    root: Path

    @property
    def certificates(self) -> Path:
        return self.root / "certificates"

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def pod_logs(self) -> Path:
        return self.logs / "pods"

    @property
    def nodes(self) -> Path:
        return self.root / "nodes"

    @property
    def volumes(self) -> Path:
        return self.root / "volumes"

    def log(self, program: str) -> Path:
        return self.logs / f"{program}.log"
