from __future__ import annotations

import time

import pytest

from longshore.autoscaling.clocks import Clocks
from tests.clock import FakeClock


def test_what_passed_is_told_once():
    wall, loop, process, wakeups, predicted = (FakeClock(0.0) for _ in range(5))
    clocks = Clocks(predicted, wall=wall, event_loop_cpu=loop, process_cpu=process, wakeups=wakeups)
    for clock, seconds in ((wall, 1.0), (loop, 0.2), (process, 0.7), (wakeups, 9), (predicted, 3)):
        clock.advance(seconds)

    elapsed = clocks.elapsed()
    assert (elapsed.wall, elapsed.wakeups, elapsed.predicted) == (1.0, 9, 3)
    assert elapsed.cpu_elsewhere == pytest.approx(0.5)
    assert clocks.elapsed().wall == 0.0


def test_by_default_a_thread_that_waits_is_seen_to_wake_up():
    clocks = Clocks(lambda: 0.0)
    time.sleep(0.001)

    assert clocks.elapsed().wakeups >= 1
