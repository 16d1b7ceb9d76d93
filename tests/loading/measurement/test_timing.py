from __future__ import annotations

import numpy as np
import pytest

from longshore.loading.measurement.timing import Timing
from tests.loading.measurement.machine import Machine, MachineBackend

INPUTS = {"x": np.zeros((1, 2), np.float32)}


def timed(machine: Machine, work, *, is_wide: bool = False) -> Timing:
    watch = machine.stopwatch()
    return watch.time([MachineBackend(work)], INPUTS, samples=3, is_wide=is_wide)


def test_what_a_thread_waits_for_a_cpu_is_no_part_of_its_execution():
    machine = Machine()

    def work(rows):
        machine.compute(0.010)
        machine.wait(0.030)

    assert timed(machine, work) == Timing(pytest.approx(0.010), pytest.approx(0.010))


def test_what_is_no_work_of_the_cpu_is_a_part_of_the_execution():
    machine = Machine()

    def work(rows):
        machine.compute(0.001)
        machine.sleep(0.009)

    assert timed(machine, work) == Timing(pytest.approx(0.010), pytest.approx(0.001))


def test_the_fastest_sample_counts():
    machine = Machine()
    slowness = iter([9.0, 3.0, 1.0, 2.0])

    assert timed(machine, lambda rows: machine.compute(0.01 * next(slowness))) == Timing(
        pytest.approx(0.01), pytest.approx(0.01)
    )


def test_executions_that_are_short_are_timed_several_at_once():
    machine = Machine()
    executions = []

    def work(rows):
        executions.append(rows)
        machine.compute(1e-4)

    assert timed(machine, work).seconds == pytest.approx(1e-4)
    assert len(executions) > 100


def test_what_a_short_execution_waits_for_the_interpreters_lock_is_no_part_of_it():
    machine = Machine()
    count = iter(range(10_000))

    def work(rows):
        machine.compute(1e-4)
        machine.sleep(5e-4 if next(count) % 3 else 0.0)

    assert timed(machine, work) == Timing(pytest.approx(1e-4), pytest.approx(1e-4))


def test_the_threads_of_a_wide_execution_are_counted_by_the_clock_of_the_process():
    machine = Machine()

    found = timed(machine, lambda rows: machine.compute(0.010, threads=4), is_wide=True)

    assert found == Timing(pytest.approx(0.010), pytest.approx(0.040))


def test_a_kernel_that_does_not_count_waiting_leaves_the_fastest_wall_clock():
    machine = Machine(tells_waiting=False)
    waits = iter([0.0, 0.02, 0.0, 0.02])

    def work(rows):
        machine.compute(0.010)
        machine.wait(next(waits))

    assert timed(machine, work).seconds == pytest.approx(0.010)


@pytest.mark.parametrize(
    ("cpus", "instances", "seconds"),
    [(2, 2, 0.010), (1.5, 2, 0.010 * 2 / 1.5), (0.5, 1, 0.020), (0.25, 1, 0.040), (8, 1, 0.010)],
)
def test_what_can_be_sustained_is_bounded_by_the_cpus(cpus, instances, seconds):
    assert Timing(0.010, 0.010).sustained(instances, cpus) == pytest.approx(seconds)


def test_what_needs_no_cpu_is_bounded_by_no_quota():
    assert Timing(0.010).sustained(4, 0.25) == 0.010
