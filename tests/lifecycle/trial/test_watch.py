"""The bounds of a trial count the time that the child had to itself."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from longshore.lifecycle.trial.activity import Activity, activity_of
from longshore.lifecycle.trial.room import Room
from longshore.lifecycle.trial.verdict import FailureKind, TrialFailed
from longshore.lifecycle.trial.watch import STARVED_SECONDS, Watch
from tests.clock import FakeClock

ASLEEP = Activity(can_run=False, is_stopped=False, cpu_seconds=0.0)
STOPPED = Activity(can_run=False, is_stopped=True, cpu_seconds=0.0)
MIB = 2**20


class Child:
    def __init__(self) -> None:
        self.clock = FakeClock(0.0)
        self.activity = ASLEEP
        self.bytes = 0

    def watch(
        self, room: Room | None = None, artifact_bytes: int = 0, is_patient: bool = True
    ) -> Watch:
        return Watch(
            7, room, seconds=100.0, artifact_bytes=artifact_bytes, is_patient=is_patient,
            clock=self.clock,
            memory=lambda pid: self.bytes, activity=lambda pid: self.activity,
        )  # fmt: skip

    def live(self, watch: Watch, seconds: float) -> None:
        for _ in range(round(10 * seconds)):
            self.clock.advance(0.1)
            watch.check()

    def talk(self, watch: Watch, seconds: int) -> None:
        for _ in range(seconds):
            self.live(watch, 1.0)
            watch.hear()

    def compute(self, watch: Watch, seconds: float) -> None:
        """On half a CPU."""
        for _ in range(round(10 * seconds)):
            cpu_seconds = self.activity.cpu_seconds + 0.05
            self.activity = Activity(can_run=True, is_stopped=False, cpu_seconds=cpu_seconds)
            self.live(watch, 0.1)


def test_a_child_that_sleeps_without_a_word_is_ended_after_a_tenth_of_its_time():
    child = Child()
    watch = child.watch()
    child.live(watch, 9.9)
    watch.doing = "executing a batch of 4"

    with pytest.raises(
        TrialFailed, match="no progress for 10 s while executing a batch of 4"
    ) as caught:
        child.live(watch, 0.3)
    assert caught.value.kind is FailureKind.HUNG
    assert caught.value.is_dangerous


def test_a_large_artifact_may_take_longer():
    child = Child()
    child.live(child.watch(artifact_bytes=200 * MIB), 29.0)


def test_a_child_that_goes_on_telling_has_a_time_in_all():
    child = Child()
    watch = child.watch()
    with pytest.raises(TrialFailed, match="did not end within 100 s") as caught:
        child.talk(watch, 200)
    assert caught.value.kind is FailureKind.HUNG


def test_a_child_that_computes_has_as_long_as_it_has_a_cpu():
    child = Child()
    watch = child.watch()
    child.compute(watch, 19.0)
    with pytest.raises(TrialFailed, match="no progress for 10 s"):
        child.compute(watch, 2.0)


@pytest.mark.parametrize("activity", [STOPPED, Activity(True, False, 0.0)])
def test_a_child_that_is_kept_from_running_is_not_judged_by_it(activity):
    child = Child()
    child.activity = activity
    watch = child.watch()
    child.live(watch, 490.0)

    with pytest.raises(TrialFailed, match="waited 500 s for a CPU") as caught:
        child.live(watch, 20.0)
    assert caught.value.kind is FailureKind.STARVED
    assert not caught.value.is_dangerous


def test_a_child_that_gets_no_cpu_is_told_early_where_it_may_get_another():
    child = Child()
    child.activity = Activity(True, False, 0.0)
    watch = child.watch(is_patient=False)
    child.live(watch, STARVED_SECONDS - 1.0)

    with pytest.raises(TrialFailed, match="waited 10 s for a CPU") as caught:
        child.live(watch, 2.0)
    assert caught.value.kind is FailureKind.STARVED


@pytest.mark.parametrize("kind", ["computes", "stopped"])
def test_a_child_that_gets_a_part_of_a_cpu_or_is_kept_stopped_is_not_told_early(kind):
    child = Child()
    watch = child.watch(is_patient=False)
    if kind == "stopped":
        child.activity = STOPPED
        child.live(watch, 20 * STARVED_SECONDS)
        return
    for _ in range(8):
        child.compute(watch, 10.0)
        watch.hear()


def test_what_a_child_takes_of_the_memory_is_bounded_and_kept():
    child = Child()
    watch = child.watch(Room(free_bytes=100 * MIB, limit_bytes=1024 * MIB))
    watch.base_bytes, child.bytes = 30 * MIB, 90 * MIB
    child.live(watch, 0.1)
    child.bytes = 40 * MIB
    child.live(watch, 0.1)
    assert watch.needed_bytes == 60 * MIB

    child.bytes = 101 * MIB
    with pytest.raises(TrialFailed, match="needs more than 101 MiB of memory, 100 MiB are free"):
        child.live(watch, 0.1)


def test_what_a_process_is_at_is_read_from_the_kernel():
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as sleeper:
        while activity_of(sleeper.pid).can_run:
            time.sleep(0.01)
        assert not activity_of(sleeper.pid).is_stopped
        sleeper.send_signal(signal.SIGSTOP)
        while not activity_of(sleeper.pid).is_stopped:
            time.sleep(0.01)
        sleeper.kill()
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as spinner:
        while activity_of(spinner.pid).cpu_seconds < 0.1:
            time.sleep(0.01)
        assert activity_of(spinner.pid).can_run
        spinner.kill()
