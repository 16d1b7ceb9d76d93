from __future__ import annotations

import asyncio
import logging

import pytest

from longshore.errors import InferenceFailed, InvalidRequest
from tests.rest.endpoint_client import EndpointClient, infer_body

BODY = infer_body([[1.0]])


@pytest.fixture
async def client(load_identity, metrics, clock):
    client = EndpointClient(load_identity(""), metrics, clock=clock)
    yield client
    assert await client.model.close(5.0)


def arrivals(client: EndpointClient) -> float | None:
    labels = {"version": client.model.version, "protocol": "v2_json"}
    return client.value("longshore_requests_total", **labels)


def responses(client: EndpointClient, outcome: str) -> float | None:
    return client.value("longshore_responses_total", version=client.model.version, outcome=outcome)


async def test_a_request_is_counted_from_its_arrival_to_its_answer(client):
    assert (await client.post(BODY)).status == 200

    assert arrivals(client) == responses(client, "success") == 1
    assert client.model.inflight_requests == client.signal.inflight == 0


async def test_only_post_asks_for_an_inference(client):
    assert (await client.post(BODY, method="GET")).status == 405
    assert arrivals(client) == 0


async def test_a_request_for_another_model_is_no_load_of_this_one(client):
    assert (await client.post(BODY, model="other")).status == 404
    assert arrivals(client) == responses(client, "not_found") == 0


async def test_a_request_before_a_version_is_ready_counts_and_took_no_time(client):
    client.served.default = None

    assert (await client.post(BODY)).status == 503
    assert arrivals(client) == responses(client, "unavailable") == 1
    assert client.signal.inflight == 0
    labels = {"version": client.model.version, "outcome": "unavailable"}
    assert client.value("longshore_request_duration_seconds_sum", **labels) == 0


@pytest.mark.parametrize(
    ("error", "status", "lines"),
    [(InferenceFailed("the model failed"), 500, 1), (InvalidRequest("no such input"), 400, 0)],
)
async def test_a_failure_of_the_model_is_logged_and_a_mistake_of_the_client_is_not(
    client, monkeypatch, caplog, error, status, lines
):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(client.model, "infer", fail)
    with caplog.at_level(logging.INFO, logger="longshore.rest.inference"):
        assert (await client.post(BODY)).status == status

    assert [record.getMessage() for record in caplog.records] == [str(error)] * lines


async def test_every_answer_is_a_line_when_debugging(client, caplog):
    with caplog.at_level(logging.DEBUG, logger="longshore.rest.inference"):
        await client.post(BODY)
    assert "outcome=success seconds=0.000000" in caplog.text

    caplog.clear()
    with caplog.at_level(logging.INFO, logger="longshore.rest.inference"):
        await client.post(BODY)
    assert not caplog.records


async def test_a_request_counts_as_waiting_while_its_large_body_is_decoded(
    load_identity, metrics, clock, monkeypatch
):
    """Others would be decoded for nothing: nobody may wait here, however cheap the model is."""
    client = EndpointClient(load_identity(""), metrics, clock=clock, max_queue_seconds=1e-12)
    begun, go_on = asyncio.Event(), asyncio.Event()
    at_once = asyncio.to_thread

    async def decode(function, *arguments):
        begun.set()
        await go_on.wait()
        return await at_once(function, *arguments)

    monkeypatch.setattr(asyncio, "to_thread", decode)
    monkeypatch.setattr("longshore.rest.wire.LARGE_BODY_BYTES", 1)
    async with asyncio.timeout(10.0):
        first = asyncio.ensure_future(client.post(BODY))
        await begun.wait()
        refused = await client.post(BODY)
        go_on.set()
        answered = await first
        assert await client.model.close(5.0)

    assert (answered.status, refused.status) == (200, 429)
