"""A thin client of the Kubernetes API: plain dictionaries in and out, and a list-and-watch."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3
import yaml

logger = logging.getLogger(__name__)

Json = dict[str, Any]
# The whole list comes as ("SYNC", list); single objects as ADDED, MODIFIED or DELETED.
Handler = Callable[[str, Any], None]

REQUEST_TIMEOUT_SECONDS = 30
WATCH_SECONDS = 240
PATCH_TYPES = {
    "strategic": "application/strategic-merge-patch+json",
    "merge": "application/merge-patch+json",
    "apply": "application/apply-patch+yaml",
}


class ApiError(Exception):
    """The API server refused: `code` is the HTTP status, the text its message."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code} {text[:400]}")
        self.code = code


class Api:
    """One identity at one API server, as a kubeconfig file names them."""

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self._server = cluster["server"]
        self._http = urllib3.PoolManager(
            num_pools=2,
            maxsize=32,
            retries=False,
            ca_certs=cluster["certificate-authority"],
            cert_file=user["client-certificate"],
            key_file=user["client-key"],
        )

    def get(self, path: str, **query: str) -> Json:
        return self._call("GET", path + _query(query))

    def post(self, path: str, body: Json) -> Json:
        return self._call("POST", path, body)

    def patch(self, path: str, body: Json, *, kind: str = "strategic", **query: str) -> Json:
        """Patch an object; `kind` is a key of PATCH_TYPES."""
        return self._call("PATCH", path + _query(query), body, content_type=PATCH_TYPES[kind])

    def delete(self, path: str, body: Json | None = None) -> Json:
        return self._call("DELETE", path, body)

    def text(self, path: str) -> str:
        """The body of a GET that does not answer with JSON, such as a container's log."""
        return self._send("GET", path, None, "application/json").decode(errors="replace")

    def follow(self, path: str, handle: Handler, stopped: threading.Event, **query: str) -> None:
        """List, then watch, until `stopped`; after any break list again."""
        while not stopped.is_set():
            try:
                listed = self.get(path, **query)
                handle("SYNC", listed.get("items") or [])
                version = listed["metadata"]["resourceVersion"]
                while not stopped.is_set():
                    version = self._watch(path, handle, version, query)
            except (ApiError, urllib3.exceptions.HTTPError, OSError) as error:
                if not stopped.wait(0.5):
                    logger.info("watch broke, listing again path=%s error=%r", path, error)

    def _watch(self, path: str, handle: Handler, version: str, query: dict[str, str]) -> str:
        asked = {
            **query,
            "watch": "1",
            "resourceVersion": version,
            "timeoutSeconds": str(WATCH_SECONDS),
            "allowWatchBookmarks": "true",
        }
        answer = self._http.request(
            "GET",
            self._server + path + _query(asked),
            preload_content=False,
            timeout=urllib3.Timeout(connect=5, read=WATCH_SECONDS + 60),
        )
        if answer.status >= 400:
            raise ApiError(answer.status, answer.data.decode(errors="replace"))
        unfinished = b""
        for chunk in answer.stream(65536, decode_content=True):
            *lines, unfinished = (unfinished + chunk).split(b"\n")
            for event in map(json.loads, lines):
                if event["type"] == "ERROR":
                    raise ApiError(event["object"].get("code", 0), str(event["object"]))
                version = event["object"]["metadata"]["resourceVersion"]
                if event["type"] != "BOOKMARK":
                    handle(event["type"], event["object"])
        return version

    def _call(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        content_type: str = "application/json",
    ) -> Json:
        answered: Json = json.loads(self._send(method, path, body, content_type) or b"{}")
        return answered

    def _send(self, method: str, path: str, body: Json | None, content_type: str) -> bytes:
        answer = self._http.request(
            method,
            self._server + path,
            body=None if body is None else json.dumps(body),
            headers={"Content-Type": content_type},
            timeout=REQUEST_TIMEOUT_SECONDS,
        )
        if answer.status >= 400:
            raise ApiError(answer.status, answer.data.decode(errors="replace"))
        return bytes(answer.data)


def _query(query: dict[str, str]) -> str:
    return f"?{urlencode(query)}" if query else ""
