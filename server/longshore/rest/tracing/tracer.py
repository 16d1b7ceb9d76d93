"""Which requests are traced, under which ids, and what becomes of their records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from opentelemetry.context import Context
from opentelemetry.propagators.textmap import Getter, TextMapPropagator
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Sampler
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags, get_current_span
from starlette.types import Scope

from longshore.protocol.messages import Headers
from longshore.rest.observation.record import BatchRecord, RequestRecord, RequestTrace
from longshore.rest.tracing.pipeline import SpanPipeline
from longshore.rest.tracing.spans import SpanMaker, span_name

SAMPLED = TraceFlags(TraceFlags.SAMPLED)
ANSWER_HEADER = b"traceresponse"
"""https://w3c.github.io/trace-context/#trace-context-http-response-headers-format; a draft, in the
form of `traceparent`, which is defined for requests alone."""
NO_CONTEXT = Context()


class Tracer:
    """Used on the event loop only; `close` on a thread."""

    def __init__(
        self,
        sampler: Sampler,
        propagator: TextMapPropagator,
        spans: SpanMaker,
        pipeline: SpanPipeline,
        *,
        ids: IdGenerator | None = None,
    ) -> None:
        self._sampler = sampler
        self._propagator = propagator
        self._fields = frozenset(name.lower().encode() for name in propagator.fields)
        self._spans = spans
        self._pipeline = pipeline
        self._ids = ids or RandomIdGenerator()

    def begin(self, scope: Scope) -> RequestTrace | None:
        """`None` for a request that is not sampled; whether it is, its client may decide."""
        context, parent = self._extract(scope["headers"])
        trace_id = self._ids.generate_trace_id() if parent is None else parent.trace_id
        result = self._sampler.should_sample(
            context, trace_id, span_name(scope["method"], scope["path"]), SpanKind.SERVER
        )
        if not result.decision.is_sampled():
            return None
        own = SpanContext(
            trace_id, self._ids.generate_span_id(), False, SAMPLED, result.trace_state
        )
        value = b"00-%032x-%016x-01" % (own.trace_id, own.span_id)
        return RequestTrace(own, parent, f"{trace_id:032x}", (ANSWER_HEADER, value))

    def join(self, batch: BatchRecord, records: Iterable[RequestRecord]) -> None:
        """Give the execution a trace of its own, which leads to its sampled requests."""
        batch.links = [record.trace.context for record in records if record.trace is not None]
        batch.context = SpanContext(
            self._ids.generate_trace_id(), self._ids.generate_span_id(), False, SAMPLED
        )

    def take(
        self, finished: Sequence[tuple[RequestRecord, Scope]], batches: Sequence[BatchRecord]
    ) -> None:
        """Make the spans of what is over, and have them exported."""
        offset = self._spans.clock_offset()
        for batch in batches:
            self._pipeline.offer([self._spans.of_batch(batch, offset)])
        for record, scope in finished:
            if record.trace is not None:
                self._pipeline.offer(self._spans.of_request(record, scope, offset))

    def close(self) -> None:
        """Export what waits; returns when that is done or has failed."""
        self._pipeline.close()

    def _extract(self, headers: Headers) -> tuple[Context, SpanContext | None]:
        """The client's context, and its span where it has one."""
        for name, _ in headers:
            if name in self._fields:
                break
        else:
            return NO_CONTEXT, None
        context = self._propagator.extract(headers, NO_CONTEXT, HEADERS)
        parent = get_current_span(context).get_span_context()
        return context, parent if parent.is_valid else None


class _HeaderGetter(Getter[Headers]):
    """Reads ASGI's headers, whose names are in lower case."""

    def get(self, carrier: Headers, key: str) -> list[str] | None:
        wanted = key.lower().encode()
        return [value.decode("latin-1") for name, value in carrier if name == wanted] or None

    def keys(self, carrier: Headers) -> list[str]:
        return [name.decode("latin-1") for name, _ in carrier]


HEADERS = _HeaderGetter()
