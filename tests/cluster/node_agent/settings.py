"""What a node is told about itself when it starts, read once from a JSON file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """One node of the test cluster."""

    name: str
    """Name of the Node object; the client certificate is `system:node:<name>`."""

    cluster: str
    """Name of the cluster, unique on this machine."""

    address: str
    """IPv4 address of the node, present in its network namespace."""

    pod_cidr: str
    """Range that the node's pods take their addresses from, such as 10.244.1.0/24."""

    kubeconfig: str
    certificate: str
    """Serving certificate of the log server, with its key beside it."""
    certificate_key: str

    run_directory: str
    """Folder on a tmpfs for the pods' files; emptied when the node stops."""

    pod_logs: str = ""
    """Folder for the logs of containers that are gone; kept nowhere when empty."""

    capacity: dict[str, str] = field(default_factory=lambda: {"cpu": "4", "memory": "8Gi"})
    """Capacity and allocatable; extended resources such as nvidia.com/gpu are just numbers."""

    labels: dict[str, str] = field(default_factory=dict)
    taints: tuple[dict[str, str], ...] = ()

    port: int = 10250
    """Port of the log server, which kube-apiserver proxies `kubectl logs` to."""

    dns_address: str = "10.96.0.10"
    api_service_address: str = "10.96.0.1"
    lease_renew_seconds: float = 2.0
    back_off_seconds: float = 1.0
    """First restart delay of a crashing container; it doubles up to 300 s."""

    machine_image_prefix: str = "machine/"
    """Images so named run on an overlay of this machine's own root."""

    machine_image_path: str = "/usr/local/bin:/usr/bin:/bin"
    """PATH inside such an image."""

    machine_image_entrypoint: tuple[str, ...] = ()
    """What such an image runs when the container names no command."""

    def write(self, path: Path) -> None:
        """Write the file that `load` reads."""
        path.write_text(json.dumps(asdict(self), indent=2), encoding="utf-8")


def load(path: Path) -> NodeSettings:
    """Read the settings of a node from the JSON file that `write` wrote."""
    values = json.loads(path.read_text(encoding="utf-8"))
    for name in ("taints", "machine_image_entrypoint"):
        values[name] = tuple(values[name])
    return NodeSettings(**values)
