"""From `helm install` to `helm uninstall`, under Helm 4 and under Helm 3."""

from __future__ import annotations

import json
import os
import re

import pytest

from tests.cluster import chart_values, example_models
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.serving import CLAIM, MANAGEMENT_PORT, Serving, fetch

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

OWNED = (
    "/api/v1/namespaces/{}/pods",
    "/api/v1/namespaces/{}/services",
    "/api/v1/namespaces/{}/secrets",
    "/apis/apps/v1/namespaces/{}/deployments",
    "/apis/apps/v1/namespaces/{}/replicasets",
    "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers",
    "/apis/policy/v1/namespaces/{}/poddisruptionbudgets",
    "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    "/apis/batch/v1/namespaces/{}/jobs",
)


def test_a_release_lives_from_install_to_uninstall(
    cluster: Cluster, namespace: str, helm_program: str
) -> None:
    serving = Serving(cluster, namespace, "scale")
    release = serving.release_by(helm_program)
    example_models.write_version(serving.create_claim() / example_models.NAME, 1)

    release.install(chart_values.serving(replicas=1))
    serving.wait_until_ready(1)
    answer = serving.predict()
    assert answer.status == 200
    assert json.loads(answer.body)["model_name"] == example_models.NAME
    assert example_models.answered_version(answer.body) == 1
    assert "Phase:          Succeeded" in release.test()
    assert _planned_cpus(serving) == [0.5], "the limit"
    before = _resource_versions(cluster, namespace)
    release.upgrade(chart_values.serving(replicas=1))
    assert _resource_versions(cluster, namespace) == before, "an upgrade without a change"

    unlimited = {"requests": {"cpu": "250m"}, "limits": {"memory": "512Mi"}}
    release.upgrade(chart_values.serving(replicas=2, resources=unlimited))
    serving.wait_until_ready(2)
    for cpus in _planned_cpus(serving):
        assert 0.25 <= cpus <= (os.cpu_count() or 1), "the request, and what the node has idle"
    release.rollback(1)
    serving.wait_until_ready(1)
    assert [entry["status"] for entry in release.history()][-1] == "deployed"
    assert serving.predict().status == 200

    release.uninstall()
    cluster.wait_until(lambda: not _left(cluster, namespace), "the release's objects to go")
    claims = cluster.list(f"/api/v1/namespaces/{namespace}/persistentvolumeclaims")
    assert [claim["metadata"]["name"] for claim in claims] == [CLAIM]


def _resource_versions(cluster: Cluster, namespace: str) -> dict[str, str]:
    kinds = "deployments,services,configmaps,networkpolicies,serviceaccounts,pods"
    form = (
        r'jsonpath={range .items[*]}{.kind}/{.metadata.name}={.metadata.resourceVersion}{"\n"}{end}'
    )
    text = cluster.kubectl("get", kinds, "-n", namespace, "-o", form)
    return dict(line.split("=") for line in text.splitlines())


def _planned_cpus(serving: Serving) -> list[float]:
    """`longshore_cpus` of each pod."""
    texts = [
        fetch(pod["status"]["podIP"], MANAGEMENT_PORT, "/metrics").body for pod in serving.pods()
    ]
    return [float(re.findall(rb"^longshore_cpus (.+)$", text, re.MULTILINE)[0]) for text in texts]


def _left(cluster: Cluster, namespace: str) -> list[str]:
    """What is left in the namespace of the kinds that a release may own."""
    paths = [path.format(namespace) for path in OWNED]
    return [entry["metadata"]["name"] for path in paths for entry in cluster.list(path)]
