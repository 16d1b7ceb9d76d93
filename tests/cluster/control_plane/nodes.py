"""The nodes of a cluster: processes of the node agent, started, stopped, and lost."""

from __future__ import annotations

import ipaddress
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.control_plane.control_plane import ControlPlane
from tests.cluster.control_plane.places import NODE_ADDRESSES
from tests.cluster.control_plane.program import Program
from tests.cluster.node_agent import commands, images, pod_network
from tests.cluster.node_agent.api import Json
from tests.cluster.node_agent.container import remove_cgroups
from tests.cluster.node_agent.settings import NodeSettings

STOP_SECONDS = 40
# Packets vanish: nobody answers, not even with an error, for a machine that is gone.
SILENCE = """
table ip lost {
 chain input { type filter hook input priority 0; policy drop; }
 chain output { type filter hook output priority 0; policy drop; }
}
"""
TAINTS: tuple[dict[str, str], ...] = ()


@dataclass(slots=True)
class Nodes:
    """Starts nodes by name; the number of a node gives its address and its pods' range."""

    control_plane: ControlPlane
    run_directory: Path
    running: dict[str, Program] = field(default_factory=dict)
    _settings: dict[str, NodeSettings] = field(default_factory=dict)

    def start(
        self,
        name: str,
        *,
        capacity: dict[str, str] | None = None,
        labels: dict[str, str] | None = None,
        taints: tuple[dict[str, str], ...] = TAINTS,
    ) -> None:
        """Start a node; one that had this name before comes back at the same address."""
        plane = self.control_plane
        number = _place(self._settings, name)
        address = NODE_ADDRESSES[number]
        serving = plane.authority.issue(f"{name}-serving", name, hosts=(address,))
        settings = NodeSettings(
            name=name,
            cluster=self.run_directory.name,
            address=address,
            pod_cidr=f"10.244.{number + 1}.0/24",
            kubeconfig=str(plane.identity(name, f"system:node:{name}", "system:nodes")),
            certificate=str(serving.certificate),
            certificate_key=str(serving.key),
            run_directory=str(self.run_directory / name),
            pod_logs=str(plane.folders.pod_logs),
            machine_image_path=f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            machine_image_entrypoint=(str(Path(sys.executable).with_name("longshore")),),
            capacity=capacity or {"cpu": "8", "memory": "16Gi"},
            labels=labels or {},
            taints=taints,
        )
        self._settings[name] = settings
        file = plane.folders.nodes / f"{name}.json"
        settings.write(file)
        command = [sys.executable, "-m", "tests.cluster.node_agent", str(file)]
        self.running[name] = Program.start(name, command, plane.folders.log(name))

    def stop(self, name: str) -> None:
        """Stop the agent, and with it its pods' containers."""
        if program := self.running.pop(name, None):
            program.stop(STOP_SECONDS)
        self._clear_away(name)

    def stop_all(self) -> None:
        """Stop every node that was ever started."""
        for name in list(self._settings):
            self.stop(name)

    def lose(self, name: str) -> None:
        """Cut the node off as a broken machine is: its agent dies, its pods fall silent.

        The containers live on without a network until `stop`, as they may behind a dead switch.
        """
        self.running[name].kill()
        for address in self._pod_addresses(name):
            enter = ("nsenter", f"--net={address.namespace_path}")
            commands.run(*enter, "nft", "-f", "-", stdin=SILENCE)

    def signal(self, pod: Json, name: str) -> None:
        """Send a signal to the first process of the pod's container."""
        commands.run(*self._runc(pod), "kill", _container_id(pod), name)

    def execute(self, pod: Json, command: list[str]) -> bool:
        """Whether a command run in the pod's container ends well."""
        return commands.succeeds(*self._runc(pod), "exec", _container_id(pod), *command)

    def cpu_seconds(self, pod: Json) -> float:
        """CPU seconds that the pod's container has used since it was started."""
        answer = commands.run(*self._runc(pod), "events", "--stats", _container_id(pod))
        return float(json.loads(answer)["data"]["cpu"]["usage"]["total"]) / 1e9

    def _runc(self, pod: Json) -> tuple[str, ...]:
        root = self.run_directory / pod["spec"]["nodeName"] / "runc"
        return ("runc", "--root", str(root))

    def _clear_away(self, name: str) -> None:
        """Delete what an agent that was killed left behind."""
        root = self.run_directory / name / "runc"
        if root.exists():
            for container in commands.run("runc", "--root", str(root), "list", "-q").split():
                commands.succeeds("runc", "--root", str(root), "delete", "--force", container)
                remove_cgroups(container.split("-")[0])
        for address in self._pod_addresses(name):
            commands.succeeds("ip", "netns", "del", address.namespace)
        images.remove_mounts(self._settings[name])
        if (self.run_directory / name).exists():
            commands.succeeds("umount", "-R", "-l", str(self.run_directory / name))

    def _pod_addresses(self, name: str) -> list[pod_network.PodAddress]:
        hosts = ipaddress.ip_network(self._settings[name].pod_cidr).hosts()
        every = (pod_network.PodAddress(self.run_directory.name, str(host)) for host in hosts)
        return [address for address in every if Path(address.namespace_path).exists()]


def _container_id(pod: Json) -> str:
    container_id: str = pod["status"]["containerStatuses"][0]["containerID"]
    return container_id.removeprefix("runc://")


def _place(known: dict[str, NodeSettings], name: str) -> int:
    if name in known:
        return NODE_ADDRESSES.index(known[name].address)
    if len(known) == len(NODE_ADDRESSES):
        raise LookupError(f"no address left for node {name}: there are {len(NODE_ADDRESSES)}")
    return len(known)
