from __future__ import annotations

import time

import pytest

from longshore.autoscaling.clocks import Clocks
from tests.clock import FakeClock


def test_what_passed_is_told_once():
    wall, loop, process, waited, wakeups, predicted = (FakeClock(0.0) for _ in range(6))
    clocks = Clocks(
        predicted,
        wall=wall,
        event_loop_cpu=loop,
        process_cpu=process,
        event_loop_waited=waited,
        wakeups=wakeups,
    )
    waited.advance(0.1)
    for clock, seconds in ((wall, 1.0), (loop, 0.2), (process, 0.7), (wakeups, 9), (predicted, 3)):
        clock.advance(seconds)

    elapsed = clocks.elapsed()
    assert (elapsed.wall, elapsed.wakeups, elapsed.predicted) == (1.0, 9, 3)
    assert elapsed.cpu_elsewhere == pytest.approx(0.5)
    assert elapsed.event_loop_waited == pytest.approx(0.1)
    assert clocks.elapsed().wall == 0.0


def test_by_default_a_thread_that_waits_is_seen_to_wake_up():
    clocks = Clocks(lambda: 0.0)
    time.sleep(0.001)

    assert clocks.elapsed().wakeups >= 1


def test_a_kernel_that_does_not_tell_what_was_waited_counts_as_no_wait():
    clocks = Clocks(lambda: 0.0, event_loop_waited=lambda: None)

    assert clocks.elapsed().event_loop_waited == 0.0
