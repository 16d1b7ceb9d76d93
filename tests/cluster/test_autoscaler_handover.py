"""Turning the autoscaler on, and upgrading beside it, never costs a pod."""

from __future__ import annotations

import pytest

from tests.cluster import chart_values, example_models
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.node_agent.api import Json
from tests.cluster.serving import Serving

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


def _autoscaled(*, minimum: int = 1, log_level: str = "info") -> Json:
    """On a metric that asks for one pod, and so slow to scale down that it does not in a test."""
    values = chart_values.autoscaled(requests_per_second=1000, config={"log_level": log_level})
    del values["autoscaling"]["behavior"]
    values["autoscaling"]["minReplicas"] = minimum
    return values


def test_the_autoscaler_takes_over_the_pods_that_are_there(
    cluster: Cluster, namespace: str, helm_program: str
) -> None:
    serving = Serving(cluster, namespace, "scale")
    release = serving.release_by(helm_program)
    example_models.write_version(serving.create_claim() / example_models.NAME, 1)

    def count() -> int:
        return int(serving.deployment()["spec"]["replicas"])

    release.install(chart_values.serving(replicas=3))
    release.upgrade(_autoscaled())
    assert count() == 3
    release.upgrade(_autoscaled(log_level="warning"))
    assert count() == 3

    release.upgrade(_autoscaled(minimum=4, log_level="warning"))
    cluster.wait_until(lambda: count() == 4, "the autoscaler to scale for the first time")
    release.upgrade(_autoscaled(minimum=4, log_level="error"))
    assert count() == 4
    serving.wait_until_ready(4)
