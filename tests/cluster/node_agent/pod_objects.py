"""What the node writes about a pod: its status, events, and the final delete."""

from __future__ import annotations

import json
import logging

import urllib3

from tests.cluster.node_agent import clock
from tests.cluster.node_agent.api import Api, ApiError, Json

logger = logging.getLogger(__name__)


class PodObject:
    """One pod in the API, by its name and its UID."""

    def __init__(self, api: Api, pod: Json, *, node: str) -> None:
        metadata = pod["metadata"]
        self.namespace: str = metadata["namespace"]
        self.name: str = metadata["name"]
        self.uid: str = metadata["uid"]
        self.is_gone = False
        self._api = api
        self._node = node
        self._path = f"/api/v1/namespaces/{self.namespace}/pods/{self.name}"
        self._sent = ""

    def report(self, status: Json) -> None:
        """Send the status when it differs from the last one; a lost one is sent again later."""
        text = json.dumps(status)
        if text == self._sent or self.is_gone:
            return
        try:
            self._api.patch(
                f"{self._path}/status", {"metadata": {"uid": self.uid}, "status": status}
            )
            self._sent = text
        except ApiError as error:
            # 404 and 409: deleted meanwhile, perhaps with another pod of that name in its place.
            self.is_gone = error.code in (404, 409)
            logger.info("status refused pod=%s error=%s", self.name, error)
        except urllib3.exceptions.HTTPError as error:
            logger.info("status not sent pod=%s error=%r", self.name, error)

    def event(self, kind: str, reason: str, message: str) -> None:
        """Record an event; `kind` is Normal or Warning."""
        moment = clock.now()
        body = {
            "metadata": {"generateName": f"{self.name}."},
            "involvedObject": {
                "apiVersion": "v1",
                "kind": "Pod",
                "namespace": self.namespace,
                "name": self.name,
                "uid": self.uid,
            },
            "type": kind,
            "reason": reason,
            "message": message[:1000],
            "source": {"component": "longshore-node-agent", "host": self._node},
            "firstTimestamp": moment,
            "lastTimestamp": moment,
            "count": 1,
        }
        logger.info("event pod=%s reason=%s message=%s", self.name, reason, message)
        try:
            self._api.post(f"/api/v1/namespaces/{self.namespace}/events", body)
        except (ApiError, urllib3.exceptions.HTTPError) as error:
            logger.info("event refused pod=%s error=%s", self.name, error)

    def delete(self) -> None:
        """Take the object away, now that its containers have ended."""
        if self.is_gone:
            return
        body = {"gracePeriodSeconds": 0, "preconditions": {"uid": self.uid}}
        try:
            self._api.delete(self._path, body)
        except (ApiError, urllib3.exceptions.HTTPError) as error:
            logger.info("delete refused pod=%s error=%s", self.name, error)
