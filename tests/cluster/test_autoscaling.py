"""The real autoscaler follows the load, by the real adapter or KEDA and the shipped queries.

Unless a test says otherwise the clocks are shortened: autoscaler sync 2 s instead of 15 s, scrape
1 s, rate window 10 s instead of the shipped one, scale-down window 8 s instead of 300 s.
"""

from __future__ import annotations

import math
import os
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cluster import chart_values, example_models, rules, timeline
from tests.cluster.autoscalers import Autoscaler
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.control_plane.timings import SHIPPED, SHORTENED, Timings
from tests.cluster.load_client import Outcome, Summary, assert_none_lost
from tests.cluster.node_agent.api import Json
from tests.cluster.serving import Serving
from tests.cluster.timeline import Timeline

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]

BUILD = Path(__file__).resolve().parents[2] / "build/cluster"
LOW, HIGH, TARGET = 19.0, 95.0, 20.0
RIGHT_COUNT = math.ceil(HIGH / TARGET)
WINDOW_SECONDS = 10.0
POD_START_SECONDS = 20.0
"""Allowed for a pod's way to ready, while other pods start on the same two cores."""
METRIC_SECONDS = 150.0
"""Two scrapes, and the adapter's look for new names, which is a minute apart when shipped."""
DOWN_SECONDS = 60.0
DEAR_LAYERS = 2400
"""A model whose price is in its computation, not in carrying requests to it."""
SETTLE_SECONDS = 12.0
SHIPPED_DOWN_SECONDS = 900.0
"""The window of 5 minutes, the rate's, and then a pod a minute."""
TOLERANCE = 0.1
"""The autoscaler leaves a ratio within this of 1 alone."""


def _install(serving: Serving, values: Json, layers: int) -> Serving:
    model = serving.create_claim() / example_models.NAME
    example_models.write_version(model, 1, layers=layers)
    serving.release.install(values)
    serving.wait_until_ready(1)
    return serving


def _wait_for_metric(serving: Serving, name: str) -> None:
    serving.cluster.wait_until(
        lambda: chart_values.reads_metrics(serving),
        f"the autoscaler to read {name}",
        seconds=METRIC_SECONDS,
    )


def _lag_seconds(timings: Timings, window_seconds: float) -> float:
    """When the whole step must have been seen: scrape + rate window + autoscaler sync."""
    return timings.scrape_seconds + window_seconds + timings.autoscaler_sync_seconds


def test_a_fivefold_step_in_requests_is_followed_up_and_back(
    cluster: Cluster, autoscaler: Autoscaler, namespace: str, closing: ExitStack
) -> None:
    values = autoscaler.values(requests_per_second=TARGET, config={"connection_max_age_seconds": 4})
    serving = _install(autoscaler.serving(namespace), values, layers=0)
    load = closing.enter_context(serving.load(LOW, fresh_share=0.2, kept_connections=32))
    watch = closing.enter_context(Timeline(serving, load))
    _wait_for_metric(serving, "requests per second")
    time.sleep(WINDOW_SECONDS)
    stepped_at = load.elapsed
    load.set_rate(HIGH)
    bound = _lag_seconds(SHORTENED, WINDOW_SECONDS) + POD_START_SECONDS
    serving.wait_until_ready(RIGHT_COUNT, seconds=bound)
    time.sleep(SETTLE_SECONDS)
    shares = _shares(cluster, namespace)
    load.set_rate(LOW)
    serving.wait_until_ready(1, seconds=DOWN_SECONDS)
    time.sleep(5)
    samples = watch.stop()
    outcomes = load.stop()
    summary = Summary.of(outcomes)
    took = watch.seconds_until_ready(RIGHT_COUNT, since=stepped_at)
    lag = _lag_seconds(SHORTENED, WINDOW_SECONDS)
    _keep_picture(watch, outcomes, "load-step.png", title=f"{_step(took, lag)}, shortened clocks")
    print(f"{_step(took, lag)}; {summary}; shares {sorted(shares.values())}")
    assert summary.lost == 0, summary
    assert max(sample.desired for sample in samples) == RIGHT_COUNT
    _assert_no_flapping(watch.desired_changes())
    assert len(shares) == RIGHT_COUNT
    assert min(shares.values()) > 0.25 * HIGH / RIGHT_COUNT


@pytest.mark.slow
def test_utilization_leads_to_the_count_that_the_offered_work_asks_for(
    cluster: Cluster, autoscaler: Autoscaler, namespace: str, closing: ExitStack
) -> None:
    target = 0.05
    # Room above the right count: pods that calibrate on a busy machine find a row dearer.
    values = autoscaler.values(utilization=target, maximum=8, config={"max_batch_size": 0})
    serving = _install(autoscaler.serving(namespace), values, layers=DEAR_LAYERS)
    load = closing.enter_context(serving.load(5.0))
    watch = closing.enter_context(Timeline(serving, load))
    _wait_for_metric(serving, "utilization")
    cost = _seconds_per_request(cluster, namespace)
    low = 0.7 * target / cost
    load.set_rate(low)
    time.sleep(WINDOW_SECONDS + 4)
    load.set_rate(5 * low)
    time.sleep(_lag_seconds(SHORTENED, WINDOW_SECONDS) + POD_START_SECONDS + SETTLE_SECONDS)
    work = autoscaler.total(serving, "longshore_utilization")
    count = len(serving.ready_pods())
    load.set_rate(low)
    serving.wait_until_ready(1, seconds=DOWN_SECONDS)
    watch.stop()
    summary = Summary.of(load.stop())
    print(f"cost {1000 * cost:.1f} ms, work {work:.2f}, {count} pods; {summary}")
    assert summary.lost == 0, summary
    assert count > 2
    # The reading is taken a moment after the autoscaler's: both may be off by the tolerance.
    fewest = math.ceil(work / target / (1 + TOLERANCE) ** 2)
    most = math.ceil(work / target * (1 + TOLERANCE))
    assert fewest <= count <= most


@pytest.mark.slow
def test_with_the_shipped_clocks_the_step_is_followed_within_the_lag_formula(
    cluster: Cluster, shipped_clocks: None, namespace: str, closing: ExitStack
) -> None:
    watch = _follow_step_with_shipped_clocks(cluster, namespace, closing)
    print(assert_none_lost(watch.load.stop()))


@pytest.mark.shipped_clocks
@pytest.mark.timeout(1200)
def test_with_the_shipped_clocks_the_count_comes_back_pod_by_pod(
    cluster: Cluster, shipped_clocks: None, namespace: str, closing: ExitStack
) -> None:
    watch = _follow_step_with_shipped_clocks(cluster, namespace, closing)
    watch.load.set_rate(LOW)
    watch.serving.wait_until_ready(1, seconds=SHIPPED_DOWN_SECONDS)
    time.sleep(SETTLE_SECONDS)
    watch.stop()
    outcomes = watch.load.stop()
    _keep_picture(
        watch, outcomes, "load-step-shipped.png", title="The same with the shipped clocks"
    )
    print(assert_none_lost(outcomes))
    assert watch.desired_changes()[-RIGHT_COUNT:] == list(range(RIGHT_COUNT, 0, -1))
    _assert_no_flapping(watch.desired_changes())


def _follow_step_with_shipped_clocks(
    cluster: Cluster, namespace: str, closing: ExitStack
) -> Timeline:
    """A release brought from one pod to RIGHT_COUNT by a step, its load and watch still going."""
    window = rules.shipped_window_seconds()
    values = chart_values.autoscaled(requests_per_second=TARGET)
    del values["autoscaling"]["behavior"]
    serving = _install(Serving(cluster, namespace, "scale"), values, layers=0)
    load = closing.enter_context(serving.load(LOW))
    watch = closing.enter_context(Timeline(serving, load))
    _wait_for_metric(serving, "requests per second")
    time.sleep(window)
    stepped_at = load.elapsed
    load.set_rate(HIGH)
    lag = _lag_seconds(SHIPPED, window)
    serving.wait_until_ready(RIGHT_COUNT, seconds=lag + POD_START_SECONDS)
    print(f"shipped clocks: {_step(load.elapsed - stepped_at, lag)}")
    return watch


def _step(took: float, lag: float) -> str:
    """The time to capacity beside the formula's, which is S + W + T + a pod's way to ready."""
    change = f"{LOW:.0f} to {HIGH:.0f} requests/s at {TARGET:.0f} a pod"
    return f"{change}: {RIGHT_COUNT} pods ready after {took:.1f} s, formula {lag:.0f} s + pod start"


def _assert_no_flapping(counts: list[int]) -> None:
    """Up without a step down, then down without a step up."""
    top = counts.index(max(counts))
    assert counts[: top + 1] == sorted(counts[: top + 1]), counts
    assert counts[top:] == sorted(counts[top:], reverse=True), counts


def _shares(cluster: Cluster, namespace: str) -> dict[str, float]:
    """Requests a second that each pod gets, as Prometheus counted them."""
    rate = f'sum by (pod) (rate(longshore_requests_total{{namespace="{namespace}"}}[10s]))'
    return {row["metric"]["pod"]: float(row["value"][1]) for row in cluster.metrics.query(rate)}


def _seconds_per_request(cluster: Cluster, namespace: str) -> float:
    """What the pods say that one request costs, from work and arrivals over the same time."""
    where = f'{{namespace="{namespace}"}}'
    work = f"sum(rate(longshore_offered_work_seconds_total{where}[10s]))"
    arrivals = f"sum(rate(longshore_requests_total{where}[10s]))"

    def value() -> float | None:
        found = cluster.metrics.value(f"{work} / {arrivals}")
        return found if found is not None and found > 0 else None

    cluster.wait_until(value, "a price per request")
    found = value()
    assert found is not None
    return found


def _keep_picture(watch: Timeline, outcomes: list[Outcome], name: str, *, title: str) -> None:
    """Into the build folder always, beside the README when asked to renew it."""
    places = [BUILD]
    if os.environ.get("LONGSHORE_RENEW_PICTURES"):
        places.append(Path(__file__).parent)
    for place in places:
        timeline.draw(watch, outcomes, place / name, title=title)
