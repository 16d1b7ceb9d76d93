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

from tests.cluster import chart_values, example_models, rules
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.load_client import LoadClient, assert_none_lost
from tests.cluster.serving import Serving
from tests.cluster.timeline import Timeline

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

TARGET, HIGH, LOW = 20.0, 50.0, 5.0
COUNT = 3
BLIND_SECONDS = 25.0
"""Longer than the rate window and the scale-down window together."""


@dataclass(frozen=True, slots=True)
class Scaled:
    """A release that the autoscaler has brought to COUNT pods, under load and watched."""

    serving: Serving
    model: Path
    load: LoadClient
    watch: Timeline

    def scaling_is_active(self) -> bool:
        conditions = chart_values.autoscaler(self.serving)["status"]["conditions"]
        return any(c["type"] == "ScalingActive" and c["status"] == "True" for c in conditions)

    def least_wanted_since(self, at: float) -> int:
        """The smallest count that the autoscaler asked for since then."""
        return min(sample.desired for sample in self.watch.samples if sample.at >= at)


@pytest.fixture
def scaled(cluster: Cluster, namespace: str, closing: ExitStack) -> Iterator[Scaled]:
    """Both halves of the metrics pipeline run again afterwards."""
    serving = Serving(cluster, namespace, "scale")
    model = serving.create_claim() / example_models.NAME
    example_models.write_version(model, 1)
    serving.release.install(chart_values.autoscaled(requests_per_second=TARGET))
    serving.wait_until_ready(1)
    load = closing.enter_context(serving.load(HIGH))
    watch = closing.enter_context(Timeline(serving, load))
    serving.wait_until_ready(COUNT)
    yield Scaled(serving, model, load, watch)
    watch.stop()
    load.stop()
    if "prometheus" not in cluster.metrics.running:
        cluster.metrics.start_prometheus(rules.scrape_configs())
    if "adapter" not in cluster.metrics.running:
        file = rules.adapter_rules(cluster.folders.root)
        assert file is not None
        cluster.metrics.start_adapter(file)


@pytest.mark.parametrize("part", ["adapter", "prometheus"])
def test_a_part_of_the_pipeline_that_is_down_never_scales_down(
    cluster: Cluster, scaled: Scaled, part: str
) -> None:
    cluster.metrics.stop(part)
    broken_at = scaled.load.elapsed
    scaled.load.set_rate(LOW)
    cluster.wait_until(lambda: not scaled.scaling_is_active(), "the autoscaler to notice")
    time.sleep(BLIND_SECONDS)
    assert scaled.least_wanted_since(broken_at) == COUNT
    assert len(scaled.serving.ready_pods()) == COUNT
    assert_none_lost(scaled.load.stop())


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


def test_pods_that_cannot_load_never_scale_down(scaled: Scaled) -> None:
    (scaled.model / "1").rename(scaled.model / ".taken-away")
    broken_at = scaled.load.elapsed
    scaled.load.set_rate(HIGH + TARGET)
    time.sleep(BLIND_SECONDS)
    assert scaled.least_wanted_since(broken_at) >= COUNT
    assert len(scaled.serving.ready_pods()) >= COUNT
    assert_none_lost(scaled.load.stop())
