from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from longshore.autoscaling.clocks import Clocks
from longshore.autoscaling.signal import ScalingSignal
from longshore.autoscaling.turns import Turns
from longshore.cpu.available import AvailableCpus
from longshore.metrics import OUTCOMES, PROTOCOLS
from tests.clock import FakeClock

CPUS = 0.5
WORK = "longshore_offered_work_seconds_total"


@dataclass(eq=False)
class PricedModel:
    """What the signal asks of a model."""

    seconds_per_row: float = 0.010
    instances: int = 1
    threads: int = 1
    is_inline: bool = False
    max_batch_size: int = 16

    @property
    def plan(self):
        return SimpleNamespace(
            threads=self.threads,
            instances=self.instances,
            is_inline=self.is_inline,
            max_batch_size=self.max_batch_size,
            cost=None,
        )

    def predicted_seconds(self, rows: float) -> float:
        return rows * self.seconds_per_row

    def instance_seconds(self, rows: float) -> float:
        return rows * self.seconds_per_row / self.instances


class Pod:
    """A signal whose clocks the test moves."""

    def __init__(self, metrics, clock, cpus: float) -> None:
        self.loop_cpu, self.process_cpu, self.wakeups = (FakeClock(0.0) for _ in range(3))
        self.predicted = FakeClock(0.0)
        clocks = Clocks(
            self.predicted,
            wall=clock,
            event_loop_cpu=self.loop_cpu,
            process_cpu=self.process_cpu,
            event_loop_waited=lambda: 0.0,
            wakeups=self.wakeups,
        )
        available = AvailableCpus(cpus, idle_seconds=lambda: None, clock=clock)
        self.signal = ScalingSignal(
            metrics, "m", available, clock=clock, clocks=clocks, turns=Turns(self.loop_cpu)
        )
        self._clock = clock

    def serve_alone_and_in_pairs(self, model: PricedModel, *, connections: int) -> None:
        """A second of turns of the event loop that cost 300 us and 100 us for each request."""
        for requests in (1, 2) * 200:
            for _ in range(requests):
                self.signal.arrive("1", "v2_json")
            for clock in (self.loop_cpu, self.process_cpu):
                clock.advance(0.0003 + 0.0001 * requests)
            for _ in range(requests):
                self.signal.depart("1", "success", 0.01)
        self._clock.advance(1.0)
        self.signal.sample([model], connections=connections, is_disturbed=False)

    def serve_for_a_second(self, *, requests: int, loop: float, model: float, predicted: float):
        """CPU seconds of the event loop and of the model, and what the executions should take."""
        for _ in range(requests):
            self.signal.arrive("1", "v2_json")
        self.loop_cpu.advance(loop)
        self.process_cpu.advance(loop + model)
        self.predicted.advance(predicted)
        self._clock.advance(1.0)
        self.signal.sample([], connections=1, is_disturbed=False)
        for _ in range(requests):
            self.signal.depart("1", "success", 0.01)


@pytest.fixture
def pod(metrics, clock):
    metrics.create_version("m", "1")
    return Pod(metrics, clock, CPUS)


@pytest.fixture
def signal(pod):
    return pod.signal


def value(metrics, name, **labels):
    return metrics.registry.get_sample_value(name, {"model": "m", **labels})


def resources(metrics):
    name = "longshore_offered_resource_seconds_total"
    return {
        resource: value(metrics, name, resource=resource)
        for resource in ("cpu", "event_loop", "instances")
    }


def test_a_model_on_half_a_cpu_asks_for_twice_its_cpu_time(pod, metrics):
    for _ in range(100):
        pod.serve_for_a_second(requests=0, loop=0.0, model=0.4, predicted=0.4)
    pod.signal.offer(PricedModel(), 3)

    expected = {"cpu": 0.06, "event_loop": 0, "instances": 0.03}
    assert resources(metrics) == pytest.approx(expected, rel=0.02)
    assert value(metrics, WORK) == pytest.approx(0.06, rel=0.02)


def test_before_the_first_execution_the_cpus_are_no_fuller_than_the_instances(metrics, clock):
    """A model on a device, or one that waits, would read as many times too full."""
    metrics.create_version("m", "1")
    pod = Pod(metrics, clock, 2.0)
    pod.signal.offer(PricedModel(0.8, instances=32), 1)

    assert resources(metrics)["cpu"] == pytest.approx(0.8 / 32)
    assert value(metrics, WORK) == pytest.approx(0.8 / 32)


def test_event_loop_and_model_share_the_cpus(pod, metrics):
    for _ in range(100):
        pod.serve_for_a_second(requests=100, loop=0.2, model=0.3, predicted=0.3)
    before = value(metrics, WORK)
    pod.signal.offer(PricedModel(0.003), 1)

    assert value(metrics, WORK) - before == pytest.approx((0.002 + 0.003) / CPUS, rel=0.02)


@pytest.mark.parametrize(("connections", "batch", "company"), [
    (16, 64, 16), (64, 16, 16), (0, 16, 1.5),
])  # fmt: skip
def test_a_full_pod_answers_a_request_on_each_connection_at_once_and_at_most_a_batch(
    pod, connections, batch, company
):
    model = PricedModel(is_inline=True, max_batch_size=batch)
    for _ in range(30):
        pod.serve_alone_and_in_pairs(model, connections=connections)

    price = pod.signal.event_loop_price.seconds
    assert price == pytest.approx(0.0001 + 0.0003 / company, rel=0.1)


def test_with_cpus_to_spare_the_instances_are_full_first(metrics, clock):
    metrics.create_version("m", "1")
    pod = Pod(metrics, clock, 8.0)
    pod.signal.offer(PricedModel(0.010, instances=2), 1)

    assert value(metrics, WORK) == pytest.approx(0.005)


def test_with_cpus_to_spare_a_cheap_model_fills_the_event_loop(metrics, clock):
    metrics.create_version("m", "1")
    pod = Pod(metrics, clock, 8.0)
    pod.serve_for_a_second(requests=1000, loop=0.5, model=0.0, predicted=0.01)
    pod.signal.offer(PricedModel(1e-5, is_inline=True), 1)

    assert value(metrics, WORK) == pytest.approx(0.0005)


def test_a_model_on_the_event_loop_is_counted_once(pod, metrics):
    """Its work is part of what the event loop was seen to spend."""
    pod.serve_for_a_second(requests=1000, loop=0.5, model=0.0, predicted=0.4)
    pod.signal.offer(PricedModel(0.0004, is_inline=True), 1)

    assert resources(metrics)["cpu"] == pytest.approx(0.0005 / CPUS)


def test_cpu_time_of_several_threads_is_counted(pod, metrics):
    for _ in range(100):
        pod.serve_for_a_second(requests=0, loop=0.0, model=1.8, predicted=1.0)
    pod.signal.offer(PricedModel(0.010, threads=2), 1)

    assert resources(metrics)["cpu"] == pytest.approx(0.018 / CPUS, rel=0.01)


def test_a_refusal_costs_what_the_event_loop_spends(signal, metrics):
    signal.event_loop_price.seconds = signal.event_loop_price.seconds_of_core = 50e-6
    signal.offer_refusal()

    assert resources(metrics) == pytest.approx(
        {"cpu": 50e-6 / CPUS, "event_loop": 50e-6, "instances": 0}
    )


def test_a_request_refused_unread_asks_for_what_others_did(signal, metrics):
    for _ in range(200):
        signal.offer(PricedModel(), 4)
    before = value(metrics, WORK)
    signal.offer_unread(PricedModel())

    assert value(metrics, WORK) - before == pytest.approx(0.040, rel=0.01)


def test_refusals_do_not_lower_the_price_of_a_request(pod, metrics):
    pod.serve_for_a_second(requests=100, loop=0.2, model=0.3, predicted=0.3)
    for _ in range(200):
        pod.signal.offer_unread(PricedModel())
    pod.serve_for_a_second(requests=300, loop=0.21, model=0.3, predicted=0.3)

    assert pod.signal.event_loop_price.seconds == pytest.approx(0.002)


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
    ScalingSignal(metrics, "m", AvailableCpus(1.0))
    assert value(metrics, "longshore_offered_work_seconds_total") == 0
    assert value(metrics, "longshore_model_load_failures_total") == 0

    metrics.create_version("m", "1")

    for protocol in PROTOCOLS:
        assert value(metrics, "longshore_requests_total", version="1", protocol=protocol) == 0
    for outcome in OUTCOMES:
        assert value(metrics, "longshore_responses_total", version="1", outcome=outcome) == 0
    assert value(metrics, "longshore_model_load_duration_seconds", version="1") == 0
