from __future__ import annotations

import asyncio
import sys
import threading
import time

import numpy as np
import pytest

from longshore.batching.batch import Batch
from longshore.batching.pending_request import PendingRequest
from longshore.batching.request_groups import BatchingPolicy
from longshore.batching.request_queue import RequestQueue
from longshore.errors import RequestTimeout
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
            admitted=clock(),
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


def test_a_full_batch_does_not_wait_for_the_delay_of_an_older_request(clock, make_request):
    queue = batched_queue(clock, max_rows=4, max_delay_seconds=1.0)
    queue.put(make_request(1, group="older"))
    clock.advance(0.01)
    queue.put(make_request(4, group="full"))

    assert queue._next_batch()[0].parts[0].request.group == "full"
    assert queue._next_batch() == (None, pytest.approx(0.99))


def test_a_preferred_batch_does_not_wait_for_the_delay_of_an_older_request(clock, make_request):
    queue = batched_queue(clock, max_delay_seconds=1.0, preferred_rows=(2,))
    queue.put(make_request(1, group="older"))
    queue.put(make_request(2, group="preferred"))

    assert queue._next_batch()[0].parts[0].request.group == "preferred"


def test_an_instance_at_work_takes_a_full_batch_past_one_whose_delay_runs(clock, make_request):
    queue = batched_queue(clock, max_rows=4, max_delay_seconds=1.0)
    queue.put(make_request(1, group="older"))
    clock.advance(0.01)
    queue.put(make_request(4, group="full"))

    assert queue.take_full().parts[0].request.group == "full"
    assert queue.take_full() is None


def test_full_batches_do_not_starve_one_whose_delay_is_over(clock, make_request):
    queue = batched_queue(clock, max_rows=4, max_delay_seconds=1.0)
    queue.put(make_request(1, group="older"))
    clock.advance(1.0)
    queue.put(make_request(4, group="full"))

    assert queue.take_full() is None, "the older one is next, and waits for an idle instance"
    assert queue._next_batch()[0].parts[0].request.group == "older"


def test_the_delay_left_is_that_of_the_group_which_is_due_first(clock, make_request):
    queue = batched_queue(clock, max_delay_seconds=1.0)
    for group in ("first", "second"):
        queue.put(make_request(1, group=group))
        clock.advance(0.3)

    assert queue._next_batch() == (None, pytest.approx(0.4))
    assert queue.take_now() is not None, "who takes at once does not wait for the delay"


def test_abandoned_rows_do_not_make_a_batch_full(clock, make_request):
    queue = batched_queue(clock, max_rows=2, max_delay_seconds=1.0)
    requests = [make_request(1) for _ in range(2)]
    for request in requests:
        queue.put(request)
    requests[1].future.cancel()

    assert queue._next_batch() == (None, pytest.approx(1.0))
    assert queue.take_full() is None


class AbandonedWhenSeen(asyncio.Future):
    """A future whose client gives up in the moment after the queue saw it wait `looks` times."""

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
    """The other thread takes its turn after every bytecode of `len`."""
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
