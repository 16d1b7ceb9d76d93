"""Requests to the API server: plain JSON in and out, and watches line by line.

Not the `kubernetes` package, whose models alone hold more memory than all of the controller.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import urlencode

import urllib3

from longshore_k8s.api import ClusterUnreachable, Json, Reply
from longshore_k8s.controller.endpoint import Endpoint

JSON = "application/json"
APPLY = "application/apply-patch+yaml"
JSON_PATCH = "application/json-patch+json"
_TIMEOUT = urllib3.Timeout(connect=5.0, read=30.0)
_CONNECTIONS = 64
"""Kept open: a watch of each kind in each namespace, and the workers."""


class ApiRefused(Exception):
    """The API server said no: a status that is an error, with its own sentence."""

    def __init__(
        self, status: int, document: Json, body: bytes = b"", retry_seconds: float | None = None
    ) -> None:
        self.status = status
        self.sentence = str(document.get("message") or body[:300].decode(errors="replace"))
        self.retry_seconds = retry_seconds
        super().__init__(f"{self.status} {self.sentence}")


class Connection:
    """One API server, asked by one identity; safe for threads."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._http = urllib3.PoolManager(
            num_pools=1, maxsize=_CONNECTIONS, retries=False, ssl_context=endpoint.tls
        )

    def send(
        self, method: str, path: str, body: object = None, *, sends: str = JSON, **query: str
    ) -> Json:
        """The answer's document; `body` is sent as `sends`.

        Raises:
            ApiRefused: the answer is an error.
            ClusterUnreachable: there is none.
        """
        data = None if body is None else json.dumps(body).encode()
        headers = {"Accept": JSON, "Content-Type": sends}
        response = self._request(method, path, query, headers, data=data)
        return _checked(response).json()

    def watch(self, path: str, *, accept: str, read_seconds: float, **query: str) -> Iterator[Json]:
        """The events of a watch, until the API server ends it; `read_seconds` without a byte break
        it.

        Raises:
            ApiRefused, ClusterUnreachable: as for `send`.
        """
        timeout = urllib3.Timeout(connect=5.0, read=read_seconds)
        response = self._request(
            "GET", path, query, {"Accept": accept}, timeout=timeout, preload_content=False
        )
        try:
            if response.status >= 400:
                _checked(response)
            yield from _lines(response)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise ClusterUnreachable(f"{path}: {error}") from error
        finally:
            response.close()

    def list(self, path: str, *, accept: str, **query: str) -> Json:
        """One page of a list."""
        page = _checked(self._request("GET", path, query, {"Accept": accept})).json()
        if "metadata" not in page:
            raise ClusterUnreachable(f"{path}: what answered is no API server")
        return page

    def _request(
        self,
        method: str,
        path: str,
        query: dict[str, str],
        headers: dict[str, str],
        *,
        data: bytes | None = None,
        timeout: urllib3.Timeout = _TIMEOUT,
        preload_content: bool = True,
    ) -> urllib3.BaseHTTPResponse:
        url = self._endpoint.server + path + (f"?{urlencode(query)}" if query else "")
        try:
            if token := self._endpoint.token():
                headers = {**headers, "Authorization": f"Bearer {token}"}
            return self._http.request(
                method, url, body=data, headers=headers, timeout=timeout,
                preload_content=preload_content,
            )  # fmt: skip
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ClusterUnreachable(f"{self._endpoint.server}: {error}") from error


def _checked(response: urllib3.BaseHTTPResponse) -> Reply:
    reply = Reply(response.status, response.data)
    if response.status < 400:
        return reply
    after = response.headers.get("Retry-After", "")
    seconds = float(after) if after.isdigit() else None
    raise ApiRefused(reply.status, reply.json(), reply.body, seconds)


def _lines(response: urllib3.BaseHTTPResponse) -> Iterator[Json]:
    unfinished = b""
    for chunk in response.stream(1 << 16):
        *lines, unfinished = (unfinished + chunk).split(b"\n")
        for line in lines:
            event = json.loads(line)
            if not isinstance(event, dict) or "object" not in event:
                raise ValueError(f"no event: {line[:80]!r}")
            yield event
