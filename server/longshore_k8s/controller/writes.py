"""Each write of a decision as a request to the API server; every one may be made twice."""

from __future__ import annotations

from longshore_k8s.api import Json
from longshore_k8s.controller import kinds
from longshore_k8s.controller.connection import APPLY, JSON_PATCH, ApiRefused, Connection
from longshore_k8s.controller.decision import Apply, Delete, HandOverReplicas, StripHelm, Write
from longshore_k8s.controller.live import HELM, MANAGER

REPLICAS_MANAGER = f"{MANAGER}-replicas"
"""Owns the count of a Deployment once the controller stops stating it, until somebody scales."""


class Writer:
    """Writes into one namespace."""

    def __init__(self, connection: Connection, namespace: str) -> None:
        self._connection, self._namespace = connection, namespace

    def write(self, write: Write) -> Json | None:
        """The object as it is afterwards; `None` if it is deleted.

        Raises:
            ApiRefused, ClusterUnreachable: it was not made.
        """
        match write:
            case Apply(wanted, forces):
                path = wanted.kind.path(self._namespace, wanted.name)
                return self._apply(path, wanted.document, MANAGER, forces=forces)
            case HandOverReplicas(name, replicas):
                return self._hand_over(name, replicas)
            case StripHelm(kind, name):
                return self._strip_helm(kind.path(self._namespace, name))
            case Delete():
                self._delete(write)
                return None

    def _apply(self, path: str, document: Json, manager: str, *, forces: bool) -> Json:
        force = "true" if forces else "false"
        return self._connection.send(
            "PATCH", path, document, sends=APPLY, fieldManager=manager, force=force
        )

    def _hand_over(self, name: str, replicas: int) -> Json:
        document = {
            "apiVersion": kinds.DEPLOYMENT.api_version,
            "kind": kinds.DEPLOYMENT.name,
            "metadata": {"name": name},
            "spec": {"replicas": replicas},
        }
        path = kinds.DEPLOYMENT.path(self._namespace, name)
        return self._apply(path, document, REPLICAS_MANAGER, forces=True)

    def _strip_helm(self, path: str) -> Json:
        """Guarded by the version that was read: nobody else's ownership is lost."""
        metadata = self._connection.send("GET", path)["metadata"]
        kept = [one for one in metadata.get("managedFields") or () if one["manager"] != HELM]
        changes = [
            {
                "op": "test",
                "path": "/metadata/resourceVersion",
                "value": metadata["resourceVersion"],
            },
            {"op": "replace", "path": "/metadata/managedFields", "value": kept},
        ]
        return self._connection.send("PATCH", path, changes, sends=JSON_PATCH, fieldManager=MANAGER)

    def _delete(self, write: Delete) -> None:
        body = {"preconditions": {"uid": write.uid}, "propagationPolicy": "Background"}
        try:
            self._connection.send("DELETE", write.kind.path(self._namespace, write.name), body)
        except ApiRefused as error:
            if error.status not in (404, 409):  # gone, or another one of that name
                raise
