"""One kind of object in one namespace, or in all: listed, then watched, for ever.

Bookmarks come about once a minute, but not of a kind of which nothing has happened since the API
server began. So a watch is asked to end before silence would mean that its connection is dead.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from typing import Protocol

from longshore_k8s.api import ClusterUnreachable, Json
from longshore_k8s.controller.connection import JSON, ApiRefused, Connection
from longshore_k8s.controller.kinds import Kind
from longshore_k8s.controller.resource import Key

logger = logging.getLogger(__name__)

_PAGE = 500
_WATCH_SECONDS, _SILENT_SECONDS = 90, 100.0
_PAUSE_SECONDS = 1.0
_GONE = 410
_METADATA = "{form};as=PartialObjectMetadata{list};g=meta.k8s.io;v=v1"


class Store(Protocol):
    """Where a reflector puts what it sees; each answers whom it concerns."""

    def put(self, document: Json) -> Key: ...
    def remove(self, document: Json) -> Key: ...
    def replace(self, namespace: str | None, documents: list[Json]) -> set[Key]: ...


class Reflector:
    """Keeps a store as the API server has it."""

    def __init__(
        self,
        connection: Connection,
        kind: Kind,
        namespace: str | None,
        store: Store,
        *,
        selector: str = "",
        reads_whole: bool,
        changed: Callable[[Key], None],
    ) -> None:
        """`reads_whole`: not the metadata alone. `changed` is told of each resource concerned."""
        self.kind, self.namespace = kind, namespace
        self.is_listed = threading.Event()
        """Set once the store has the first list."""
        self.ended = threading.Event()
        """To be set when the kind is no longer there."""
        self._connection, self._store, self._changed = connection, store, changed
        self._query = {"labelSelector": selector} if selector else {}
        self._reads_whole = reads_whole

    def run(self, stopped: threading.Event) -> None:
        while not (stopped.is_set() or self.ended.is_set()):
            try:
                version = self._list()
                self.is_listed.set()
                while not (stopped.is_set() or self.ended.is_set()):
                    version = self._watch(version, stopped)
                    _pause(stopped, _PAUSE_SECONDS)
            except (ApiRefused, ClusterUnreachable) as error:
                # A watch that has become too old is an ordinary end: list again, and compare.
                if not (isinstance(error, ApiRefused) and error.status == _GONE):
                    logger.warning("watch broke kind=%s error=%s", self.kind.name, error)
                _pause(stopped, getattr(error, "retry_seconds", None) or _PAUSE_SECONDS)

    def _list(self) -> str:
        documents: list[Json] = []
        query = {**self._query, "limit": str(_PAGE)}
        while True:
            page = self._connection.list(
                self.kind.path(self.namespace), accept=self._accept("List"), **query
            )
            documents += page.get("items") or []
            if not (rest := page["metadata"].get("continue")):
                break
            query["continue"] = rest
        for key in self._store.replace(self.namespace, [self._named(one) for one in documents]):
            self._changed(key)
        return str(page["metadata"]["resourceVersion"])

    def _watch(self, version: str, stopped: threading.Event) -> str:
        """Follow the changes since `version`; the version to go on from."""
        events = self._connection.watch(
            self.kind.path(self.namespace),
            accept=self._accept(""),
            read_seconds=_SILENT_SECONDS,
            watch="1",
            resourceVersion=version,
            allowWatchBookmarks="true",
            timeoutSeconds=str(_WATCH_SECONDS),
            **self._query,
        )
        for event in events:
            if stopped.is_set():
                break
            document = event["object"]
            if event["type"] == "ERROR":
                raise ApiRefused(int(document.get("code", 0)), document)
            version = document["metadata"]["resourceVersion"]
            if event["type"] != "BOOKMARK":
                self._take(event["type"], self._named(document))
        return version

    def _take(self, change: str, document: Json) -> None:
        taken = self._store.remove if change == "DELETED" else self._store.put
        self._changed(taken(document))

    def _named(self, document: Json) -> Json:
        """Items of a list have no kind, and metadata alone has another."""
        return {**document, "kind": self.kind.name}

    def _accept(self, list_suffix: str) -> str:
        return JSON if self._reads_whole else _METADATA.format(form=JSON, list=list_suffix)


def _pause(stopped: threading.Event, seconds: float) -> None:
    """Spread, so that the watches of all kinds do not come back at once."""
    stopped.wait(seconds * random.uniform(0.5, 1.5))
