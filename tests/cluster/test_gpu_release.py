"""A GPU release waits for what it needs with the scheduler's reason, and rolls without a spare.

GPUs are numbers here: the node says how many it has, and the model itself runs on the CPU.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster import chart_values, example_models, pods
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.serving import Serving

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

NODE = "node-gpu"
CAPACITY = {"cpu": "8", "memory": "16Gi", "nvidia.com/gpu": "1"}
LABELS = {"nvidia.com/gpu.product": "Test-GPU"}
TAINT = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}


@pytest.fixture
def gpu_node(cluster: Cluster) -> Iterator[str]:
    """A tainted node with one GPU, gone afterwards."""
    cluster.nodes.start(NODE, capacity=CAPACITY, labels=LABELS, taints=(TAINT,))
    cluster.wait_until_node_is(NODE, "True")
    yield NODE
    cluster.nodes.stop(NODE)
    cluster.api.delete(f"/api/v1/nodes/{NODE}")


def _serving(cluster: Cluster, namespace: str) -> Serving:
    serving = Serving(cluster, namespace, "scale")
    example_models.write_version(serving.create_claim() / example_models.NAME, 1)
    return serving


def _scheduler_says(serving: Serving) -> str:
    """The scheduler's reason for the pod that it cannot place."""

    def reasons() -> list[str]:
        return [
            condition["message"]
            for pod in serving.pods()
            for condition in pod["status"].get("conditions") or []
            if condition["type"] == "PodScheduled" and condition["status"] == "False"
        ]

    serving.cluster.wait_until(reasons, "the scheduler's reason")
    return reasons()[0]


def test_it_waits_for_a_gpu_where_no_node_has_one(cluster: Cluster, namespace: str) -> None:
    serving = _serving(cluster, namespace)
    serving.release.install(chart_values.gpu(), wait=False)
    assert "Insufficient nvidia.com/gpu" in _scheduler_says(serving)


def test_it_waits_for_the_product_that_it_asked_for(
    cluster: Cluster, gpu_node: str, namespace: str
) -> None:
    serving = _serving(cluster, namespace)
    selector = {"nvidia.com/gpu.product": "Another-GPU"}
    serving.release.install(chart_values.gpu(node_selector=selector), wait=False)
    assert "didn't match Pod's node affinity/selector" in _scheduler_says(serving)


def test_it_waits_where_the_taint_is_not_tolerated(
    cluster: Cluster, gpu_node: str, namespace: str
) -> None:
    serving = _serving(cluster, namespace)
    other = [{"key": "another", "operator": "Exists"}]
    serving.release.install(chart_values.gpu(tolerations=other), wait=False)
    assert "untolerated taint" in _scheduler_says(serving)


def test_it_runs_on_the_gpu_and_rolls_out_with_none_to_spare(
    cluster: Cluster, gpu_node: str, namespace: str
) -> None:
    serving = _serving(cluster, namespace)
    serving.release.install(chart_values.gpu())
    serving.wait_until_ready(1)
    (pod,) = serving.pods()
    assert pod["spec"]["nodeName"] == gpu_node
    assert serving.predict().status == 200
    assert "Phase:          Succeeded" in serving.release.test()
    first = pod["metadata"]["uid"]
    serving.release.upgrade(chart_values.gpu(config={"log_level": "warning"}))
    serving.wait_until_ready(1)
    (pod,) = serving.pods()
    assert pod["metadata"]["uid"] != first
    assert pods.is_ready(pod)
    assert serving.predict().status == 200
