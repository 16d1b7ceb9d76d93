from __future__ import annotations

import pytest

from longshore.batching.overload_log import OverloadLog
from longshore.errors import QueueFull


@pytest.fixture
def overload_log(clock) -> OverloadLog:
    return OverloadLog("name=m version=1", clock)


def refusal(reason: str, wait_seconds: float = 0.5) -> QueueFull:
    return QueueFull("full", reason=reason, expected_wait_seconds=wait_seconds)


def test_nothing_is_said_when_nothing_is_refused(overload_log, clock, caplog):
    for _ in range(3):
        clock.advance(10.0)
        overload_log.report()
    overload_log.flush()

    assert not caplog.records


def test_ten_seconds_of_refusals_are_one_line(overload_log, clock, caplog):
    for tenth in range(100):
        for _ in range(90):
            overload_log.count(refusal("queue_time", 0.5 + tenth / 100))
        overload_log.count(refusal("deadline"))
        clock.advance(0.1)
        overload_log.report()

    assert [record.getMessage() for record in caplog.records] == [
        "refused for lack of room: name=m version=1 requests=9100 deadline=100 queue_time=9000 "
        "longest_expected_wait_s=1.49 seconds=10.0"
    ]


def test_each_window_tells_of_itself_alone(overload_log, clock, caplog):
    for wait_seconds in (3.0, 0.25):
        overload_log.count(refusal("queue_time", wait_seconds))
        clock.advance(10.0)
        overload_log.report()
        overload_log.report()

    first, second = [record.getMessage() for record in caplog.records]
    assert "requests=1 queue_time=1 longest_expected_wait_s=3 " in first
    assert "requests=1 queue_time=1 longest_expected_wait_s=0.25 " in second


def test_the_end_of_the_model_does_not_swallow_the_last_refusals(overload_log, clock, caplog):
    overload_log.count(refusal("queue_length"))
    clock.advance(2.0)
    overload_log.report()
    assert not caplog.records
    overload_log.flush()

    assert "queue_length=1" in caplog.text
    assert "seconds=2.0" in caplog.text


def test_a_wait_shorter_than_a_second_is_told_as_it_was_expected(overload_log, caplog):
    overload_log.count(refusal("deadline", 0.25))
    overload_log.flush()

    assert "longest_expected_wait_s=0.25 " in caplog.text
