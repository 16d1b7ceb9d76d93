"""Under overload one line in ten seconds says what was refused, by reason."""

from __future__ import annotations

import asyncio
import math

import pytest

from longshore.repository.model_config import ModelConfig
from tests.rest.endpoint_client import EndpointClient, infer_body

ROW_SECONDS = 0.01
BODY = infer_body([[1.0]])


@pytest.fixture
async def client(load_identity, metrics, clock):
    loaded = load_identity(f"delay_per_row_seconds: {ROW_SECONDS}", ModelConfig())
    client = EndpointClient(loaded, metrics, clock=clock, max_queue_seconds=5.0)
    yield client
    assert await client.model.close(5.0)


def lines(caplog) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.getMessage().startswith("refused for lack of room")
    ]


async def test_refusals_are_summed_up_by_reason(client, clock, caplog, monkeypatch):
    batcher = client.model._batcher
    with monkeypatch.context() as busy:
        busy.setattr(batcher, "_admitted_rows", 10_000)
        for _ in range(3):
            assert (await client.post(BODY)).status == 429
        hurry = {b"x-request-timeout-ms": b"2000"}
        assert (await client.post(BODY, headers=hurry)).status == 429
        busy.setattr(batcher.abandonment, "max_wait_seconds", 0.1)
        assert (await client.post(BODY)).status == 429
    wait_seconds = 10_000 * batcher.cost.seconds_per_row / client.model.plan.instances
    assert not lines(caplog)

    clock.advance(10.0)
    while not lines(caplog):
        await asyncio.sleep(0.01)

    (line,) = lines(caplog)
    assert "requests=5 abandonment=1 deadline=1 queue_time=3 " in line
    told = float(line.split("longest_expected_wait_s=")[1].split()[0])
    assert math.isclose(told, wait_seconds, rel_tol=0.01)
    assert "name=identity version=1" in line


async def test_what_is_answered_or_malformed_is_not_in_it(client, clock, caplog):
    assert (await client.post(BODY)).status == 200
    assert (await client.post(b"nonsense")).status == 400
    clock.advance(20.0)
    await asyncio.sleep(0.15)

    assert not lines(caplog)
