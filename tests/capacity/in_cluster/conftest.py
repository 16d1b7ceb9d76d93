from __future__ import annotations

import pytest

from longshore_k8s.capacity.in_cluster import client_job, cluster_pod, namespace
from longshore_k8s.helm import Helm
from tests.capacity.in_cluster.fake_cluster import NAMESPACE, FakeCluster, Waits
from tests.chart import rendering

REAL = {"model": {"existingClaim": "models", "path": "cnn"}, "image": {"repository": "longshore"}}


@pytest.fixture
def cluster(monkeypatch) -> FakeCluster:
    """With the release `cnn`, which was given `REAL`; waits take no time."""
    found = FakeCluster()
    [deployment] = [
        one for one in rendering.render(REAL, name="cnn") if one["kind"] == "Deployment"
    ]
    found.post(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments", deployment)
    found.made.clear()
    monkeypatch.setattr(Helm, "given_values", lambda self, release: REAL)
    monkeypatch.setattr(
        Helm, "template", lambda self, name, chart, values: rendering.render(values, name=name)
    )
    waits = Waits()
    for module in (client_job, cluster_pod, namespace):
        monkeypatch.setattr(module, "time", waits)
    return found
