from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from longshore.autoscaling.cost_reason import LOG_SECONDS, CostReasons, reason
from longshore.metrics import COST_REASONS
from tests.clock import FakeClock


@pytest.mark.parametrize(
    ("factor", "cpu_factor", "throttled", "is_fraction", "found"),
    [
        (0.8, 1.0, 0.0, True, ""),
        (1.25, 2.0, 1.0, False, ""),
        (0.79, 1.0, 1.0, False, "faster"),
        (0.79, 1.0, 1.0, True, "bursting"),
        (1.26, 1.0, 0.06, True, "throttled"),
        (1.26, 1.25, 0.05, True, "contended"),
        (1.26, 1.26, 0.05, False, "slower"),
    ],
)
def test_the_reason_follows_from_cpu_time_and_quota(
    factor, cpu_factor, throttled, is_fraction, found
):
    assert reason(factor, cpu_factor, throttled, is_fraction=is_fraction) == found


@pytest.fixture
def throttled():
    return FakeClock(0.0)


@pytest.fixture
def reasons(metrics, clock, throttled):
    metrics.create_version("m", "1")
    return CostReasons(metrics, 2.0, clock=clock, throttled_seconds=throttled)


def model(
    factor: float,
    *,
    instances: int = 1,
    threads: int = 1,
    is_inline: bool = False,
    is_calibrated=True,
):
    plan = SimpleNamespace(
        instances=instances,
        threads=threads,
        is_inline=is_inline,
        cost=object() if is_calibrated else None,
    )
    return SimpleNamespace(name="m", version="1", cost=SimpleNamespace(factor=factor), plan=plan)


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


@pytest.mark.parametrize(
    ("executed", "cpu_seconds", "found"),
    [
        (model(2.0, threads=2), 2.0, "contended"),
        (model(2.0, threads=2), 2.6, "slower"),
        (model(2.0, instances=4), 0.5, "contended"),
        (model(2.0, instances=4), 0.7, "slower"),
        (model(2.0, is_inline=True), 0.0, "slower"),
        (model(0.5, instances=4), 0.5, "bursting"),
    ],
)
def test_cpu_time_is_compared_with_what_the_threads_of_the_plan_can_have(
    reasons, metrics, executed, cpu_seconds, found
):
    reasons.show([executed], cpu_seconds)

    assert shown(metrics) == [found]


def test_a_version_that_is_gone_has_no_reason(reasons, metrics):
    reasons.show([model(2.0)], 2.0)
    assert shown(metrics) == ["slower"]

    reasons.show([], 2.0)
    assert shown(metrics) == []


def test_a_model_without_a_calibration_has_none(reasons, metrics, caplog):
    """Its factor is the cost of a row in seconds."""
    reasons.show([model(0.005, is_calibrated=False)], 1.0)

    assert shown(metrics) == []
    assert not caplog.records
