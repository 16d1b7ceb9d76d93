"""What others cannot use any more of a quota before its period ends."""

from __future__ import annotations

from math import floor
from pathlib import Path

import pytest

from longshore.cpu.quota import Quota
from longshore.cpu.spare_quota import MOST_RESERVED_SECONDS, PeriodClock, SpareQuota
from tests.clock import FakeClock

PERIOD, PHASE = 0.1, 0.037
QUOTA = Quota(50_000, 100_000, Path("/nowhere"))


class Kernel:
    """Counts periods that end at a phase of its own."""

    def __init__(self) -> None:
        self.clock = FakeClock(1000.0)
        self.phase = PHASE
        self.late = 0.0
        """Seconds for which a thread that reads the count is held back afterwards."""

    def count(self) -> int:
        found = floor((self.clock() - self.phase) / PERIOD)
        self.clock.advance(self.late)
        return found

    @property
    def left(self) -> float:
        return PERIOD - (self.clock() - self.phase) % PERIOD

    def periods(self) -> PeriodClock:
        return PeriodClock(PERIOD, self.count, self.clock)

    def look(self, periods: PeriodClock, seconds: float, every: float) -> None:
        for _ in range(round(seconds / every)):
            periods.look(self.clock())
            self.clock.advance(every)


def test_the_end_of_a_period_is_found_by_when_the_count_changes():
    kernel = Kernel()
    periods = kernel.periods()
    kernel.look(periods, 2.0, 0.0031)

    begun_at, left = periods.look(kernel.clock())
    assert kernel.left - 0.0031 <= left <= kernel.left + 1e-9
    assert begun_at + PERIOD == pytest.approx(kernel.clock() + left)
    kernel.clock.advance(left + 0.001)
    assert periods.look(kernel.clock())[0] == pytest.approx(begun_at + PERIOD, abs=0.0031)


def test_it_is_not_known_before_the_count_has_changed():
    kernel = Kernel()
    periods = kernel.periods()
    assert periods.look(kernel.clock()) is None

    kernel.clock.advance(5 * PERIOD)
    assert periods.look(kernel.clock()) is None, "somewhere in these five periods"


def test_it_is_not_known_where_nobody_counts():
    kernel = Kernel()
    assert PeriodClock(PERIOD, lambda: None, kernel.clock).look(kernel.clock()) is None


def test_a_thread_that_was_held_back_after_it_read_the_count_is_not_misled():
    kernel = Kernel()
    periods = kernel.periods()
    kernel.late = 0.004
    kernel.look(periods, 3.0, 0.0031)
    kernel.late = 0.0

    _, left = periods.look(kernel.clock())
    assert kernel.left - 0.008 <= left <= kernel.left + 1e-9


def test_another_phase_is_found_again():
    kernel = Kernel()
    periods = kernel.periods()
    kernel.look(periods, 1.0, 0.003)
    kernel.phase += 0.05
    kernel.look(periods, 1.0, 0.003)

    _, left = periods.look(kernel.clock())
    assert kernel.left - 0.003 <= left <= kernel.left + 1e-9


def known(kernel: Kernel, most_cpus: float) -> SpareQuota:
    """One that has seen a period end, and looks at the beginning of one."""
    spare = SpareQuota(QUOTA, most_cpus, count=kernel.count, clock=kernel.clock)
    for _ in range(700):
        spare.look(kernel.clock(), 0.0)
        kernel.clock.advance(0.001)
    kernel.clock.advance(kernel.left)
    spare.look(kernel.clock(), 0.0)
    return spare


def test_what_the_server_could_still_use_is_not_to_spare():
    kernel = Kernel()
    spare = known(kernel, most_cpus=1.0)
    kernel.clock.advance(0.06)

    found, until = spare.look(kernel.clock(), 0.02)
    unused = 0.05 - MOST_RESERVED_SECONDS - 0.02
    assert found == pytest.approx(unused - 0.04, abs=0.002)
    assert until == pytest.approx(0.04 - unused, abs=0.002)

    kernel.clock.advance(until + 0.002)
    found, until = spare.look(kernel.clock(), 0.02)
    assert 0 < found < 0.005
    assert until == pytest.approx(kernel.left, abs=0.002)


def test_nothing_is_to_spare_of_a_quota_that_is_used_up():
    kernel = Kernel()
    spare = known(kernel, most_cpus=1.0)
    kernel.clock.advance(0.09)

    found, until = spare.look(kernel.clock(), 0.05)
    assert found < 0
    assert until == pytest.approx(kernel.left, abs=0.002)


def test_what_was_used_in_the_period_before_does_not_count():
    kernel = Kernel()
    spare = known(kernel, most_cpus=1.0)
    kernel.clock.advance(0.099)
    spare.look(kernel.clock(), 0.05)
    kernel.clock.advance(0.096)

    found, _ = spare.look(kernel.clock(), 0.05)
    assert found == pytest.approx(0.05 - MOST_RESERVED_SECONDS - kernel.left, abs=0.002)


def test_a_quota_that_the_server_cannot_use_up_is_always_to_spare():
    kernel = Kernel()
    spare = known(kernel, most_cpus=0.4)

    assert spare.look(kernel.clock(), 0.0)[0] > 0
