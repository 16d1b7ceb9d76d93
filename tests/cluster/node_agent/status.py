"""The status of a pod, as it is reported to the API server."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.cluster.node_agent import clock
from tests.cluster.node_agent.api import Json
from tests.cluster.node_agent.container import Container

STATES = ("waiting", "running", "terminated")


@dataclass(slots=True)
class StatusReport:
    """Builds statuses, remembering when each condition last changed."""

    node_address: str
    started_at: str = field(default_factory=clock.now)
    _changed: dict[tuple[str, bool], str] = field(default_factory=dict)

    def build(
        self,
        phase: str,
        containers: list[Container],
        *,
        init_containers: list[Container],
        is_initialized: bool,
        pod_ip: str | None,
    ) -> Json:
        """The whole `status` of a pod in `phase`."""
        is_ready = is_initialized and all(container.is_ready for container in containers)
        status: Json = {
            "phase": phase,
            "hostIP": self.node_address,
            "hostIPs": [{"ip": self.node_address}],
            "startTime": self.started_at,
            "containerStatuses": [_container(entry, entry.is_ready) for entry in containers],
            "conditions": [
                self._condition("PodReadyToStartContainers", pod_ip is not None, "NoSandbox"),
                self._condition("Initialized", is_initialized, "ContainersNotInitialized"),
                self._condition("ContainersReady", is_ready, "ContainersNotReady"),
                self._condition("Ready", is_ready, "ContainersNotReady"),
            ],
        }
        if init_containers:
            done = [_container(entry, entry.exit_code == 0) for entry in init_containers]
            status["initContainerStatuses"] = done
        if pod_ip is not None:
            status |= {"podIP": pod_ip, "podIPs": [{"ip": pod_ip}]}
        return status

    def _condition(self, kind: str, is_true: bool, reason: str) -> Json:
        self._changed.pop((kind, not is_true), None)
        return {
            "type": kind,
            "status": "True" if is_true else "False",
            "reason": None if is_true else reason,
            "lastTransitionTime": self._changed.setdefault((kind, is_true), clock.now()),
        }


def _container(container: Container, is_ready: bool) -> Json:
    # A strategic merge patch keeps old keys unless they are set to null.
    return {
        "name": container.name,
        "image": container.spec["image"],
        "imageID": f"local/{container.spec['image']}",
        "containerID": f"runc://{container.id}" if container.starts else "",
        "ready": is_ready,
        "started": container.is_started,
        "restartCount": container.restart_count,
        "state": {key: container.state.get(key) for key in STATES},
        "lastState": {key: container.last_state.get(key) for key in STATES},
    }
