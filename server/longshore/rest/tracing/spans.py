"""Spans from the records of requests and executions, by the semantic conventions for HTTP servers
(https://opentelemetry.io/docs/specs/semconv/http/http-spans/).

The conventions have nothing for a model that predicts: `gen_ai` is for generation. Names of our own
begin with `longshore.`.

A span is made once, when it is over, from times that were taken anyway: nothing of OpenTelemetry
runs while a request is computed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from starlette.types import Scope

from longshore import __version__
from longshore.rest.observation.record import CLIENT_LEFT, BatchRecord, RequestRecord
from longshore.rest.target import PREDICT, Target, parse_target
from longshore.rest.wire import V1

METHODS = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"}
)
MOST_CHARACTERS = 1000
"""Of an attribute: a client may make its path and its headers as long as a head may be."""
SAMPLED = TraceFlags(TraceFlags.SAMPLED)
ERROR = Status(StatusCode.ERROR)
UNSET = Status(StatusCode.UNSET)


def route(target: Target) -> str:
    """The template of the path, without what a client may invent."""
    version = "" if target.version is None else "/versions/{version}"
    if target.protocol is V1:
        return f"/v1/models/{{model}}{version}{PREDICT}"
    return f"/v2/models/{{model}}{version}/infer"


@lru_cache(maxsize=128)
def span_name(method: str, path: str) -> str:
    """Of a path of inference. Cached: nearly all requests have the same."""
    target = parse_target(path)
    assert target is not None
    return f"{method if method in METHODS else 'HTTP'} {route(target)}"


class SpanMaker:
    """Makes spans of one resource."""

    def __init__(
        self,
        resource: Resource,
        *,
        limits: SpanLimits | None = None,
        ids: IdGenerator | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._resource = resource
        self._scope = InstrumentationScope("longshore", __version__)
        self._most_links = (limits or SpanLimits()).max_links
        self._ids = ids or RandomIdGenerator()
        self._clock = clock
        self._wall_clock_ns = wall_clock_ns

    def clock_offset(self) -> int:
        """Nanoseconds from the monotonic clock to the time of day."""
        return self._wall_clock_ns() - int(self._clock() * 1e9)

    def of_request(self, record: RequestRecord, scope: Scope, offset: int) -> list[ReadableSpan]:
        """The server's span, and one for each stage that the request reached."""
        assert record.trace is not None
        own: SpanContext = record.trace.context
        server = self._span(
            span_name(scope["method"], scope["path"]),
            own,
            (record.started, record.ended),
            offset,
            parent=record.trace.parent,
            kind=SpanKind.SERVER,
            attributes=_request_attributes(record, scope),
            status=ERROR if record.status >= 500 else UNSET,
        )
        return [server, *self._stages(record, own, offset)]

    def of_batch(self, batch: BatchRecord, offset: int) -> ReadableSpan:
        """One execution, linked to the requests in it."""
        attributes = {
            "longshore.model.name": batch.model,
            "longshore.model.version": batch.version,
            "longshore.device": batch.device,
            "longshore.batch.rows": batch.rows,
            "longshore.batch.requests": batch.requests,
            "longshore.batch.input_seconds": batch.input_seconds,
            "longshore.batch.infer_seconds": batch.infer_seconds,
            "longshore.batch.output_seconds": batch.output_seconds,
        }
        return self._span(
            "batch",
            batch.context,
            (batch.started, batch.ended),
            offset,
            attributes=attributes,
            links=[Link(context) for context in batch.links[: self._most_links]],
            status=ERROR if batch.is_failed else UNSET,
        )

    def _stages(
        self, record: RequestRecord, own: SpanContext, offset: int
    ) -> Iterator[ReadableSpan]:
        admitted, left_queue = record.admitted, record.left_queue
        if admitted is None or left_queue is None:
            return
        batches = record.batches
        stages = [("read", record.started, admitted), ("queue", admitted, left_queue)]
        if batches:
            stages.append(("compute", left_queue, batches[-1].ended))
            stages.append(("answer", batches[-1].ended, record.ended))
        elif record.taken is not None:  # given up while it was computed
            stages.append(("compute", left_queue, record.ended))
        for name, start, end in stages:
            links = [Link(b.context) for b in batches if b.context] if name == "compute" else []
            context = SpanContext(
                own.trace_id, self._ids.generate_span_id(), False, SAMPLED, own.trace_state
            )
            yield self._span(name, context, (start, end), offset, parent=own, links=links)

    def _span(
        self,
        name: str,
        context: SpanContext,
        times: tuple[float, float],
        offset: int,
        *,
        parent: SpanContext | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: dict[str, Any] | None = None,
        links: list[Link] | None = None,
        status: Status = UNSET,
    ) -> ReadableSpan:
        start, end = times
        return ReadableSpan(
            name,
            context=context,
            parent=parent,
            resource=self._resource,
            attributes=attributes or {},
            links=links or (),
            kind=kind,
            status=status,
            start_time=offset + int(start * 1e9),
            end_time=offset + int(end * 1e9),
            instrumentation_scope=self._scope,
        )


def _request_attributes(record: RequestRecord, scope: Scope) -> dict[str, Any]:
    target, headers = record.target, scope["header_map"]
    assert target is not None
    method, has_answer = scope["method"], record.status != CLIENT_LEFT
    client = scope.get("client")
    address, port = _host(headers.get(b"host"))
    attributes = {
        "http.request.method": method if method in METHODS else "_OTHER",
        "http.request.method_original": None if method in METHODS else method,
        "http.route": route(target),
        "http.response.status_code": record.status if has_answer else None,
        "error.type": _error_type(record),
        "url.path": scope["path"],
        "url.scheme": scope.get("scheme", "http"),
        "network.protocol.version": scope.get("http_version"),
        "server.address": address,
        "server.port": port,
        "client.address": None if client is None else client[0],
        "user_agent.original": _text(headers.get(b"user-agent")),
        "longshore.request.id": _text(scope.get("request_id")),
        "longshore.model.name": target.name,
        "longshore.model.version": record.version,
        "longshore.outcome": record.outcome,
        "longshore.rows": record.rows,
        "longshore.batch.rows": record.batch_rows or None,
    }
    return {
        name: value[:MOST_CHARACTERS] if isinstance(value, str) else value
        for name, value in attributes.items()
        if value is not None
    }


def _error_type(record: RequestRecord) -> str | None:
    if record.status == CLIENT_LEFT:
        return "client_left"
    return str(record.status) if record.status >= 500 else None


@lru_cache(maxsize=64)
def _host(value: bytes | None) -> tuple[str | None, int | None]:
    """Address and port of a `Host` header (RFC 9110, section 7.2)."""
    if value is None:
        return None, None
    text = value.decode("latin-1")
    address, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit():
        return text, None
    return address.strip("[]"), int(port)


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
