"""Objects of one namespace: created, changed and deleted, with what was refused as a sentence."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from longshore_k8s.api import ClusterUnreachable, Json, Reply
from longshore_k8s.capacity.unsound import UnsoundError

KINDS = {
    "Deployment": "/apis/apps/v1/namespaces/{namespace}/deployments",
    "Job": "/apis/batch/v1/namespaces/{namespace}/jobs",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies",
    "ConfigMap": "/api/v1/namespaces/{namespace}/configmaps",
    "Secret": "/api/v1/namespaces/{namespace}/secrets",
}
"""Where those that are made here are."""
PODS = "/api/v1/namespaces/{namespace}/pods"
UNREACHABLE_SECONDS = 30.0
RETRY_SECONDS = 1.0
BUSY = (429, 500, 502, 503, 504)
"""What an API server says that is being restarted, or has too much to do."""


class Changes(Protocol):
    """An API server, as `client.ClusterClient` asks it."""

    def get(self, path: str, **query: str) -> Reply: ...

    def post(self, path: str, body: Json) -> Reply: ...

    def patch(self, path: str, body: Json) -> Reply: ...

    def delete(self, path: str) -> Reply: ...


@dataclass(frozen=True, slots=True)
class Namespace:
    """What may be repeated is asked again for a while where nobody answers."""

    api: Changes
    name: str

    def get(self, path: str, **query: str) -> Reply:
        return _patiently(lambda: self.api.get(path, **query))

    def find(self, kind: str, name: str) -> Json | None:
        """`None` where there is no such object."""
        reply = self.get(f"{self._path(kind)}/{name}")
        return None if reply.status == 404 else _expect(reply, f"get the {kind} {name}", self.name)

    def pods(self, labels: Json) -> list[Json]:
        """Those that have the labels, deleted ones too."""
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        reply = self.get(PODS.format(namespace=self.name), labelSelector=selector)
        found: list[Json] = _expect(reply, "list pods", self.name).get("items") or []
        return found

    def log(self, pod: str) -> str:
        """All that the pod has printed; empty before it runs."""
        reply = self.get(f"{PODS.format(namespace=self.name)}/{pod}/log")
        if reply.status in (400, 404):
            return ""
        if reply.status != 200:
            _expect(reply, f"get the log of pod {pod}", self.name)
        return reply.body.decode(errors="replace")

    def create(self, item: Json) -> Json:
        """Waits a while for one of the same name, which is collected with what owned it."""
        kind, name = item["kind"], item["metadata"]["name"]
        until = time.monotonic() + UNREACHABLE_SECONDS
        while True:
            reply = self.api.post(self._path(kind), item)
            if reply.status != 409 or time.monotonic() > until:
                return _expect(reply, f"create the {kind} {name}", self.name)
            time.sleep(RETRY_SECONDS)

    def scale(self, deployment: str, count: int) -> None:
        path = f"{self._path('Deployment')}/{deployment}"
        reply = _patiently(lambda: self.api.patch(path, {"spec": {"replicas": count}}))
        _expect(reply, f"scale the Deployment {deployment}", self.name)

    def delete(self, kind: str, name: str) -> None:
        """And what it owns, in the background; one that is not there is as good."""
        reply = _patiently(lambda: self.api.delete(f"{self._path(kind)}/{name}"))
        if reply.status != 404:
            _expect(reply, f"delete the {kind} {name}", self.name)

    def _path(self, kind: str) -> str:
        return KINDS[kind].format(namespace=self.name)


def _expect(reply: Reply, what: str, namespace: str) -> Json:
    if reply.status < 300:
        return reply.json()
    said = reply.json().get("message") or reply.body[:300].decode(errors="replace")
    if reply.status in (401, 403):
        raise UnsoundError(f"may not {what} in {namespace}: {said}")
    raise UnsoundError(f"the API server does not {what} in {namespace} ({reply.status}): {said}")


def _patiently(ask: Callable[[], Reply]) -> Reply:
    until = time.monotonic() + UNREACHABLE_SECONDS
    while True:
        try:
            reply = ask()
            if reply.status not in BUSY or time.monotonic() > until:
                return reply
        except ClusterUnreachable:
            if time.monotonic() > until:
                raise
        time.sleep(RETRY_SECONDS)
