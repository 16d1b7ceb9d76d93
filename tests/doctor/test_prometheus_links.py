"""Prometheus' side of the chain: what selects, reaches, scrapes and stores the pods."""

from __future__ import annotations

import pytest

from tests.doctor.breaks import (
    BUILD_INFO,
    labelled,
    monitor,
    network_policy,
    no_series,
    not_scraped,
    scaled_object,
    target_down,
)
from tests.doctor.cluster import NAMESPACE, PROMETHEUS_API, FakeCluster, target


@pytest.mark.parametrize(
    "spec",
    [
        {"podMonitorSelector": {}, "podMonitorNamespaceSelector": {}},
        {
            "podMonitorSelector": {"matchLabels": {"app.kubernetes.io/component": "server"}},
            "podMonitorNamespaceSelector": {
                "matchExpressions": [
                    {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["prod"]}
                ]
            },
        },
    ],
)
def test_a_monitor_that_a_prometheus_selects_is_sound(spec):
    cluster = FakeCluster()
    monitor(cluster, **spec)

    assert cluster.codes() == []


def test_pods_that_have_values_are_scraped_whatever_selects_their_monitor():
    cluster = FakeCluster()
    cluster.autoscale()
    monitor(cluster)

    assert cluster.codes() == []


@pytest.mark.parametrize(
    "rule",
    [
        {"from": []},
        {"from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name":
                                                         "monitoring"}}}]},
        {"from": [{"namespaceSelector": {},
                   "podSelector": {"matchLabels": {"app": "prometheus"}}}]},
        {"from": [{"ipBlock": {"cidr": "10.1.0.0/16"}}]},
        {"from": [], "ports": []},
        {"from": [], "ports": [{"port": 8000, "endPort": 9000}]},
    ],
)  # fmt: skip
def test_a_network_policy_that_lets_prometheus_in_is_sound(rule):
    cluster = FakeCluster()
    network_policy(cluster, **rule)

    assert cluster.codes()[0] == "LS29"


@pytest.mark.parametrize(
    "rule",
    [
        {"from": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "other"}}}]},
        {"from": [{"podSelector": {}}]},
        {"from": [{"ipBlock": {"cidr": "10.1.0.0/16", "except": ["10.1.2.0/24"]}}]},
        {"from": [], "ports": [{"port": "http"}]},
        {"from": [], "ports": [{"port": "management", "protocol": "UDP"}]},
    ],
)
def test_a_network_policy_that_lets_others_in_is_named(rule):
    cluster = FakeCluster()
    network_policy(cluster, **rule)

    assert cluster.codes()[0] == "LS30"


def test_a_pod_whose_series_wait_for_their_first_scrape_breaks_no_link_of_prometheus():
    cluster = FakeCluster()
    no_series(cluster)
    cluster.scrape(target(health="unknown"))

    assert not {"LS29", "LS31", "LS32"} & {*cluster.codes()}


def test_series_with_the_right_labels_break_no_link_although_the_first_query_has_no_answer():
    cluster = FakeCluster()
    no_series(cluster)
    cluster.scrape(target())
    right = {"namespace": NAMESPACE, "pod": "sentiment-1"}
    cluster.store(f"{BUILD_INFO}}}", {"metric": right})

    assert "LS31" not in cluster.codes()


def test_a_prometheus_that_has_found_no_target_of_anything_breaks_no_link():
    cluster = FakeCluster()
    no_series(cluster)
    cluster.scrape()

    assert cluster.codes() == ["LS27"]
    assert "or the window of the rule" in cluster.examine().broken[0][1].cause


def test_nobody_asks_prometheus_while_every_pod_has_a_value():
    cluster = FakeCluster()
    cluster.autoscale()
    cluster.scrape(target(health="down"))

    assert cluster.codes() == []
    assert not [path for path in cluster.asked if "/proxy/" in path]


def scaled_by_keda(cluster: FakeCluster, address: str, window: str = "1m") -> None:
    """KEDA gets no value from the Prometheus at `address`."""
    no_series(cluster)
    query = f"sum(rate(longshore_requests_total[{window}]))"
    trigger = {"type": "prometheus", "metadata": {"serverAddress": address, "query": query}}
    scaled_object(cluster)
    cluster.lists["scaledobjects"][0]["spec"]["triggers"] = [trigger]


@pytest.mark.parametrize(
    "address",
    [
        "http://prometheus.monitoring:9090",
        "http://prometheus.monitoring.svc:9090/",
        "http://prometheus.monitoring.svc.cluster.local:9090",
    ],
)
def test_prometheus_is_the_one_that_keda_asks(address):
    cluster = FakeCluster()
    scaled_by_keda(cluster, address)
    cluster.scrape(target(health="down"))
    cluster.prometheus = None

    assert cluster.codes()[0] == "LS29"


@pytest.mark.parametrize("address", ["http://10.0.0.1:9090", "https://prometheus.example.com", ""])
def test_a_prometheus_outside_of_the_cluster_is_not_asked(address):
    cluster = FakeCluster()
    scaled_by_keda(cluster, address)

    assert "LS29" not in cluster.codes()
    assert not [path for path in cluster.asked if "services/" in path]


@pytest.mark.parametrize("broken", [not_scraped, target_down])
@pytest.mark.parametrize(
    ("ready_at", "is_named"), [("12:00:00", True), ("12:00:34", True), ("12:00:36", False)]
)
def test_a_pod_that_prometheus_had_no_time_to_scrape_since_it_is_ready_is_not_judged(
    broken, ready_at, is_named
):
    """Its newest scrape of anything was at 12:01:00: an interval of 15 s and 10 s to find it."""
    cluster = FakeCluster()
    broken(cluster)
    path = f"{PROMETHEUS_API}/targets"
    (found,) = cluster.answers[path][1]["data"]["activeTargets"]
    found["lastScrape"] = "2026-11-29T12:01:00.123456789Z"
    (pod,) = cluster.lists["pods"]
    ready = next(one for one in pod["status"]["conditions"] if one["type"] == "Ready")
    ready["lastTransitionTime"] = f"2026-11-29T{ready_at}Z"

    assert ("LS29" in cluster.codes()) is is_named


def test_prometheus_is_the_one_that_the_operator_runs_for_the_monitor():
    cluster = FakeCluster()
    no_series(cluster)
    monitor(cluster, podMonitorSelector={}, podMonitorNamespaceSelector={}, routePrefix="/prom")
    path = (
        "/api/v1/namespaces/monitoring/services/prometheus-operated:web/proxy/prom/api/v1/targets"
    )
    cluster.answers[path] = (200, {"data": {"activeTargets": [target(health="down")]}})

    assert cluster.codes()[0] == "LS29"


@pytest.mark.parametrize(("window", "is_broken"), [("1m", True), ("2m", False)])
def test_the_window_of_kedas_query_is_held_to_four_scrapes(window, is_broken):
    cluster = FakeCluster()
    scaled_by_keda(cluster, "http://prometheus.monitoring:9090", window)
    cluster.scrape(target(scrapeInterval="30s"))
    labelled(cluster)

    assert ("LS32" in cluster.codes()) is is_broken


def test_without_the_right_to_ask_prometheus_its_links_are_unknown_and_the_rest_is_told():
    cluster = FakeCluster()
    not_scraped(cluster)
    cluster.forbidden = {f"{PROMETHEUS_API}/targets"}
    found = cluster.examine()

    assert {rule.code for rule, _ in found.unknown} == {"LS29", "LS31", "LS32"}
    assert {right for _, right in found.unknown} == {"get services/proxy in monitoring"}
    assert found.broken[0][0].code == "LS27"
