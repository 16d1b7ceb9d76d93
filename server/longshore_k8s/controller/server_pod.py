"""One pod of a model, asked as its clients ask it, and on its management port."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from longshore_k8s.api import Json, Reply
from longshore_k8s.controller.pod_http import NotHttp, exchange
from longshore_k8s.controller.validation import PodAnswers, read_metadata

HTTP, MANAGEMENT = "http", "management"
"""Names of ports, as the chart has them."""
ANSWER_SECONDS = 10.0
MOST_BYTES = 4 << 20
_INSTANCES, _ROW_SECONDS = "longshore_instances", "longshore_seconds_per_row"
_FORBIDDEN = (401, 403)


@dataclass(frozen=True, slots=True)
class ServerPod:
    """Where it answers."""

    name: str
    address: str
    """Empty while it does not run."""
    ports: dict[str, int]
    """By name."""
    is_ready: bool
    """And not about to end."""
    restarts: int = 0
    """Of its containers, together."""

    @classmethod
    def read(cls, document: Json) -> ServerPod:
        status = document.get("status") or {}
        conditions = {one["type"]: one["status"] for one in status.get("conditions") or ()}
        is_going = "deletionTimestamp" in document["metadata"]
        ports = (
            port
            for container in document["spec"]["containers"]
            for port in container.get("ports") or ()
        )
        containers = status.get("containerStatuses") or ()
        return cls(
            name=document["metadata"]["name"],
            address=status.get("podIP") or "" if status.get("phase") == "Running" else "",
            ports={port["name"]: port["containerPort"] for port in ports if "name" in port},
            is_ready=conditions.get("Ready") == "True" and not is_going,
            restarts=sum(one.get("restartCount", 0) for one in containers),
        )

    def ask(self, port: str, path: str, body: Json | None = None) -> Reply:
        """The answer to a GET, or to a POST of `body`; over TLS where the port has it.

        Raises:
            OSError: there is none.
        """
        if not self.address or port not in self.ports:
            raise OSError(f"{self.name}: it has no address, or no port {port}")
        place = self.address, self.ports[port]
        bounded = partial(
            exchange, place, path, body, seconds=ANSWER_SECONDS, most_bytes=MOST_BYTES
        )
        try:
            return bounded()
        except NotHttp:
            # Its certificate is for the name of the Service, and this is an address.
            return bounded(tls=_unverified())

    def answers(self, model: str) -> PodAnswers:
        """What it says of `model`; never raises for what the pod does."""
        try:
            reply = self.ask(HTTP, f"/v2/models/{model}")
            capacity = _capacity(self.ask(MANAGEMENT, "/metrics").body.decode(errors="replace"))
        except (OSError, ValueError, LookupError) as error:
            return PodAnswers(None, unread=f"{type(error).__name__} {error}")
        if reply.status in _FORBIDDEN:
            return PodAnswers(None, capacity, needs_token=True)
        if reply.status != 200:
            return PodAnswers(None, capacity, f"status {reply.status} for its metadata")
        try:
            return PodAnswers(read_metadata(document_of(reply)), capacity)
        except ValueError as error:
            return PodAnswers(None, capacity, f"its metadata: {error}")


def document_of(reply: Reply) -> Json:
    """Empty where it is no object, or one that is nested without end."""
    try:
        return reply.json()
    except RecursionError:
        return {}


def said_of(documents: Iterable[Json]) -> str:
    """Why pods do not run: the scheduler's reason, or what a container waits for."""
    return next((said for document in documents for said in _hindrances(document)), "")


def ended_with(documents: Iterable[Json]) -> str:
    """The last words of the newest container that has failed."""
    failed = [end for end in _ends(documents, "state") if end["exitCode"]]
    newest = max(failed, key=_finished, default={})
    return (newest.get("message") or "").strip()


def last_end_of(documents: Iterable[Json]) -> str:
    """Why the newest container that was started again had ended, and its last words."""
    newest = max(_ends(documents, "lastState"), key=_finished, default={})
    said = newest.get("reason") or "", (newest.get("message") or "").strip()
    return ": ".join(text for text in said if text)


def _ends(documents: Iterable[Json], state: str) -> Iterator[Json]:
    for document in documents:
        for container in (document.get("status") or {}).get("containerStatuses") or ():
            if ended := (container.get(state) or {}).get("terminated"):
                yield ended


def _finished(ended: Json) -> str:
    return ended.get("finishedAt") or ""


def _hindrances(document: Json) -> Iterator[str]:
    status = document.get("status") or {}
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            yield str(condition.get("message", "it is not scheduled"))
    for container in status.get("containerStatuses") or ():
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
            yield f"{waiting['reason']}: {waiting.get('message', '')}".rstrip(": ")


def _capacity(page: str) -> float | None:
    """Rows a second of the version that the pod serves; `None` where it was not measured."""
    found: dict[str, float] = {}
    lines = (line for line in page.splitlines() if line.startswith((_INSTANCES, _ROW_SECONDS)))
    for family in text_string_to_metric_families("\n".join([*lines, ""])):
        for sample in family.samples:
            found[sample.name] = sample.value
    seconds: Any = found.get(_ROW_SECONDS)
    return found.get(_INSTANCES, 1.0) / seconds if seconds else None


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
