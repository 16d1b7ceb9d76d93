"""Two releases in one namespace leave each other's traffic, metrics and autoscalers alone."""

from __future__ import annotations

import time
from contextlib import ExitStack

import pytest

from tests.cluster import chart_values, example_models
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.load_client import Summary
from tests.cluster.serving import Serving

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

RATE = 30.0


def test_load_on_one_release_is_not_seen_by_the_other(
    cluster: Cluster, namespace: str, closing: ExitStack
) -> None:
    busy, idle = (Serving(cluster, namespace, name) for name in ("busy", "idle"))
    example_models.write_version(busy.create_claim() / example_models.NAME, 1)
    autoscaled = chart_values.autoscaled(requests_per_second=10, maximum=2)
    for serving in (busy, idle):
        serving.release.install(autoscaled)
    for serving in (busy, idle):
        serving.wait_until_ready(1)
    load = closing.enter_context(busy.load(RATE))
    seconds = busy.wait_until_ready(2, seconds=60)
    time.sleep(2)
    own = {pod["metadata"]["name"] for pod in idle.pods()}
    metric = cluster.metrics.pod_metric(namespace, "longshore_requests_per_second")
    summary = Summary.of(load.stop())
    assert summary.lost == 0, summary
    assert len(own) == 1, f"the idle release was scaled after {seconds:.0f} s"
    assert {metric[name] for name in own} == {"0"}
    assert chart_values.autoscaler(idle)["status"]["desiredReplicas"] == 1
    busy.release.uninstall()
    assert idle.predict().status == 200
