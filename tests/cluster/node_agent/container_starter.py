"""Everything that one start of a container needs, put together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.cluster.node_agent import commands, devices
from tests.cluster.node_agent.api import Json
from tests.cluster.node_agent.bundle import Bundle
from tests.cluster.node_agent.container import Container
from tests.cluster.node_agent.devices import Gpus
from tests.cluster.node_agent.environment import ConfigError, EnvironmentBuilder
from tests.cluster.node_agent.images import ImageNotPresent, ImageStore
from tests.cluster.node_agent.pod_network import PodAddress
from tests.cluster.node_agent.probes import OnFailure, ProbedContainer
from tests.cluster.node_agent.settings import NodeSettings
from tests.cluster.node_agent.volumes import Volumes

CLUSTER_DOMAIN = "cluster.local"


@dataclass(frozen=True, slots=True)
class ContainerStarter:
    """Starts the containers of one pod, whose network and volumes are there."""

    settings: NodeSettings
    images: ImageStore
    gpus: Gpus
    environment: EnvironmentBuilder
    volumes: Volumes
    pod: Json
    address: PodAddress
    directory: Path
    on_probe_failure: OnFailure

    def start(self, container: Container) -> bool:
        """Whether it was started; if not, its state says why."""
        try:
            self._start(container)
        except ImageNotPresent as error:
            container.wait_for("ErrImageNeverPull", str(error))
        except ConfigError as error:
            container.wait_for("CreateContainerConfigError", str(error))
        except commands.CommandFailed as error:
            container.wait_for("CreateContainerError", str(error))
        else:
            ProbedContainer(container, self.address.ip, self.on_probe_failure).start()
            return True
        container.discard()
        return False

    def _start(self, container: Container) -> None:
        image = self.images.find(container.spec["image"])
        environment = self.environment.build(container.spec, image.environment)
        if not container.devices:
            container.devices = self.gpus.take(container.spec)
        environment.update(devices.environment(container.devices))
        root = container.mount_root(image.root)
        bundle = Bundle(
            pod=self.pod,
            container=container.spec,
            image=image,
            root=root,
            environment=environment,
            volume_mounts=self.volumes.mounts(container.spec),
            pod_files={
                **self._pod_files(),
                "/dev/termination-log": root.parent / "termination-log",
            },
            network_namespace=self.address.namespace_path,
            cgroup=container.cgroup,
        )
        container.start(bundle)

    def _pod_files(self) -> dict[str, Path]:
        metadata = self.pod["metadata"]
        namespace_domain = f"{metadata['namespace']}.svc.{CLUSTER_DOMAIN}"
        search = f"{namespace_domain} svc.{CLUSTER_DOMAIN} {CLUSTER_DOMAIN}"
        resolver = f"nameserver {self.settings.dns_address}\nsearch {search}\noptions ndots:5\n"
        names = f"127.0.0.1 localhost\n{self.address.ip} {metadata['name']}\n"
        written = {"/etc/resolv.conf": resolver, "/etc/hosts": names}
        files = {inside: self.directory / Path(inside).name for inside in written}
        for inside, content in written.items():
            files[inside].write_text(content, encoding="utf-8")
        return files
