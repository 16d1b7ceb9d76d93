"""A child has a part of what clients' work leaves of a quota."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from longshore.lifecycle.trial.activity import cpu_seconds_of
from longshore.lifecycle.trial.pace import Pace
from tests.clock import FakeClock

TICK = 0.01


class Machine:
    """A child that computes whenever it is not stopped, beside a server that uses `busy` CPUs."""

    def __init__(self, busy: float) -> None:
        self.busy = busy
        self.clock = FakeClock(0.0)
        self.child = 0.0
        self.is_stopped = False

    def send(self, pid: int, number: int) -> None:
        self.is_stopped = number == signal.SIGSTOP

    def run(self, pace: Pace, seconds: float) -> float:
        """CPUs that the child got."""
        before = self.child
        for _ in range(round(seconds / TICK)):
            self.clock.advance(TICK)
            self.child += 0.0 if self.is_stopped else TICK
            pace.tick()
        return (self.child - before) / seconds


def make(machine: Machine, cpus: float) -> Pace:
    return Pace(
        7,
        cpus,
        own_seconds=lambda: machine.busy * machine.clock(),
        child_seconds=lambda pid: machine.child,
        clock=machine.clock,
        send=machine.send,
    )


@pytest.mark.parametrize(
    ("cpus", "busy", "expected"),
    [(1.0, 0.5, 0.15), (0.5, 0.25, 0.075), (1.0, 1.0, 0.05), (1.0, 0.0, 0.8), (2.0, 0.5, 0.45)],
)
def test_a_child_gets_a_share_of_what_is_left_and_a_little_when_nothing_is(cpus, busy, expected):
    machine = Machine(busy)
    pace = make(machine, cpus)
    machine.run(pace, 5.0)

    assert machine.run(pace, 10.0) == pytest.approx(expected, rel=0.1)


def test_a_real_child_is_stopped_and_continued():
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as child:
        pace = Pace(child.pid, 0.2, own_seconds=lambda: 0.0)
        end = time.monotonic() + 1.0
        while time.monotonic() < end:
            pace.tick()
            time.sleep(TICK)
        used = cpu_seconds_of(child.pid)
        child.kill()

    assert 0 < used < 0.5


def test_a_child_that_has_ended_is_no_error():
    pace = Pace(4_000_000, 1.0)
    pace.tick()
    assert cpu_seconds_of(4_000_000) == 0.0
