"""Events: what `kubectl describe longshoremodel` shows last."""

from __future__ import annotations

import logging
import uuid

from longshore_k8s.api import ClusterUnreachable
from longshore_k8s.controller.connection import ApiRefused, Connection
from longshore_k8s.controller.decision import Event
from longshore_k8s.controller.live import MANAGER
from longshore_k8s.controller.resource import API_VERSION, KIND, Resource

logger = logging.getLogger(__name__)

_LONGEST_MESSAGE = 1024
"""Characters, by the API."""


class EventSink:
    """Writes events; one that cannot be written is logged alone."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def tell(self, resource: Resource, event: Event, now: str) -> None:
        logger.info(
            "event model=%s/%s reason=%s message=%s", *resource.key, event.reason, event.message
        )
        path = f"/api/v1/namespaces/{resource.namespace}/events"
        document = {
            "metadata": {"name": f"{resource.name}.{uuid.uuid4().hex[:16]}"},
            "involvedObject": {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "name": resource.name,
                "namespace": resource.namespace,
                "uid": resource.uid,
            },
            "type": "Warning" if event.is_warning else "Normal",
            "reason": event.reason,
            "message": event.message[:_LONGEST_MESSAGE],
            "source": {"component": MANAGER},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        try:
            self._connection.send("POST", path, document)
        except (ApiRefused, ClusterUnreachable) as error:
            logger.warning("event lost model=%s/%s error=%s", *resource.key, error)
