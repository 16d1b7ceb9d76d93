from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from longshore.autoscaling.cost_reason import LOG_SECONDS, CostReasons, reason
from longshore.metrics import COST_REASONS
from tests.clock import FakeClock


@pytest.mark.parametrize(
    ("factor", "cpu_factor", "throttled", "found"),
    [
        (0.8, 1.0, 0.0, ""),
        (1.25, 2.0, 1.0, ""),
        (0.79, 1.0, 1.0, "faster"),
        (1.26, 1.0, 0.06, "throttled"),
        (1.26, 1.25, 0.05, "contended"),
        (1.26, 1.26, 0.05, "slower"),
    ],
)
def test_the_reason_follows_from_cpu_time_and_quota(factor, cpu_factor, throttled, found):
    assert reason(factor, cpu_factor, throttled) == found


@pytest.fixture
def throttled():
    return FakeClock(0.0)


@pytest.fixture
def reasons(metrics, clock, throttled):
    metrics.create_version("m", "1")
    return CostReasons(metrics, clock=clock, throttled_seconds=throttled)


def model(factor: float):
    return SimpleNamespace(name="m", version="1", cost=SimpleNamespace(factor=factor))


def shown(metrics):
    name, labels = "longshore_cost_factor_reason", {"model": "m", "version": "1"}
    return [
        each
        for each in COST_REASONS
        if metrics.registry.get_sample_value(name, {**labels, "reason": each})
    ]


def test_a_quota_that_holds_executions_back_is_shown_and_taken_back(
    reasons, metrics, clock, throttled
):
    reasons.show([model(2.0)], 1.0)
    for _ in range(2):
        clock.advance(1.0)
        throttled.advance(0.4)
        reasons.show([model(2.0)], 1.0)
    assert shown(metrics) == ["throttled"]

    reasons.show([model(1.0)], 1.0)
    assert shown(metrics) == []


def test_throttling_of_long_ago_is_no_reason(reasons, metrics, clock, throttled):
    reasons.show([model(1.0)], 1.0)
    throttled.advance(100.0)
    clock.advance(1.0)
    reasons.show([model(2.0)], 1.0)

    assert shown(metrics) == ["contended"]


def test_a_factor_that_comes_and_goes_is_logged_once_a_minute(reasons, clock, caplog):
    with caplog.at_level(logging.INFO):
        for _ in range(5):
            reasons.show([model(1.3)], 2.0)
            reasons.show([model(1.2)], 2.0)
        assert len(caplog.records) == 1
        assert "factor=1.30 reason=slower" in caplog.text

        clock.advance(LOG_SECONDS)
        reasons.show([model(1.3)], 2.0)
    assert len(caplog.records) == 2
