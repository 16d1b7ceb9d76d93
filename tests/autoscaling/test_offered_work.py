from __future__ import annotations

import pytest

from longshore.autoscaling.offered_work import RESOURCES, OfferedWork


def test_the_work_of_a_time_is_that_of_the_resource_that_was_asked_for_most():
    work = OfferedWork()
    work.add(cpu=0.3, event_loop=0.1, instances=0.2)
    work.add(cpu=0.1, event_loop=0.5, instances=0.1)

    assert work.read() == pytest.approx(0.6)
    seconds = [work.seconds_of(resource) for resource in RESOURCES]
    assert seconds == pytest.approx([0.4, 0.6, 0.3])


def test_each_time_between_two_readings_has_its_own_resource():
    work = OfferedWork()
    work.add(cpu=1.0, event_loop=0.0, instances=0.0)
    work.read()
    work.add(cpu=0.0, event_loop=0.0, instances=2.0)

    assert work.read() == pytest.approx(3.0)


def test_reading_adds_nothing():
    work = OfferedWork()
    work.add(1.0, 2.0, 3.0)

    assert work.read() == work.read() == 3.0
