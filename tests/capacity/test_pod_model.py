from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from longshore.batching.cost import CostLine
from longshore_k8s.capacity.arrivals import poisson_arrivals
from longshore_k8s.capacity.pod_model import PodModel, fitted_to, pod_model
from tests.capacity.virtual_pod import VirtualPod

COSTS = tuple(0.005 + 0.002 * requests for requests in range(1, 9))


@pytest.mark.parametrize("instances", [1, 2, 3])
@pytest.mark.parametrize("share", [0.2, 0.9, 1.3])
def test_every_latency_is_that_of_a_pod_that_was_written_apart(instances, share):
    pod = VirtualPod(0.005, 0.002, 8, instances, jitter=0.0)
    arrivals = poisson_arrivals(share * pod.capacity, 3000, 7)

    found = PodModel(COSTS, instances).latencies(arrivals)

    np.testing.assert_allclose(found, pod.serve(arrivals) - arrivals, atol=1e-9)


def test_executions_of_twice_the_cost_at_half_the_rate_take_twice_as_long():
    model = PodModel(COSTS, 2)
    arrivals = poisson_arrivals(300, 2000, 3)

    np.testing.assert_allclose(
        model.latencies(2 * arrivals, 2.0), 2 * model.latencies(arrivals), rtol=1e-9
    )


def test_an_instance_waits_for_a_fuller_batch_until_it_is_full_or_its_delay_is_over():
    model = PodModel((0.001, 0.001, 0.001), delay_seconds=0.010)

    filled = model.latencies(np.array([0.0, 0.004, 0.006]))
    alone = model.latencies(np.array([0.0, 0.5]))[:1]

    np.testing.assert_allclose(filled, [0.007, 0.003, 0.001])
    np.testing.assert_allclose(alone, [0.011])


def test_requests_of_several_rows_fill_a_batch_sooner():
    cost = CostLine(((1, 0.001), (8, 0.008)))

    model = pod_model(cost, max_rows=8, rows=3, instances=1)

    assert model.execution_seconds == pytest.approx((0.003, 0.006))
    larger = pod_model(cost, max_rows=8, rows=16, instances=1)
    assert larger.execution_seconds == pytest.approx((0.016,))


@pytest.mark.parametrize("share", [0.5, 0.9, 1.2])
def test_a_fitted_model_has_the_capacity_that_a_closed_load_reached(share):
    model = PodModel(COSTS, 2)

    fitted = fitted_to(model, burst_rate=share * model.capacity, idle_seconds=0.05)

    assert fitted.capacity == pytest.approx(share * model.capacity)
    assert fitted.execution_seconds[0] + fitted.fixed_seconds == pytest.approx(0.05)


def test_a_request_faster_than_its_execution_should_be_has_nothing_fixed():
    model = PodModel(COSTS)

    assert fitted_to(model, burst_rate=model.capacity, idle_seconds=0.001) == replace(
        model, execution_seconds=pytest.approx(COSTS), fixed_seconds=0.0
    )
