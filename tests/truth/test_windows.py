from __future__ import annotations

import pytest

from loadtests.bench.processes import TICK_SECONDS
from tests.truth.cpu_groups import Throttling
from tests.truth.windows import Snapshot, Window, between, snapshot

EXPOSITION = """\
# TYPE longshore_offered_work_seconds_total counter
longshore_offered_work_seconds_total{model="m"} 12.5
# TYPE longshore_requests_total counter
longshore_requests_total{model="m",version="1",protocol="v2"} 30.0
longshore_requests_total{model="m",version="2",protocol="v2"} 10.0
# TYPE longshore_responses_total counter
longshore_responses_total{model="m",version="1",outcome="success"} 32.0
longshore_responses_total{model="m",version="1",outcome="rejected"} 8.0
"""
RESOURCES = """\
# TYPE longshore_offered_resource_seconds_total counter
longshore_offered_resource_seconds_total{model="m",resource="cpu"} 7.0
longshore_offered_resource_seconds_total{model="m",resource="event_loop"} 12.5
"""
STAT = "cpu  1000 900 800 70000 6000 700 600 500 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\n"


def look(at: float, *, offered: float, requests: float, refused: float = 0.0) -> Snapshot:
    return Snapshot(
        at, offered, requests, requests, requests - refused, at / 2, at, Throttling(0, 0)
    )


def test_a_snapshot_sums_over_versions_and_tells_successes_from_refusals() -> None:
    found = snapshot(EXPOSITION, 3.0, 1.5, STAT, Throttling(10, 2))

    assert (found.offered_seconds, found.requests, found.answers) == (12.5, 40.0, 40.0)
    assert found.successes == 32.0
    assert found.machine_cpu_seconds == pytest.approx(4500 * TICK_SECONDS)


def test_the_reading_is_a_rate_of_offered_seconds() -> None:
    window = between(look(10.0, offered=1.0, requests=0), look(20.0, offered=6.0, requests=100))

    assert window.reading == pytest.approx(0.5)
    assert window.rate == pytest.approx(10.0)
    assert window.cpus == pytest.approx(0.5)


def test_a_true_reading_is_the_share_of_the_capacity_that_arrives() -> None:
    window = between(look(0.0, offered=0.0, requests=0), look(10.0, offered=5.0, requests=100))

    assert window.truth(capacity=20.0) == pytest.approx(0.5)
    assert window.reading_to_truth(capacity=20.0) == pytest.approx(1.0)
    assert window.reading_to_truth(capacity=10.0) == pytest.approx(0.5)


def test_a_late_second_look_does_not_change_the_verdict() -> None:
    begin = look(0.0, offered=0.0, requests=0)
    in_time, late = (between(begin, look(at, offered=5.0, requests=100)) for at in (10.0, 12.0))

    assert in_time.reading != late.reading
    assert in_time.reading_to_truth(20.0) == late.reading_to_truth(20.0)


def test_answers_that_were_refused_are_no_successes() -> None:
    window = between(
        look(0.0, offered=0.0, requests=0), look(10.0, offered=5.0, requests=100, refused=25)
    )

    assert window.success_share == pytest.approx(0.75)


def test_a_window_without_a_request_has_no_offered_work() -> None:
    nothing = look(0.0, offered=0.0, requests=0)

    window = between(nothing, look(10.0, offered=0.0, requests=0))

    assert window == Window(10.0, 0.0, 0.0, 0.0, 0.5, 1.0, 0.0)


def test_each_resource_has_a_share_of_its_own() -> None:
    nothing, some = (
        snapshot(text, at, 0.0, STAT, Throttling(0, 0))
        for text, at in (("", 0.0), (EXPOSITION + RESOURCES, 10.0))
    )

    shares = between(nothing, some).resources_per_request

    assert shares == pytest.approx({"cpu": 7.0 / 40, "event_loop": 12.5 / 40})
