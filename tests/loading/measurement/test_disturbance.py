from __future__ import annotations

import pytest

from longshore.loading.measurement import disturbance as disturbance_module
from tests.loading.measurement.machine import Machine


@pytest.fixture(autouse=True)
def _believe_no_neighbour(monkeypatch):
    monkeypatch.setattr(disturbance_module, "MOST_TAKEN", 0.2)


def test_a_calm_machine_disturbs_nothing():
    disturbance = Machine().disturbance()

    disturbance.add(1.0, 0.05)

    assert disturbance.reason == ""


def test_a_neighbour_that_takes_the_cpu_disturbs():
    disturbance = Machine().disturbance()

    disturbance.add(1.0, 0.1)
    disturbance.add(1.0, 0.8)

    assert disturbance.reason == "others had the CPU for 45% of the time"


def test_what_a_quota_holds_back_is_known_and_disturbs_nothing():
    machine = Machine()
    disturbance = machine.disturbance()

    machine.throttled += 0.5
    disturbance.add(1.0, 0.52)

    assert disturbance.reason == ""


def test_a_neighbour_is_seen_beside_a_quota():
    machine = Machine()
    disturbance = machine.disturbance()

    machine.throttled += 0.4
    disturbance.add(1.0, 0.8)

    assert disturbance.reason == "others had the CPU for 40% of the time"


def test_a_quota_disturbs_where_nobody_tells_which_thread_waited():
    machine = Machine(tells_waiting=False)
    disturbance = machine.disturbance()

    machine.throttled += 0.25
    disturbance.add(1.0, 0.0)

    assert disturbance.reason == "the CPU quota held it back for 0.25 s"


def test_what_a_thread_waits_while_it_is_watched_disturbs():
    machine = Machine()
    disturbance = machine.disturbance()

    with disturbance.watching(machine):
        machine.compute(0.5)
        machine.wait(0.5)

    assert disturbance.reason == "others had the CPU for 50% of the time"


def test_a_quota_disturbs_nothing_that_was_not_measured_on_the_cpu():
    machine = Machine(tells_waiting=False)
    disturbance = machine.disturbance()

    machine.throttled += 0.25

    assert disturbance.reason == ""
