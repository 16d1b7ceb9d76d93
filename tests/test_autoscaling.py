from __future__ import annotations

import pytest

from longshore.autoscaling import RequestOverhead, ScalingSignal, TimeIntegral
from longshore.metrics import OUTCOMES, PROTOCOLS
from tests.clock import FakeClock


def test_concurrency_is_the_rate_of_the_integral(clock):
    integral = TimeIntegral(clock)
    integral.change(1)
    clock.advance(2.0)
    integral.change(2)
    clock.advance(1.0)
    integral.change(-3)
    clock.advance(10.0)

    assert integral.read() == pytest.approx(2.0 + 3.0)
    assert integral.level == 0


def test_the_integral_grows_between_changes(clock):
    integral = TimeIntegral(clock)
    integral.change(4)
    clock.advance(0.5)

    assert integral.read() == pytest.approx(2.0)


class InterruptedClock(FakeClock):
    """Whoever looks at it is interrupted by another thread, once, before or after the look."""

    def __init__(self) -> None:
        super().__init__()
        self.before = self.after = lambda: None

    def __call__(self) -> float:
        before, self.before = self.before, lambda: None
        after, self.after = self.after, lambda: None
        before()
        now = self.now
        after()
        return now


@pytest.mark.parametrize("moment", ["before", "after"])
def test_what_is_read_never_falls_when_the_level_does_meanwhile(moment):
    clock = InterruptedClock()
    integral = TimeIntegral(clock)
    integral.change(10)

    def depart() -> None:
        integral.change(-10)
        clock.advance(1.0)

    setattr(clock, moment, depart)
    first = integral.read()
    assert integral.read() >= first

    integral.change(10)
    clock.advance(5.0)
    assert integral.read() == pytest.approx(50.0), "it goes on as if nothing had happened"


def test_what_is_read_never_falls_when_it_is_read_while_the_level_does():
    clock = InterruptedClock()
    integral = TimeIntegral(clock)
    integral.change(10)
    seen: list[float] = []

    def read() -> None:
        clock.advance(1.0)
        seen.append(integral.read())

    clock.after = read
    integral.change(-10)
    seen.append(integral.read())

    assert seen == sorted(seen)


def test_a_refusal_costs_what_the_loop_spends(signal, metrics):
    signal.overhead.seconds = 50e-6
    signal.offer_refusal()

    assert value(metrics, "longshore_offered_work_seconds_total") == pytest.approx(50e-6)


def test_the_cost_of_a_request_is_learned_from_the_loops_cpu_time():
    cpu = FakeClock(0.0)
    overhead = RequestOverhead(cpu)
    for _ in range(100):
        overhead.count()
    cpu.advance(0.01)
    overhead.sample()

    assert overhead.seconds == pytest.approx(100e-6)


def test_an_idle_second_teaches_nothing():
    cpu = FakeClock(0.0)
    overhead = RequestOverhead(cpu)
    overhead.count()
    cpu.advance(0.5)
    overhead.sample()

    assert overhead.seconds == 0.0


class PricedModel:
    """What the signal asks of a model: the share of the pod that some rows take."""

    def offered_seconds(self, rows: float) -> float:
        return rows * 0.010


@pytest.fixture
def signal(metrics, clock):
    metrics.create_version("m", "1")
    return ScalingSignal(metrics, "m", clock=clock, overhead=RequestOverhead(FakeClock(0.0)))


def value(metrics, name, **labels):
    return metrics.registry.get_sample_value(name, {"model": "m", **labels})


def test_offered_work_is_rows_times_their_cost(signal, metrics):
    signal.offer(PricedModel(), 3)

    assert value(metrics, "longshore_offered_work_seconds_total") == pytest.approx(0.030)


def test_a_request_refused_unread_asks_for_what_others_did(signal, metrics):
    for _ in range(200):
        signal.offer(PricedModel(), 4)
    before = value(metrics, "longshore_offered_work_seconds_total")
    signal.offer(PricedModel(), None)

    offered = value(metrics, "longshore_offered_work_seconds_total") - before
    assert offered == pytest.approx(0.040, rel=0.01)


def test_a_cheap_model_costs_at_least_what_the_loop_spends(signal, metrics):
    signal.overhead.seconds = 0.5
    signal.offer(PricedModel(), 1)

    assert value(metrics, "longshore_offered_work_seconds_total") == pytest.approx(0.5)


def test_requests_in_flight_are_counted_from_arrival_to_answer(signal, metrics, clock):
    signal.arrive("1", "v2_json")
    clock.advance(2.0)
    assert signal.inflight == 1
    assert value(metrics, "longshore_inflight_requests") == 1
    signal.depart("1", "success", 2.0)

    assert value(metrics, "longshore_inflight_request_seconds_total") == pytest.approx(2.0)
    assert value(metrics, "longshore_requests_total", version="1", protocol="v2_json") == 1
    assert value(metrics, "longshore_responses_total", version="1", outcome="success") == 1
    labels = {"version": "1", "outcome": "success"}
    assert value(metrics, "longshore_request_duration_seconds_sum", **labels) == 2.0


def test_every_child_is_exported_as_zero_from_the_start(metrics):
    metrics.create_model("m")
    assert value(metrics, "longshore_offered_work_seconds_total") == 0
    assert value(metrics, "longshore_model_load_failures_total") == 0

    metrics.create_version("m", "1")

    for protocol in PROTOCOLS:
        assert value(metrics, "longshore_requests_total", version="1", protocol=protocol) == 0
    for outcome in OUTCOMES:
        assert value(metrics, "longshore_responses_total", version="1", outcome=outcome) == 0
    assert value(metrics, "longshore_model_load_duration_seconds", version="1") == 0
