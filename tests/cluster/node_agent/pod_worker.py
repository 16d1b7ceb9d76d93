"""The life of one pod on this node, on a thread of its own: mount, start, watch, end, remove."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import urllib3

from tests.cluster.node_agent import refusals, restarts, termination
from tests.cluster.node_agent.api import Api, ApiError, Json
from tests.cluster.node_agent.container import Container, remove_cgroups
from tests.cluster.node_agent.container_starter import ContainerStarter
from tests.cluster.node_agent.devices import Gpus
from tests.cluster.node_agent.environment import EnvironmentBuilder
from tests.cluster.node_agent.images import ImageStore
from tests.cluster.node_agent.pod_network import PodAddress, PodNetwork
from tests.cluster.node_agent.pod_objects import PodObject
from tests.cluster.node_agent.projected_files import ProjectedFiles
from tests.cluster.node_agent.settings import NodeSettings
from tests.cluster.node_agent.status import StatusReport
from tests.cluster.node_agent.volumes import MountFailed, Volumes

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.05
REFRESH_POLLS = 200
"""ConfigMaps and Secrets are read again every this many polls: 10 s."""
RETRY_SECONDS = 1.0
DEFAULT_GRACE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Node:
    """What the pods of a node share."""

    settings: NodeSettings
    api: Api
    network: PodNetwork
    images: ImageStore
    gpus: Gpus


class PodWorker(threading.Thread):
    """Runs one pod until it is deleted."""

    def __init__(self, node: Node, pod: Json) -> None:
        super().__init__(name=f"pod-{pod['metadata']['name']}", daemon=True)
        self.pod = pod
        self.object = PodObject(node.api, pod, node=node.settings.name)
        self.directory = Path(node.settings.run_directory) / self.object.uid
        self.containers = self._declared("containers")
        self._init_containers = self._declared("initContainers")
        self._node = node
        self._policy: str = pod["spec"].get("restartPolicy", "Always")
        self._address: PodAddress | None = None
        self._phase = "Pending"
        self._is_initialized = False
        self._report = StatusReport(node.settings.address)
        self._deleting = threading.Event()
        self._back_offs: dict[str, restarts.BackOff] = {}

    def update(self, pod: Json) -> None:
        """Take in a newer version of the object."""
        self.pod = pod
        if pod["metadata"].get("deletionTimestamp"):
            self._deleting.set()

    def forget(self) -> None:
        """The object is gone from the API: end the containers at once."""
        self.object.is_gone = True
        self._deleting.set()

    def run(self) -> None:
        """Bring the pod up, keep it up, and take it down when it is deleted."""
        try:
            if problems := refusals.refusals(self.pod["spec"]):
                self._refuse("; ".join(problems))
            elif self._set_up():
                self._run_containers()
            self._deleting.wait()
            self._end()
        except Exception:
            # A bug here must show in the log and never leave containers behind.
            logger.exception("pod worker failed pod=%s", self.object.name)
        finally:
            self._clean_up()

    def _declared(self, key: str) -> list[Container]:
        specs = self.pod["spec"].get(key) or []
        return [Container(spec, self.directory, self.object.uid) for spec in specs]

    def _refuse(self, why: str) -> None:
        self.object.event("Warning", "NodeAgentCannot", why)
        status = {"phase": "Failed", "reason": "NodeAgentCannot", "message": why}
        self.object.report(status)

    def _set_up(self) -> bool:
        """Network and volumes; False when the pod was deleted before they were there."""
        self.directory.mkdir(parents=True)
        self._address = self._node.network.add()
        environment = EnvironmentBuilder(
            self._node.api, self._node.settings, self.pod, self._address.ip
        )
        files = ProjectedFiles(self._node.api, self.pod, environment)
        self._volumes = Volumes(self._node.api, self.pod, self.directory, files)
        self._starter = ContainerStarter(
            settings=self._node.settings,
            images=self._node.images,
            gpus=self._node.gpus,
            environment=environment,
            volumes=self._volumes,
            pod=self.pod,
            address=self._address,
            directory=self.directory,
            on_probe_failure=self._probe_failed,
        )
        while not self._deleting.is_set():
            try:
                self._volumes.prepare()
            except (MountFailed, ApiError, urllib3.exceptions.HTTPError) as error:
                self.object.event("Warning", "FailedMount", str(error))
                self._send_status()
                self._deleting.wait(RETRY_SECONDS)
            else:
                return True
        return False

    def _run_containers(self) -> None:
        """Init containers one by one, then all others, until the pod is deleted or done."""
        for container in self._init_containers:
            while container.exit_code != 0 and not self._deleting.is_set():
                self._keep(container, "Never" if self._policy == "Never" else "OnFailure")
                self._send_status()
                if container.exit_code and self._policy == "Never":
                    return self._finish("Failed")
                self._deleting.wait(POLL_SECONDS)
        self._is_initialized = not self._deleting.is_set()
        polls = 0
        while not self._deleting.is_set():
            for container in self.containers:
                self._keep(container, self._policy)
            if self._is_done():
                failed = any(container.exit_code for container in self.containers)
                return self._finish("Failed" if failed else "Succeeded")
            if any(container.starts for container in self.containers):
                self._phase = "Running"
            self._send_status()
            polls += 1
            if polls % REFRESH_POLLS == 0:
                self._refresh_volumes()
            self._deleting.wait(POLL_SECONDS)
        return None

    def _keep(self, container: Container, policy: str) -> None:
        """Start the container, or start it again when it has ended and its policy says so."""
        back_off = self._back_offs.setdefault(
            container.name, restarts.BackOff(self._node.settings.back_off_seconds)
        )
        if container.reap():
            ended = container.state["terminated"]
            logger.info("ended id=%s reason=%s", container.id, ended["reason"])
            if restarts.shall_restart(policy, ended["exitCode"]):
                container.last_state = container.state
                seconds = back_off.begin(container)
                message = f"back-off {seconds:.0f}s restarting failed container {container.name}"
                container.wait_for("CrashLoopBackOff", message)
                self.object.event("Warning", "BackOff", message)
        elif not container.is_running and container.exit_code is None and back_off.is_over:
            container.restart_count = max(container.starts, container.restart_count)
            if not self._starter.start(container):
                back_off.begin(container)

    def _is_done(self) -> bool:
        codes = [container.exit_code for container in self.containers]
        return self._policy != "Always" and all(code is not None for code in codes)

    def _finish(self, phase: str) -> None:
        self._phase = phase
        self._send_status()

    def _probe_failed(self, container: Container, kind: str) -> None:
        if self._deleting.is_set():
            return
        what = f"Container {container.name} failed {kind} probe, will be restarted"
        self.object.event("Normal", "Killing", what)
        self._terminate(container, self.pod["spec"].get("terminationGracePeriodSeconds", 30))

    def _refresh_volumes(self) -> None:
        try:
            self._volumes.refresh()
        except (ApiError, urllib3.exceptions.HTTPError) as error:
            logger.info("volumes not refreshed pod=%s error=%s", self.object.name, error)

    def _send_status(self) -> None:
        status = self._report.build(
            self._phase,
            self.containers,
            init_containers=self._init_containers,
            is_initialized=self._is_initialized,
            pod_ip=self._address.ip if self._address else None,
        )
        self.object.report(status)

    def _terminate(self, container: Container, grace_seconds: float) -> None:
        assert self._address is not None
        termination.terminate(container, pod_ip=self._address.ip, grace_seconds=grace_seconds)

    def _end(self) -> None:
        """Terminate what runs, reporting to the end, then delete the object."""
        grace = self.pod["metadata"].get("deletionGracePeriodSeconds", DEFAULT_GRACE_SECONDS)
        grace = 0 if self.object.is_gone else grace
        every = [*self.containers, *self._init_containers]
        for container in every:
            if container.is_running:
                arguments = (container, grace)
                threading.Thread(target=self._terminate, args=arguments, daemon=True).start()
        while any(container.is_running for container in every):
            for container in every:
                container.reap()
            self._send_status()
            time.sleep(POLL_SECONDS)
        if self._address is not None:
            failed = any(container.exit_code for container in self.containers)
            self._finish("Failed" if failed else "Succeeded")
        self.object.delete()

    def _clean_up(self) -> None:
        for container in [*self.containers, *self._init_containers]:
            container.kill()
            container.discard()
            self._node.gpus.give_back(container.devices)
        if self._address is not None:
            self._node.network.remove(self._address)
        self._keep_logs()
        shutil.rmtree(self.directory, ignore_errors=True)
        remove_cgroups(self.object.uid)

    def _keep_logs(self) -> None:
        if not self._node.settings.pod_logs:
            return
        for container in [*self.containers, *self._init_containers]:
            if container.log_file.exists():
                name = f"{self.object.namespace}-{self.object.name}-{container.name}.log"
                shutil.copyfile(container.log_file, Path(self._node.settings.pod_logs) / name)
