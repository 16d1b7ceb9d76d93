"""What the real adapter answers to an autoscaler, from the shipped rules, for every metric."""

from __future__ import annotations

import time
from contextlib import ExitStack

import pytest

from tests.cluster import chart_values, example_models, rules
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.load_client import Summary
from tests.cluster.node_agent import quantities
from tests.cluster.node_agent.api import ApiError
from tests.cluster.serving import Serving

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

METRICS = tuple(rule["name"]["as"] for rule in rules.shipped_rules()["rules"])
RATE = 40.0
WINDOW_SECONDS = 10.0


def _read(cluster: Cluster, namespace: str) -> dict[str, list[float]]:
    """The metric's value for each of the two pods, by metric."""
    return {
        metric: [
            float(quantities.parse(value))
            for value in cluster.metrics.pod_metric(namespace, metric).values()
        ]
        for metric in METRICS
    }


def test_every_metric_is_answered_for_every_pod_idle_and_loaded(
    cluster: Cluster, namespace: str, closing: ExitStack
) -> None:
    serving = Serving(cluster, namespace, "scale")
    example_models.write_version(serving.create_claim() / example_models.NAME, 1, layers=300)
    serving.release.install(chart_values.serving(replicas=2))
    serving.wait_until_ready(2)

    def is_answered() -> bool:
        try:
            return all(len(values) == 2 for values in _read(cluster, namespace).values())
        except ApiError:  # a name that the adapter has not listed yet
            return False

    cluster.wait_until(is_answered, "the adapter to answer every metric for both pods")
    idle = _read(cluster, namespace)
    load = closing.enter_context(serving.load(RATE))
    time.sleep(WINDOW_SECONDS + 4)
    loaded = _read(cluster, namespace)
    summary = Summary.of(load.stop())
    print(f"idle {idle}, at {RATE:.0f} requests/s {loaded}; {summary}")

    assert set(METRICS) == {
        "longshore_utilization",
        "longshore_requests_per_second",
        "longshore_concurrency",
        "longshore_request_duration_p95_seconds",
    }
    # Idle is 0 for each of them, never absent and never what NaN would become.
    assert all(values == [0, 0] for values in idle.values())
    assert sum(loaded["longshore_requests_per_second"]) == pytest.approx(RATE, rel=0.05)
    assert all(value > 0 for values in loaded.values() for value in values)
    mean_in_flight = RATE * summary.p95_seconds
    assert sum(loaded["longshore_concurrency"]) <= mean_in_flight
    assert summary.lost == 0, summary
