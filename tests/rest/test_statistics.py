"""Triton's statistics extension: counts are of requests, and equal, batched or split."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import orjson
import pytest
from msgspec.structs import replace

from longshore.rest.endpoints import Endpoints
from tests.rest.endpoint_client import EndpointClient, infer_body

DELAY_SECONDS = 0.003
PHASES = ("queue", "compute_input", "compute_infer", "compute_output")
INLINE, THREADS = ("", None), (f"delay_seconds: {DELAY_SECONDS}", 2)
ONE_THREAD = (f"delay_seconds: {DELAY_SECONDS}", 1)


@pytest.fixture(params=[INLINE, THREADS], ids=["inline", "threads"])
async def client(request, load_identity, metrics):
    config, instances = request.param
    loaded = load_identity(config, max_batch_size=4, instances=instances)
    client = EndpointClient(loaded, metrics)
    assert client.model.plan.is_inline is (request.param == INLINE)
    yield client
    assert await client.model.close(5.0)


async def statistics(client: EndpointClient) -> dict:
    endpoints = Endpoints(client.served, shows_version=False, has_repository=False)
    answer = await endpoints.model_statistics({"name": client.model.name})
    (found,) = orjson.loads(answer.body)["model_stats"]
    return found


def counts(found: dict) -> dict[str, int]:
    return {name: of["count"] for name, of in found["inference_stats"].items()}


async def test_every_phase_counts_each_answered_request_once(client):
    bodies = [infer_body([[float(row)] for row in range(rows)]) for rows in (1, 3, 11, 2, 4, 1)]
    got = await asyncio.gather(*(client.post(body) for body in bodies))
    assert {answer.status for answer in got} == {200}

    found = await statistics(client)

    assert counts(found) == {
        "success": 6, "fail": 0, **dict.fromkeys(PHASES, 6), "cache_hit": 0, "cache_miss": 0,
    }  # fmt: skip
    assert found["inference_count"] == 22
    assert 6 <= found["execution_count"] < 22


async def test_what_is_refused_is_a_failure_and_nothing_else(client):
    assert (await client.post(b"nonsense")).status == 400
    assert (await client.post(infer_body([[1.0]]))).status == 200

    found = await statistics(client)

    assert counts(found)["fail"] == 1
    assert {counts(found)[name] for name in ("success", *PHASES)} == {1}
    assert found["inference_stats"]["fail"]["ns"] > 0


async def test_what_the_model_fails_on_is_no_inference(client):
    backend = client.model.backend
    backend._behaviour = replace(backend._behaviour, break_when=13)
    assert (await client.post(infer_body([[13.0]]))).status == 500

    found = await statistics(client)

    assert (found["inference_count"], found["execution_count"]) == (0, 0)
    assert counts(found)["success"] == 0
    assert found["batch_stats"] == []
    assert found["last_inference"] / 1000 == pytest.approx(time.time(), abs=600)


async def test_times_are_measured_and_lie_within_the_request(client):
    for _ in range(5):
        assert (await client.post(infer_body([[1.0], [2.0]]))).status == 200

    found = (await statistics(client))["inference_stats"]

    phases = [found[name]["ns"] for name in PHASES]
    assert all(phases)
    assert sum(phases) <= found["success"]["ns"]
    if not client.model.plan.is_inline:
        assert found["compute_infer"]["ns"] >= 5 * DELAY_SECONDS * 1e9


@pytest.mark.parametrize("client", [INLINE, ONE_THREAD], ids=["inline", "thread"], indirect=True)
async def test_executions_are_told_by_their_rows(client):
    for rows in (2, 4, 2, 6):
        assert (await client.post(infer_body([[1.0]] * rows))).status == 200

    batches = (await statistics(client))["batch_stats"]

    assert [batch["batch_size"] for batch in batches] == [2, 4]
    for phase in ("compute_input", "compute_infer", "compute_output"):
        assert [batch[phase]["count"] for batch in batches] == [3, 2]
    assert all(batch["compute_infer"]["ns"] > 0 for batch in batches)


async def test_the_wait_in_the_queue_begins_at_admission(client):
    """Time spent on reading the body is not counted as time in the queue."""
    await client.post(infer_body([[1.0]]))
    late = client.model.infer(
        {"INPUT0": np.ones((1, 1), np.float32)},
        client.model.signature.output_names,
        rows=1,
        arrived=asyncio.get_running_loop().time() - 100.0,
        deadline=asyncio.get_running_loop().time() + 100.0,
    )
    await late.future

    assert late.queue_seconds < 50.0
    assert client.value("longshore_queue_duration_seconds_sum", version="1") < 50.0
