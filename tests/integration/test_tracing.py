"""Traces of a served process, as a collector gets them."""

from __future__ import annotations

import http.client
import json
import re
import shlex
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from longshore_k8s.capacity.local_ports import unused_port
from tests.attacks.served_process import ServedProcess, identity_model, infer_body
from tests.integration.otlp_receiver import Receiver, Span, receiving
from tests.integration.test_lifecycle import QUICK, UNPROVEN, ask, wait_for

DOCUMENT = Path(__file__).parents[2] / "docs/traces.md"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "vendor=a,other=b"}
NOT_SAMPLED = {"traceparent": f"00-{TRACE}-{PARENT}-00"}
SERVER = "POST /v2/models/{model}/infer"
STAGES = ("read", "queue", "compute", "answer")
SERVER_KIND, INTERNAL_KIND = 2, 1
OPENMETRICS = "application/openmetrics-text;version=1.0.0"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def traced(tmp_path, environment: dict[str, str], behaviour: str = "", **options) -> ServedProcess:
    config = options.pop("config", "")
    return ServedProcess(
        identity_model(tmp_path, behaviour, config=config),
        tracing="otlp",
        environment={"no_proxy": "127.0.0.1", **environment},
        **{**QUICK, **options},
    )


def of_trace(receiver: Receiver, trace_id: str) -> dict[str, Span]:
    return {span.name: span for span in receiver.spans if span.trace_id == trace_id}


def test_a_request_goes_from_the_clients_trace_to_the_collector(tmp_path, receiver):
    environment = {
        **receiver.environment,
        "OTEL_SERVICE_NAME": "sentiment",
        "OTEL_RESOURCE_ATTRIBUTES": "k8s.pod.name=pod-1",
        "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=a",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
    }
    with traced(tmp_path, environment, "delay_seconds: 0.02\n") as server:
        status, headers, _ = ask(server, headers={**SAMPLED, "X-Request-Id": "r-1"})
        wait_for(lambda: receiver.named("batch") and receiver.named(SERVER))
        wait_for(lambda: receiver.named("answer"))
    spans = of_trace(receiver, TRACE)
    own, batch = spans[SERVER], receiver.one("batch")

    assert status == 200
    assert headers["traceresponse"] == f"00-{TRACE}-{own.span_id}-01"
    assert (own.parent_span_id, own.kind, own.trace_state) == (
        PARENT, SERVER_KIND, "vendor=a,other=b"
    )  # fmt: skip
    assert own.attributes["http.response.status_code"] == 200
    assert own.attributes["longshore.request.id"] == "r-1"
    assert own.attributes["longshore.batch.rows"] == batch.attributes["longshore.batch.rows"] == 1
    assert own.resource["service.name"] == "sentiment"
    assert own.resource["k8s.pod.name"] == "pod-1"
    assert receiver.asked[0]["x-tenant"] == "a"
    assert set(spans) == {SERVER, *STAGES}
    assert {spans[name].parent_span_id for name in STAGES} == {own.span_id}
    assert {spans[name].kind for name in STAGES} == {INTERNAL_KIND}
    assert batch.links == [(TRACE, own.span_id)]
    assert spans["compute"].links == [(batch.trace_id, batch.span_id)]
    times = [own.start, *(spans[name].end for name in STAGES)]
    assert times == sorted(times)
    assert times[-1] == own.end
    assert spans["compute"].end - spans["compute"].start >= 20_000_000


def test_the_documents_command_traces(tmp_path, receiver):
    text = DOCUMENT.read_text(encoding="utf-8")
    (command,) = re.findall(r"^\$ ((?:.*\\\n)*.*)$", text, re.MULTILINE)
    words = shlex.split(command.replace("\\\n", ""))
    program = words.index("longshore")
    variables = dict(word.split("=", 1) for word in words[:program])

    assert words[program:] == ["longshore", "serve", "path/to/model", "--tracing=otlp"]
    assert variables["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://localhost:4318"
    with traced(tmp_path, variables | {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint}) as server:
        assert ask(server, headers=SAMPLED)[0] == 200
        server.terminate()
        assert server.wait() == 0
    assert receiver.one(SERVER).resource["service.name"] == variables["OTEL_SERVICE_NAME"]


def test_requests_that_shared_an_execution_are_linked_from_its_span(tmp_path, receiver):
    options = {"instances": 1, "max_batch_size": 8, "config": "parameters: {batching: vouched}\n"}
    with (
        traced(tmp_path, receiver.environment, "delay_seconds: 0.2\n", **options) as server,
        ThreadPoolExecutor(8) as clients,
    ):
        answers = list(clients.map(lambda n: ask(server, body=infer_body(float(n))), range(8)))
        server.terminate()
        assert server.wait() == 0
    requests, batches = receiver.named(SERVER), receiver.named("batch")
    links = [link for batch in batches for link in batch.links]

    assert [status for status, _, _ in answers] == [200] * 8
    assert sorted(links) == sorted((span.trace_id, span.span_id) for span in requests)
    assert max(len(batch.links) for batch in batches) > 1
    for batch in batches:
        assert batch.attributes["longshore.batch.requests"] == len(batch.links)


@pytest.mark.parametrize(
    ("sampler", "headers", "is_traced"),
    [
        ("parentbased_always_on", {}, True),
        ("parentbased_always_on", NOT_SAMPLED, False),
        ("always_off", SAMPLED, False),
        ("parentbased_traceidratio", SAMPLED, True),
    ],
)
def test_who_decides_what_is_traced_is_the_variables_choice(
    tmp_path, receiver, sampler, headers, is_traced
):
    environment = receiver.environment | {
        "OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": "0.0"
    }  # fmt: skip
    with traced(tmp_path, environment) as server:
        answered = ask(server, headers=headers)[1]
    assert ("traceresponse" in answered) is is_traced
    assert bool(receiver.spans) is is_traced


def test_v1_binary_refused_and_failed_requests_have_spans_too(tmp_path, receiver):
    with traced(tmp_path, receiver.environment, "break_when: 13\n", config=UNPROVEN) as server:
        assert ask(server, body=infer_body(13.0))[0] == 500
        assert ask(server, body=b"{")[0] == 400
        assert ask(server, path="/v2/models/echo/versions/7/infer")[0] == 404
        assert (
            ask(server, path="/v1/models/echo:predict", body=b'{"instances": [[1,2,3,4]]}')[0]
            == 200
        )
        assert ask(server, "GET", "/v2/models/echo")[0] == 200
    found = {
        (span.name, span.attributes.get("http.response.status_code"), span.status)
        for span in receiver.spans
        if span.kind == SERVER_KIND
    }

    assert found == {
        (SERVER, 500, 2),
        (SERVER, 400, 0),
        ("POST /v2/models/{model}/versions/{version}/infer", 404, 0),
        ("POST /v1/models/{model}:predict", 200, 0),
    }
    assert {batch.status for batch in receiver.named("batch")} == {0, 2}


def test_spans_that_wait_are_exported_in_the_drain(tmp_path, receiver):
    environment = receiver.environment | {"OTEL_BSP_SCHEDULE_DELAY": "3600000"}
    with traced(tmp_path, environment) as server:
        for _ in range(5):
            assert ask(server)[0] == 200
        assert receiver.spans == []
        server.terminate()
        assert server.wait() == 0

    assert len(receiver.named(SERVER)) == 5


def test_a_collector_that_is_away_costs_no_request_and_is_said_once(tmp_path):
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{unused_port()}",
        "OTEL_BSP_SCHEDULE_DELAY": "10",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
    }
    with traced(tmp_path, environment, drain_timeout_seconds=10) as server:
        for _ in range(20):
            assert ask(server)[0] == 200
        wait_for(lambda: "traces are not exported" in server.log)
        server.terminate()
        assert server.wait() == 0
    lines = [json.loads(line) for line in server.log.splitlines()]

    (said,) = [line for line in lines if "export" in line["message"]]
    assert said["level"] == "warning"
    assert "requests are answered all the same" in said["message"]
    assert "Traceback" not in server.log
    assert not [line for line in lines if line["logger"].startswith(("opentelemetry", "urllib3"))]


def test_a_collector_that_hangs_is_not_waited_for_beyond_the_drain(tmp_path, receiver):
    receiver.is_open.clear()
    with traced(tmp_path, receiver.environment, drain_timeout_seconds=1) as server:
        assert ask(server)[0] == 200
        wait_for(lambda: receiver.asked)
        assert ask(server)[0] == 200
        server.terminate()
        assert server.wait() == 0

    assert "not waiting any longer for traces" in server.log


def test_the_scraper_of_openmetrics_is_led_to_the_trace(tmp_path, receiver):
    with traced(tmp_path, receiver.environment) as server:
        ask(server, headers=SAMPLED)
        connection = http.client.HTTPConnection("127.0.0.1", server.management_port, timeout=5)
        connection.request("GET", "/metrics", headers={"Accept": OPENMETRICS})
        answer = connection.getresponse()
        lines = answer.read().decode().splitlines()
        connection.close()
        plain = server.management("/metrics")[1].decode()

    led = {line.partition("{")[0] for line in lines if f'# {{trace_id="{TRACE}"}}' in line}
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert lines[-1] == "# EOF"
    assert led == {
        "longshore_request_duration_seconds_bucket",
        "longshore_queue_duration_seconds_bucket",
        "longshore_compute_duration_seconds_bucket",
    }
    assert "trace_id" not in plain


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, ["OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"]),
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "many"}, ["OTEL_BSP_MAX_QUEUE_SIZE", "many"]),
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "3"}, ["OTEL_BSP"]),
        ({"OTEL_PROPAGATORS": "pigeon"}, ["OTEL_PROPAGATORS", "pigeon"]),
    ],
)
def test_a_variable_that_cannot_be_used_is_a_mistake_in_its_use(tmp_path, environment, words):
    server = traced(tmp_path, environment)
    try:
        assert server.wait() == 2
    finally:
        server.stop()

    assert all(word in server.log for word in words), server.log
    assert "Traceback" not in server.log


@pytest.mark.parametrize(
    ("name", "value"),
    [("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"), ("OTEL_EXPORTER_OTLP_COMPRESSION", "zip"),
     ("OTEL_TRACES_SAMPLER", "sometimes")],
)  # fmt: skip
def test_a_value_that_opentelemetry_ignores_is_said(tmp_path, receiver, name, value):
    with traced(tmp_path, receiver.environment | {name: value}) as server:
        assert ask(server, headers=SAMPLED)[0] == 200
        server.terminate()
        assert server.wait() == 0
    warnings = [json.loads(line) for line in server.log.splitlines() if '"warning"' in line]

    assert any(value in line["message"] for line in warnings)
    assert receiver.named(SERVER)


def test_opentelemetrys_own_switch_turns_it_off(tmp_path, receiver):
    environment = receiver.environment | {"OTEL_SDK_DISABLED": "true"}
    with traced(tmp_path, environment) as server:
        assert "traceresponse" not in ask(server, headers=SAMPLED)[1]
        assert "tracing is off: OTEL_SDK_DISABLED" in server.log
    assert receiver.asked == []
