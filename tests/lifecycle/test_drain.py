from __future__ import annotations

from longshore.lifecycle.drain import DrainController
from longshore.metrics import ServerMetrics
from tests.clock import FakeClock


def used(metrics: ServerMetrics) -> float | None:
    return metrics.registry.get_sample_value("longshore_drain_used_ratio")


def test_the_used_share_of_the_drain_grows_from_the_stop_signal_on(
    metrics: ServerMetrics, clock: FakeClock
):
    drain = DrainController(metrics, delay_seconds=5, timeout_seconds=35, clock=clock)
    clock.advance(100)
    assert used(metrics) == 0

    drain.request()
    clock.advance(10)
    drain.request()

    assert used(metrics) == 0.25
    clock.advance(40)
    assert used(metrics) == 1.25


def test_a_drain_without_any_time_is_used_up_at_once(metrics: ServerMetrics, clock: FakeClock):
    drain = DrainController(metrics, delay_seconds=0, timeout_seconds=0, clock=clock)

    drain.request()

    assert used(metrics) == 1
