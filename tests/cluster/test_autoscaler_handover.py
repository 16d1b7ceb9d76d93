"""Turning an autoscaler on, upgrading beside it, and turning it off never costs a pod."""

from __future__ import annotations

import pytest

from tests.cluster import chart_values, example_models
from tests.cluster.autoscalers import Autoscaler
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.node_agent.api import Json

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


def _autoscaled(scaler: Autoscaler, *, minimum: int = 1, log_level: str = "info") -> Json:
    """On a metric that asks for one pod, and so slow to scale down that it does not in a test."""
    values = scaler.values(requests_per_second=1000, config={"log_level": log_level})
    del values["autoscaling"]["behavior"]
    values["autoscaling"]["minReplicas"] = minimum
    return values


def test_the_autoscaler_takes_over_the_pods_that_are_there(
    cluster: Cluster, autoscaler: Autoscaler, namespace: str, helm_program: str
) -> None:
    serving = autoscaler.serving(namespace)
    release = serving.release_by(helm_program)
    example_models.write_version(serving.create_claim() / example_models.NAME, 1)

    def count() -> int:
        return int(serving.deployment()["spec"]["replicas"])

    release.install(chart_values.serving(replicas=3))
    release.upgrade(_autoscaled(autoscaler))
    assert count() == 3
    release.upgrade(_autoscaled(autoscaler, log_level="warning"))
    assert count() == 3

    release.upgrade(_autoscaled(autoscaler, minimum=4, log_level="warning"))
    cluster.wait_until(lambda: count() == 4, "the autoscaler to scale for the first time")
    release.upgrade(_autoscaled(autoscaler, minimum=4, log_level="error"))
    assert count() == 4
    serving.wait_until_ready(4)

    # Under Helm 4 the autoscaler owns the count, which the release takes back.
    is_owned = helm_program == cluster.programs["helm"]
    release.upgrade(chart_values.serving(replicas=4), *(["--force-conflicts"] * is_owned))
    cluster.wait_until(lambda: not chart_values.autoscaler(serving), "the autoscaler to go")
    assert count() == 4
    assert len(serving.ready_pods()) == 4
