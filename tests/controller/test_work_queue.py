from __future__ import annotations

from longshore_k8s.controller.drift_pace import DriftPace
from longshore_k8s.controller.work_queue import WorkQueue
from tests.clock import FakeClock

A, B = ("models", "a"), ("models", "b")


def test_a_resource_is_one_workers_and_comes_again_if_it_was_asked_for_meanwhile():
    queue = WorkQueue(FakeClock())
    queue.add(A)
    queue.add(A)
    assert queue.take(0) == A
    queue.add(A)
    assert queue.take(0) is None
    queue.done(A)

    assert queue.take(0) == A
    queue.done(A)
    assert queue.take(0) is None


def test_a_resource_is_looked_at_when_it_is_due_and_earlier_if_asked():
    clock = FakeClock()
    queue = WorkQueue(clock)
    queue.add(A, 60)
    queue.add(B, 30)
    assert queue.take(0) is None
    queue.add(A)
    assert queue.take(0) == A
    clock.advance(31)
    assert queue.take(0) == B


def test_failures_of_one_resource_come_ever_later_and_an_end_forgets_them():
    clock = FakeClock()
    queue = WorkQueue(clock)
    waits = []
    for _ in range(12):
        queue.add(A)
        clock.advance(100)
        assert queue.take(0) == A
        waits.append(queue.failed(A))

    assert waits[0] < 0.3
    assert all(wait <= 60 for wait in waits)
    assert min(waits[-2:]) >= 30
    clock.advance(100)
    assert queue.take(0) == A
    queue.done(A)
    queue.add(A)
    assert queue.take(0) == A
    assert queue.failed(A, retry_seconds=7) == 7


def test_a_resource_that_is_held_waits_whatever_is_reported():
    clock = FakeClock()
    queue = WorkQueue(clock)
    queue.add(A)
    assert queue.take(0) == A
    queue.done(A, hold_seconds=5)
    queue.add(A)
    assert queue.take(0) is None
    clock.advance(5)
    assert queue.take(0) == A


def test_what_is_due_and_what_a_worker_has_is_counted():
    queue = WorkQueue(FakeClock())
    queue.add(A)
    queue.add(B, 10)
    assert len(queue) == 1
    queue.take(0)
    assert len(queue) == 1
    queue.done(A)
    assert len(queue) == 0


def test_the_first_restoration_is_at_once_and_a_fight_is_not_fought_at_full_speed():
    clock = FakeClock()
    pace = DriftPace(clock)
    assert [pace.restored(A) for _ in range(4)] == [0, 1, 2, 4]
    assert pace.restored(B) == 0
    for _ in range(20):
        last = pace.restored(A)
    assert last == 60
    clock.advance(601)
    assert pace.restored(A) == 0
