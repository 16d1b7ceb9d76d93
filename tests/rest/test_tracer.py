"""Which requests are traced, and what their spans say."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise

import pytest

pytest.importorskip("opentelemetry.sdk", reason="needs OpenTelemetry (extra otel)")

from opentelemetry.propagate import get_global_textmap
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler
from opentelemetry.trace import SpanKind, StatusCode

from longshore.errors import InferenceFailed
from longshore.rest.observation.observer import Observer
from longshore.rest.tracing.spans import MOST_CHARACTERS, SpanMaker
from longshore.rest.tracing.tracer import Tracer
from tests.rest.endpoint_client import EndpointClient, infer_body

BODY = infer_body([[1.0], [2.0]])
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED = {b"traceparent": f"00-{TRACE}-{SPAN}-01".encode(), b"tracestate": b"vendor=a"}
NOT_SAMPLED = {b"traceparent": f"00-{TRACE}-{SPAN}-00".encode()}


class Kept:
    """Stands where the pipeline does: what is offered stays here."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def offer(self, spans: Sequence[ReadableSpan]) -> None:
        self.spans.extend(spans)

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.spans if span.name == name]

    def one(self, name: str) -> ReadableSpan:
        (span,) = self.named(name)
        return span


class Traced:
    """The endpoint of one model, traced by `sampler`."""

    def __init__(self, loaded, metrics, sampler: Sampler, clock, **limits) -> None:
        self.kept = Kept()
        maker = SpanMaker(
            Resource({}), limits=SpanLimits(**limits), clock=clock, wall_clock_ns=lambda: 10**18
        )
        tracer = Tracer(sampler, get_global_textmap(), maker, self.kept)
        observer = Observer(metrics, tracer=tracer, clock=clock)
        self.client = EndpointClient(loaded, metrics, clock=clock, observer=observer)

    async def post(self, *arguments, **options):
        answer = await self.client.post(*arguments, **options)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return answer


@pytest.fixture
async def make(load_identity, metrics, clock):
    made: list[Traced] = []

    def make(sampler: Sampler = ALWAYS_ON, behaviour: str = "", **limits) -> Traced:
        made.append(Traced(load_identity(behaviour), metrics, sampler, clock, **limits))
        return made[-1]

    yield make
    for traced in made:
        assert await traced.client.model.close(5.0)


async def test_a_request_is_a_span_of_the_server_with_a_child_for_each_stage(make):
    traced = make()
    answer = await traced.post(BODY, headers={b"user-agent": b"curl/8", b"host": b"pod:8000"})
    server = traced.kept.one("POST /v2/models/{model}/infer")
    stages = [traced.kept.one(name) for name in ("read", "queue", "compute", "answer")]
    model = traced.client.model

    assert server.kind is SpanKind.SERVER
    assert server.parent is None
    assert server.status.status_code is StatusCode.UNSET
    assert dict(server.attributes) == {
        "http.request.method": "POST",
        "http.route": "/v2/models/{model}/infer",
        "http.response.status_code": 200,
        "url.path": f"/v2/models/{model.name}/infer",
        "url.scheme": "http",
        "server.address": "pod",
        "server.port": 8000,
        "user_agent.original": "curl/8",
        "longshore.request.id": answer.headers[b"x-request-id"].decode(),
        "longshore.model.name": model.name,
        "longshore.model.version": model.version,
        "longshore.outcome": "success",
        "longshore.rows": 2,
        "longshore.batch.rows": 2,
    }
    assert {stage.parent.span_id for stage in stages} == {server.context.span_id}
    assert {stage.context.trace_id for stage in stages} == {server.context.trace_id}
    assert len({span.context.span_id for span in traced.kept.spans}) == len(traced.kept.spans) == 6


async def test_the_stages_follow_each_other_through_the_time_of_the_request(make, clock):
    traced = make()
    begin = traced.client.model.backend.begin

    def slow(*arguments):
        clock.advance(0.25)
        return begin(*arguments)

    traced.client.model.backend.begin = slow
    await traced.post(BODY)
    server, *stages = (
        traced.kept.one(name)
        for name in ("POST /v2/models/{model}/infer", "read", "queue", "compute", "answer")
    )

    assert [stage.end_time - stage.start_time for stage in stages] == [0, 0, 250_000_000, 0]
    assert stages[0].start_time == server.start_time
    assert stages[-1].end_time == server.end_time == 10**18
    for earlier, later in pairwise(stages):
        assert earlier.end_time == later.start_time


async def test_an_execution_and_the_requests_in_it_refer_to_each_other(make):
    traced = make(behaviour="delay_seconds: 0.02\n")
    bodies = [infer_body([[float(number)]]) for number in range(5)]
    await asyncio.gather(*(traced.client.post(body) for body in bodies))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    requests = traced.kept.named("POST /v2/models/{model}/infer")
    batches = traced.kept.named("batch")
    linked = [link.context.span_id for batch in batches for link in batch.links]

    assert sorted(linked) == sorted(request.context.span_id for request in requests)
    assert sum(batch.attributes["longshore.batch.rows"] for batch in batches) == 5
    assert len({batch.context.trace_id for batch in batches}) == len(batches)
    by_request = {link.context.span_id: batch.context for batch in batches for link in batch.links}
    for compute in traced.kept.named("compute"):
        assert [link.context for link in compute.links] == [by_request[compute.parent.span_id]]


async def test_a_request_of_more_rows_than_a_batch_refers_to_each_of_its_executions(make):
    traced = make()
    rows = 2 * traced.client.model.plan.max_batch_size + 1
    await traced.post(infer_body([[1.0]] * rows))
    batches = traced.kept.named("batch")

    assert len(batches) > 1
    links = traced.kept.one("compute").links
    assert [link.context for link in links] == [batch.context for batch in batches]


async def test_an_execution_has_no_more_links_than_the_limit(make):
    traced = make(behaviour="delay_seconds: 0.02\n", max_links=1)
    await asyncio.gather(*(traced.client.post(infer_body([[1.0]])) for _ in range(5)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert {len(batch.links) for batch in traced.kept.named("batch")} == {1}


async def test_the_clients_trace_goes_on_and_the_answer_says_where(make):
    traced = make()
    answer = await traced.post(BODY, headers=SAMPLED)
    server = traced.kept.one("POST /v2/models/{model}/infer")

    assert f"{server.context.trace_id:032x}" == TRACE
    assert f"{server.parent.span_id:016x}" == SPAN
    assert server.parent.is_remote
    assert server.context.trace_state.get("vendor") == "a"
    own = f"{server.context.span_id:016x}"
    assert answer.headers[b"traceresponse"] == f"00-{TRACE}-{own}-01".encode()
    assert own != SPAN


@pytest.mark.parametrize(
    ("sampler", "headers", "is_traced"),
    [
        (ParentBased(ALWAYS_OFF), {}, False),
        (ParentBased(ALWAYS_OFF), SAMPLED, True),
        (ParentBased(ALWAYS_ON), NOT_SAMPLED, False),
        (ALWAYS_ON, NOT_SAMPLED, True),
        (ParentBased(ALWAYS_ON), {b"traceparent": b"00-rubbish-01"}, True),
    ],
)
async def test_what_is_traced_the_sampler_decides(make, sampler, headers, is_traced):
    traced = make(sampler)
    answer = await traced.post(BODY, headers=headers)

    assert answer.status == 200
    assert bool(traced.kept.spans) is is_traced
    assert (b"traceresponse" in answer.headers) is is_traced


async def test_an_execution_without_a_sampled_request_has_no_span(make):
    traced = make(ParentBased(ALWAYS_OFF), behaviour="delay_seconds: 0.02\n")
    chosen = (SAMPLED if number == 3 else {} for number in range(6))
    await asyncio.gather(*(traced.client.post(BODY, headers=headers) for headers in chosen))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    (batch,) = traced.kept.named("batch")
    assert [f"{link.context.trace_id:032x}" for link in batch.links] == [TRACE]
    assert batch.attributes["longshore.batch.requests"] >= 1


@pytest.mark.parametrize(
    ("request_", "status", "outcome"),
    [({"body": b"{"}, 400, "invalid"), ({"body": BODY, "model": "other"}, 404, None)],
)
async def test_a_clients_mistake_is_a_span_and_no_error(make, request_, status, outcome):
    traced = make()
    assert (await traced.post(**request_)).status == status
    (server,) = traced.kept.spans

    assert server.attributes["http.response.status_code"] == status
    assert server.attributes.get("longshore.outcome") == outcome
    assert "error.type" not in server.attributes
    assert server.status.status_code is StatusCode.UNSET


async def test_a_failure_of_the_server_is_an_error(make, monkeypatch):
    def fail(*arguments, **options):
        raise InferenceFailed("the model failed")

    traced = make()
    monkeypatch.setattr(traced.client.model, "infer", fail)
    assert (await traced.post(BODY)).status == 500
    (server,) = traced.kept.spans

    assert server.status.status_code is StatusCode.ERROR
    assert server.attributes["error.type"] == "500"


async def test_a_client_that_left_has_a_span_without_an_answer(make):
    traced = make()
    await traced.post(BODY, ends=False)
    (server,) = traced.kept.spans

    assert server.attributes["error.type"] == "client_left"
    assert "http.response.status_code" not in server.attributes


async def test_what_a_client_makes_long_is_cut(make):
    traced = make()
    await traced.post(BODY, model="x" * 50_000, headers={b"user-agent": b"y" * 50_000})
    (server,) = traced.kept.spans

    assert server.name == "POST /v2/models/{model}/infer"
    assert max(len(v) for v in server.attributes.values() if isinstance(v, str)) == MOST_CHARACTERS


async def test_an_invented_method_is_not_in_the_name(make):
    traced = make()
    await traced.post(BODY, method="BREW")
    (server,) = traced.kept.spans

    assert server.name == "HTTP /v2/models/{model}/infer"
    assert server.attributes["http.request.method"] == "_OTHER"
    assert server.attributes["http.request.method_original"] == "BREW"


async def test_a_sampled_request_is_the_exemplar_of_the_buckets_that_it_fell_into(make, metrics):
    traced = make()
    answer = await traced.post(BODY, headers=SAMPLED)
    assert answer.status == 200
    by_version = (traced.client.model.name, traced.client.model.version)
    found = [
        metrics.request_duration_seconds.labels(*by_version, "success"),
        metrics.queue_duration_seconds.labels(*by_version),
        metrics.compute_duration_seconds.labels(*by_version),
    ]

    for distribution in found:
        ((bucket, exemplar),) = distribution.exemplars.items()
        assert exemplar.labels == {"trace_id": TRACE}
        assert distribution.counts[bucket] == 1


async def test_a_request_that_is_not_sampled_is_no_exemplar(make, metrics):
    traced = make(ALWAYS_OFF)
    await traced.post(BODY)
    name, version = traced.client.model.name, traced.client.model.version

    assert metrics.request_duration_seconds.labels(name, version, "success").exemplars == {}
