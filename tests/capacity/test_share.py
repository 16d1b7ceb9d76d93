from __future__ import annotations

import numpy as np
import pytest

from longshore_k8s.capacity.share import share_interval


def test_no_late_request_of_299_proves_a_p99_at_95_percent():
    # Wilson's bound is two-sided; 0 of 381 is where its upper end comes below 1 %.
    assert share_interval(np.zeros(381, bool)).high == pytest.approx(0.01, rel=0.01)
    assert share_interval(np.zeros(100, bool)).high > 0.03


def test_the_interval_of_independent_flags_holds_their_share_19_times_of_20():
    random = np.random.default_rng(4)
    intervals = [share_interval(random.random(2000) < 0.02) for _ in range(300)]

    held = sum(interval.low <= 0.02 <= interval.high for interval in intervals)
    assert held >= 0.93 * len(intervals)


def test_flags_that_come_together_widen_the_interval():
    scattered, together = np.zeros(4000, bool), np.zeros(4000, bool)
    scattered[::50] = True
    together[1000:1080] = True

    assert share_interval(scattered).share == share_interval(together).share
    assert share_interval(together).high > 2 * share_interval(scattered).high
