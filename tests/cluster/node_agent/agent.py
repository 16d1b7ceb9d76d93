"""The node agent: a worker for each pod that the scheduler has bound to this node."""

from __future__ import annotations

import logging
import shutil
import threading
from pathlib import Path
from typing import Any

from tests.cluster.node_agent import commands, images, log_server
from tests.cluster.node_agent.api import Api, Json
from tests.cluster.node_agent.devices import Gpus
from tests.cluster.node_agent.images import ImageStore
from tests.cluster.node_agent.pod_network import PodNetwork
from tests.cluster.node_agent.pod_worker import Node, PodWorker
from tests.cluster.node_agent.registration import Registration
from tests.cluster.node_agent.settings import NodeSettings

logger = logging.getLogger(__name__)

STOP_SECONDS = 20


class NodeAgent:
    """One node: its registration, its log server, and its pods."""

    def __init__(self, settings: NodeSettings) -> None:
        self.stopped = threading.Event()
        self._settings = settings
        self._run_directory = Path(settings.run_directory)
        self._api = Api(Path(settings.kubeconfig))
        self._node = Node(
            settings=settings,
            api=self._api,
            network=PodNetwork(
                settings.cluster, pod_cidr=settings.pod_cidr, node_address=settings.address
            ),
            images=ImageStore(settings),
            gpus=Gpus(settings.capacity),
        )
        self._workers: dict[str, PodWorker] = {}
        self._seen: set[str] = set()

    def run(self) -> None:
        """Serve until `stopped` is set, then end every container and clean up."""
        self._run_directory.mkdir(parents=True, exist_ok=True)
        commands.run("mount", "-t", "tmpfs", "tmpfs", str(self._run_directory))
        for target, arguments in (
            (Registration(self._api, self._settings).run, (self.stopped,)),
            (log_server.serve, (self._settings, self._find_log, self._find_command)),
            (self._follow_pods, ()),
        ):
            threading.Thread(target=target, args=arguments, daemon=True).start()
        self.stopped.wait()
        self._stop()

    def _follow_pods(self) -> None:
        mine = f"spec.nodeName={self._settings.name}"
        self._api.follow("/api/v1/pods", self._handle, self.stopped, fieldSelector=mine)

    def _handle(self, event: str, subject: Any) -> None:
        if event == "SYNC":
            listed = {pod["metadata"]["uid"] for pod in subject}
            for uid in set(self._workers) - listed:
                self._workers[uid].forget()
            for pod in subject:
                self._handle("ADDED", pod)
        elif event == "DELETED":
            self._seen.discard(subject["metadata"]["uid"])
            if worker := self._workers.get(subject["metadata"]["uid"]):
                worker.forget()
        else:
            self._see(subject)

    def _see(self, pod: Json) -> None:
        uid = pod["metadata"]["uid"]
        self._workers = {key: entry for key, entry in self._workers.items() if _is_needed(entry)}
        if uid not in self._workers:
            if uid in self._seen or self.stopped.is_set():
                return
            self._seen.add(uid)
            self._workers[uid] = PodWorker(self._node, pod)
            logger.info("pod bound name=%s uid=%s", pod["metadata"]["name"], uid)
            self._workers[uid].start()
        self._workers[uid].update(pod)

    def _find_log(self, namespace: str, pod: str, container: str) -> Path | None:
        for worker in self._workers.values():
            if (worker.object.namespace, worker.object.name) == (namespace, pod):
                return worker.directory / f"{container}.log"
        return None

    def _find_command(
        self, namespace: str, pod: str, name: str, command: list[str]
    ) -> list[str] | None:
        for worker in self._workers.values():
            if (worker.object.namespace, worker.object.name) == (namespace, pod):
                named = (one for one in worker.containers if one.name == name)
                return next((one.inside(command) for one in named if one.is_up()), None)
        return None

    def _stop(self) -> None:
        logger.info("stopping node=%s", self._settings.name)
        workers = list(self._workers.values())
        for worker in workers:
            worker.forget()
        for worker in workers:
            worker.join(STOP_SECONDS)
        images.remove_mounts(self._settings)
        commands.succeeds("umount", "-R", "-l", str(self._run_directory))
        shutil.rmtree(self._run_directory, ignore_errors=True)


def _is_needed(worker: PodWorker) -> bool:
    return worker.is_alive() or not worker.ident
