"""A line for each request that reaches the application, whatever becomes of it."""

from __future__ import annotations

import asyncio
import json
import logging
import threading

import pytest

from longshore.logs import JsonFormatter
from longshore.rest.observation.access_log import LOGGER_NAME, MOST_CHARACTERS, AccessLog
from longshore.rest.observation.refusal import Refusal
from tests.rest.endpoint_client import EndpointClient, infer_body
from tests.rest.observed import LoggedRequests

BODY = infer_body([[1.0], [2.0], [3.0]])


@pytest.fixture
async def logged(metrics, clock):
    return LoggedRequests(metrics, clock)


@pytest.fixture
async def client(load_identity, metrics, clock, logged):
    client = EndpointClient(load_identity(""), metrics, clock=clock, observer=logged.observer)
    yield client
    assert await client.model.close(5.0)


async def test_an_answered_request_is_told_with_its_size_its_rows_and_its_times(client, logged):
    answer = await client.post(BODY, headers={b"x-request-id": b"r-1"})
    (line,) = await logged.lines()

    assert line == {
        "request_id": "r-1",
        "method": "POST",
        "path": f"/v2/models/{client.model.name}/infer",
        "status": 200,
        "bytes_in": len(BODY),
        "bytes_out": len(answer.body),
        "model": client.model.name,
        "version": client.model.version,
        "rows": 3,
        "batch_rows": 3,
        "queue_ms": 0.0,
        "compute_ms": 0.0,
        "total_ms": 0.0,
    }


async def test_times_are_those_of_the_clock(client, logged, clock):
    begin = client.model.backend.begin

    def slow(*arguments):
        clock.advance(0.25)
        return begin(*arguments)

    client.model.backend.begin = slow
    await client.post(BODY)
    (line,) = await logged.lines()

    assert (line["queue_ms"], line["compute_ms"], line["total_ms"]) == (0.0, 250.0, 250.0)


async def test_requests_that_shared_an_execution_say_how_large_it_was(load_identity, metrics):
    logged = LoggedRequests(metrics, asyncio.get_running_loop().time)
    client = EndpointClient(
        load_identity("delay_seconds: 0.05\n"), metrics, observer=logged.observer
    )
    await asyncio.gather(*(client.post(infer_body([[float(n)]])) for n in range(4)))
    lines = await logged.lines()
    assert await client.model.close(5.0)

    executed = client.model.statistics.by_rows
    assert len(lines) == 4
    assert {line["batch_rows"] for line in lines} == set(executed)
    assert all(line["compute_ms"] >= 50 for line in lines)


@pytest.mark.parametrize(
    ("request_", "status", "told"),
    [
        ({"body": b"{"}, 400, {"bytes_in": 1, "version": "1"}),
        ({"body": BODY, "method": "GET"}, 405, {"method": "GET", "bytes_in": 0}),
        ({"body": BODY, "model": "other"}, 404, {"model": "other"}),
        ({"body": BODY, "ends": False}, 499, {"bytes_in": len(BODY), "version": "1"}),
        ({"body": b" " * 100_001}, 413, {"bytes_in": 0}),
    ],
    ids=["malformed", "another method", "another model", "left", "too large"],
)
async def test_a_request_that_is_not_answered_with_a_result_has_its_line(
    client, logged, request_, status, told
):
    await client.post(**request_)
    (line,) = await logged.lines()

    assert line["status"] == status
    assert line.items() >= told.items()
    assert not {"rows", "batch_rows", "queue_ms", "compute_ms"} & line.keys()
    assert ("bytes_out" in line) == (status != 499)


async def test_a_request_that_gave_up_waiting_says_how_long_it_waited(client, logged, clock):
    def expire(*arguments, **options):
        pending = infer(*arguments, **options)
        clock.advance(2.0)
        pending.expire()
        return pending

    infer, client.model.infer = client.model.infer, expire
    assert (await client.post(BODY)).status == 504
    (line,) = await logged.lines()

    assert (line["status"], line["rows"], line["queue_ms"]) == (504, 3, 2000.0)
    assert "compute_ms" not in line


async def test_what_a_client_makes_long_is_cut(client, logged):
    assert (await client.post(BODY, model="x" * 50_000)).status == 404
    logged.log.take_refusal(Refusal(400, "no host", 0, "GET", "/" + "x" * 50_000))
    refused, answered = await logged.lines()

    cut = (refused["path"], answered["path"], answered["model"])
    assert [len(text) for text in cut] == [MOST_CHARACTERS] * 3


async def test_the_probes_have_no_line(client, logged):
    async def routes(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    client.app._app = routes
    for path in ("/v2/health/live", "/v2/health/ready", "/v2"):
        scope = {"type": "http", "method": "GET", "path": path, "headers": []}
        await client.app(scope, None, lambda message: asyncio.sleep(0))

    assert [(line["path"], line["bytes_out"]) for line in await logged.lines()] == [("/v2", 2)]


async def test_what_the_application_itself_raises_has_its_line(client, logged):
    async def broken(scope, receive, send):
        raise RuntimeError

    client.app._app = broken
    with pytest.raises(RuntimeError):
        await client.post(BODY)

    assert [line["status"] for line in await logged.lines()] == [500]


async def test_a_line_is_one_json_object_in_the_logs_own_form(client, logged):
    await client.post(BODY)
    (fields,) = await logged.lines()
    line = json.loads(JsonFormatter().format(logged.records[0]))

    assert line["time"] == "2027-01-15T08:00:00.250Z"
    assert (line["level"], line["logger"]) == ("info", LOGGER_NAME)
    assert line["message"] == f"POST {fields['path']} 200"
    assert line.items() >= fields.items()


def test_a_malformed_request_is_told_with_what_arrived_of_it():
    records: list[logging.LogRecord] = []
    log = AccessLog(records.extend)
    log.take_refusal(Refusal(400, "invalid HTTP request", 33))
    log.take_refusal(Refusal(431, "the head exceeds 9 bytes", 36, "GET", "/a"))
    log.close()

    assert [record.getMessage() for record in records] == [
        "400 invalid HTTP request",
        "431 the head exceeds 9 bytes",
    ]
    assert [record.fields for record in records] == [
        {"status": 400, "bytes_out": 33},
        {"method": "GET", "path": "/a", "status": 431, "bytes_out": 36},
    ]


def test_a_log_that_nobody_reads_costs_lines_and_says_how_many(caplog):
    is_read, is_stuck = threading.Event(), threading.Event()
    written: list[logging.LogRecord] = []

    def write(records):
        is_stuck.set()
        is_read.wait()
        written.extend(records)

    log = AccessLog(write, most_lines=3)
    log.take_refusal(Refusal(400, "first", 0))
    is_stuck.wait()
    for number in range(8):
        log.take_refusal(Refusal(400, str(number), 0))
    is_read.set()
    with caplog.at_level(logging.WARNING):
        log.close()

    assert [record.getMessage() for record in written] == ["400 first", "400 0", "400 1", "400 2"]
    assert [record.getMessage() for record in caplog.records] == [
        "access log: nobody reads it fast enough: lines_lost=5"
    ]
