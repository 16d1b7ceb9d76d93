from __future__ import annotations

import asyncio

import numpy as np
import pytest

from longshore.batching.abandonment import MOMENT_SECONDS
from longshore.batching.cost import CostLine, CostModel
from longshore.batching.dynamic_batcher import DynamicBatcher, QueueBounds
from longshore.batching.request_groups import BatchingPolicy
from longshore.batching.request_queue import RequestQueue
from longshore.errors import QueueFull, RequestTimeout


def make_batcher(clock, *, max_wait_seconds=1.0, max_requests=0, instances=1, on_put=None):
    queue = RequestQueue(BatchingPolicy(8, is_batched=True), clock=clock)
    cost = CostModel(CostLine(((1, 0.1),)), max_rows=1, clock=clock)
    bounds = QueueBounds(max_wait_seconds, max_requests)
    return DynamicBatcher(
        queue, cost, bounds=bounds, instance_count=instances, clock=clock, on_put=on_put
    )


def submit(batcher, clock, rows=1, timeout=60.0):
    deadline = clock() + timeout
    batcher.refuse_if_full(deadline)
    return batcher.submit(
        {"x": np.zeros(rows)}, ("y",), rows=rows, group=(), arrived=clock(), deadline=deadline
    )


async def test_the_queue_is_bounded_in_time(clock):
    batcher = make_batcher(clock, max_wait_seconds=1.0)
    for _ in range(11):
        submit(batcher, clock)

    with pytest.raises(QueueFull, match=r"expected wait of 1.1 s exceeds the 1 s allowed") as full:
        submit(batcher, clock)
    assert full.value.retry_after_seconds == pytest.approx(0.6)


async def test_more_instances_let_more_wait(clock):
    batcher = make_batcher(clock, max_wait_seconds=1.0, instances=2)
    for _ in range(21):
        submit(batcher, clock)

    with pytest.raises(QueueFull):
        submit(batcher, clock)


async def test_what_is_being_decoded_waits_before_what_arrives_meanwhile(clock):
    batcher = make_batcher(clock, max_wait_seconds=1.0)
    for _ in range(8):
        submit(batcher, clock)

    too_long = pytest.raises(QueueFull, match=r"expected wait of 1.05 s exceeds the 1 s allowed")
    with batcher.expecting(2.5), too_long:
        submit(batcher, clock)
    submit(batcher, clock)


async def test_what_is_being_decoded_counts_in_a_bound_of_requests(clock):
    batcher = make_batcher(clock, max_wait_seconds=60.0, max_requests=2)
    submit(batcher, clock)

    with batcher.expecting(1.0), pytest.raises(QueueFull, match="2 requests wait already"):
        submit(batcher, clock)


async def test_a_request_that_could_not_be_answered_in_time_is_refused_at_once(clock):
    batcher = make_batcher(clock, max_wait_seconds=60.0)
    for _ in range(5):
        submit(batcher, clock)

    submit(batcher, clock, timeout=1.1)
    with pytest.raises(QueueFull):
        submit(batcher, clock, timeout=1.1)


async def test_the_users_own_bound_in_number_holds_too(clock):
    batcher = make_batcher(clock, max_requests=2)
    for _ in range(2):
        submit(batcher, clock)

    with pytest.raises(QueueFull, match="2 requests wait already"):
        submit(batcher, clock)


async def test_a_passed_deadline_is_a_timeout(clock):
    with pytest.raises(RequestTimeout):
        submit(make_batcher(clock), clock, timeout=0.0)


async def test_a_client_that_leaves_gives_its_place_back(clock):
    batcher = make_batcher(clock, max_wait_seconds=0.5)
    requests = [submit(batcher, clock) for _ in range(6)]
    requests[0].abandon()
    requests[1].abandon()

    assert batcher.admitted_rows == 4
    submit(batcher, clock)


async def test_the_deadline_answers_a_request_that_still_waits(clock):
    batcher = make_batcher(clock)
    request = submit(batcher, clock, timeout=0.01)

    with pytest.raises(RequestTimeout):
        await request.future


async def test_waiting_until_idle_ends_when_the_last_request_does(clock):
    batcher = make_batcher(clock)
    request = submit(batcher, clock)
    assert not await batcher.wait_idle(0.001)

    asyncio.get_running_loop().call_soon(request.abandon)

    assert await batcher.wait_idle(5.0)


async def test_a_place_is_given_back_only_once(clock):
    batcher = make_batcher(clock)
    request = submit(batcher, clock)
    request.succeed({})
    request.abandon()
    request.release()

    assert batcher.admitted_rows == 0


async def test_a_listener_hears_of_every_request(clock):
    heard = []
    batcher = make_batcher(clock, on_put=lambda: heard.append(True))
    submit(batcher, clock)

    assert heard == [True]


async def test_when_many_clients_leave_the_queue_is_held_as_short_as_they_would_wait(clock):
    batcher = make_batcher(clock, max_wait_seconds=60.0)
    pending = [submit(batcher, clock) for _ in range(8)]
    clock.advance(0.3)
    fresh = [submit(batcher, clock) for _ in range(2)]
    clock.advance(0.1)
    for together in (pending[:1], pending[1:4], pending[4:5]):
        clock.advance(MOMENT_SECONDS)
        for request in together:
            request.abandon()
    await asyncio.sleep(0)

    for request in pending[5:]:
        assert isinstance(request.future.exception(), QueueFull)
    assert not any(request.future.done() for request in fresh), "they waited half as long"
    submit(batcher, clock)
    with pytest.raises(QueueFull, match=r"exceeds the 0.25 s allowed"):
        submit(batcher, clock)


async def test_an_idle_model_refuses_nobody(clock):
    batcher = make_batcher(clock, max_wait_seconds=0.0)

    submit(batcher, clock)


async def test_what_is_expected_to_wait_as_long_as_is_allowed_is_admitted(clock):
    batcher = make_batcher(clock, max_wait_seconds=0.5)
    for _ in range(6):
        submit(batcher, clock)

    with pytest.raises(QueueFull) as refused:
        submit(batcher, clock)
    assert refused.value.reason == "queue_time"


async def test_the_reason_of_a_refusal_is_the_bound_that_allows_least(clock):
    batcher = make_batcher(clock, max_wait_seconds=60.0)
    for _ in range(6):
        submit(batcher, clock)

    with pytest.raises(QueueFull) as refused:
        submit(batcher, clock, timeout=1.0)
    assert refused.value.reason == "deadline"


async def test_a_refusal_for_the_number_that_waits_says_to_come_back_after_a_second(clock):
    batcher = make_batcher(clock, max_requests=1)
    submit(batcher, clock)

    with pytest.raises(QueueFull) as refused:
        submit(batcher, clock)
    assert refused.value.retry_after_seconds == 1.0
    assert refused.value.expected_wait_seconds == pytest.approx(0.1)


async def test_idle_is_idle_without_waiting(clock):
    assert await make_batcher(clock).wait_idle(0.0)
    batcher = make_batcher(clock)
    submit(batcher, clock, rows=1)
    assert not await batcher.wait_idle(0.0)


async def test_a_passed_deadline_is_a_timeout_whatever_waits(clock):
    batcher = make_batcher(clock)
    submit(batcher, clock, rows=8)

    with pytest.raises(RequestTimeout):
        submit(batcher, clock, timeout=0.0)
