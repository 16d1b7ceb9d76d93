"""The Node object: registered once, its Lease renewed for as long as the agent lives."""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import dataclass

import urllib3

from tests.cluster.node_agent import clock
from tests.cluster.node_agent.api import Api, ApiError, Json
from tests.cluster.node_agent.settings import NodeSettings

logger = logging.getLogger(__name__)

LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
LEASE_DURATION_SECONDS = 40
CONDITIONS = {
    "Ready": ("True", "KubeletReady"),
    "MemoryPressure": ("False", "KubeletHasSufficientMemory"),
    "DiskPressure": ("False", "KubeletHasNoDiskPressure"),
    "PIDPressure": ("False", "KubeletHasSufficientPID"),
}
DEFAULT_CAPACITY = {"pods": "50", "ephemeral-storage": "20Gi"}


@dataclass(frozen=True, slots=True)
class Registration:
    """Keeps one node known to the cluster."""

    api: Api
    settings: NodeSettings

    def run(self, stopped: threading.Event) -> None:
        """Register, then renew the lease until `stopped`."""
        while not stopped.is_set():
            try:
                self._register()
                break
            except (ApiError, urllib3.exceptions.HTTPError) as error:
                logger.info("not registered yet error=%s", error)
                stopped.wait(0.5)
        logger.info("registered node=%s", self.settings.name)
        while not stopped.is_set():
            try:
                self._renew_lease()
            except (ApiError, urllib3.exceptions.HTTPError) as error:
                logger.info("lease not renewed error=%s", error)
            stopped.wait(self.settings.lease_renew_seconds)

    def _register(self) -> None:
        try:
            self.api.post("/api/v1/nodes", self._node())
        except ApiError as error:
            if error.code != 409:
                raise
        self.api.patch(f"/api/v1/nodes/{self.settings.name}/status", {"status": self._status()})

    def _node(self) -> Json:
        own = {
            "kubernetes.io/hostname": self.settings.name,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": "amd64",
        }
        spec = {
            "taints": list(self.settings.taints),
            "podCIDR": self.settings.pod_cidr,
            "podCIDRs": [self.settings.pod_cidr],
        }
        metadata = {"name": self.settings.name, "labels": {**own, **self.settings.labels}}
        return {"metadata": metadata, "spec": spec}

    def _status(self) -> Json:
        capacity = {**DEFAULT_CAPACITY, **self.settings.capacity}
        return {
            "capacity": capacity,
            "allocatable": capacity,
            "addresses": [
                {"type": "InternalIP", "address": self.settings.address},
                {"type": "Hostname", "address": self.settings.name},
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self.settings.port}},
            "conditions": [_condition(kind, *value) for kind, value in CONDITIONS.items()],
            "nodeInfo": {
                "kubeletVersion": "v1.36.0-longshore-node-agent",
                "kubeProxyVersion": "",
                "osImage": "this machine",
                "operatingSystem": "linux",
                "architecture": "amd64",
                "containerRuntimeVersion": "runc://1",
                "kernelVersion": os.uname().release,
                "machineID": self.settings.name,
                "systemUUID": self.settings.name,
                "bootID": self.settings.name,
            },
        }

    def _renew_lease(self) -> None:
        name = self.settings.name
        spec = {
            "holderIdentity": name,
            "leaseDurationSeconds": LEASE_DURATION_SECONDS,
            "renewTime": clock.now_micro(),
        }
        try:
            self.api.patch(f"{LEASES}/{name}", {"spec": spec}, kind="merge")
        except ApiError as error:
            if error.code != 404:
                raise
            self.api.post(LEASES, {"metadata": {"name": name}, "spec": spec})


def _condition(kind: str, status: str, reason: str) -> Json:
    moment = clock.now()
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": reason,
        "lastHeartbeatTime": moment,
        "lastTransitionTime": moment,
    }
