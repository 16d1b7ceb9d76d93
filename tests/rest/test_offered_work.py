"""What a request adds to the work that the autoscaler sees, by its outcome."""

from __future__ import annotations

import pytest

from tests.rest.endpoint_client import MAX_BODY_BYTES, EndpointClient, infer_body

LOOP_SECONDS = 1e-5
"""What a request costs the event loop, as measured there; far less than a row of the model."""
ROW_SECONDS = 0.004


@pytest.fixture
async def client(load_identity, metrics):
    client = EndpointClient(load_identity(f"delay_per_row_seconds: {ROW_SECONDS}"), metrics)
    price = client.signal.event_loop_price
    price.seconds = price.seconds_of_core = LOOP_SECONDS
    yield client
    assert await client.model.close(5.0)


def offered(client: EndpointClient) -> float:
    return client.value("longshore_offered_work_seconds_total")


VALID = infer_body([[1.0]])
REFUSED_FOR_THEIR_FORM = {
    "not JSON": (b"nonsense", {}, 400),
    "JSON that is no request": (b"[1, 2]", {}, 400),
    "an unknown input": (VALID.replace(b"INPUT0", b"INPUT9"), {}, 400),
    "a wrong datatype": (VALID.replace(b"FP32", b"INT8"), {}, 400),
    "a wrong shape": (VALID.replace(b"[1,1]", b"[2,1]"), {}, 400),
    "a wrong timeout": (VALID, {b"x-request-timeout-ms": b"soon"}, 400),
    "a broken header length": (VALID, {b"inference-header-content-length": b"999999"}, 400),
    "broken gzip": (b"nonsense", {b"content-encoding": b"gzip"}, 400),
    "an unknown encoding": (VALID, {b"content-encoding": b"br"}, 415),
    "a body that is declared too long": (VALID, {b"content-length": b"999999999"}, 413),
    "a body that is too long": (bytes(MAX_BODY_BYTES + 1), {b"content-length": b"1"}, 413),
}


@pytest.mark.parametrize("name", REFUSED_FOR_THEIR_FORM)
async def test_what_is_refused_for_its_form_asks_for_what_refusing_costs(client, name):
    body, headers, status = REFUSED_FOR_THEIR_FORM[name]

    for _ in range(20):
        assert (await client.post(body, headers=headers)).status == status

    assert offered(client) == pytest.approx(20 * LOOP_SECONDS)


async def test_a_client_that_is_gone_before_its_body_came_asks_for_no_more(client):
    assert (await client.post(b"{", ends=False)).status == 0

    assert offered(client) == pytest.approx(LOOP_SECONDS)


async def test_what_is_computed_asks_for_its_rows(client):
    work = client.model.instance_seconds(3)
    assert (await client.post(infer_body([[1.0], [2.0], [3.0]]))).status == 200

    assert offered(client) == pytest.approx(work)


async def test_what_is_refused_for_lack_of_room_asks_for_what_others_do(client, monkeypatch):
    for _ in range(3):
        assert (await client.post(infer_body([[1.0]] * 2))).status == 200
    before = offered(client)
    monkeypatch.setattr(client.model._batcher, "_admitted_rows", 10**9)

    assert (await client.post(infer_body([[1.0]]))).status == 429

    monkeypatch.undo()
    work = offered(client) - before
    assert client.model.instance_seconds(1) <= work <= client.model.instance_seconds(2)
