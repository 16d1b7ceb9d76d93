from __future__ import annotations

import asyncio
import sys
import threading
import time

import pytest

from longshore.batching.batch import Batch
from longshore.batching.cost import CostLine
from longshore.batching.request_groups import BatchingPolicy
from longshore.batching.request_queue import RequestQueue
from longshore.batching.sharing import Sharing
from longshore.errors import RequestTimeout
from tests.batching.queues import batched_queue, parts_of

SHARING = Sharing(CostLine(((1, 0.01), (6, 0.06))))
"""Each row costs as much as any other."""


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


def test_an_unbatched_model_gets_one_whole_request_at_a_time(clock, make_request):
    queue = RequestQueue(BatchingPolicy(max_rows=1), clock=clock)
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
    assert len(queue) == 0


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
    assert len(queue) == 0


def test_an_expired_request_never_reaches_the_device(clock, make_request):
    queue = batched_queue(clock)
    queue.put(make_request(1, deadline=0.5))
    clock.advance(0.6)

    assert queue.take_now() is None
    assert len(queue) == 0


def test_sweeping_frees_abandoned_requests_behind_others(clock, make_request):
    queue = batched_queue(clock)
    requests = [make_request(2) for _ in range(3)]
    for request in requests:
        queue.put(request)
    requests[1].future.cancel()

    assert queue.drop_unwanted() == 1
    assert len(queue) == 2
    assert [part.request for part in queue.take_now().parts] == [requests[0], requests[2]]


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


def take_on_threads(queue: RequestQueue, count: int) -> tuple[list[Batch | None], list]:
    """Instances that wait for work, each on its thread; what they take is appended."""
    taken: list[Batch | None] = []
    threads = [
        threading.Thread(target=lambda: taken.append(queue.take()), daemon=True)
        for _ in range(count)
    ]
    for thread in threads:
        thread.start()
    while queue._waiting_instances < count:
        time.sleep(0)
    return taken, threads


def join(threads) -> None:
    for thread in threads:
        thread.join(timeout=5)


def test_as_many_instances_wake_as_there_are_batches(clock, make_request):
    queue = batched_queue(clock, max_rows=4)
    taken, threads = take_on_threads(queue, 3)
    queue.put(make_request(12))
    join(threads)

    assert sorted(map(parts_of, taken)) == [[(0, 4)], [(4, 8)], [(8, 12)]]
    assert queue._waiting_instances == 0


@pytest.mark.parametrize(
    ("policy", "idle", "parts"),
    [
        ({"sharing": SHARING}, 2, [[(0, 3)], [(3, 6)]]),
        ({"sharing": SHARING}, 3, [[(0, 2)], [(2, 4)], [(4, 6)]]),
        ({}, 2, [[(0, 6)]]),
    ],
    ids=["two idle", "three idle", "of unknown cost"],
)
def test_idle_instances_divide_what_waits(clock, make_request, policy, idle, parts):
    queue = batched_queue(clock, **policy)
    taken, threads = take_on_threads(queue, idle)
    queue.put(make_request(6))
    while len(queue):
        time.sleep(0)
    queue.close()
    join(threads)

    assert sorted(parts_of(batch) for batch in taken if batch is not None) == parts


class AbandonedWhenSeen(asyncio.Future):
    """A future that is cancelled right after the queue has checked it `looks` times."""

    def __init__(self, looks: int, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self._looks = looks

    def done(self) -> bool:
        was_done = super().done()
        self._looks -= 1
        if self._looks == 0:
            self.cancel()
        return was_done


@pytest.mark.parametrize(("take", "looks"), [("take_now", 1), ("take", 1), ("take_full", 2)])
@pytest.mark.parametrize("others", [0, 1])
def test_a_client_may_give_up_between_choice_and_taking(
    clock, loop, make_request, take, looks, others
):
    queue = batched_queue(clock, max_rows=1)
    abandoned = make_request(1, group="first")
    abandoned.future = AbandonedWhenSeen(looks, loop)
    queue.put(abandoned)
    for _ in range(others):
        clock.advance(0.001)
        queue.put(make_request(1, group="second"))
    queue.close()

    batch = getattr(queue, take)()

    groups = [] if batch is None else [part.request.group for part in batch.parts]
    assert groups == ["second"] * others
    assert len(queue) == 0


def test_the_length_may_be_asked_for_while_another_thread_puts(clock, make_request):
    """Switches to the other thread after every bytecode of `len`."""
    queue = batched_queue(clock)
    for number in range(3):
        queue.put(make_request(1, group=number))

    def put_meanwhile(frame, event, argument):
        frame.f_trace_opcodes = True
        if event == "opcode":
            sys.settrace(None)
            queue.put(make_request(1, group=object()))
            sys.settrace(put_meanwhile)
        return put_meanwhile

    tracer = sys.gettrace()
    sys.settrace(put_meanwhile)
    try:
        length = len(queue)
    finally:
        sys.settrace(tracer)

    assert length >= 3
    assert len(queue) == sum(1 for _ in queue.waiting())


def test_the_length_counts_what_waits(clock, make_request):
    queue = batched_queue(clock, max_rows=4)
    requests = [make_request(3, group=group) for group in (1, 1, 2, 2)]
    for request in requests:
        queue.put(request)
    assert len(queue) == 4

    queue.take_now()
    assert len(queue) == 3, "the one that was cut waits on"
    for request in requests[2:]:
        request.future.cancel()
    queue.drop_unwanted()
    assert len(queue) == 1


def test_sweeping_answers_what_expired_and_has_no_timer(clock, make_request):
    queue = batched_queue(clock)
    queue.put(make_request(1))
    expired = make_request(1, deadline=0.5)
    queue.put(expired)
    clock.advance(0.6)

    assert queue.drop_unwanted() == 1
    assert isinstance(expired.future.exception(), RequestTimeout)


@pytest.mark.parametrize(("others", "is_alone"), [(1, True), (0, False)])
def test_a_batch_is_alone_while_every_other_instance_waits_for_work(
    clock, make_request, others, is_alone
):
    queue = RequestQueue(BatchingPolicy(max_rows=1), instance_count=2, clock=clock)
    taken, threads = take_on_threads(queue, 1 + others)
    queue.put(make_request(1))
    while not taken:
        time.sleep(0)
    queue.close()
    join(threads)

    assert taken[0].is_alone is is_alone


def test_a_batch_was_alone_until_the_next_is_taken(clock, make_request):
    queue = RequestQueue(BatchingPolicy(max_rows=1), clock=clock)
    queue.put(make_request(1))
    first = queue.take()
    queue.put(make_request(1))

    assert queue.was_alone(first)
    second = queue.take()
    assert (queue.was_alone(first), queue.was_alone(second)) == (False, True)


def test_a_batch_that_another_waits_behind_is_not_alone(clock, make_request):
    queue = RequestQueue(BatchingPolicy(max_rows=1), clock=clock)
    queue.put(make_request(1))
    queue.put(make_request(1))

    assert [queue.take().is_alone for _ in range(2)] == [False, True]
