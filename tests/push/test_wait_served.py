"""A push that waits until its version is served."""

from __future__ import annotations

import pytest

from longshore_k8s.push.errors import PushFailed
from longshore_k8s.push.target import Target
from longshore_k8s.push.wait_served import wait_until_served
from tests.clock import FakeClock
from tests.doctor.cluster import NAMESPACE, FakeCluster

READY = f"/api/v1/namespaces/{NAMESPACE}/pods/sentiment-1:8002/proxy/v2/health/ready"


@pytest.fixture
def cluster():
    found = FakeCluster()
    found.pod["spec"]["volumes"] = [
        {"name": "model", "persistentVolumeClaim": {"claimName": "models"}}
    ]
    found.pod["spec"]["containers"] = [{"name": "server"}]
    found.pod["status"]["containerStatuses"] = [{"name": "server", "state": {"running": {}}}]
    return found


def wait(cluster, bodies):
    """What is said while the pod answers with one body a second, and then with the last."""
    clock, said = FakeClock(), []
    left = list(bodies)

    def sleep(seconds):
        clock.advance(seconds)
        answer()

    def answer():
        body = left.pop(0) if len(left) > 1 else left[0]
        status = str(body.get("ready", True))
        cluster.pod["status"]["conditions"] = [{"type": "Ready", "status": status}]
        cluster.answers[READY] = (200, body)

    answer()
    target = Target(NAMESPACE, cluster.claim, "", "sentiment")
    wait_until_served(target, "2", cluster, seconds=5, say=said.append, sleep=sleep, clock=clock)
    return said


def test_it_ends_once_the_pod_serves_the_version(cluster):
    said = wait(cluster, [
        {"versions": {"1": "READY"}},
        {"versions": {"1": "READY", "2": "LOADING"}},
        {"versions": {"2": "READY"}, "ready": False},
        {"versions": {"2": "READY"}},
    ])  # fmt: skip

    assert said == [
        "waiting: pod sentiment-1: 1 READY",
        "waiting: pod sentiment-1: 1 READY, 2 LOADING",
        "waiting: pod sentiment-1: 2 READY, not ready",
        "served by sentiment-1",
    ]


def test_a_version_that_no_pod_takes_is_told_with_the_pods_reason(cluster):
    body = {"versions": {"1": "READY"}, "problems": ["version 2: fails on every input"]}

    with pytest.raises(PushFailed, match=r"not served after 5 s: .*fails on every input"):
        wait(cluster, [body])


def test_a_release_without_pods_is_told(cluster):
    cluster.lists["pods"] = []

    with pytest.raises(PushFailed, match="no pod serves from the claim"):
        wait(cluster, [{}])
