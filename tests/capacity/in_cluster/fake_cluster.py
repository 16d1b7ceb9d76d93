"""A namespace in memory: what is made in it, who owns it, and what its pods come to."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from typing import Any

from longshore_k8s.api import Json, Reply
from longshore_k8s.capacity.in_cluster.manifests import Placement
from longshore_k8s.capacity.in_cluster.namespace import KINDS, PODS
from longshore_k8s.capacity.in_cluster.rights import REVIEWS
from longshore_k8s.doctor.objects import KINDS as LISTED
from tests.chart import rendering
from tests.doctor.cluster import claim, node

NAMESPACE = rendering.NAMESPACE
STARTED, READY = "2026-01-01T00:00:00Z", "2026-01-01T00:00:04Z"


class FakeCluster:
    """Two nodes; pods run as soon as they are made, unless a test says otherwise."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Json]] = {kind: {} for kind in (*KINDS, "Pod", "Event")}
        self.forbidden: set[str] = set()
        """Resources that may not be created."""
        self.refused: dict[str, tuple[int, str]] = {}
        """Kinds whose creation is answered so."""
        self.logs: list[list[str]] = []
        """What the client has printed at each look."""
        self.change_server: Callable[[Json], None] = lambda pod: None
        self.change_client: Callable[[Json, Json], None] = lambda pod, job: None
        self.has_other_node = True
        volume = {"metadata": {"name": "pv-1"}, "spec": {"capacity": {"storage": "1Gi"}}}
        self.beside = {
            LISTED["persistentvolumeclaims"].format(namespace=NAMESPACE): [claim("models")],
            LISTED["persistentvolumes"]: [volume],
            LISTED["nodes"]: [node("n1"), node("n2")],
        }
        self.made: list[str] = []
        """Kinds, in the order of their creation."""
        self._numbers = count(1)

    @property
    def left(self) -> list[str]:
        """Of all kinds."""
        return [name for kind in self.objects.values() for name in kind]

    def get(self, path: str, **query: str) -> Reply:
        if path.endswith("/log"):
            if len(self.logs) > 1:
                return Reply(200, "".join(self.logs.pop(0)).encode())
            return Reply(200, "".join(self.logs[0]).encode())
        kind, name = self._place(path)
        if kind is None:
            return _reply(200, {"items": self.beside.get(path, [])})
        if name:
            found = self.objects[kind].get(name)
            return _reply(200, found) if found else _reply(404, {"message": f"no {name}"})
        wanted = dict(one.split("=") for one in query.get("labelSelector", "").split(",") if one)
        items = [
            one for one in self.objects[kind].values()
            if wanted.items() <= (one["metadata"].get("labels") or {}).items()
        ]  # fmt: skip
        return _reply(200, {"items": items})

    def post(self, path: str, body: Json) -> Reply:
        if path == REVIEWS:
            asked = body["spec"]["resourceAttributes"]
            name = f"{asked['resource']}/{asked['subresource']}".rstrip("/")
            return _reply(201, {"status": {"allowed": name not in self.forbidden}})
        kind, _ = self._place(path)
        assert kind == body["kind"]
        if kind in self.refused:
            status, said = self.refused[kind]
            return _reply(status, {"message": said})
        name = body["metadata"]["name"]
        if name in self.objects[kind]:
            return _reply(409, {"message": f"{name} already exists"})
        made = json.loads(json.dumps(body))
        made["metadata"]["uid"] = f"uid-{next(self._numbers)}"
        self.objects[kind][name] = made
        self.made.append(kind)
        if kind == "Job":
            self._run_client(made)
        return _reply(201, made)

    def patch(self, path: str, body: Json) -> Reply:
        kind, name = self._place(path)
        assert kind is not None
        found = self.objects[kind][name]
        found["spec"]["replicas"] = body["spec"]["replicas"]
        self._collect(found["metadata"]["uid"], {"Pod"})
        if body["spec"]["replicas"]:
            self._run_server(found)
        return _reply(200, found)

    def delete(self, path: str) -> Reply:
        kind, name = self._place(path)
        assert kind is not None
        found = self.objects[kind].pop(name, None)
        if found is None:
            return _reply(404, {})
        self._collect(found["metadata"]["uid"], set(self.objects))
        return _reply(200, {})

    def _collect(self, uid: str, kinds: set[str]) -> None:
        """As the garbage collector does."""
        for kind in kinds:
            for name, one in list(self.objects[kind].items()):
                owners = one["metadata"].get("ownerReferences") or []
                if any(owner["uid"] == uid for owner in owners):
                    self.objects[kind].pop(name, None)
                    self._collect(one["metadata"]["uid"], kinds)

    def _place(self, path: str) -> tuple[str | None, str]:
        places = {kind: KINDS[kind].format(namespace=NAMESPACE) for kind in KINDS}
        places["Pod"] = PODS.format(namespace=NAMESPACE)
        places["Event"] = LISTED["events"].format(namespace=NAMESPACE)
        for kind, place in places.items():
            if path == place or path.startswith(f"{place}/"):
                return kind, path[len(place) + 1 :]
        return None, ""

    def _run_server(self, deployment: Json) -> None:
        pod = self._pod(deployment, f"{deployment['metadata']['name']}-7b-abcde", "n1", "server")
        pod["status"]["podIP"] = "10.0.0.7"
        pod["status"]["containerStatuses"][0]["imageID"] = "longshore@sha256:12"
        self.change_server(pod)

    def _run_client(self, job: Json) -> None:
        affinity = job["spec"]["template"]["spec"]["affinity"]["podAntiAffinity"]
        node = "n2" if self.has_other_node else "n1"
        pod = self._pod(job, f"{job['metadata']['name']}-xyz", node, "client")
        if Placement.APART.value in affinity and not self.has_other_node:
            leave_unscheduled(pod)
        self.change_client(pod, job)

    def _pod(self, owner: Json, name: str, node: str, container: str) -> Json:
        template = owner["spec"]["template"]
        reference = {"uid": owner["metadata"]["uid"], "kind": owner["kind"], "name": "x"}
        pod: dict[str, Any] = {
            "metadata": {
                "name": name, "namespace": NAMESPACE, "uid": f"uid-{next(self._numbers)}",
                "labels": template["metadata"]["labels"], "ownerReferences": [reference],
            },
            "spec": {**json.loads(json.dumps(template["spec"])), "nodeName": node},
            "status": {
                "phase": "Running",
                "conditions": [
                    {"type": "PodScheduled", "status": "True"},
                    {"type": "Ready", "status": "True", "lastTransitionTime": READY},
                ],
                "containerStatuses": [
                    {"name": container, "image": "longshore:1", "ready": True, "restartCount": 0,
                     "state": {"running": {"startedAt": STARTED}}, "lastState": {}},
                ],
            },
        }  # fmt: skip
        self.objects["Pod"][name] = pod
        return pod


class Waits:
    """Takes the place of the module `time`: waiting takes no time."""

    def __init__(self) -> None:
        self._now = 0.0

    def monotonic(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += seconds


def leave_unscheduled(pod: Json) -> None:
    pod["spec"].pop("nodeName")
    pod["status"] = {
        "phase": "Pending",
        "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                        "message": "0/1 nodes are available"}],
    }  # fmt: skip


def _reply(status: int, body: Json) -> Reply:
    return Reply(status, json.dumps(body).encode())
