"""Turning an autoscaler on, changing it for the other, and turning it off never costs a pod."""

from __future__ import annotations

import pytest

from tests.cluster import chart_values, example_models
from tests.cluster.autoscalers import Autoscaler
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.control_plane.keda import Keda
from tests.cluster.node_agent.api import Json
from tests.cluster.rules import shortened_chart
from tests.cluster.serving import Serving

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

    same = {"log_level": "error"}
    release.upgrade(chart_values.serving(replicas=None, config=same))
    cluster.wait_until(lambda: not chart_values.autoscaler(serving), "the autoscaler to go")
    assert count() == 4
    release.upgrade(chart_values.serving(replicas=None, config=same, revisionHistoryLimit=3))
    assert count() == 4
    assert len(serving.ready_pods()) == 4
    # Under Helm 4 the autoscaler still owns the count, which a stated one takes back.
    is_owned = helm_program == cluster.programs["helm"]
    stated = chart_values.serving(replicas=2, config=same)
    release.upgrade(stated, *(["--force-conflicts"] * is_owned))
    assert count() == 2
    # Helm 4 compares the manifests of a release that Helm 3 has made.
    name = serving.deployment()["metadata"]["name"]
    cluster.kubectl("scale", f"deployment/{name}", "--replicas=3", "-n", namespace)
    serving.release.upgrade(chart_values.serving(replicas=None, config=same))
    assert count() == 3


def test_one_autoscaler_takes_over_from_the_other(
    cluster: Cluster, keda: Keda, namespace: str, helm_program: str
) -> None:
    """Helm creates the new one before it deletes the old one, which KEDA's webhook looks for."""
    chart = shortened_chart(cluster.folders.root)
    by_adapter, by_keda = (Autoscaler(cluster, chart, part) for part in (None, keda))
    serving = by_adapter.serving(namespace)
    release = serving.release_by(helm_program)
    example_models.write_version(serving.create_claim() / example_models.NAME, 1)
    release.install(_autoscaled(by_adapter, minimum=2))
    serving.wait_until_ready(2)
    first = _identities(serving)

    for scaler in (by_keda, by_adapter, by_keda):
        release.upgrade(_autoscaled(scaler, minimum=2))
        cluster.wait_until(lambda s=scaler: _is_alone(serving, s), "the new autoscaler alone")
        cluster.wait_until(
            lambda: chart_values.reads_metrics(serving), "the new autoscaler's first metric"
        )
    release.upgrade(chart_values.serving(replicas=None, config={"log_level": "info"}))
    cluster.wait_until(lambda: not chart_values.autoscaler(serving), "the autoscaler to go")
    assert _identities(serving) == first
    assert len(serving.ready_pods()) == 2


def _identities(serving: Serving) -> set[str]:
    return {pod["metadata"]["uid"] for pod in serving.pods()}


def _is_alone(serving: Serving, scaler: Autoscaler) -> bool:
    """Whether the release has one autoscaler, of that kind."""
    path = f"/apis/autoscaling/v2/namespaces/{serving.namespace}/horizontalpodautoscalers"
    owners = [hpa["metadata"].get("ownerReferences", []) for hpa in serving.cluster.list(path)]
    return [bool(owner) for owner in owners] == [scaler.keda is not None]
