from __future__ import annotations

import pytest
import yaml

from tests.chart import rendering
from tests.chart.engines import Engine, RefusedError
from tests.chart.rendering import FULLNAME, Values

SERVER = {"serverAddress": "http://prometheus:9090"}
KEDA = {"mode": "keda", "keda": SERVER}


def hpa(**autoscaling: object) -> rendering.Object:
    values = {"autoscaling": {"mode": "hpa", **autoscaling}}
    return rendering.only("HorizontalPodAutoscaler", values)["spec"]


def test_without_an_autoscaler_the_replicas_are_said():
    assert rendering.only("Deployment", {"replicas": 3})["spec"]["replicas"] == 3
    assert rendering.only("Deployment", {"replicas": 0})["spec"]["replicas"] == 0


@pytest.mark.parametrize("autoscaling", [{"mode": "hpa"}, KEDA])
def test_beside_an_autoscaler_no_replicas_are_rendered(autoscaling: dict[str, object]):
    deployment = rendering.only("Deployment", {"replicas": 3, "autoscaling": autoscaling})

    assert "replicas" not in deployment["spec"]


@pytest.mark.parametrize(
    ("mode", "scaler"),
    [("none", set()), ("hpa", {"HorizontalPodAutoscaler"}), ("keda", {"ScaledObject"})],
)
def test_there_is_one_autoscaler_at_most(mode: str, scaler: set[str]):
    found = rendering.kinds({"autoscaling": {**KEDA, "mode": mode}})

    assert found & {"HorizontalPodAutoscaler", "ScaledObject"} == scaler


def test_the_default_metric_is_the_share_of_capacity_that_work_asks_for():
    (metric,) = hpa()["metrics"]

    assert metric == {
        "type": "Pods",
        "pods": {
            "metric": {"name": "longshore_utilization"},
            "target": {"type": "AverageValue", "averageValue": "700m"},
        },
    }


def test_every_metric_can_be_asked_for():
    numbers = {"utilization": 0.5, "requestsPerSecond": 100, "concurrency": 2.5}
    metrics = hpa(metrics={**numbers, "latencyP95": 0.05, "cpu": 80, "memory": 90})["metrics"]
    pods = {m["pods"]["metric"]["name"]: m["pods"]["target"] for m in metrics if "pods" in m}

    assert {name: target["averageValue"] for name, target in pods.items()} == {
        "longshore_utilization": "500m",
        "longshore_requests_per_second": "100",
        "longshore_concurrency": "2500m",
        "longshore_request_duration_p95_seconds": "50m",
    }
    resources = [m["containerResource"] for m in metrics if m["type"] == "ContainerResource"]
    assert [(r["name"], r["target"]["averageUtilization"]) for r in resources] == [
        ("cpu", 80),
        ("memory", 90),
    ]


def test_a_custom_metric_is_passed_as_it_is():
    target = {"type": "AverageValue", "averageValue": "30"}
    block = {"type": "External", "external": {"metric": {"name": "queue"}, "target": target}}

    assert hpa(custom=[block])["metrics"][-1] == block


def test_it_scales_up_fast_and_down_slowly_unless_told_otherwise():
    behavior = hpa()["behavior"]

    assert behavior["scaleUp"]["stabilizationWindowSeconds"] == 0
    assert behavior["scaleDown"]["stabilizationWindowSeconds"] == 300
    assert behavior["scaleDown"]["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": 60}]
    slower = hpa(behavior={"scaleDown": {"stabilizationWindowSeconds": 0}})["behavior"]
    assert slower["scaleDown"]["stabilizationWindowSeconds"] == 0


def test_the_autoscalers_metrics_are_those_of_the_adapters_rules():
    file = rendering.CHART / "files/prometheus-adapter-values.yaml"
    rules = yaml.safe_load(file.read_text("utf-8"))["rules"]["custom"]
    metrics = {"requestsPerSecond": 1, "concurrency": 1, "latencyP95": 1}
    asked = {metric["pods"]["metric"]["name"] for metric in hpa(metrics=metrics)["metrics"]}

    assert asked == {rule["name"]["as"] for rule in rules}


def test_keda_sums_over_the_releases_own_pods_and_holds_still_without_data():
    metrics = {"utilization": 0.7, "requestsPerSecond": 50, "concurrency": 4}
    spec = rendering.only("ScaledObject", {"autoscaling": {**KEDA, "metrics": metrics}})["spec"]

    assert spec["minReplicaCount"] == 1
    assert "fallback" not in spec
    assert "pollingInterval" not in spec
    assert spec["scaleTargetRef"]["name"] == FULLNAME
    thresholds = {t["name"]: t["metadata"]["threshold"] for t in spec["triggers"]}
    assert thresholds == {"utilization": "0.7", "requests-per-second": "50", "concurrency": "4"}
    for trigger in spec["triggers"]:
        assert trigger["metricType"] == "AverageValue"
        assert trigger["metadata"]["ignoreNullValues"] == "false"
        assert trigger["metadata"]["serverAddress"] == "http://prometheus:9090"
        query = trigger["metadata"]["query"]
        assert query.startswith("sum(")
        assert f'pod=~"{FULLNAME}-' in query
        assert f'namespace="{rendering.NAMESPACE}"' in query


@pytest.mark.parametrize(
    "metrics",
    [
        {"metrics": {"utilization": 0.7}},
        {"metrics": {"utilization": None, "latencyP95": 0.5}},
        {"metrics": {"utilization": None}, "custom": [{"type": "cron", "metadata": {}}]},
    ],
)
def test_kedas_fallback_is_a_value_beside_every_metric_that_keda_asks_for(metrics):
    block = {"failureThreshold": 3, "replicas": 4}
    scaling = {"mode": "keda", "keda": {**SERVER, "fallback": block}, **metrics}

    spec = rendering.only("ScaledObject", {"autoscaling": scaling})["spec"]
    assert spec["fallback"] == block


UTILIZATION = {"type": "Utilization", "averageUtilization": 80}
SIDECAR = {"name": "side", "image": "side:1"}


@pytest.mark.parametrize("mode", ["hpa", "keda"])
@pytest.mark.parametrize("resource", ["cpu", "memory"])
def test_a_share_of_a_request_that_there_is_not_is_refused(
    engine: Engine, mode: str, resource: str
):
    scaled = {"autoscaling": {**KEDA, "mode": mode, "metrics": {resource: 80}}}
    none: Values = {side: {resource: "none"} for side in ("requests", "limits")}
    words = rf"autoscaling\.metrics\.{resource}: a share of the {resource} request, which .* server"

    assert engine({**scaled, "resources": {"requests": {"ephemeral-storage": "1Gi"}}}, "")
    assert engine({**scaled, "resources": {"requests": {resource: "none"}}}, "")
    for missing in (none, {**none, "requests": {resource: 0}}):
        with pytest.raises(RefusedError, match=words):
            engine({**scaled, "resources": missing}, "")


@pytest.mark.parametrize(
    ("mode", "custom"),
    [
        ("hpa", {"type": "Resource", "resource": {"name": "cpu", "target": UTILIZATION}}),
        ("hpa", {"type": "ContainerResource", "containerResource":
         {"name": "cpu", "container": "side", "target": UTILIZATION}}),
        ("keda", {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "80"}}),
    ],
)  # fmt: skip
def test_the_same_holds_for_the_sidecars_that_a_custom_metric_reads(
    engine: Engine, mode: str, custom: Values
):
    scaled = {"autoscaling": {**KEDA, "mode": mode, "custom": [custom]}}
    asking = {**SIDECAR, "resources": {"requests": {"cpu": "10m"}}}

    assert engine({**scaled, "extraContainers": [asking]}, "")
    with pytest.raises(RefusedError, match=r"autoscaling\.custom: .* the container side has not"):
        engine({**scaled, "extraContainers": [SIDECAR]}, "")


def test_a_custom_metric_of_the_other_autoscaler_is_refused(engine: Engine):
    trigger = {"type": "cron", "metadata": {"desiredReplicas": 3}}
    metric = {"type": "Resource", "resource": {"name": "cpu", "target": UTILIZATION}}

    (scaled,) = [
        entry
        for entry in engine({"autoscaling": {**KEDA, "custom": [trigger]}}, "")
        if entry["kind"] == "ScaledObject"
    ]
    assert scaled["spec"]["triggers"][-1]["metadata"] == {"desiredReplicas": "3"}
    for mode, custom in (("hpa", trigger), ("keda", metric)):
        with pytest.raises(RefusedError, match=rf"custom\[0\]: mode {mode} takes"):
            engine({"autoscaling": {**KEDA, "mode": mode, "custom": [custom]}}, "")
