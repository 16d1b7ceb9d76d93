"""What the rules look at: the objects of a cluster as plain dictionaries, each kind listed once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar
from urllib.parse import urlencode

from longshore_k8s.api import Json, Reply

KINDS = {
    "deployments": "/apis/apps/v1/namespaces/{namespace}/deployments",
    "pods": "/api/v1/namespaces/{namespace}/pods",
    "events": "/api/v1/namespaces/{namespace}/events",
    "persistentvolumeclaims": "/api/v1/namespaces/{namespace}/persistentvolumeclaims",
    "resourcequotas": "/api/v1/namespaces/{namespace}/resourcequotas",
    "horizontalpodautoscalers": (
        "/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers"
    ),
    "networkpolicies": "/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies",
    "scaledobjects": "/apis/keda.sh/v1alpha1/namespaces/{namespace}/scaledobjects",
    "podmonitors": "/apis/monitoring.coreos.com/v1/namespaces/{namespace}/podmonitors",
    "servicemonitors": "/apis/monitoring.coreos.com/v1/namespaces/{namespace}/servicemonitors",
    "prometheuses": "/apis/monitoring.coreos.com/v1/prometheuses",
    "prometheusagents": "/apis/monitoring.coreos.com/v1alpha1/prometheusagents",
    "namespaces": "/api/v1/namespaces",
    "nodes": "/api/v1/nodes",
    "pods of all namespaces": "/api/v1/pods",
    "persistentvolumes": "/api/v1/persistentvolumes",
    "storageclasses": "/apis/storage.k8s.io/v1/storageclasses",
    "apiservices": "/apis/apiregistration.k8s.io/v1/apiservices",
}
"""Where the list of each kind is."""


_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Service:
    """Where something answers HTTP behind the API server."""

    namespace: str
    name: str
    port: str
    """Number or name."""
    prefix: str = ""
    """Before the path."""
    scheme: str = "http"


class MissingRight(Exception):
    """The one who asks may not look; the message is the right that is missing."""


class Asks(Protocol):
    """What answers a path, as `client.ClusterClient` does."""

    def get(self, path: str, **query: str) -> Reply: ...


@dataclass(slots=True)
class Objects:
    """The cluster as it was when each thing was first asked for."""

    asks: Asks
    namespace: str
    prometheus: Service | None = None
    """The Prometheus that the user named."""
    _lists: dict[str, list[Json] | MissingRight] = field(default_factory=dict)
    _replies: dict[str, Reply | MissingRight] = field(default_factory=dict)

    def listed(self, kind: str) -> list[Json]:
        """Of `KINDS`; empty where the cluster does not know the kind.

        Raises:
            MissingRight: see there.
        """
        return _remembered(self._lists, kind, lambda: self._read_list(kind))

    def ask(self, path: str, *, right: str, **query: str) -> Reply:
        """A path that is no list; `right` is what it takes, in words.

        Raises:
            MissingRight: see there.
        """
        key = f"{path}?{urlencode(query)}"
        return _remembered(self._replies, key, lambda: self._ask(path, right, query))

    def _read_list(self, kind: str) -> list[Json]:
        path = KINDS[kind].format(namespace=self.namespace)
        scope = f" in {self.namespace}" if "{namespace}" in KINDS[kind] else ""
        reply = self._ask(path, f"list {kind}{scope}", {})
        if reply.status == 404:
            return []
        if reply.status != 200:
            raise MissingRight(f"list {kind}{scope} (the answer was {reply.status})")
        return [item for item in reply.json().get("items") or [] if isinstance(item, dict)]

    def _ask(self, path: str, right: str, query: dict[str, str]) -> Reply:
        reply = self.asks.get(path, **query)
        if reply.status in (401, 403):
            raise MissingRight(right)
        return reply


def _remembered(
    known: dict[str, _Found | MissingRight], key: str, read: Callable[[], _Found]
) -> _Found:
    if key not in known:
        try:
            known[key] = read()
        except MissingRight as error:
            known[key] = error
    found = known[key]
    if isinstance(found, MissingRight):
        raise found
    return found
