"""A lost node, a pod out of memory, a drained node: clients see no more than the stated bound."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.cluster import chart_values, example_models, pods
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.control_plane.timings import SHORTENED
from tests.cluster.load_client import Outcome, Summary
from tests.cluster.node_agent.api import ApiError, Json
from tests.cluster.serving import Serving

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

RATE = 30.0
LOST_NODE = "node-b"
NOTICE_SECONDS = 4.0
"""From a node's or pod's last sign to the last connection to it, beside the node's grace."""
RESTART_SECONDS = 5.0


@pytest.fixture
def serving(cluster: Cluster, namespace: str) -> Serving:
    """Two pods, one on each node."""
    release = Serving(cluster, namespace, "scale")
    example_models.write_version(release.create_claim() / example_models.NAME, 1)
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {"app.kubernetes.io/instance": "scale"}},
    }
    values = chart_values.serving(replicas=2, topologySpreadConstraints=[spread])
    release.release.install(values)
    release.wait_until_ready(2)
    assert {pod["spec"]["nodeName"] for pod in release.pods()} == {"node-a", "node-b"}
    return release


@pytest.fixture
def _node_comes_back(cluster: Cluster, serving: Serving) -> Iterator[None]:
    """After the test, and before the pods of `serving` are deleted, one of which is on it."""
    yield
    cluster.nodes.stop(LOST_NODE)
    cluster.nodes.start(LOST_NODE)
    cluster.wait_until_node_is(LOST_NODE, "True")


@pytest.mark.usefixtures("_node_comes_back")
def test_a_lost_node_costs_no_more_than_its_share_until_it_is_noticed(
    cluster: Cluster, serving: Serving, closing: ExitStack
) -> None:
    load = closing.enter_context(serving.load(RATE))
    time.sleep(2)
    lost_at = load.elapsed
    cluster.nodes.lose(LOST_NODE)
    cluster.wait_until_node_is(LOST_NODE, "Unknown")
    serving.cluster.wait_until(lambda: len(serving.ready_pods()) == 2, "two ready pods elsewhere")
    time.sleep(5)
    outcomes = load.stop()
    summary = Summary.of(outcomes)
    blind = SHORTENED.node_grace_seconds + NOTICE_SECONDS
    print(f"lost node: {summary}, of {RATE * blind:.0f} sent while it was not noticed")
    # Half of the fresh connections, and each kept one until it has failed once.
    assert summary.lost <= 0.75 * RATE * blind
    assert max(outcome.at for outcome in outcomes if outcome.is_lost) < lost_at + blind
    _assert_nothing_hangs(outcomes, load.timeout_seconds)


def test_a_pod_out_of_memory_is_restarted_while_the_other_serves(
    cluster: Cluster, serving: Serving, closing: ExitStack
) -> None:
    victim = serving.ready_pods()[0]
    load = closing.enter_context(serving.load(RATE))
    time.sleep(2)
    pods.exhaust_memory(cluster, victim)
    killed_at = load.elapsed

    def last_end() -> Json:
        pod = pods.get(cluster, serving.namespace, victim["metadata"]["name"])
        ended: Json = pod["status"]["containerStatuses"][0]["lastState"].get("terminated") or {}
        return ended

    cluster.wait_until(lambda: last_end().get("reason") == "OOMKilled", "the OOM kill")
    serving.wait_until_ready(2)
    time.sleep(2)
    outcomes = load.stop()
    summary = Summary.of(outcomes)
    print(f"out of memory: {summary}")
    assert summary.lost <= RATE * NOTICE_SECONDS
    lost = [outcome.at for outcome in outcomes if outcome.is_lost]
    assert all(at < killed_at + RESTART_SECONDS + NOTICE_SECONDS for at in lost)
    _assert_nothing_hangs(outcomes, load.timeout_seconds)


def test_a_drain_waits_for_the_disruption_budget_and_loses_no_request(
    cluster: Cluster, serving: Serving, closing: ExitStack
) -> None:
    load = closing.enter_context(serving.load(RATE))
    time.sleep(2)
    options = ("--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=50s")
    selector = f"--pod-selector={serving.selector}"
    try:
        cluster.kubectl("drain", LOST_NODE, *options, selector)
        serving.wait_until_ready(2)
    finally:
        cluster.kubectl("uncordon", LOST_NODE)
    time.sleep(2)
    summary = Summary.of(load.stop())
    assert summary.lost == summary.refused == 0, summary


def test_the_disruption_budget_lets_one_pod_go_at_a_time(
    cluster: Cluster, serving: Serving
) -> None:
    first, second = serving.ready_pods()
    _evict(cluster, first)
    with pytest.raises(ApiError, match="disruption budget") as refused:
        _evict(cluster, second)
    assert refused.value.code == 429
    serving.wait_until_ready(2)


def test_pods_of_a_model_that_cannot_be_loaded_keep_no_node_from_being_drained(
    cluster: Cluster, namespace: str
) -> None:
    broken = Serving(cluster, namespace, "scale")
    example_models.write_broken_version(broken.create_claim() / example_models.NAME, 1)
    broken.release.install(chart_values.serving(replicas=2), wait=False)

    def are_running() -> bool:
        return [pod["status"]["phase"] for pod in broken.pods()] == ["Running", "Running"]

    cluster.wait_until(are_running, "two running pods")
    assert broken.ready_pods() == []
    budget = ("poddisruptionbudget", broken.deployment()["metadata"]["name"], "-n", namespace)
    policy = cluster.kubectl("get", *budget, "-o", "jsonpath={.spec.unhealthyPodEvictionPolicy}")
    assert policy == "AlwaysAllow"

    def choose(policy: str) -> None:
        change = f'{{"spec": {{"unhealthyPodEvictionPolicy": "{policy}"}}}}'
        cluster.kubectl("patch", *budget, "--type=merge", "-p", change)

    pair = broken.pods()
    choose("IfHealthyBudget")
    with pytest.raises(ApiError, match="disruption budget") as refused:
        _evict(cluster, pair[0])
    assert refused.value.code == 429
    choose(policy)
    for pod in pair:
        _evict(cluster, pod)


def _evict(cluster: Cluster, pod: Json) -> None:
    metadata = {key: pod["metadata"][key] for key in ("name", "namespace")}
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata}
    path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/eviction"
    cluster.api.post(path, body)


def _assert_nothing_hangs(outcomes: list[Outcome], timeout_seconds: float) -> None:
    assert max(outcome.seconds for outcome in outcomes) < timeout_seconds + 2
