"""A child has what the server cannot use of a quota, and a little in any case."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from math import floor
from pathlib import Path

import pytest

from longshore.child_process import cpu_seconds_of
from longshore.cpu.quota import Quota
from longshore.cpu.spare_quota import SpareQuota
from longshore.lifecycle.trial.pace import BLIND_SHARE, LEAST_SHARE, Pace, SharedCpus
from tests.clock import FakeClock

STEP, PERIOD = 0.0005, 0.1


class Machine:
    """A child that computes whenever it is not stopped, beside a server that computes in the first
    part of each period, as long as the quota lets it.
    """

    def __init__(self, busy: float, quota: float | None) -> None:
        self.busy = busy
        self.quota = quota
        self.clock = FakeClock(50.01)
        self.child = self.own = self.missed = 0.0
        self.is_stopped = False
        self._number, self._used, self._done = 0, 0.0, 0.0

    def pace(self, least_cpus: float, most_cpus: float = 1.0) -> Pace:
        spare = None
        if self.quota is not None:
            quota = Quota(round(self.quota * 100_000), 100_000, Path("/nowhere"))
            spare = SpareQuota(quota, most_cpus, count=self.periods, clock=self.clock)
        return Pace(
            7,
            least_cpus,
            spare,
            own_seconds=lambda: self.own,
            child_seconds=lambda pid: self.child,
            clock=self.clock,
            send=self.send,
        )

    def periods(self) -> int:
        return floor(self.clock() / PERIOD)

    def send(self, pid: int, number: int) -> None:
        self.is_stopped = number == signal.SIGSTOP

    def run(self, pace: Pace, seconds: float) -> float:
        """CPUs that the child got."""
        before, end, tick_at = self.child, self.clock() + seconds, self.clock()
        while self.clock() < end:
            if self.clock() >= tick_at:
                tick_at = self.clock() + pace.tick()
            self.clock.advance(STEP)
            self._step()
        return (self.child - before) / seconds

    def _step(self) -> None:
        number = floor(self.clock() / PERIOD)
        if number != self._number:
            self.missed += max(0.0, self.busy * PERIOD - self._done)
            self._number, self._used, self._done = number, 0.0, 0.0
        quota = 1e9 if self.quota is None else self.quota * PERIOD
        if self._done < self.busy * PERIOD and self._used < quota:
            self._used, self._done, self.own = self._used + STEP, self._done + STEP, self.own + STEP
        if not self.is_stopped and self._used < quota:
            self._used, self.child = self._used + STEP, self.child + STEP


@pytest.mark.parametrize(
    ("quota", "busy", "most_cpus", "least", "most"),
    [
        (0.5, 0.25, 1.0, 0.15, 0.21),
        (0.5, 0.25, 2.0, 0.06, 0.11),
        (1.0, 0.5, 1.5, 0.2, 0.31),
        (0.5, 0.0, 1.0, 0.4, 0.46),
        (2.0, 0.5, 1.0, 0.9, 1.01),
    ],
)
def test_a_child_has_what_the_server_cannot_use_of_the_quota_and_takes_nothing_else(
    quota, busy, most_cpus, least, most
):
    machine = Machine(busy, quota)
    pace = machine.pace(LEAST_SHARE * quota, most_cpus)
    machine.run(pace, 2.0)
    missed = machine.missed

    assert least < machine.run(pace, 10.0) < most
    held_back = machine.missed - missed
    assert held_back == pytest.approx(0.0, abs=STEP), "nothing was held back to another period"


def test_beside_a_server_that_uses_all_of_the_quota_it_has_a_little():
    machine = Machine(1.0, 0.5)
    pace = machine.pace(LEAST_SHARE * 0.5)
    machine.run(pace, 2.0)

    assert machine.run(pace, 20.0) == pytest.approx(LEAST_SHARE * 0.5, rel=0.15)


def test_a_server_that_becomes_busy_is_left_alone_at_once():
    machine = Machine(0.0, 0.5)
    pace = machine.pace(LEAST_SHARE * 0.5)
    machine.run(pace, 3.0)
    machine.busy = 1.0

    assert machine.run(pace, 2.0) <= 1.5 * LEAST_SHARE * 0.5


def test_without_a_quota_it_has_its_share_in_short_bursts():
    machine = Machine(0.0, None)
    pace = machine.pace(0.1)
    machine.run(pace, 1.0)

    assert machine.run(pace, 10.0) == pytest.approx(0.1, rel=0.1)


def test_a_priority_alone_says_enough_where_no_quota_binds_and_the_child_gets_a_cpu():
    shared = SharedCpus(2.0, None, 2.0)

    assert shared.pace(7, is_starved=False) is None
    assert shared.pace(7, is_starved=True) is not None


def test_a_real_child_is_stopped_and_continued(tmp_path):
    """Of a quota whose periods nobody counts."""
    shared = SharedCpus(0.5, Quota(50_000, 100_000, tmp_path), 1.0)
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as child:
        pace = shared.pace(child.pid, is_starved=False)
        end = time.monotonic() + 2.0
        while time.monotonic() < end:
            time.sleep(pace.tick())
        used = cpu_seconds_of(child.pid)
        child.kill()

    assert 0 < used < 4 * BLIND_SHARE * 0.5 * 2.0


def test_a_child_that_has_ended_is_no_error():
    Pace(4_000_000, 1.0).tick()
    assert cpu_seconds_of(4_000_000) == 0.0
