"""The autoscaler's chain with the values of this moment, and what keeps the count."""

from __future__ import annotations

from typing import Any

import pytest

from longshore_k8s.doctor import chain_text
from longshore_k8s.doctor.chain import Reading, readings
from longshore_k8s.doctor.count_held import explain
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.release import Release
from longshore_k8s.doctor.shipped_queries import query
from tests.doctor.cluster import METRIC, NAMESPACE, PROMETHEUS_API, FakeCluster, pod

NOW = 1_800_000_000.0
"""08:00:00 UTC."""
EXTERNAL = "/apis/external.metrics.k8s.io/v1beta1"


def read(cluster: FakeCluster) -> list[Reading]:
    objects = Objects(cluster, NAMESPACE, cluster.prometheus)
    return readings(Release.find("sentiment", objects), objects)


def held(cluster: FakeCluster) -> str:
    objects = Objects(cluster, NAMESPACE, cluster.prometheus)
    release = Release.find("sentiment", objects)
    return explain(release, objects, readings(release, objects), NOW)[0]


def scale(cluster: FakeCluster, values: dict[str, str], seen: str, **spec: Any) -> None:
    """A pod for each value, and an autoscaler that saw `seen`."""
    autoscaler = cluster.autoscale(
        seen=seen, currentReplicas=len(values), desiredReplicas=len(values)
    )
    autoscaler["spec"] |= spec
    cluster.lists["pods"][:] = [pod(name) for name in values]
    cluster.answer_values(values)


def say(cluster: FakeCluster, kind: str, reason: str) -> None:
    """A condition of the autoscaler."""
    for condition in cluster.lists["horizontalpodautoscalers"][0]["status"]["conditions"]:
        if condition["type"] == kind:
            condition |= {"status": "True", "reason": reason}


def export(cluster: FakeCluster, name: str, text: str) -> None:
    cluster.texts[f"/api/v1/namespaces/{NAMESPACE}/pods/{name}:8002/proxy/metrics"] = text


def test_a_metric_is_followed_from_the_pods_to_the_count():
    cluster = FakeCluster()
    scale(cluster, {"a": "31", "b": "33"}, "32")
    for name, count in (("a", 100), ("b", 200)):
        export(cluster, name, f'longshore_requests_total{{version="1"}} {count}.0\n'
                              f'longshore_requests_total{{version="2"}} 7.0\n')  # fmt: skip
    cluster.scrape()
    asked = query(METRIC, NAMESPACE, ["a", "b"])
    series = [{"metric": {"pod": p}, "value": [NOW, v]} for p, v in (("a", "31.5"), ("b", "33"))]
    cluster.store(asked, *series)

    (reading,) = read(cluster)
    assert list(chain_text.shown(reading)) == [
        "longshore_requests_per_second: 20 of it for each pod",
        "  the pods export       107 a, 207 b (longshore_requests_total)",
        "  Prometheus has        31.5 a, 33 b",
        "  the metrics API says  31 a, 33 b",
        "  the autoscaler saw    32 for each pod, so it asks for 4 with 2",
    ]


def test_what_is_answered_now_may_ask_for_another_count_than_what_was_seen():
    cluster = FakeCluster()
    scale(cluster, {"a": "45", "b": "45"}, "32")

    (reading,) = read(cluster)
    assert (reading.asks, reading.would_ask) == (4, 5)
    assert "by which it will ask for 5" in "\n".join(chain_text.shown(reading))


def test_a_place_that_is_not_known_says_why():
    cluster = FakeCluster()
    scale(cluster, {"a": "31"}, "31")
    cluster.forbidden = {f"/api/v1/namespaces/{NAMESPACE}/pods/a:8002/proxy/metrics"}

    lines = "\n".join(chain_text.shown(read(cluster)[0]))
    assert "the pods export       unknown: without the right to get pods/proxy in prod" in lines
    assert "Prometheus has        unknown: no object says where it is; --prometheus" in lines


@pytest.mark.parametrize(
    ("values", "seen", "asks"),
    [
        (["46.9"] * 3, "46900m", 8),
        (["21.9"] * 3, "21900m", 3),
        (["22.1"] * 3, "22100m", 4),
        (["5"] * 4, "5", 1),
        (["18.1"] * 2, "18100m", 2),
    ],
)
def test_the_count_follows_by_the_controllers_arithmetic(values, seen, asks):
    cluster = FakeCluster()
    scale(cluster, {f"p{number}": value for number, value in enumerate(values)}, seen)

    (reading,) = read(cluster)
    assert reading.asks == reading.would_ask == asks


def test_a_pod_without_a_value_is_counted_at_the_target_on_the_way_down():
    cluster = FakeCluster()
    scale(cluster, {"a": "5", "b": "5", "c": "5"}, "5")
    cluster.answer_values({"a": "5", "b": "5"})

    assert read(cluster)[0].would_ask == 2  # (5 + 5 + 20) / 20, not 15 / 20


def test_an_own_tolerance_counts():
    cluster = FakeCluster()
    scale(cluster, {"a": "21"}, "21", behavior={"scaleUp": {"tolerance": "10m"}})

    assert read(cluster)[0].asks == 2


def scaled_by_keda(cluster: FakeCluster, total: str, mean: str, count: int) -> str:
    """KEDA answers `total` for all pods; gives the query of its trigger."""
    cluster.autoscale(currentReplicas=count, desiredReplicas=count)
    name = "s0-prometheus"
    metric = {"name": name, "selector": {"matchLabels": {"scaledobject.keda.sh/name": "s"}}}
    autoscaler = cluster.lists["horizontalpodautoscalers"][0]
    autoscaler["spec"]["metrics"] = [{"type": "External", "external": {
        "metric": metric, "target": {"type": "AverageValue", "averageValue": "20"}}}]  # fmt: skip
    autoscaler["status"]["currentMetrics"] = [
        {"type": "External", "external": {"metric": metric, "current": {"averageValue": mean}}}
    ]
    cluster.lists["pods"][:] = [pod(f"p{number}") for number in range(count)]
    service = {"group": "external.metrics.k8s.io", "version": "v1beta1"}
    available = {"conditions": [{"type": "Available", "status": "True"}]}
    cluster.lists["apiservices"] = [{"metadata": {"name": "e"}, "spec": service,
                                     "status": available}]  # fmt: skip
    cluster.answers[EXTERNAL] = (200, {"resources": []})
    cluster.answers[f"{EXTERNAL}/namespaces/{NAMESPACE}/{name}"] = (
        200, {"items": [{"metricName": name, "value": total}]},
    )  # fmt: skip
    asked = "sum(rate(longshore_requests_total[1m]))"
    metadata = {"serverAddress": "http://prometheus.monitoring:9090", "query": asked}
    cluster.lists["scaledobjects"] = [{
        "metadata": {"name": "s"},
        "spec": {"scaleTargetRef": {"name": "sentiment"},
                 "triggers": [{"type": "prometheus", "metadata": metadata}]},
    }]  # fmt: skip
    return asked


def test_a_sum_of_keda_is_followed_too():
    cluster = FakeCluster()
    asked = scaled_by_keda(cluster, total="40", mean="13334m", count=3)
    cluster.store(asked, {"metric": {}, "value": [NOW, "40"]})

    (reading,) = read(cluster)
    assert reading.series == "longshore_requests_total"
    assert reading.stored.values == reading.answered.values == {"sentiment": 40.0}
    assert (reading.asks, reading.would_ask) == (2, 2)


def test_more_than_the_bound_is_told_with_the_bound():
    cluster = FakeCluster()
    scale(cluster, {"a": "25", "b": "25", "c": "25"}, "25")

    assert held(cluster) == (
        "sentiment: 3 pods, 3 wanted; it asks for 4, maxReplicas is 3: "
        "--set autoscaling.maxReplicas=4"
    )


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("TooManyReplicas", "maxReplicas is 3: --set autoscaling.maxReplicas=MORE"),
        ("TooFewReplicas", "minReplicas is 1"),
        ("ScaleUpLimit", "a policy of `behavior.scaleUp` lets it grow in steps"),
        ("ScaleDownLimit", "a policy of `behavior.scaleDown` lets it shrink in steps"),
    ],
)
def test_another_limit_is_told_by_its_reason(reason, words):
    cluster = FakeCluster()
    scale(cluster, {"a": "5"}, "5")
    say(cluster, "ScalingLimited", reason)

    assert held(cluster).endswith(f"; {words}")


def remember(cluster: FakeCluster, asked: str, *series: list[tuple[float, float]]) -> None:
    """What Prometheus answers a query over the window: seconds ago, and the value."""
    values = [[[NOW - ago, str(value)] for ago, value in one] for one in series]
    result = [{"metric": {}, "values": one} for one in values]
    cluster.answers[f"{PROMETHEUS_API}/query_range?{asked}"] = (200, {"data": {"result": result}})


def test_a_count_that_the_window_holds_is_told_with_the_moment_when_it_ends():
    """Five were last asked for 90 s ago, and the window is 300 s."""
    cluster = FakeCluster()
    names = [f"p{number}" for number in range(5)]
    scale(cluster, dict.fromkeys(names, "10"), "10", maxReplicas=9)
    say(cluster, "AbleToScale", "ScaleDownStabilized")
    cluster.scrape()
    asked = query(METRIC, NAMESPACE, names)
    remember(cluster, asked, *([[(120, 20.0), (90, 19.0), (75, 10.0), (15, 10.0)]] * 5))
    series = [{"metric": {"pod": name}, "value": [NOW, "10"]} for name in names]
    cluster.store(asked, *series)

    assert held(cluster) == (
        "sentiment: 5 pods, 5 wanted; held at 5 by the stabilization window until 08:03:30 UTC "
        "(behavior.scaleDown.stabilizationWindowSeconds is 300)"
    )

    # The adapter's rules have another window than the shipped ones.
    series = [{"metric": {"pod": name}, "value": [NOW, "17"]} for name in names]
    cluster.store(asked, *series)
    assert "by the stabilization window (behavior" in held(cluster)


def test_a_count_that_the_window_of_the_way_up_holds_is_told_so():
    cluster = FakeCluster()
    asked = scaled_by_keda(cluster, total="60", mean="30", count=2)
    autoscaler = cluster.lists["horizontalpodautoscalers"][0]
    autoscaler["spec"]["behavior"] = {"scaleUp": {"stabilizationWindowSeconds": 60}}
    say(cluster, "AbleToScale", "ScaleUpStabilized")
    remember(cluster, asked, [(45, 40.0), (30, 40.0), (15, 60.0)])
    cluster.store(asked, {"metric": {}, "value": [NOW, "60"]})

    assert "held at 2 by the stabilization window until 08:00:30 UTC" in held(cluster)


def test_without_prometheus_the_end_of_the_window_is_left_out():
    cluster = FakeCluster()
    scale(cluster, {"a": "1", "b": "1"}, "1")
    say(cluster, "AbleToScale", "ScaleDownStabilized")

    assert "held at 2 by the stabilization window (behavior" in held(cluster)
