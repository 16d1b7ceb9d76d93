"""When the metrics break, the autoscaler keeps what it has: never a scale-down on missing data.

Clocks are shortened as in test_autoscaling.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster import autoscalers, chart_values, example_models
from tests.cluster.autoscalers import Autoscaler
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.load_client import LoadClient, assert_none_lost
from tests.cluster.serving import Serving
from tests.cluster.timeline import Timeline

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

TARGET, HIGH, LOW = 20.0, 50.0, 5.0
COUNT, FALLBACK = 3, 2
BLIND_SECONDS = 25.0
"""Longer than the rate window and the scale-down window together."""
HUNG_SECONDS = 16
"""Until a hung pod is out of the Service, the requests that it holds are not counted anywhere."""
NOTICE_SECONDS = 90.0
"""KEDA's metrics API waits a minute for its operator before it answers with an error."""
RECOVERY_SECONDS = 90.0
"""A start of the part, a full rate window, the scale-down window, and the pods' way out."""
PARTS = [
    (autoscalers.ADAPTER, "adapter"),
    pytest.param(autoscalers.ADAPTER, "prometheus", marks=pytest.mark.slow),
    pytest.param(autoscalers.KEDA, "keda", marks=pytest.mark.slow),
    pytest.param(autoscalers.KEDA, "keda-adapter", marks=pytest.mark.slow),
    (autoscalers.KEDA, "prometheus"),
]
"""Each program without which the autoscaler reads nothing."""


@dataclass(frozen=True, slots=True)
class Scaled:
    """A release that the autoscaler has brought to COUNT pods, under load and watched."""

    serving: Serving
    model: Path
    load: LoadClient
    watch: Timeline

    def least_wanted_since(self, at: float) -> int:
        """The smallest count that the autoscaler asked for since then."""
        return min(sample.desired for sample in self.watch.samples if sample.at >= at)


@pytest.fixture
def scale_down_seconds() -> int:
    return chart_values.SCALE_DOWN_SECONDS


@pytest.fixture
def scaled(
    autoscaler: Autoscaler, namespace: str, closing: ExitStack, scale_down_seconds: int
) -> Iterator[Scaled]:
    """Every part of the metrics pipeline runs again afterwards."""
    serving = autoscaler.serving(namespace)
    model = serving.create_claim() / example_models.NAME
    example_models.write_version(model, 1)
    values = autoscaler.values(requests_per_second=TARGET, scale_down_seconds=scale_down_seconds)
    serving.release.install(values)
    serving.wait_until_ready(1)
    load = closing.enter_context(serving.load(HIGH))
    watch = closing.enter_context(Timeline(serving, load))
    serving.wait_until_ready(COUNT)
    yield Scaled(serving, model, load, watch)
    watch.stop()
    load.stop()
    autoscaler.restore()


@pytest.mark.parametrize(("autoscaler", "part"), PARTS, indirect=["autoscaler"])
def test_a_part_of_the_pipeline_that_is_down_never_scales_down(
    cluster: Cluster, autoscaler: Autoscaler, scaled: Scaled, part: str
) -> None:
    autoscaler.stop(part)
    broken_at = scaled.load.elapsed
    scaled.load.set_rate(LOW)
    what = "the autoscaler to notice"
    cluster.wait_until(
        lambda: not chart_values.reads_metrics(scaled.serving), what, seconds=NOTICE_SECONDS
    )
    time.sleep(BLIND_SECONDS)
    assert scaled.least_wanted_since(broken_at) == COUNT
    assert len(scaled.serving.ready_pods()) == COUNT
    autoscaler.restore()
    scaled.serving.wait_until_ready(1, seconds=RECOVERY_SECONDS)
    assert_none_lost(scaled.load.stop())


@pytest.mark.slow
@pytest.mark.parametrize("scale_down_seconds", [HUNG_SECONDS])
def test_a_hung_pod_never_scales_down(cluster: Cluster, scaled: Scaled) -> None:
    hung = scaled.serving.ready_pods()[0]
    broken_at = scaled.load.elapsed
    cluster.nodes.signal(hung, "STOP")
    time.sleep(BLIND_SECONDS)
    assert scaled.least_wanted_since(broken_at) >= COUNT
    cluster.nodes.signal(hung, "CONT")
    outcomes = scaled.load.stop()
    served = [outcome for outcome in outcomes if outcome.is_served and outcome.at > broken_at + 10]
    assert served, "the other pods do not serve"


@pytest.mark.slow
def test_pods_that_cannot_load_never_scale_down(scaled: Scaled) -> None:
    (scaled.model / "1").rename(scaled.model / ".taken-away")
    broken_at = scaled.load.elapsed
    scaled.load.set_rate(HIGH + TARGET)
    time.sleep(BLIND_SECONDS)
    assert scaled.least_wanted_since(broken_at) >= COUNT
    assert len(scaled.serving.ready_pods()) >= COUNT
    assert_none_lost(scaled.load.stop())


@pytest.mark.slow
@pytest.mark.parametrize("autoscaler", [autoscalers.KEDA], indirect=True)
def test_the_fallback_that_was_asked_of_keda_holds_while_prometheus_is_down(
    autoscaler: Autoscaler, namespace: str, closing: ExitStack
) -> None:
    serving = autoscaler.serving(namespace)
    example_models.write_version(serving.create_claim() / example_models.NAME, 1)
    values = autoscaler.values(requests_per_second=TARGET)
    values["autoscaling"]["keda"]["fallback"] = {"failureThreshold": 2, "replicas": FALLBACK}
    serving.release.install(values)
    load = closing.enter_context(serving.load(LOW))
    closing.callback(autoscaler.restore)
    autoscaler.stop("prometheus")
    serving.wait_until_ready(FALLBACK, seconds=RECOVERY_SECONDS)
    autoscaler.restore()
    serving.wait_until_ready(1, seconds=RECOVERY_SECONDS)
    assert_none_lost(load.stop())
