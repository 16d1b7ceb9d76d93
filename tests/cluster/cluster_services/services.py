"""The Services of the cluster and the pods behind them, followed from the API server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from tests.cluster.node_agent.api import Api, Json

Key = tuple[str, str]
"""Namespace and name."""
Backend = tuple[str, int]
"""Address and port."""

SERVICE_LABEL = "kubernetes.io/service-name"


class Services:
    """A live view; `changed` is set whenever it may differ from before."""

    def __init__(self) -> None:
        self.changed = threading.Event()
        self._services: dict[Key, Json] = {}
        self._slices: dict[Key, Json] = {}

    def follow(self, api: Api, stopped: threading.Event) -> None:
        """Start to follow the API, in threads of its own."""
        for path, kept in (
            ("/api/v1/services", self._services),
            ("/apis/discovery.k8s.io/v1/endpointslices", self._slices),
        ):
            keeper = _Keeper(kept, self.changed)
            arguments = (path, keeper, stopped)
            threading.Thread(target=api.follow, args=arguments, daemon=True).start()

    def all(self) -> list[tuple[Key, Json]]:
        """Every Service by namespace and name."""
        return sorted(self._services.items(), key=lambda entry: entry[0])

    def get(self, namespace: str, name: str) -> Json | None:
        return self._services.get((namespace, name))

    def backends(self, namespace: str, name: str, port: str | None = None) -> list[Backend]:
        """Ready backends; where none is ready, those that still serve while they terminate."""
        ready, terminating = set(), set()
        for number, endpoint in self._endpoints(namespace, name, port):
            conditions = endpoint.get("conditions") or {}
            backends = {(address, number) for address in endpoint["addresses"]}
            if conditions.get("ready", True):
                ready |= backends
            elif conditions.get("serving") and conditions.get("terminating"):
                terminating |= backends
        return sorted(ready or terminating)

    def _endpoints(self, namespace: str, name: str, port: str | None) -> Iterator[tuple[int, Json]]:
        for (slice_namespace, _), entry in list(self._slices.items()):
            labels = entry["metadata"].get("labels") or {}
            if slice_namespace != namespace or labels.get(SERVICE_LABEL) != name:
                continue
            for declared in entry.get("ports") or []:
                if port is None or declared.get("name", "") == port:
                    for endpoint in entry.get("endpoints") or []:
                        yield declared["port"], endpoint


class _Keeper:
    """Keeps a dictionary of objects equal to what the API server has."""

    def __init__(self, kept: dict[Key, Json], changed: threading.Event) -> None:
        self._kept = kept
        self._changed = changed

    def __call__(self, event: str, subject: Any) -> None:
        if event == "SYNC":
            listed = {_key(entry): entry for entry in subject}
            for gone in set(self._kept) - set(listed):
                del self._kept[gone]
            self._kept.update(listed)
        elif event == "DELETED":
            self._kept.pop(_key(subject), None)
        else:
            self._kept[_key(subject)] = subject
        self._changed.set()


def _key(entry: Json) -> Key:
    return entry["metadata"]["namespace"], entry["metadata"]["name"]
