"""Prometheus pod discovery for builds without kubernetes_sd, such as Debian's.

Served as http_sd with the very `__meta_kubernetes_*` labels of `role: pod`, so that the relabelling
that a chart documents runs unchanged and only the `*_sd_configs` line differs.
"""

from __future__ import annotations

import http.server
import json
import re
import threading
from collections.abc import Iterator
from typing import Any

from tests.cluster.node_agent.api import Api, Json

PREFIX = "__meta_kubernetes_"


class PodDiscovery:
    """A live list of scrape targets at http://ADDRESS:PORT/."""

    def __init__(self) -> None:
        self._pods: dict[str, Json] = {}

    def follow(self, api: Api, stopped: threading.Event) -> None:
        """Start to follow the pods, in a thread of its own."""
        arguments = ("/api/v1/pods", self._handle, stopped)
        threading.Thread(target=api.follow, args=arguments, daemon=True).start()

    def serve(self, address: str, port: int) -> None:
        """Answer until the process ends."""
        discovery = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(discovery.targets()).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Prometheus asks every second."""

        http.server.ThreadingHTTPServer((address, port), Handler).serve_forever()

    def targets(self) -> list[Json]:
        """One target for each declared port of each container of each pod with an address."""
        return [target for pod in list(self._pods.values()) for target in _targets(pod)]

    def _handle(self, event: str, subject: Any) -> None:
        if event == "SYNC":
            self._pods = {pod["metadata"]["uid"]: pod for pod in subject}
        elif event == "DELETED":
            self._pods.pop(subject["metadata"]["uid"], None)
        else:
            self._pods[subject["metadata"]["uid"]] = subject


def _targets(pod: Json) -> Iterator[Json]:
    address = (pod.get("status") or {}).get("podIP")
    if not address:
        return
    shared = _pod_labels(pod, address)
    for container in pod["spec"]["containers"]:
        own = {
            "pod_container_name": container["name"],
            "pod_container_image": container["image"],
            "pod_container_init": "false",
        }
        for port in container.get("ports") or [None]:
            labels = {**shared, **own, **_port_labels(port)}
            target = f"{address}:{port['containerPort']}" if port else address
            prefixed = {PREFIX + name: value for name, value in labels.items()}
            yield {"targets": [target], "labels": prefixed}


def _pod_labels(pod: Json, address: str) -> dict[str, str]:
    metadata, status = pod["metadata"], pod["status"]
    conditions = {entry["type"]: entry["status"] for entry in status.get("conditions") or []}
    labels = {
        "namespace": metadata["namespace"],
        "pod_name": metadata["name"],
        "pod_uid": metadata["uid"],
        "pod_ip": address,
        "pod_phase": status.get("phase", ""),
        "pod_ready": conditions.get("Ready", "unknown").lower(),
        "pod_node_name": pod["spec"].get("nodeName", ""),
        "pod_host_ip": status.get("hostIP", ""),
    }
    for owner in metadata.get("ownerReferences") or []:
        if owner.get("controller"):
            labels["pod_controller_kind"] = owner["kind"]
            labels["pod_controller_name"] = owner["name"]
    for kind in ("label", "annotation"):
        for name, value in (metadata.get(f"{kind}s") or {}).items():
            clean = re.sub(r"[^a-zA-Z0-9_]", "_", name)
            labels[f"pod_{kind}_{clean}"] = value
            labels[f"pod_{kind}present_{clean}"] = "true"
    return labels


def _port_labels(port: Json | None) -> dict[str, str]:
    if port is None:
        return {}
    return {
        "pod_container_port_name": port.get("name", ""),
        "pod_container_port_number": str(port["containerPort"]),
        "pod_container_port_protocol": port.get("protocol", "TCP"),
    }
