from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest

from longshore.batching.batch import Batch
from longshore.batching.pending_request import PendingRequest
from longshore.batching.request_queue import BatchingPolicy, RequestQueue
from tests.clock import FakeClock


@pytest.fixture
def loop():
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture
def make_request(loop, clock):
    def make(rows: int, *, group=(), deadline: float = 60.0) -> PendingRequest:
        return PendingRequest(
            {"x": np.arange(rows, dtype=np.float32)},
            rows,
            group,
            ("y",),
            arrived=clock(),
            deadline=clock() + deadline,
            future=loop.create_future(),
            on_release=lambda request: None,
        )

    return make


def batched_queue(clock: FakeClock, max_rows: int = 8, **policy) -> RequestQueue:
    return RequestQueue(BatchingPolicy(max_rows, is_batched=True, **policy), clock=clock)


def parts_of(batch: Batch | None) -> list[tuple[int, int]]:
    assert batch is not None
    return [(part.start, part.stop) for part in batch.parts]


def test_what_waits_is_taken_together_in_order_of_arrival(clock, make_request):
    queue = batched_queue(clock)
    requests = [make_request(rows) for rows in (1, 3, 2)]
    for request in requests:
        queue.put(request)

    batch = queue.take_now()

    assert [part.request for part in batch.parts] == requests
    assert batch.rows == 6
    assert len(queue) == 0


def test_rows_are_counted_and_not_requests(clock, make_request):
    queue = batched_queue(clock, max_rows=4)
    for rows in (3, 3):
        queue.put(make_request(rows))

    assert parts_of(queue.take_now()) == [(0, 3), (0, 1)]
    assert parts_of(queue.take_now()) == [(1, 3)]


def test_a_request_larger_than_a_batch_is_split(clock, make_request):
    queue = batched_queue(clock, max_rows=4)
    queue.put(make_request(10))

    assert [parts_of(queue.take_now()) for _ in range(3)] == [[(0, 4)], [(4, 8)], [(8, 10)]]
    assert queue.take_now() is None


def test_requests_of_different_shape_never_share_a_batch(clock, make_request):
    queue = batched_queue(clock)
    groups = [(3,), (4,), (3,)]
    for group in groups:
        queue.put(make_request(1, group=group))
        clock.advance(0.001)

    first, second = queue.take_now(), queue.take_now()

    assert [part.request.group for part in first.parts] == [(3,), (3,)]
    assert [part.request.group for part in second.parts] == [(4,)]


def test_the_group_whose_first_request_came_earliest_goes_first(clock, make_request):
    queue = batched_queue(clock)
    for group in ("late", "early"):
        request = make_request(1, group=group)
        request.arrived += 1.0 if group == "late" else 0.0
        queue.put(request)

    assert queue.take_now().parts[0].request.group == "early"


def test_an_unbatched_model_gets_one_whole_request_at_a_time(clock, make_request):
    queue = RequestQueue(BatchingPolicy(), clock=clock)
    for _ in range(2):
        queue.put(make_request(1))

    assert len(queue.take_now().parts) == 1
    assert len(queue.take_now().parts) == 1


def test_a_request_nobody_waits_for_is_skipped(clock, make_request):
    queue = batched_queue(clock)
    abandoned, wanted = make_request(1), make_request(1)
    queue.put(abandoned)
    queue.put(wanted)
    abandoned.future.cancel()

    assert [part.request for part in queue.take_now().parts] == [wanted]
    assert queue.pending_rows == 0


def test_one_nobody_waits_for_is_left_out_between_two_that_are_wanted(clock, make_request):
    queue = batched_queue(clock)
    first, abandoned, expired, last = requests = [
        make_request(2), make_request(2), make_request(2, deadline=0.5), make_request(2),
    ]  # fmt: skip
    for request in requests:
        queue.put(request)
    abandoned.future.cancel()
    clock.advance(0.6)

    assert [part.request for part in queue.take_now().parts] == [first, last]
    assert expired.rows_taken == 0
    assert queue.pending_rows == 0


def test_an_expired_request_never_reaches_the_device(clock, make_request):
    queue = batched_queue(clock)
    queue.put(make_request(1, deadline=0.5))
    clock.advance(0.6)

    assert queue.take_now() is None
    assert queue.pending_rows == 0


def test_sweeping_frees_abandoned_requests_behind_others(clock, make_request):
    queue = batched_queue(clock)
    requests = [make_request(2) for _ in range(3)]
    for request in requests:
        queue.put(request)
    requests[1].future.cancel()

    assert queue.drop_abandoned() == 1
    assert queue.pending_rows == 4
    assert [part.request for part in queue.take_now().parts] == [requests[0], requests[2]]


def test_an_idle_instance_waits_for_the_delay_that_is_set(clock, make_request):
    queue = batched_queue(clock, max_delay_seconds=0.01)
    queue.put(make_request(1))

    assert queue._next_batch() == (None, pytest.approx(0.01))
    clock.advance(0.01)
    assert queue._next_batch()[0] is not None


def test_a_preferred_batch_is_sent_without_the_delay(clock, make_request):
    queue = batched_queue(clock, max_delay_seconds=0.01, preferred_rows=(2,))
    queue.put(make_request(2))

    assert queue._next_batch()[0] is not None


def test_take_returns_what_another_thread_puts(clock, make_request):
    queue = batched_queue(clock)
    taken: list[Batch | None] = []
    thread = threading.Thread(target=lambda: taken.append(queue.take()))
    thread.start()
    request = make_request(1)
    queue.put(request)
    thread.join(timeout=5)

    assert taken[0].parts[0].request is request


def test_a_closed_queue_hands_out_what_is_left_and_then_ends(clock, make_request):
    queue = batched_queue(clock, max_delay_seconds=10.0)
    queue.put(make_request(1))
    queue.close()

    assert queue.take() is not None
    assert queue.take() is None


def test_an_instance_at_work_is_given_full_batches_alone(clock, make_request):
    queue = batched_queue(clock, max_rows=4)
    assert queue.take_full() is None
    queue.put(make_request(3))
    assert queue.take_full() is None
    queue.put(make_request(3))

    assert parts_of(queue.take_full()) == [(0, 3), (0, 1)]
    assert queue.take_full() is None
    assert parts_of(queue.take_now()) == [(1, 3)]


def test_an_unbatched_model_is_never_kept_waiting(clock, make_request):
    queue = RequestQueue(BatchingPolicy(max_rows=8, max_delay_seconds=10.0), clock=clock)
    queue.put(make_request(1))
    queue.put(make_request(1))

    assert len(queue.take_full().parts) == 1
    assert len(queue._next_batch()[0].parts) == 1


def test_a_lower_limit_holds_for_what_waits_already(clock, make_request):
    queue = batched_queue(clock, max_rows=8)
    queue.put(make_request(5))
    queue.limit_rows(2)

    assert [parts_of(queue.take_now()) for _ in range(3)] == [[(0, 2)], [(2, 4)], [(4, 5)]]
