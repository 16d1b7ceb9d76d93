"""What the watches have shown last: every resource, and every object with the label of one."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable

from longshore_k8s.api import Json
from longshore_k8s.controller.decision import ObjectKey
from longshore_k8s.controller.live import LiveObject
from longshore_k8s.controller.resource import MODEL_LABEL, Key, Resource


class ObjectStore:
    """Objects by the resource that their label names; safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._models: dict[Key, dict[ObjectKey, LiveObject]] = defaultdict(dict)

    def of(self, key: Key) -> dict[ObjectKey, LiveObject]:
        with self._lock:
            return dict(self._models.get(key, {}))

    def put(self, kind: str, document: Json) -> Key:
        """Take an object as a watch or a write has shown it, unless a newer one is known."""
        key, name, live = (
            _model_of(document),
            document["metadata"]["name"],
            LiveObject.read(document),
        )
        with self._lock:
            known = self._models[key].get((kind, name))
            if known is None or known.uid != live.uid or _is_newer(live.version, known.version):
                self._models[key][kind, name] = live
        return key

    def remove(self, kind: str, document: Json) -> Key:
        key, metadata = _model_of(document), document["metadata"]
        with self._lock:
            known = self._models.get(key, {}).get((kind, metadata["name"]))
            if known is not None and known.uid == metadata["uid"]:
                del self._models[key][kind, metadata["name"]]
            if not self._models.get(key, True):
                del self._models[key]
        return key

    def replace(self, kind: str, namespace: str | None, documents: Iterable[Json]) -> set[Key]:
        """Take a whole list, of one namespace or of all; the resources that it concerns."""
        documents = list(documents)
        listed = {(_model_of(one), one["metadata"]["name"]) for one in documents}
        gone: set[Key] = set()
        with self._lock:
            for key, objects in list(self._models.items()):
                if namespace not in (None, key[0]):
                    continue
                for kind_and_name in [one for one in objects if one[0] == kind]:
                    if (key, kind_and_name[1]) not in listed:
                        del objects[kind_and_name]
                        gone.add(key)
        return gone | {self.put(kind, document) for document in documents}


class ResourceStore:
    """Every resource; safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._resources: dict[Key, Resource] = {}

    def __len__(self) -> int:
        return len(self._resources)

    def all(self) -> list[Resource]:
        with self._lock:
            return list(self._resources.values())

    def get(self, key: Key) -> Resource | None:
        with self._lock:
            return self._resources.get(key)

    def put(self, document: Json) -> Key:
        """Take a resource as a watch or a write has shown it, unless a newer one is known."""
        resource = Resource.read(document)
        with self._lock:
            known = self._resources.get(resource.key)
            if (
                known is None
                or known.uid != resource.uid
                or _is_newer(resource.version, known.version)
            ):
                self._resources[resource.key] = resource
        return resource.key

    def remove(self, document: Json) -> Key:
        resource = Resource.read(document)
        with self._lock:
            known = self._resources.get(resource.key)
            if known is not None and known.uid == resource.uid:
                del self._resources[resource.key]
        return resource.key

    def replace(self, namespace: str | None, documents: Iterable[Json]) -> set[Key]:
        documents = list(documents)
        listed = {(one["metadata"]["namespace"], one["metadata"]["name"]) for one in documents}
        with self._lock:
            known = {key for key in self._resources if namespace in (None, key[0])}
            for key in known - listed:
                del self._resources[key]
        return (known - listed) | {self.put(document) for document in documents}


def _model_of(document: Json) -> Key:
    metadata = document["metadata"]
    return metadata["namespace"], (metadata.get("labels") or {}).get(MODEL_LABEL, "")


def _is_newer(version: str, known: str) -> bool:
    """Whether a resourceVersion is later: of one object they are comparable as integers.

    https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
    """
    return int(version) > int(known)
