"""Which requests come next: by group, age, size and delay."""

from __future__ import annotations

import pytest

from tests.batching.queues import batched_queue


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
