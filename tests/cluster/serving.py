"""One release of the chart in one namespace, as its clients and its operator see it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.cluster import example_models, pods
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.helm import CHART, Helm, Release
from tests.cluster.http_exchange import Answer, Connection, ConnectionBroke, get, post
from tests.cluster.load_client import LoadClient, Target
from tests.cluster.node_agent.api import Json

CLAIM = "models"
PREDICT_PORT, MANAGEMENT_PORT = 8000, 8002
NOTICED_SECONDS = 40.0
"""A version that is copied: polled for, settled, its turn in the spread, and its trial."""
INSTANCE_LABEL = "app.kubernetes.io/instance"
ASK_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Serving:
    """A release, its claim with models on it, and the Service in front of its pods."""

    cluster: Cluster
    namespace: str
    name: str
    chart: Path = CHART

    @property
    def release(self) -> Release:
        """The release under the Helm of the cluster's tools."""
        return self.release_by(self.cluster.programs["helm"])

    def release_by(self, program: str) -> Release:
        """The release under another helm program."""
        helm = Helm(program, self.cluster.kubeconfig)
        return Release(helm, self.name, self.namespace, self.chart)

    def create_claim(self) -> Path:
        """Create the claim and give the folder behind it, to put models on."""
        claims = f"/api/v1/namespaces/{self.namespace}/persistentvolumeclaims"
        asked = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}}
        api = self.cluster.api
        api.post(claims, {"metadata": {"name": CLAIM}, "spec": asked})

        def is_bound() -> bool:
            return bool(api.get(f"{claims}/{CLAIM}").get("status", {}).get("phase") == "Bound")

        self.cluster.wait_until(is_bound, "the claim to be bound")
        volume = api.get(f"{claims}/{CLAIM}")["spec"]["volumeName"]
        source = api.get(f"/api/v1/persistentvolumes/{volume}")["spec"]["hostPath"]
        return Path(source["path"])

    def pods(self) -> list[Json]:
        """The release's server pods that are not being deleted."""
        found = self.cluster.list(
            f"/api/v1/namespaces/{self.namespace}/pods", labelSelector=self.selector
        )
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    @property
    def selector(self) -> str:
        return f"{INSTANCE_LABEL}={self.name},app.kubernetes.io/component=server"

    def ready_pods(self) -> list[Json]:
        return [pod for pod in self.pods() if pods.is_ready(pod)]

    def wait_until_ready(self, count: int, *, seconds: float = 60) -> float:
        """Seconds until exactly `count` pods are there and ready."""

        def are_ready() -> bool:
            return len(self.ready_pods()) == count == len(self.pods())

        return self.cluster.wait_until(are_ready, f"{count} ready pods", seconds=seconds)

    def service(self) -> Json:
        """The Service that clients use."""
        found = self.cluster.list(
            f"/api/v1/namespaces/{self.namespace}/services",
            labelSelector=f"{INSTANCE_LABEL}={self.name}",
        )
        return next(entry for entry in found if entry["spec"].get("clusterIP") != "None")

    def deployment(self) -> Json:
        """The release's one Deployment."""
        found = self.cluster.list(
            f"/apis/apps/v1/namespaces/{self.namespace}/deployments",
            labelSelector=f"{INSTANCE_LABEL}={self.name}",
        )
        return found[0]

    def target(self) -> Target:
        """Where predict requests go."""
        service = self.service()["spec"]
        port = next(entry["port"] for entry in service["ports"] if entry["name"] == "http")
        path = f"/v2/models/{example_models.NAME}/infer"
        return Target(service["clusterIP"], port, path, example_models.request())

    def predict(self) -> Answer:
        """One predict request through the Service, on a connection of its own."""
        return predict(self.target())

    def predicted_version(self) -> int | None:
        """The version that answers through the Service, or None when none does."""
        return predicted_version(self.target())

    def wait_until_every_pod_serves(self, version: int) -> None:
        """Asks each pod itself: through the Service one of them answers for all."""
        at_service = self.target()

        def does(pod: Json) -> bool:
            address = pod["status"]["podIP"]
            target = replace(at_service, host=address, port=PREDICT_PORT)
            return predicted_version(target) == version

        self._wait_until_every_pod(does, f"every pod to serve version {version}")

    def wait_until_every_pod_tells(
        self, reasons: dict[int, str], *, seconds: float = NOTICED_SECONDS
    ) -> None:
        """Each pod names these versions among its problems, for these reasons."""

        def does(pod: Json) -> bool:
            told = problems(pod)
            return all(
                any(f"version {version} " in one and reason in one for one in told)
                for version, reason in reasons.items()
            )

        self._wait_until_every_pod(does, f"every pod to tell of versions {[*reasons]}", seconds)

    def _wait_until_every_pod(
        self, does: Callable[[Json], bool], what: str, seconds: float = NOTICED_SECONDS
    ) -> None:
        self.cluster.wait_until(
            lambda: all(does(pod) for pod in self.ready_pods()), what, seconds=seconds
        )

    def load(self, rate: float, **options: Any) -> LoadClient:
        """A steady load on the Service, for a `with` statement or an ExitStack.

        It begins once the Service answers, which is a moment after its first pod is ready. The
        options are LoadClient's.
        """
        self.cluster.wait_until(lambda: self.predicted_version() is not None, "the first answer")
        return LoadClient(self.target(), rate, **options)


def predict(target: Target) -> Answer:
    """One predict request on a connection of its own."""
    request = post(target.path, target.body, host=target.host, is_kept_alive=False)
    return ask(target.host, target.port, request)


def predicted_version(target: Target) -> int | None:
    """The version that answers, or None when none does."""
    try:
        answer = predict(target)
    except (OSError, ConnectionBroke):
        return None
    return example_models.answered_version(answer.body) if answer.status == 200 else None


def problems(pod: Json) -> list[str]:
    """What a pod says on its management port that is wrong."""
    health = fetch(pod["status"]["podIP"], MANAGEMENT_PORT, "/v2/health/ready")
    found: list[str] = json.loads(health.body).get("problems", [])
    return found


def ask(host: str, port: int, request: bytes) -> Answer:
    """Send one request on a connection of its own; raises OSError."""

    async def exchange() -> Answer:
        async with asyncio.timeout(ASK_SECONDS):
            connection = await Connection.open(host, port)
            try:
                return await connection.exchange(request)
            finally:
                connection.close()

    return asyncio.run(exchange())


def fetch(host: str, port: int, path: str) -> Answer:
    """GET a path; raises OSError."""
    return ask(host, port, get(path, host=host))
