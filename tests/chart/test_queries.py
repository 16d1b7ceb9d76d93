"""Queries where one Prometheus serves several clusters, and KEDA's way to it; on both majors."""

from __future__ import annotations

import json

import pytest

from tests.chart.engines import Engine, RefusedError
from tests.chart.rendering import Object, Values

ADDRESS = "http://prometheus:9090"
CLUSTER: Values = {"metrics": {"matchers": {"cluster": "eu-1"}}}


def scaled(engine: Engine, **keda: object) -> Object:
    scaling = {"mode": "keda", "keda": {"serverAddress": ADDRESS, **keda}}
    objects = engine({**CLUSTER, "autoscaling": scaling}, "")
    (found,) = [entry for entry in objects if entry["kind"] == "ScaledObject"]
    return found


def test_every_query_has_the_matchers(engine: Engine):
    metrics = {"matchers": {"cluster": "eu-1"}, "dashboard": {"enabled": True}}
    rules = {"prometheusRule": {"enabled": True}}
    objects = engine({"metrics": {**metrics, **rules}}, "")
    (rule,) = [entry for entry in objects if entry["kind"] == "PrometheusRule"]
    (dashboard,) = [o for o in objects if o["metadata"]["name"].endswith("-dashboard")]
    (text,) = dashboard["data"].values()
    panels = [t["expr"] for panel in json.loads(text)["panels"] for t in panel.get("targets", [])]
    alerts = [alert["expr"] for group in rule["spec"]["groups"] for alert in group["rules"]]

    assert panels
    for query in [*panels, *alerts]:
        assert query.count("namespace=") == query.count('cluster="eu-1"'), query


def test_the_knee_that_was_measured_is_a_line_in_the_dashboard(engine: Engine):
    def lines(**knee: float) -> list[list[float | None]]:
        objects = engine({"metrics": {"dashboard": {"enabled": True, **knee}}}, "")
        (found,) = [o for o in objects if o["metadata"]["name"].endswith("-dashboard")]
        (text,) = found["data"].values()
        defaults = [panel["fieldConfig"]["defaults"] for panel in json.loads(text)["panels"]]
        shown = [d for d in defaults if "thresholdsStyle" in d.get("custom", {})]
        return [[step["value"] for step in d["thresholds"]["steps"]] for d in shown]

    assert lines(kneeUtilization=0.93) == [[None, 0.93]]
    assert lines() == []


def test_the_dashboard_may_be_in_the_sidecars_namespace(engine: Engine):
    dashboard = {"enabled": True, "namespace": "monitoring"}
    objects = engine({"metrics": {"dashboard": dashboard}}, "")
    (found,) = [o for o in objects if o["metadata"]["name"].endswith("-dashboard")]

    assert found["metadata"]["namespace"] == "monitoring"


def test_kedas_triggers_take_metadata_and_a_reference_of_either_kind(engine: Engine):
    shared = {"kind": "ClusterTriggerAuthentication", "name": "prometheus"}
    found = scaled(
        engine,
        authenticationRef=shared,
        metadata={"authModes": "bearer"},
        annotations={"autoscaling.keda.sh/paused": "false"},
    )
    (trigger,) = found["spec"]["triggers"]
    (named,) = scaled(engine, authenticationRef="prometheus")["spec"]["triggers"]

    assert trigger["authenticationRef"] == shared
    assert trigger["metadata"]["authModes"] == "bearer"
    assert trigger["metadata"]["serverAddress"] == ADDRESS
    assert 'cluster="eu-1"' in trigger["metadata"]["query"]
    assert named["authenticationRef"] == {"name": "prometheus"}
    assert found["metadata"]["annotations"]["autoscaling.keda.sh/paused"] == "false"


def test_further_fields_of_the_scaled_object_join_the_charts(engine: Engine):
    modifiers = {"formula": "utilization", "target": 1}
    fields = {"advanced": {"restoreToOriginalReplicaCount": False, "scalingModifiers": modifiers}}
    spec = scaled(engine, spec=fields)["spec"]

    assert "restoreToOriginalReplicaCount" not in spec["advanced"]  # KEDA would take it out.
    assert spec["advanced"]["scalingModifiers"] == {"formula": "utilization", "target": "1"}
    assert spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"minReplicaCount": 0}, ["keda.spec.minReplicaCount", "autoscaling.minReplicas"]),
        ({"idleReplicaCount": 0}, ["keda.spec.idleReplicaCount", "nothing queues"]),
        ({"triggers": []}, ["keda.spec.triggers", "autoscaling.custom"]),
        ({"advanced": {"horizontalPodAutoscalerConfig": {"behavior": {}}}},
         ["autoscaling.behavior"]),
        ({"cooldownPeriod": 60}, ["keda.spec.cooldownPeriod", "no effect", "behavior"]),
        ({"cooldown": 1}, ["spec", "cooldown"]),
        ({"advanced": {"scalingModifiers": {"formula": "a", "metricType": "Sum"}}},
         ["metricType"]),
    ],
)  # fmt: skip
def test_fields_of_it_that_the_chart_sets_are_refused(
    engine: Engine, fields: Values, words: list[str]
):
    with pytest.raises(RefusedError) as refused:
        scaled(engine, spec=fields)

    assert all(word in str(refused.value) for word in words), refused.value


@pytest.mark.parametrize(
    ("keda", "place"),
    [
        ({"authenticationRef": {"nmae": "a"}}, "authenticationRef"),
        ({"fallback": {"replicas": 2, "failures": 3}}, "fallback"),
    ],
)
def test_blocks_of_kedas_own_are_closed(engine: Engine, keda: Values, place: str):
    with pytest.raises(RefusedError, match=place):
        scaled(engine, **keda)


def test_modes_without_credentials_are_refused(engine: Engine):
    with pytest.raises(RefusedError, match=r"authModes: set autoscaling\.keda\.authenticationRef"):
        scaled(engine, metadata={"authModes": "bearer"})
