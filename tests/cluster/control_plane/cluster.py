"""A whole cluster: control plane, services, nodes and metrics pipeline, in one place."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.cluster_services.volume_provisioner import STORAGE_CLASS
from tests.cluster.control_plane import network_namespace
from tests.cluster.control_plane.certificates import CertificateAuthority
from tests.cluster.control_plane.control_plane import ControlPlane
from tests.cluster.control_plane.metrics_pipeline import MetricsPipeline
from tests.cluster.control_plane.nodes import Nodes
from tests.cluster.control_plane.places import (
    CONTROL_PLANE_ADDRESS,
    DISCOVERY_PORT,
    DNS_ADDRESS,
    NODE_ADDRESSES,
    SERVICE_CIDR,
    Folders,
)
from tests.cluster.control_plane.program import Program
from tests.cluster.control_plane.timings import SHORTENED, Timings
from tests.cluster.node_agent import commands
from tests.cluster.node_agent.api import Api, Json

POLL_SECONDS = 0.1


class WaitedTooLong(AssertionError):
    """The cluster did not reach an expected state in time."""


@dataclass(slots=True)
class Cluster:
    """What a scenario works with."""

    api: Api
    """The API server, as an administrator sees it."""

    control_plane: ControlPlane
    nodes: Nodes
    metrics: MetricsPipeline
    folders: Folders
    programs: dict[str, str]

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl as the administrator; raises CommandFailed."""
        options = ("--kubeconfig", str(self.kubeconfig))
        return commands.run(self.programs["kubectl"], *options, *arguments, stdin=stdin)

    @property
    def kubeconfig(self) -> Path:
        return self.folders.certificates / "admin.kubeconfig"

    def wait_until(self, is_so: Callable[[], object], what: str, *, seconds: float = 60) -> float:
        """Seconds until `is_so` was first true; raises WaitedTooLong."""
        begun = time.monotonic()
        while not is_so():
            if time.monotonic() - begun > seconds:
                raise WaitedTooLong(f"waited {seconds:.0f} s for {what}")
            time.sleep(POLL_SECONDS)
        return time.monotonic() - begun

    def wait_until_node_is(self, name: str, status: str, *, seconds: float = 60) -> float:
        """Seconds until the node's Ready condition has that status: True, False or Unknown."""

        def has_status() -> bool:
            nodes = self.list("/api/v1/nodes", fieldSelector=f"metadata.name={name}")
            conditions = [c for node in nodes for c in node["status"].get("conditions") or []]
            return any(c["type"] == "Ready" and c["status"] == status for c in conditions)

        return self.wait_until(has_status, f"node {name} to be {status}", seconds=seconds)

    def shared_programs(self) -> dict[str, Program]:
        """Programs that every scenario finds running, by name."""
        return {**self.control_plane.running, **self.metrics.running}

    def list(self, path: str, **query: str) -> list[Json]:
        """The items of a list."""
        items: list[Json] = self.api.get(path, **query).get("items") or []
        return items


def run_directory() -> Path:
    """Where the nodes of this process's cluster work; its name is the cluster's."""
    return Path("/run") / f"longshore-{os.getpid()}"


@contextlib.contextmanager
def running(
    programs: dict[str, str],
    root: Path,
    *,
    scrape_configs: list[Json],
    adapter_rules: Path | None,
    timings: Timings = SHORTENED,
) -> Iterator[Cluster]:
    """A cluster without nodes, gone when the context ends; `root` keeps its logs."""
    name = run_directory().name
    folders = Folders(root)
    addresses = [CONTROL_PLANE_ADDRESS, *NODE_ADDRESSES]
    with contextlib.ExitStack() as stack:
        network = network_namespace.entered(name, addresses=addresses, service_cidr=SERVICE_CIDR)
        stack.enter_context(network)
        stack.callback(subprocess.run, ["umount", "-l", str(folders.data)], check=False)
        _make_folders(folders)
        authority = CertificateAuthority.create(folders.certificates)
        control_plane = ControlPlane(programs, folders, authority, timings)
        stack.callback(control_plane.stop)
        api = control_plane.start()
        metrics = MetricsPipeline(control_plane, api)
        nodes = Nodes(control_plane, run_directory())
        stack.callback(shutil.rmtree, nodes.run_directory, ignore_errors=True)
        stack.callback(metrics.stop, "prometheus")
        stack.callback(metrics.stop, "adapter")
        cluster = Cluster(api, control_plane, nodes, metrics, folders, programs)
        services = _start_services(cluster)
        stack.callback(services.stop)
        stack.callback(nodes.stop_all)
        _create_defaults(cluster)
        metrics.register_adapter()
        metrics.register_prometheus()
        metrics.start_prometheus(scrape_configs)
        if adapter_rules is not None:
            metrics.start_adapter(adapter_rules)
        cluster.wait_until(lambda: _default_account_exists(cluster), "the default service account")
        yield cluster


def _make_folders(folders: Folders) -> None:
    for folder in (folders.data, folders.pod_logs, folders.nodes, folders.volumes):
        folder.mkdir(parents=True, exist_ok=True)
    # etcd waits for the disk on every write: memory does not make it wait.
    commands.run("mount", "-t", "tmpfs", "tmpfs", str(folders.data))


def _start_services(cluster: Cluster) -> Program:
    plane = cluster.control_plane
    kubeconfig = plane.identity("cluster-services", "cluster-services", "system:masters")
    command = [sys.executable, "-m", "tests.cluster.cluster_services"]
    command += ["--kubeconfig", str(kubeconfig), "--address", CONTROL_PLANE_ADDRESS]
    command += ["--dns-address", DNS_ADDRESS, "--discovery-port", str(DISCOVERY_PORT)]
    command += ["--volumes", str(cluster.folders.volumes)]
    return Program.start("cluster-services", command, cluster.folders.log("cluster-services"))


def _create_defaults(cluster: Cluster) -> None:
    annotations = {"storageclass.kubernetes.io/is-default-class": "true"}
    body = {
        "metadata": {"name": STORAGE_CLASS, "annotations": annotations},
        "provisioner": "longshore.test/folders",
    }
    cluster.api.post("/apis/storage.k8s.io/v1/storageclasses", body)


def _default_account_exists(cluster: Cluster) -> bool:
    accounts = cluster.list("/api/v1/namespaces/default/serviceaccounts")
    return any(account["metadata"]["name"] == "default" for account in accounts)
